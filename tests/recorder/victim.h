/*
 * The programs of the recorder's tests: one executable, whose first argument chooses. Each prints what it prints
 * without a recorder; the tests compare that, and what the recording says. By subject, one file and one table each.
 */
#ifndef TESTS_RECORDER_VICTIM_H
#define TESTS_RECORDER_VICTIM_H

struct victim {
	const char *name; /* NULL ends a table */
	int (*run)(int argc, char **argv);
};

/* Keeps a block reachable, and the compiler from leaving out its allocation. */
void *keep(void *p);

#endif
