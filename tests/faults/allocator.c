/*
 * The allocator under test: THREADS threads allocate and free at sixteen places, sizes from 16 bytes to a megabyte, and
 * count it all in PAGE (exact.h). OPERATIONS 0: until killed; else each thread makes so many and the program ends.
 *   allocator PAGE PERIOD THREADS SEED OPERATIONS SLOTS [STORM PLUGINS]
 * STORM is one of storm.h.
 */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exact.h"
#include "storm.h"

struct slot {
	void *p;
	uint64_t size;
	uint32_t site;
};

struct worker {
	volatile struct exact_thread *exact;
	struct slot *slots;
	uint64_t state;
	unsigned index;
};

static volatile struct exact_page *page;
static double period;
static uint64_t nr_operations, nr_slots;

/* Sixteen functions, so that each has a stack of its own; the asm keeps the call from being the last thing they do. */
#define SITE(n)                                                      \
	__attribute__((noinline)) static void *site_##n(size_t size) \
	{                                                            \
		void *p = malloc(size);                              \
		__asm__ volatile("" : "+r"(p) : : "memory");         \
		return p;                                            \
	}
/* clang-format off */
SITE(0) SITE(1) SITE(2) SITE(3) SITE(4) SITE(5) SITE(6) SITE(7)
SITE(8) SITE(9) SITE(10) SITE(11) SITE(12) SITE(13) SITE(14) SITE(15)

static void *(*const sites[EXACT_SITES])(size_t) = {
	site_0, site_1, site_2, site_3, site_4, site_5, site_6, site_7,
	site_8, site_9, site_10, site_11, site_12, site_13, site_14, site_15
};
/* clang-format on */

static double next_random(struct worker *w)
{
	uint64_t z = (w->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Place k serves sizes around 32·1.6^k, each a factor of four wide: mixed sizes on one stack. Small ones are
 * frequent. */
static uint32_t choose_site(struct worker *w)
{
	return (uint32_t)(EXACT_SITES * pow(next_random(w), 1.5));
}

static uint64_t choose_size(struct worker *w, uint32_t site)
{
	return (uint64_t)(16 * pow(1.6, site) * pow(16, next_random(w)));
}

static void count(struct worker *w, uint32_t site, uint64_t size, int sign)
{
	volatile struct exact_site *s = &w->exact->sites[site];
	double p = period > 1 ? -expm1(-(double)size / period) : 1, var = (1 - p) / p, bytes = (double)size;

	s->live_objects += (uint64_t)(int64_t)sign;
	s->live_bytes += (uint64_t)sign * size;
	s->live_expected += sign * p;
	s->live_objects_var += sign * var;
	s->live_bytes_var += sign * var * bytes * bytes;
	if (sign < 0)
		return;
	s->alloc_objects++;
	s->alloc_bytes += size;
	s->alloc_expected += p;
	s->alloc_objects_var += var;
	s->alloc_bytes_var += var * bytes * bytes;
}

static void announce(struct worker *w, uint64_t operation, uint32_t site, uint64_t size)
{
	w->exact->site = site;
	w->exact->size = size;
	w->exact->operation = operation;
}

static void operate(struct worker *w, struct slot *slot)
{
	if (slot->p) {
		announce(w, EXACT_FREE, slot->site, slot->size);
		free(slot->p);
		count(w, slot->site, slot->size, -1);
		slot->p = NULL;
	} else {
		slot->site = choose_site(w);
		slot->size = choose_size(w, slot->site);
		announce(w, EXACT_ALLOC, slot->site, slot->size);
		slot->p = sites[slot->site](slot->size);
		if (!slot->p)
			abort();
		count(w, slot->site, slot->size, 1);
	}
	w->exact->operation = EXACT_IDLE;
}

static void *work(void *arg)
{
	struct worker *w = (struct worker *)arg;

	for (uint64_t i = 0; !nr_operations || i < nr_operations; i++) {
		operate(w, &w->slots[(uint64_t)(next_random(w) * (double)nr_slots)]);
		if (w->index == 0)
			page->nr_operations++;
	}
	return NULL;
}

static volatile struct exact_page *map_page(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *p;

	if (fd < 0 || ftruncate(fd, sizeof(struct exact_page)) < 0)
		exit(3);
	p = mmap(NULL, sizeof(struct exact_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		exit(3);
	return (volatile struct exact_page *)p;
}

int main(int argc, char **argv)
{
	static struct worker workers[EXACT_THREADS];
	pthread_t threads[EXACT_THREADS];
	unsigned nr_threads;

	if (argc != 7 && argc != 9)
		return 2;
	page = map_page(argv[1]);
	period = atof(argv[2]);
	nr_threads = (unsigned)atoi(argv[3]);
	nr_operations = strtoull(argv[5], NULL, 10);
	nr_slots = strtoull(argv[6], NULL, 10);
	if (nr_threads < 1 || nr_threads > EXACT_THREADS)
		return 2;
	for (unsigned i = 0; i < EXACT_SITES; i++)
		page->site_addr[i] = (uint64_t)(uintptr_t)sites[i];
	page->period = (uint64_t)period;
	page->magic = EXACT_MAGIC;
	for (unsigned i = 0; i < nr_threads; i++) {
		/* Not by malloc: the bookkeeping must not be in what is measured. */
		void *slots = mmap(NULL, nr_slots * sizeof(struct slot), PROT_READ | PROT_WRITE,
		                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (slots == MAP_FAILED)
			return 3;
		workers[i] = (struct worker){ &page->threads[i], (struct slot *)slots,
			                      strtoull(argv[4], NULL, 10) * 1000003 + i * 7919, i };
	}
	if (argc == 9)
		storm_start(argv[7], argv[8]);
	for (unsigned i = 1; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			return 3;
	work(&workers[0]);
	for (unsigned i = 1; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}
