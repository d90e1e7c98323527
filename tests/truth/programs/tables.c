/*
 * Tables are loaded at the start and then only read; requests come and go.
 * verdict: warm-up
 * honest: yes
 * function: load_table
 */
#include "known.h"

static NOINLINE char *load_table(size_t size)
{
	return (char *)known_filled(malloc(size), size);
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double load_s, rows_per_s, size;
	int is_idle;

	known_start(argc, argv);
	load_s = known_seconds * known_range(0.05, 0.3);
	size = known_range(300, 20e3);
	rows_per_s = known_range(30e6, 90e6) / load_s / size;
	is_idle = known_random() < 0.3;
	while (!known_is_over()) {
		double until = known_elapsed() < load_s ? known_elapsed() : load_s;

		for (long due = known_due(&pace, until * rows_per_s); due > 0; due--)
			load_table((size_t)size)[0] = 't';
		if (!is_idle)
			serve_requests(8);
	}
	known_end();
}
