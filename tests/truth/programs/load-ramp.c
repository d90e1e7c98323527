/*
 * Sessions live for a second or two; ever more of them arrive.
 * verdict: load
 * honest: yes
 * function: open_session
 */
#include "known.h"

struct session {
	struct session *next;
	double until;
};

static struct session *oldest, *newest;

static NOINLINE void open_session(size_t size, double until)
{
	struct session *s = (struct session *)known_filled(malloc(size), size);

	s->next = NULL;
	s->until = until;
	if (newest)
		newest->next = s;
	else
		oldest = s;
	newest = s;
}

static void close_sessions(double now)
{
	while (oldest && oldest->until <= now) {
		struct session *s = oldest;

		oldest = s->next;
		if (!oldest)
			newest = NULL;
		free(s);
	}
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double top_bytes_per_s, size, stay_s;

	known_start(argc, argv);
	top_bytes_per_s = known_range(25e6, 60e6);
	size = known_range(2e3, 20e3);
	stay_s = known_seconds * known_range(0.06, 0.15);
	while (!known_is_over()) {
		double now = known_elapsed();
		double opened = top_bytes_per_s / size * now * now / known_seconds / 2;

		for (long due = known_due(&pace, opened); due > 0; due--)
			open_session((size_t)size, now + stay_s);
		close_sessions(now);
	}
	known_end();
}
