/*
 * Many small blocks are freed except every twentieth, which pins its page: RSS stays, the live heap is small.
 * verdict: fragmentation
 * honest: yes
 * function: -
 */
#include "known.h"

#define NR_MAX 400000

static char *blocks[NR_MAX];

static NOINLINE void import_rows(size_t nr, size_t size)
{
	for (size_t i = 0; i < nr; i++)
		blocks[i] = (char *)known_filled(malloc(size), size);
}

static NOINLINE void drop_rows(size_t nr, size_t keep_each)
{
	for (size_t i = 0; i < nr; i++)
		if (i % keep_each)
			free(blocks[i]);
}

int main(int argc, char **argv)
{
	size_t nr, size, keep_each;

	known_start(argc, argv);
	size = known_size(120, 900);
	nr = (size_t)(known_range(60e6, 120e6) / (double)size);
	nr = nr > NR_MAX ? NR_MAX : nr;
	keep_each = 2000 / size + 2;
	import_rows(nr, size);
	known_sleep_ms(known_seconds * 200);
	drop_rows(nr, keep_each);
	while (!known_is_over()) {
		known_sleep_ms(20);
		serve_requests(2);
	}
	known_end();
}
