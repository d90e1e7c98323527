/*
 * exact STEPS [kill]: four threads allocate, resize and free in ways that only STEPS decides, and pass blocks to each
 * other. Prints what there was by its own count: allocations, frees, bytes allocated, blocks and bytes live; then
 * exits, or is killed at once.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR_THREADS 4
#define NR_SLOTS 256

struct block {
	char *at;
	size_t size;
};

struct count {
	uint64_t allocs, frees, bytes, live_bytes;
};

static struct block slots[NR_THREADS][NR_SLOTS];
static struct count counts[NR_THREADS];
static unsigned long nr_steps;
static pthread_barrier_t barrier;

static void took(struct count *c, struct block *b, void *at, size_t size)
{
	if (!at)
		abort();
	*b = (struct block){ at, size };
	c->allocs++;
	c->bytes += size;
	c->live_bytes += size;
}

static void gave(struct count *c, struct block *b)
{
	c->frees++;
	c->live_bytes -= b->size; /* of another thread's block, perhaps: the sum over threads is right */
	*b = (struct block){ NULL, 0 };
}

static void drop(struct count *c, struct block *b)
{
	free(b->at);
	if (b->at)
		gave(c, b);
}

static void fill(struct count *c, struct block *b, uint32_t random)
{
	size_t size = 1 + random % 3000;
	void *at = NULL;

	switch (random >> 16 & 3) {
	case 0: took(c, b, calloc(size, 3), 3 * size); break;
	case 1:
		if (posix_memalign(&at, 64, size))
			abort();
		took(c, b, at, size);
		break;
	default: took(c, b, malloc(size), size);
	}
}

static void resize(struct count *c, struct block *b, uint32_t random)
{
	size_t size = 1 + random % 5000;
	char *at = realloc(b->at, size);

	if (b->at)
		gave(c, b);
	took(c, b, at, size);
}

static void work(struct count *c, struct block *mine, uint32_t seed)
{
	for (unsigned long i = 0; i < nr_steps; i++) {
		struct block *b = &mine[(seed = seed * 1664525 + 1013904223) >> 24];
		uint32_t random = seed * 22695477 + 1;

		if (random >> 29 == 0) {
			resize(c, b, random);
		} else {
			drop(c, b);
			fill(c, b, random);
		}
	}
}

/* Second half: on the blocks of the neighbour. */
static void *thread(void *arg)
{
	size_t self = (size_t)arg;

	work(&counts[self], slots[self], (uint32_t)self + 1);
	pthread_barrier_wait(&barrier);
	work(&counts[self], slots[(self + 1) % NR_THREADS], (uint32_t)self + 77);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[NR_THREADS];
	struct count sum = { 0 };
	char line[128];

	nr_steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	pthread_barrier_init(&barrier, NULL, NR_THREADS);
	for (size_t i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread, (void *)i))
			return 4;
	for (size_t i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < NR_THREADS; i++) {
		sum.allocs += counts[i].allocs;
		sum.frees += counts[i].frees;
		sum.bytes += counts[i].bytes;
		sum.live_bytes += counts[i].live_bytes;
	}
	snprintf(line, sizeof(line), "%llu %llu %llu %llu\n", (unsigned long long)sum.allocs,
	         (unsigned long long)sum.frees, (unsigned long long)sum.bytes, (unsigned long long)sum.live_bytes);
	if (write(1, line, strlen(line)) < 0)
		return 4;
	if (argc > 2)
		raise(SIGKILL);
	return 0;
}
