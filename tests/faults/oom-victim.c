/*
 * Leaks until something stops it: remember_order keeps what it allocates, beside honest traffic.
 *   oom-victim BYTES-PER-SECOND [STORM PLUGINS]
 * STORM is one of storm.h.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storm.h"

struct order {
	struct order *next;
	char text[1500];
};

static struct order *orders;

__attribute__((noinline)) static void remember_order(void)
{
	struct order *o = (struct order *)malloc(sizeof(*o));

	if (!o)
		exit(1);
	memset(o, 'o', sizeof(*o));
	o->next = orders;
	orders = o;
}

__attribute__((noinline)) static void answer(size_t size)
{
	char *text = (char *)malloc(size);

	memset(text, 'a', size);
	__asm__ volatile("" : : "r"(text) : "memory");
	free(text);
}

int main(int argc, char **argv)
{
	double per_tick = (argc > 1 ? atof(argv[1]) : 20e6) / sizeof(struct order) / 200, due = 0;
	struct timespec tick = { 0, 5000000 };

	if (argc > 3)
		storm_start(argv[2], argv[3]);
	for (;;) {
		for (due += per_tick; due >= 1; due--) {
			remember_order();
			answer(8000);
		}
		nanosleep(&tick, NULL);
	}
}
