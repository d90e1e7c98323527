/*
 * A parent with four workers; only one of them keeps what it handles.
 * verdict: leak
 * function: handle_upload
 * process: child
 */
#include "known.h"

#include <sys/wait.h>

struct upload {
	struct upload *next;
};

static struct upload *uploads;

static NOINLINE void handle_upload(size_t size, int is_kept)
{
	struct upload *u = (struct upload *)known_filled(malloc(size), size);

	if (!is_kept) {
		free(u);
		return;
	}
	u->next = uploads;
	uploads = u;
}

static void work(int is_leaky, double bytes_per_s)
{
	struct known_pace pace = { 0 };

	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * bytes_per_s / 4000); due > 0; due--)
			handle_upload(4000, is_leaky);
		serve_requests(3);
	}
	known_end();
}

int main(int argc, char **argv)
{
	double bytes_per_s;
	int leaky;
	char *table;

	known_start(argc, argv);
	bytes_per_s = known_range(2e6, 6e6);
	leaky = (int)(known_random() * 4);
	table = (char *)known_filled(malloc(8 << 20), 8 << 20);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			work(i == leaky, bytes_per_s);
	while (wait(NULL) > 0)
		;
	free(table);
	known_end();
}
