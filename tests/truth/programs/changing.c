/*
 * Allocates small and large blocks and grows others by realloc, in THREADS threads, while one of them changes the
 * sampling period up and down. Counts what each place allocated and holds, exactly, and says it on one line a place:
 *   ADDRESS ALLOCATED-OBJECTS ALLOCATED-BYTES LIVE-OBJECTS LIVE-BYTES
 *   changing SEED THREADS OPERATIONS CHANGES
 * CHANGES 0: the period stays. With one thread, a seed gives the same program again.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "seep.h"

#define NR_SITES 4
#define NR_SLOTS 2000

struct site {
	uint64_t objects, bytes, live_objects, live_bytes;
};

struct worker {
	uint64_t state;
	unsigned index;
	struct site sites[NR_SITES];
	struct {
		void *p;
		size_t size;
		unsigned site;
	} slots[NR_SLOTS];
};

static struct worker workers[16];
static uint64_t nr_operations, nr_changes;

#define SITE(n)                                                               \
	__attribute__((noinline)) static void *site_##n(void *p, size_t size) \
	{                                                                     \
		p = realloc(p, size);                                         \
		__asm__ volatile("" : "+r"(p) : : "memory");                  \
		return p;                                                     \
	}
SITE(0)
SITE(1)
SITE(2)
SITE(3)
static void *(*const sites[NR_SITES])(void *, size_t) = { site_0, site_1, site_2, site_3 };

static uint64_t next_random(struct worker *w)
{
	uint64_t z = (w->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Small ones; pages; large ones; and vectors that double. */
static size_t choose_size(struct worker *w, unsigned site, size_t old)
{
	uint64_t r = next_random(w);

	switch (site) {
	case 0: return 1 + r % 200;
	case 1: return 2000 + r % 6000;
	case 2: return r % 64 ? 20000 + r % 30000 : 500000 + r % 1500000;
	default: return old ? old * 2 : 16 + r % 48;
	}
}

static void count(struct worker *w, unsigned site, size_t size, int sign)
{
	struct site *s = &w->sites[site];

	s->live_objects += (uint64_t)(int64_t)sign;
	s->live_bytes += (uint64_t)sign * size;
	if (sign > 0) {
		s->objects++;
		s->bytes += size;
	}
}

static void operate(struct worker *w)
{
	unsigned k = (unsigned)(next_random(w) % NR_SLOTS), site = w->slots[k].site;
	int is_vector = site == 3 && w->slots[k].size < 100000;

	if (w->slots[k].p && !(is_vector && next_random(w) % 3)) {
		free(w->slots[k].p);
		count(w, site, w->slots[k].size, -1);
		w->slots[k].p = NULL;
		return;
	}
	if (!w->slots[k].p) {
		site = (unsigned)(next_random(w) % 16);
		site = site < 8 ? 0 : site < 11 ? 1 : site < 12 ? 2 : 3;
		w->slots[k].site = site;
		w->slots[k].size = 0;
	} else {
		count(w, site, w->slots[k].size, -1);
	}
	w->slots[k].size = choose_size(w, site, w->slots[k].size);
	w->slots[k].p = sites[site](w->slots[k].p, w->slots[k].size);
	count(w, site, w->slots[k].size, 1);
}

static void *work(void *arg)
{
	static const uint64_t periods[] = { 4096, 262144, 1, 32768, 524288, 16384 };
	struct worker *w = (struct worker *)arg;

	for (uint64_t i = 0; i < nr_operations; i++) {
		if (w->index == 0 && nr_changes && i % (nr_operations / nr_changes + 1) == 0)
			seep_period_set(periods[next_random(w) % 6]);
		operate(w);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[16];
	unsigned nr_threads;

	if (argc != 5 || (nr_threads = (unsigned)atoi(argv[2])) < 1 || nr_threads > 16)
		return 2;
	nr_operations = strtoull(argv[3], NULL, 10);
	nr_changes = strtoull(argv[4], NULL, 10);
	for (unsigned i = 0; i < nr_threads; i++) {
		workers[i].state = strtoull(argv[1], NULL, 10) * 1000003 + i * 7919;
		workers[i].index = i;
		if (i && pthread_create(&threads[i], NULL, work, &workers[i]))
			return 3;
	}
	work(&workers[0]);
	for (unsigned i = 1; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	for (unsigned k = 0; k < NR_SITES; k++) {
		extern const char __executable_start[];
		struct site all = { 0 };

		for (unsigned i = 0; i < nr_threads; i++) {
			all.objects += workers[i].sites[k].objects;
			all.bytes += workers[i].sites[k].bytes;
			all.live_objects += workers[i].sites[k].live_objects;
			all.live_bytes += workers[i].sites[k].live_bytes;
		}
		printf("%td %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       (ptrdiff_t)((uintptr_t)sites[k] - (uintptr_t)__executable_start), all.objects, all.bytes,
		       all.live_objects, all.live_bytes);
	}
	fflush(stdout);
	_exit(0);
}
