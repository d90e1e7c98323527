/*
 * Both walkers at every single instruction of real code: prologues, epilogues, the procedure linkage table while a
 * function is bound, the dynamic linker, the vdso, string functions without frames. The processor's trap flag stops
 * after each.
 */
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include "tap.h"
#include "victims.h"
#include "walk.h"

#define MAX_STEPS 60000

static struct walked walked;
static uint32_t nr_steps, nr_compared, nr_wrong, nr_vdso;
static uint64_t after_trap_flag;

/* What cannot be compared: the compiler's walker itself gets nowhere. */
static bool is_whole(const struct walked *w)
{
	return w->nr_theirs > 2 && w->theirs[w->nr_theirs - 1] == after_trap_flag;
}

static void on_trap(int nr, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)nr;
	(void)info;
	if (nr_steps++ > MAX_STEPS)
		u->uc_mcontext.gregs[REG_EFL] &= ~0x100ll;
	walk_both(&walked);
	for (uint32_t i = 0; i < walked.ours.nr; i++)
		nr_vdso +=
			(walk_modules[SEEP_REC_FRAME_MODULE(walked.ours.frames[i])].flags & SEEP_REC_MODULE_VDSO) != 0;
	if (!is_whole(&walked))
		return;
	nr_compared++;
	nr_wrong += !walk_is_same(&walked);
	if (nr_wrong > 5)
		u->uc_mcontext.gregs[REG_EFL] &= ~0x100ll;
}

/* No call frame information tells what they push: the two steps between cannot be compared. */
static void set_trap_flag(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}
static void clear_trap_flag(void)
{
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void nothing(void)
{
}

#define STEP_THROUGH(call)                                                            \
	do {                                                                          \
		nr_steps = nr_compared = nr_wrong = 0;                                \
		set_trap_flag();                                                      \
		call;                                                                 \
		clear_trap_flag();                                                    \
		printf("# %u of %u steps compared\n", nr_compared, nr_steps);         \
		OK(nr_compared > 10 && nr_steps - nr_compared <= 2 + nr_steps / 100); \
		EQ_U(nr_wrong, 0);                                                    \
	} while (0)

static void walks_from_every_instruction_of_our_shapes(void)
{
	STEP_THROUGH(victim_recurse(5, nothing));
	STEP_THROUGH(victim_alloca(500, nothing));
	STEP_THROUGH(victim_realigned(nothing));
	STEP_THROUGH(victim_many_registers(3, nothing));
	STEP_THROUGH(victim_cold_part(1, nothing));
}

static void walks_from_every_instruction_of_the_c_library(void)
{
	char text[100];
	void *volatile kept;

	STEP_THROUGH(victim_qsort(nothing));
	STEP_THROUGH(snprintf(text, sizeof(text), "%d %s %g", 12, "words", 1.25));
	STEP_THROUGH(kept = malloc(100));
	free(kept);
	STEP_THROUGH(qsort(text, 10, 1, (int (*)(const void *, const void *))strcmp));
}

/* Bound at their first call. */
static void walks_while_the_linker_binds(void)
{
	volatile double x = 2.5;

	STEP_THROUGH(x = lgamma(x));
	STEP_THROUGH(x += (double)lrand48());
	STEP_THROUGH(x += strtod("17.25", NULL));
}

static void walks_out_of_the_vdso(void)
{
	struct timespec now;

	nr_vdso = 0;
	STEP_THROUGH(clock_gettime(CLOCK_MONOTONIC, &now));
	if (seep_unwind_nr_modules() > 3)
		OK(nr_vdso > 0);
}

static void walks_from_every_instruction_of_cxx(void)
{
	STEP_THROUGH(victim_std_function(nothing));
	STEP_THROUGH(victim_catch(nothing));
}

int main(void)
{
	static char stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	walk_init(WALK_TABLE_ENTRIES);
	walk_both(&walked);
	after_trap_flag = walked.theirs[walked.nr_theirs - 1];
	sigaltstack(&alternate, NULL);
	sigaction(SIGTRAP, &action, NULL);
	walks_from_every_instruction_of_our_shapes();
	walks_from_every_instruction_of_the_c_library();
	walks_while_the_linker_binds();
	walks_out_of_the_vdso();
	walks_from_every_instruction_of_cxx();
	return tap_done();
}
