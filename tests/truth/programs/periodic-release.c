/*
 * Results are collected and released together every few seconds; the run ends at a random moment of the rise.
 * verdict: steady
 * honest: yes
 * function: collect_result
 */
#include "known.h"

struct result {
	struct result *next;
};

static struct result *results;

static NOINLINE void collect_result(size_t size)
{
	struct result *r = (struct result *)known_filled(malloc(size), size);

	r->next = results;
	results = r;
}

static NOINLINE void release_results(void)
{
	while (results) {
		struct result *r = results;

		results = r->next;
		free(r);
	}
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s, size, interval_s, last = 0;

	known_start(argc, argv);
	bytes_per_s = known_range(8e6, 25e6);
	size = known_range(500, 10e3);
	interval_s = known_seconds * (0.15 + 0.27 * known_random());
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / size); due > 0; due--)
			collect_result((size_t)size);
		if (known_elapsed() - last > interval_s) {
			release_results();
			last = known_elapsed();
		}
		serve_requests(5);
	}
	known_end();
}
