/*
 * reallocs COUNT: a growing block of 16 to some 4000 bytes, COUNT calls of realloc in all; a buffer that is appended
 * to.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	char *block = NULL;
	size_t size = 0;

	for (unsigned long i = 0; i < count; i++) {
		size = size > 4000 ? 16 : size + 16;
		block = realloc(block, size);
		if (!block)
			return 4;
		block[size - 1] = 1;
	}
	free(block);
	return 0;
}
