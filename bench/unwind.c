/*
 * ROUNDS walks from stacks of DEPTH frames without frame pointers, by one of:
 *   seep       the recorder's walker
 *   backtrace  libunwind, unw_backtrace (its fast path with a cache, which heaptrack uses)
 *   step       libunwind, unw_step
 *   none       the same without a walk
 * of stacks that are
 *   same       always the same
 *   leaf       the same but for one to three frames at the leaf, which change each time
 *   two        two in turn, no frame of which is at the same place
 *   eight      eight in turn
 *   cold       the same, after 64 MiB of other memory was read
 * Usage: unwind WHICH STACKS DEPTH ROUNDS. Prints nanoseconds and frames per walk (of walks alone). Built and run by
 * unwind.sh.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recorder/unwind.h"

#define OTHER_BYTES (64u << 20)

static struct seep_rec_module modules[256];
static struct seep_walk_thread walk_thread;
static struct seep_walk walk;
static long nr_rounds;
static int nr_frames, is_timed_each;
static double ns;

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
	seep_unwind(&regs, &walk_thread, &walk);
	nr_frames = (int)walk.nr;
}

static void by_step(void)
{
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

static void by_backtrace(void)
{
	nr_frames = unw_backtrace((void **)walk.frames, SEEP_REC_MAX_FRAMES);
}

static void by_none(void)
{
}

static const struct way {
	const char *name;
	void (*run)(void);
} ways[] = { { "seep", by_seep }, { "step", by_step }, { "backtrace", by_backtrace }, { "none", by_none } };

static void (*run)(void);

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

__attribute__((noinline)) static void walk_once(void)
{
	double from = is_timed_each ? now_ns() : 0;

	run();
	if (is_timed_each)
		ns += now_ns() - from;
}

typedef void bottom_fn(long from, long to);

__attribute__((noinline)) static int descend(int depth, bottom_fn *bottom, long from, long to)
{
	volatile int kept[4] = { depth };

	if (depth == 0)
		bottom(from, to);
	else
		kept[1] = descend(depth - 1, bottom, from, to);
	return kept[0] + kept[1];
}

static void same(long from, long to)
{
	for (long i = from; i < to; i++)
		walk_once();
}

static void leaf(long from, long to)
{
	for (long i = from; i < to; i++)
		descend((int)(i % 3), same, 0, 1);
}

/* No frame is at the place where one was before: above them lie 16 bytes more for each stack. */
__attribute__((noinline)) static void lower(size_t bytes, int depth)
{
	volatile char *p = alloca(bytes);

	p[0] = 1;
	descend(depth, same, 0, 1);
	p[0]++;
}

static void in_turn(int depth, long nr_stacks)
{
	for (long i = 0; i < nr_rounds; i++)
		lower((size_t)(i % nr_stacks + 1) * 16, depth);
}

static void cold(long from, long to)
{
	static char other[OTHER_BYTES];

	is_timed_each = 1;
	for (long i = from; i < to; i++) {
		for (size_t k = 0; k < OTHER_BYTES; k += 64)
			other[k]++;
		walk_once();
	}
}

static int go(const char *stacks, int depth)
{
	if (strcmp(stacks, "same") == 0)
		descend(depth, same, 0, nr_rounds);
	else if (strcmp(stacks, "leaf") == 0)
		descend(depth, leaf, 0, nr_rounds);
	else if (strcmp(stacks, "cold") == 0)
		descend(depth, cold, 0, nr_rounds);
	else if (strcmp(stacks, "two") == 0 || strcmp(stacks, "eight") == 0)
		in_turn(depth, stacks[0] == 't' ? 2 : 8);
	else
		return 2;
	return 0;
}

int main(int argc, char **argv)
{
	const struct seep_modules_config config = {
		.table = modules, .count = 256, .mirror = mirror, .now_us = now_us, .exe_path = "unwind"
	};
	double from;

	if (argc != 5)
		return 2;
	nr_rounds = atol(argv[4]);
	seep_unwind_init(&config);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			run = ways[i].run;
	if (!run)
		return 2;
	from = now_ns();
	if (go(argv[2], atoi(argv[3])) != 0)
		return 2;
	if (!is_timed_each)
		ns = now_ns() - from;
	printf("%.0f %d\n", ns / (double)nr_rounds, nr_frames);
	return 0;
}
