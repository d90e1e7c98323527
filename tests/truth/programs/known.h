/*
 * What the programs of known cause share: a clock, a seeded random choice of their parameters, and an end that frees
 * nothing. Usage of each: PROGRAM SECONDS SEED. Two seeds differ in rates, sizes and horizons, never in the cause.
 * The header of each program says its cause: `verdict:` words that are right, `function:` names of which one must be
 * the first suspect (`-`: none), `honest:` for a program that must never be called a leak.
 */
#ifndef SEEP_TRUTH_KNOWN_H
#define SEEP_TRUTH_KNOWN_H

#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, unused))

static double known_seconds = 12;
static uint64_t known_state = 1;
static int known_is_killed;
static struct timespec known_begin;

static inline double known_random(void)
{
	uint64_t z = (known_state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Between low and high, evenly in the logarithm. */
static inline double known_range(double low, double high)
{
	return low * pow(high / low, known_random());
}

static inline size_t known_size(double low, double high)
{
	return (size_t)known_range(low, high);
}

static inline void known_start(int argc, char **argv)
{
	if (argc > 1)
		known_seconds = atof(argv[1]);
	if (argc > 2) {
		uint64_t seed = strtoull(argv[2], NULL, 10);

		known_state = seed * 7919 + 17;
		known_is_killed = seed % 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &known_begin);
}

static inline double known_elapsed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - known_begin.tv_sec) + (double)(now.tv_nsec - known_begin.tv_nsec) / 1e9;
}

/* Elapsed time as a share of the whole run. */
static inline double known_progress(void)
{
	return known_elapsed() / known_seconds;
}

static inline void known_sleep_ms(double ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(fmod(ms, 1000) * 1e6) };

	nanosleep(&t, NULL);
}

/* A pace of so many operations a second: known_due() says how many are due since it was last asked, after a short
 * sleep. */
struct known_pace {
	double done;
};

static inline long known_due(struct known_pace *pace, double operations_so_far)
{
	long due = (long)(operations_so_far - pace->done);

	if (due < 0)
		due = 0;
	pace->done += (double)due;
	known_sleep_ms(4);
	return due;
}

static inline int known_is_over(void)
{
	return known_elapsed() >= known_seconds;
}

/* As a server ends: nothing is freed, no destructor runs; half of the seeds are killed. */
static inline void known_end(void)
{
	if (known_is_killed)
		raise(SIGKILL);
	_exit(0);
}

static inline void *known_filled(void *p, size_t size)
{
	if (p)
		memset(p, 0x5a, size);
	__asm__ volatile("" : "+r"(p) : : "memory"); /* the compiler must not see that nobody reads it */
	return p;
}

/* Honest traffic beside the cause: requests that allocate and free, some 10 MB a second. */
static NOINLINE void serve_request(size_t size)
{
	char *request = (char *)known_filled(malloc(size), size);
	char *answer = (char *)known_filled(malloc(2 * size), 2 * size);

	free(request);
	free(answer);
}

/* To be called again and again: makes `nr` requests for each 4 ms that have passed, however busy the machine is. */
static inline void serve_requests(int nr)
{
	static double served;
	double due = known_elapsed() * 250 * nr;

	for (; served < due; served++)
		serve_request(known_size(500, 30000));
}

#endif
