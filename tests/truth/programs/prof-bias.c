/*
 * The known answer of jemalloc's prof_bias test: 2^25 blocks of 16 bytes and 16 of 32 MiB are 33,554,448 objects of
 * 1024 MiB, which a sampler that scales by the mean size of a stack's samples gets wrong. Each is freed at once.
 */
#include <stdlib.h>

__attribute__((noinline)) static void *allocate(size_t size)
{
	void *p = malloc(size);

	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

int main(void)
{
	for (unsigned i = 0; i < 1u << 25; i++) {
		free(allocate(16));
		if (i % (1u << 21) == 0)
			free(allocate(32u << 20));
	}
	return 0;
}
