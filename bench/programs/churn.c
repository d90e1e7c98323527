/*
 * churn THREADS STEPS: each thread replaces a random one of its 4096 blocks by one of 16 to 4096 bytes, STEPS times;
 * an eighth of the blocks is freed by the neighbouring thread.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define NR_SLOTS 4096
#define NR_SHARED 512
#define MAX_THREADS 64

static _Atomic(void *) shared[MAX_THREADS][NR_SHARED];
static unsigned long nr_steps;
static size_t nr_threads;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *churn(void *arg)
{
	size_t self = (size_t)arg;
	uint64_t state = 88172645463325252u + self * 7919;
	void **slots = calloc(NR_SLOTS, sizeof(*slots));

	for (unsigned long i = 0; slots && i < nr_steps; i++) {
		uint64_t random = next_random(&state);
		char *block = malloc(16 + random % 4081);

		if (!block)
			abort();
		block[0] = 1;
		if (random >> 61 == 0) {
			free(atomic_exchange(&shared[(self + 1) % nr_threads][random >> 20 & (NR_SHARED - 1)], block));
			continue;
		}
		free(slots[random >> 32 & (NR_SLOTS - 1)]);
		slots[random >> 32 & (NR_SLOTS - 1)] = block;
	}
	for (size_t i = 0; slots && i < NR_SLOTS; i++)
		free(slots[i]);
	free(slots);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];

	nr_threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	nr_steps = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
	if (nr_threads < 1 || nr_threads > MAX_THREADS)
		return 2;
	for (size_t i = 0; i < nr_threads; i++)
		if (pthread_create(&threads[i], NULL, churn, (void *)i))
			return 4;
	for (size_t i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
