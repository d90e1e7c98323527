/*
 * An event log kept in a linked list that nobody trims.
 * verdict: leak
 * function: record_event
 */
#include "known.h"

struct event {
	struct event *next;
	char text[];
};

static struct event *events;

static NOINLINE void record_event(size_t size)
{
	struct event *e = (struct event *)known_filled(malloc(sizeof(*e) + size), sizeof(*e) + size);

	e->next = events;
	events = e;
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s, size;

	known_start(argc, argv);
	bytes_per_s = known_range(2e6, 8e6);
	size = known_range(60, 2000);
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / size); due > 0; due--)
			record_event((size_t)size);
		serve_requests(8);
	}
	known_end();
}
