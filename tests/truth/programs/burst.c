/*
 * One burst of work in the middle of quiet traffic; what it needed is freed again.
 * verdict: load fragmentation
 * honest: yes
 * function: -
 */
#include "known.h"

struct job {
	struct job *next;
};

static struct job *jobs;

static NOINLINE void accept_job(size_t size)
{
	struct job *j = (struct job *)known_filled(malloc(size), size);

	j->next = jobs;
	jobs = j;
}

static NOINLINE void finish_jobs(void)
{
	while (jobs) {
		struct job *j = jobs;

		jobs = j->next;
		free(j);
	}
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double begin, length, bytes_per_s, size, worked = 0;
	int is_done = 0;

	known_start(argc, argv);
	begin = known_seconds * known_range(0.2, 0.4);
	length = known_seconds * known_range(0.1, 0.25);
	bytes_per_s = known_range(40e6, 100e6) / length;
	size = known_range(1e3, 10e3);
	while (!known_is_over()) {
		double into = known_elapsed() - begin;

		worked = into < 0 ? 0 : into < length ? into : length;
		for (long due = known_due(&pace, worked * bytes_per_s / size); due > 0; due--)
			accept_job((size_t)size);
		if (into > length && !is_done) {
			finish_jobs();
			is_done = 1;
		}
		serve_requests(5);
	}
	known_end();
}
