/*
 * One output buffer that realloc grows and nobody flushes: the block itself is always young.
 * verdict: leak
 * function: append_line
 */
#include "known.h"

static char *output;
static size_t output_len, output_cap;

static NOINLINE void append_line(size_t size, size_t step)
{
	if (output_len + size > output_cap) {
		output_cap = step ? output_cap + step : output_cap ? 2 * output_cap : 4096;
		output = (char *)realloc(output, output_cap);
	}
	memset(output + output_len, 'x', size);
	output_len += size;
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s;
	size_t step;

	known_start(argc, argv);
	bytes_per_s = known_range(1.5e6, 6e6);
	step = known_random() < 0.5 ? 0 : known_size(30e3, 1e6);
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / 200); due > 0; due--)
			append_line(200, step);
		serve_requests(5);
	}
	known_end();
}
