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

extern const struct victim victims_threads[], victims_stacks[], victims_places[], victims_processes[], victims_times[];

/*
 * From now on every system call from the recorder's own code is counted in the file `path`, which is there and holds
 * 2 × TRAP_NUMBERS words of 32 bits: calls of this process, then calls of others that it started. Without a recorder
 * nothing happens. Exits with 77 where the kernel cannot do it.
 */
#define TRAP_NUMBERS 512
void trap_install(const char *path);
/* The executable range of the recorder in this process; false without one. */
_Bool find_recorder(unsigned long *start, unsigned long *end);

/* Keeps a block reachable, and the compiler from leaving out its allocation. */
void *keep(void *p);

#endif
