/*
 * pairs COUNT SIZE [calloc]: COUNT times malloc, or calloc, and free; SIZE 0 draws sizes of 16 to 4096 bytes.
 */
#include <stdint.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
	uint64_t random = 88172645463325252u;
	int is_calloc = argc > 3;

	for (unsigned long i = 0; i < count; i++) {
		size_t want = size;

		if (!want) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			want = 16 + random % 4081;
		}
		void *block = is_calloc ? calloc(1, want) : malloc(want);
		__asm__ volatile("" : : "r"(block) : "memory");
		free(block);
	}
	return 0;
}
