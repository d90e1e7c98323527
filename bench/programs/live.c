/* live BYTES: BYTES of memory live in blocks of 64 to 256 bytes; says "ready" and waits until its input ends. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
};

int main(int argc, char **argv)
{
	uint64_t wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 1 << 20, got = 0;
	uint64_t random = 88172645463325252u;
	struct block *all = NULL;

	while (got < wanted) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		size_t size = 64 + random % 193;
		struct block *block = malloc(size);
		if (!block)
			return 4;
		memset(block, 1, size);
		block->next = all;
		all = block;
		got += size;
	}
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return all == NULL;
}
