/*
 * deep THREADS STEPS [DEPTH [BYTES]]: each thread mallocs and frees BYTES (64) STEPS times at the bottom of DEPTH (40)
 * calls of functions that keep no frame pointer, of which the last eight change from step to step.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX_THREADS 64
#define NR_CHANGING 8u

static unsigned long nr_steps;
static unsigned depth = 40;
static size_t nr_bytes = 64;

static __attribute__((noinline)) uint64_t left(unsigned more, uint64_t way);
static __attribute__((noinline)) uint64_t right(unsigned more, uint64_t way);

static uint64_t go_on(unsigned more, uint64_t way)
{
	void *block;

	if (more)
		return way & 1 ? right(more - 1, way >> 1) : left(more - 1, way >> 1);
	block = malloc(nr_bytes);
	__asm__ volatile("" : : "r"(block) : "memory");
	free(block);
	return way;
}

/* What is added after the call keeps it from becoming a jump. */
static uint64_t left(unsigned more, uint64_t way)
{
	return go_on(more, way) + 1;
}

static uint64_t right(unsigned more, uint64_t way)
{
	return go_on(more, way) + 2;
}

static __attribute__((noinline)) uint64_t descend(unsigned more, unsigned long *nr)
{
	uint64_t sum = 0;

	if (more > NR_CHANGING)
		return descend(more - 1, nr) + 1;
	for (; *nr; (*nr)--)
		sum += go_on(NR_CHANGING, *nr);
	return sum;
}

static void *run(void *arg)
{
	unsigned long nr = nr_steps;

	(void)arg;
	return (void *)(uintptr_t)descend(depth, &nr);
}

int main(int argc, char **argv)
{
	size_t nr_threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	pthread_t threads[MAX_THREADS];

	nr_steps = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	depth = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : depth;
	nr_bytes = argc > 4 ? strtoul(argv[4], NULL, 10) : nr_bytes;
	if (nr_threads < 1 || nr_threads > MAX_THREADS)
		return 2;
	for (size_t i = 1; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, run, NULL))
			return 4;
	run(NULL);
	for (size_t i = 1; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
