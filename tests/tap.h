/*
 * Plain TAP for one test program: a test function is a sentence, OK/EQ_… are its checks, tap_done() ends main.
 * Values are printed on failure; file descriptors left open by the program fail it.
 */
#ifndef SEEP_TESTS_TAP_H
#define SEEP_TESTS_TAP_H

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_nr, tap_failed, tap_fds_at_start = -1;

static inline int tap_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int nr = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

__attribute__((constructor)) static inline void tap_start(void)
{
	tap_fds_at_start = tap_count_fds();
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static inline bool tap_check(bool ok, const char *what, const char *file, int line)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tap_nr, what);
	if (!ok) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	return ok;
}

#define TAP_AT __FILE__, __LINE__
#define OK(cond) tap_check(cond, __extension__ __func__, TAP_AT) || (printf("# false: %s\n", #cond), 0)
#define EQ_U(got, want)                                                                            \
	do {                                                                                       \
		uintmax_t tap_g = (uintmax_t)(got), tap_w = (uintmax_t)(want);                     \
		if (!tap_check(tap_g == tap_w, __func__, TAP_AT))                                  \
			printf("# %s: got %" PRIuMAX ", want %" PRIuMAX "\n", #got, tap_g, tap_w); \
	} while (0)
#define EQ_S(got, want)                                                                       \
	do {                                                                                  \
		const char *tap_g = (got), *tap_w = (want);                                   \
		if (!tap_check(tap_g && tap_w && !strcmp(tap_g, tap_w), __func__, TAP_AT))    \
			printf("# %s: got '%s', want '%s'\n", #got, tap_g ? tap_g : "(null)", \
			       tap_w ? tap_w : "(null)");                                     \
	} while (0)
#define NEAR(got, want, tolerance)                                                                             \
	do {                                                                                                   \
		double tap_g = (got), tap_w = (want);                                                          \
		if (!tap_check(fabs(tap_g - tap_w) <= (tolerance), __func__, TAP_AT))                          \
			printf("# %s: got %.17g, want %.17g ± %g\n", #got, tap_g, tap_w, (double)(tolerance)); \
	} while (0)

static inline int tap_done(void)
{
	int fds = tap_count_fds();

	if (tap_fds_at_start >= 0)
		tap_check(fds == tap_fds_at_start, "no file descriptor is left open", TAP_AT);
	printf("1..%d\n", tap_nr);
	return tap_failed != 0;
}

#endif
