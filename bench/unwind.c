/*
 * One walk from a stack of DEPTH frames without frame pointers, ROUNDS times, by one of:
 *   seep       the recorder's walker, all rules known
 *   step       libunwind, unw_step
 *   backtrace  libunwind, unw_backtrace (its fast path with a cache, which heaptrack uses)
 *   none       the same without a walk
 * Usage: unwind WHICH DEPTH ROUNDS. Prints nanoseconds and frames per walk. Built and run by unwind.sh.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recorder/unwind.h"

static struct seep_rec_module modules[256];
static struct seep_walk_thread walk_thread;
static struct seep_walk walk;
static long nr_rounds;
static int nr_frames;

static void mirror(uint32_t index)
{
	(void)index;
}
static uint64_t now_us(void)
{
	return 0;
}

static void by_seep(void)
{
	struct seep_regs regs;

	seep_regs_capture(&regs);
	for (long i = 0; i < nr_rounds; i++)
		seep_unwind(&regs, &walk_thread, &walk);
	nr_frames = (int)walk.nr;
}

static void by_step(void)
{
	for (long i = 0; i < nr_rounds; i++) {
		unw_context_t context;
		unw_cursor_t cursor;
		unw_word_t pc;

		nr_frames = 0;
		unw_getcontext(&context);
		unw_init_local(&cursor, &context);
		while (unw_step(&cursor) > 0 && nr_frames < SEEP_REC_MAX_FRAMES) {
			unw_get_reg(&cursor, UNW_REG_IP, &pc);
			walk.frames[nr_frames++] = pc;
		}
	}
}

static void by_backtrace(void)
{
	for (long i = 0; i < nr_rounds; i++)
		nr_frames = unw_backtrace((void **)walk.frames, SEEP_REC_MAX_FRAMES);
}

static void by_none(void)
{
}

static const struct way {
	const char *name;
	void (*run)(void);
} ways[] = { { "seep", by_seep }, { "step", by_step }, { "backtrace", by_backtrace }, { "none", by_none } };

__attribute__((noinline)) static int descend(int depth, void (*run)(void))
{
	volatile int kept[4] = { depth };

	if (depth == 0)
		run();
	else
		kept[1] = descend(depth - 1, run);
	return kept[0] + kept[1];
}

int main(int argc, char **argv)
{
	const struct seep_modules_config config = {
		.table = modules, .count = 256, .mirror = mirror, .now_us = now_us, .exe_path = "unwind"
	};
	struct timespec from, to;
	double ns;

	if (argc != 4)
		return 2;
	nr_rounds = atol(argv[3]);
	seep_unwind_init(&config);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &from);
		descend(atoi(argv[2]), ways[i].run);
		clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
		printf("%.0f %d\n", ns / (double)nr_rounds, nr_frames);
		return 0;
	}
	return 2;
}
