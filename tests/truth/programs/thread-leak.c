/*
 * A watcher thread is started for each client and never ends.
 * verdict: threads
 * function: start_watcher watch
 */
#include "known.h"

#include <pthread.h>

static size_t watcher_bytes;

static NOINLINE void *watch(void *arg)
{
	char *state = (char *)known_filled(malloc(watcher_bytes), watcher_bytes);

	(void)arg;
	for (;;)
		pause();
	free(state);
	return NULL;
}

static NOINLINE void start_watcher(void)
{
	pthread_t thread;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_create(&thread, &attr, watch, NULL);
	pthread_attr_destroy(&attr);
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double per_s;

	known_start(argc, argv);
	per_s = known_range(8, 40);
	watcher_bytes = known_size(50e3, 200e3);
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			start_watcher();
		serve_requests(5);
	}
	known_end();
}
