/*
 * A request body is freed when the request succeeds and forgotten when it fails, which few do.
 * verdict: leak
 * function: read_body handle_request
 */
#include "known.h"

static NOINLINE char *read_body(size_t size)
{
	return (char *)known_filled(malloc(size), size);
}

static NOINLINE int handle_request(size_t size, double error_share)
{
	char *body = read_body(size);

	if (known_random() < error_share)
		return -1;
	free(body);
	return 0;
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s, error_share, size;
	long nr_errors = 0;

	known_start(argc, argv);
	bytes_per_s = known_range(50e6, 150e6);
	error_share = known_range(0.02, 0.06);
	size = known_range(2e3, 20e3);
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / size); due > 0; due--)
			nr_errors -= handle_request((size_t)size, error_share);
		serve_requests(5);
	}
	known_end();
}
