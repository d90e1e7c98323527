/*
 * Walks that use what the last walks saw (lastwalk.h), against walks that do not: the compiler's.
 * Usage: test-lastwalk PLUGIN-A PLUGIN-B (of the same layout)
 */
#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recorder/lastwalk.h"
#include "tap.h"
#include "victims.h"
#include "walk.h"

static __thread struct walked walked;
static __thread uint32_t nr_walks, nr_same, nr_repeated;
static __thread uint64_t last_serial;

static void __attribute__((noinline)) leaf(void)
{
	walk_both(&walked);
	nr_walks++;
	nr_same += walk_is_same(&walked);
	nr_repeated += walked.ours.serial && walked.ours.serial == last_serial;
	last_serial = walked.ours.serial;
}

static void start_counting(void)
{
	nr_walks = nr_same = nr_repeated = 0;
	last_serial = 0;
}

/* ---- stacks that change in all ways ---- */

static __thread uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

static void grow(int depth);

__attribute__((noinline)) static void grow_plain(int depth)
{
	volatile int kept[3] = { depth };

	grow(depth - 1);
	kept[0]++;
}

/* The CFA is computed from the frame pointer, which is not where the stack pointer alone would put it. */
__attribute__((noinline)) static void grow_by_any_size(int depth)
{
	volatile char *p = alloca(random_below(20) * 16 + 16);

	p[0] = 1;
	grow(depth - 1);
	p[0]++;
}

/* The sum of both is the same each time: frames beyond have their old place, and those between have not. */
__attribute__((noinline)) static void grow_to_a_size(size_t bytes, int depth)
{
	volatile char *p = alloca(bytes);

	p[0] = 1;
	grow(depth - 1);
	p[0]++;
}
__attribute__((noinline)) static void grow_in_two_parts(int depth)
{
	size_t bytes = random_below(12) * 16 + 16;
	volatile char *p = alloca(bytes);

	p[0] = 1;
	grow_to_a_size(16 * 16 - bytes, depth);
	p[0]++;
}

__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void grow_by_frame_pointer(int depth)
{
	volatile int kept[5] = { depth };

	grow(depth - 1);
	kept[0]++;
}

/* Two with one frame layout. */
__attribute__((noinline)) static void grow_left(int depth)
{
	volatile int kept[4] = { depth };

	grow(depth - 1);
	kept[0] += 2;
}
__attribute__((noinline)) static void grow_right(int depth)
{
	volatile int kept[4] = { depth };

	grow(depth - 1);
	kept[0] += 3;
}

static __thread int depth_of_callback;
static void grow_called_back(void)
{
	grow(depth_of_callback);
}
static void grow_through_others(int depth)
{
	depth_of_callback = depth - 1;
	if (random_below(2))
		victim_realigned(grow_called_back);
	else
		victim_many_registers(depth, grow_called_back);
}

__attribute__((noinline)) static void grow(int depth)
{
	static void (*const ways[])(int) = { grow_plain, grow_by_any_size, grow_in_two_parts,  grow_by_frame_pointer,
		                             grow_left,  grow_right,       grow_through_others };

	if (depth <= 0) {
		leaf();
		return;
	}
	if (random_below(8) == 0)
		leaf();
	ways[random_below(7)](depth);
	if (random_below(4) == 0)
		leaf();
	if (random_below(6) == 0)
		ways[random_below(7)](depth - 2);
}

static void walks_stacks_that_change_in_all_ways(void)
{
	start_counting();
	random_state = 1;
	while (nr_walks < 6000)
		grow((int)random_below(24));
	EQ_U(nr_same, nr_walks);
}

static void walks_stacks_of_which_only_the_leaf_changes(void)
{
	start_counting();
	for (int i = 0; i < 40; i++) {
		victim_recurse(i % 3, leaf);
		victim_many_registers(i, leaf);
	}
	EQ_U(nr_same, nr_walks);
}

/* ---- a word that has changed ---- */

__attribute__((noinline)) static void left(leaf_fn *next)
{
	volatile int kept[4] = { 0 };

	next();
	kept[0] += 2;
}
__attribute__((noinline)) static void right(leaf_fn *next)
{
	volatile int kept[4] = { 0 };

	next();
	kept[0] += 3;
}

static void same_frames_above(void)
{
	victim_recurse(5, leaf);
}

static void sees_another_return_address(void)
{
	void (*const ways[2])(leaf_fn *) = { left, right };

	start_counting();
	for (int i = 0; i < 10; i++)
		victim_recurse(2, leaf), ways[i / 2 % 2](same_frames_above);
	EQ_U(nr_same, 20);
	OK(nr_repeated == 0);
}

__attribute__((noinline)) static void rest(size_t bytes)
{
	volatile char *p = alloca(bytes);

	leaf();
	p[0] = 1;
}
__attribute__((noinline)) static void left_part(size_t bytes)
{
	volatile char *p = alloca(bytes);

	rest(512 - bytes);
	p[0] = 1;
}
__attribute__((noinline)) static void right_part(size_t bytes)
{
	volatile char *p = alloca(bytes);

	rest(512 - bytes);
	p[0] = 2;
}

/* The stack pointer is the same, and the old return address is still where it was: only the frame pointer differs. */
static void sees_another_frame_pointer(void)
{
	start_counting();
	for (int i = 0; i < 10; i++) {
		left_part(256);
		left_part(256);
		right_part(128);
	}
	EQ_U(nr_same, 30);
}

/* ---- what is remembered ---- */

static void gives_the_same_stack_the_same_number(void)
{
	start_counting();
	for (int i = 0; i < 10; i++)
		victim_recurse(30, leaf);
	EQ_U(nr_same, 10);
	EQ_U(nr_repeated, 8); /* the first finds the rules */
}

static void remembers_several_stacks(void)
{
	uint64_t serials[2];
	int depth = 20;

	/* Volatile: one call in the code, whatever the compiler makes of the loop. */
	for (volatile int i = 0; i < 16; i++, depth ^= 20 ^ 23) {
		victim_recurse(depth, leaf);
		if (i >= 10)
			EQ_U(walked.ours.serial, serials[i % 2]);
		serials[i % 2] = walked.ours.serial;
	}
	OK(serials[0] != serials[1]);
}

static void remembers_stacks_that_are_too_deep(void)
{
	volatile int depth = 300;

	for (int i = 0; i < 3; i++) {
		victim_recurse(depth, leaf);
		EQ_U(walked.ours.nr, SEEP_REC_MAX_FRAMES);
		EQ_U(walked.ours.flags, SEEP_REC_STACK_DEEP);
		if (i)
			EQ_U(walked.ours.serial, last_serial);
	}
	/* From there on the stack goes on behind what was remembered. */
	start_counting();
	for (int i = 0; i < 130; i += 10)
		victim_recurse(130 - i, leaf);
	EQ_U(walk_address(walked.ours.frames[walked.ours.nr - 1]), walked.theirs[walked.nr_theirs - 1]);
	EQ_U(walked.ours.flags, 0);
}

/* A thread whose frame has been left in the middle of a walk goes on; nobody else is let in meanwhile. */
__attribute__((noinline)) static void leave_in_the_middle(struct seep_walk_thread *thread)
{
	volatile char deep[512];

	deep[0] = 0;
	OK(lastwalk_begin(thread, (uint64_t)(uintptr_t)deep) != NULL);
	OK(lastwalk_begin(thread, (uint64_t)(uintptr_t)deep - 64) == NULL);
}

static void survives_walks_that_were_left(void)
{
	static struct seep_walk_thread thread;
	static struct seep_walk w;
	struct seep_regs regs;

	seep_regs_capture(&regs);
	seep_unwind(&regs, &thread, &w);
	OK(w.serial != 0);
	leave_in_the_middle(&thread);
	seep_unwind(&regs, &thread, &w);
	OK(w.serial != 0);
}

/* ---- objects that are unloaded ---- */

static uint32_t module_of_plugin(const char *path, uint64_t *start)
{
	void *handle = dlopen(path, RTLD_NOW), *symbol = handle ? dlsym(handle, "plugin_recurse") : NULL;
	int (*recurse)(int, leaf_fn *);
	uint32_t index;

	OK(symbol != NULL);
	if (!symbol)
		return 0;
	memcpy(&recurse, &symbol, sizeof(symbol));
	start_counting();
	for (int i = 0; i < 4; i++)
		recurse(9, leaf);
	EQ_U(nr_same, 4);
	index = SEEP_REC_FRAME_MODULE(walked.ours.frames[3]);
	for (uint32_t i = 1; i < 10; i++)
		EQ_U(SEEP_REC_FRAME_MODULE(walked.ours.frames[i]), index);
	*start = (uint64_t)(uintptr_t)symbol;
	dlclose(handle);
	return index;
}

/* One after the other at one place: same addresses, same stack, another library. */
static void does_not_remember_objects_that_may_be_unloaded(const char *const paths[2])
{
	uint64_t starts[4];
	uint32_t indices[4], nr_at_one_place = 0;

	for (int i = 0; i < 4; i++) {
		indices[i] = module_of_plugin(paths[i % 2], &starts[i]);
		if (i)
			OK(indices[i] != indices[i - 1]);
		nr_at_one_place += i && starts[i] == starts[i - 1];
	}
#if defined(__x86_64__)
	OK(nr_at_one_place > 0);
#else
	printf("# %u of 3 at the place of the one before\n", nr_at_one_place); /* emulators choose other places */
#endif
}

/* ---- many at once ---- */

static void *walk_in_thread(void *arg)
{
	start_counting();
	random_state = (uint64_t)(uintptr_t)arg;
	while (nr_walks < 60)
		grow((int)random_below(20));
	return nr_same == nr_walks ? arg : NULL;
}

/* More threads than there are memories, and threads that get the stacks of others. */
static void walks_in_more_threads_than_there_are_memories(void)
{
	pthread_t threads[150];
	uint32_t nr_right = 0;

	for (uintptr_t round = 0; round < 2; round++) {
		for (uintptr_t i = 0; i < 150; i++)
			if (pthread_create(&threads[i], NULL, walk_in_thread, (void *)(i + 1)) != 0)
				threads[i] = 0;
		for (uintptr_t i = 0; i < 150; i++) {
			void *result = NULL;

			if (threads[i])
				pthread_join(threads[i], &result);
			nr_right += result != NULL;
		}
	}
	EQ_U(nr_right, 300);
}

static struct walked from_handler;
static volatile uint32_t nr_handled, nr_handled_same;

static void on_timer(int nr)
{
	(void)nr;
	walk_both(&from_handler);
	nr_handled++;
	nr_handled_same += from_handler.ours.nr > 2 && from_handler.ours.nr == from_handler.nr_theirs;
}

static void interrupt_each(long microseconds)
{
	struct itimerval every = { .it_interval.tv_usec = microseconds, .it_value.tv_usec = microseconds };

	setitimer(ITIMER_REAL, &every, NULL);
}

/* Handlers that walk with the memory that the walk they interrupt is using. */
static void walks_in_handlers_that_interrupt_walks(void)
{
	static struct seep_walk w;
	struct sigaction action = { .sa_handler = on_timer };
	uint32_t nr_wrong = 0;
	struct seep_regs regs;

	sigaction(SIGALRM, &action, NULL);
	seep_regs_capture(&regs);
	walk_from(&regs, &w);
	interrupt_each(200);
	for (uint32_t nr = w.nr, i = 0; i < 50000000 && nr_handled < 300; i++) {
		regs.sp += i % 7 == 0 ? 8 : 0; /* a stack that makes no sense in between */
		walk_from(&regs, &w);
		regs.sp -= i % 7 == 0 ? 8 : 0;
		walk_from(&regs, &w);
		nr_wrong += w.nr != nr || w.flags != 0;
	}
	interrupt_each(0);
	EQ_U(nr_wrong, 0);
	OK(nr_handled >= 300);
	EQ_U(nr_handled_same, nr_handled);
}

static void remembers_in_a_forked_child(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		seep_unwind_after_fork();
		start_counting();
		for (int i = 0; i < 5; i++)
			victim_recurse(30, leaf);
		_exit(nr_same == 5 && nr_repeated == 3 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	EQ_U(status, 0);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	walk_init(WALK_TABLE_ENTRIES);
	gives_the_same_stack_the_same_number();
	remembers_several_stacks();
	remembers_stacks_that_are_too_deep();
	walks_stacks_of_which_only_the_leaf_changes();
	walks_stacks_that_change_in_all_ways();
	sees_another_return_address();
	sees_another_frame_pointer();
	survives_walks_that_were_left();
	does_not_remember_objects_that_may_be_unloaded((const char *const *)argv + 1);
	walks_in_more_threads_than_there_are_memories();
	walks_in_handlers_that_interrupt_walks();
	remembers_in_a_forked_child();
	return tap_done();
}
