/*
 * Segments are mapped for each import and some are never unmapped; the heap stays flat.
 * verdict: mappings
 * function: map_segment
 */
#include "known.h"

#include <sys/mman.h>

static NOINLINE char *map_segment(size_t size)
{
	char *p = (char *)mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : (char *)known_filled(p, size);
}

static NOINLINE void import_file(size_t size, int is_forgotten)
{
	char *segment = map_segment(size);

	if (segment && !is_forgotten)
		munmap(segment, size);
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s, size;
	long nr = 0, forget_each;

	known_start(argc, argv);
	bytes_per_s = known_range(20e6, 60e6);
	size = known_range(64e3, 512e3);
	forget_each = (long)known_range(4, 10);
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / size); due > 0; due--)
			import_file((size_t)size, nr++ % forget_each == 0);
		serve_requests(5);
	}
	known_end();
}
