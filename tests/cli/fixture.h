/* Stacks for golden recordings: a program with functions, lines and inlined calls that tests can name. */
#ifndef SEEP_TESTS_CLI_FIXTURE_H
#define SEEP_TESTS_CLI_FIXTURE_H

#include <stddef.h>

#define FIXTURE_MAX_FRAMES 64

#ifdef __cplusplus
extern "C" {
#endif

/* Gets the return addresses of one allocation, leaf first; the last ones are the program's own that ran the fixture. */
typedef void fixture_hook(int which, void *const *frames, size_t nr, size_t size);

/* Calls the hook for each allocation of the fixture, in a fixed order. */
void fixture_run(int which, fixture_hook *call);

#ifdef __cplusplus
}
#endif

#endif
