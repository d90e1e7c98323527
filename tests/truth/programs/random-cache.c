/*
 * A cache that evicts at random: survivors of all ages, yet its size is bounded.
 * verdict: steady
 * honest: yes
 * function: cache_store
 */
#include "known.h"

static char **slots;
static size_t nr_slots;

static NOINLINE void cache_store(size_t slot, size_t size)
{
	free(slots[slot]);
	slots[slot] = (char *)known_filled(malloc(size), size);
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double per_s, size, fill_s;

	known_start(argc, argv);
	fill_s = known_seconds * known_range(0.05, 0.15);
	size = known_range(1e3, 6e3);
	per_s = known_range(20e6, 80e6) / size / fill_s;
	nr_slots = (size_t)(per_s * fill_s);
	slots = (char **)calloc(nr_slots, sizeof(*slots));
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			cache_store((size_t)(known_random() * (double)nr_slots), (size_t)size);
		serve_requests(5);
	}
	known_end();
}
