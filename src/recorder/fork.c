/*
 * A forked child: it has the private truth as it was at the fork and a mapping of its parent's recording, which it must
 * not write.
 *
 * It is noticed at its first slow path, by a page that the kernel empties on fork (pthread_atfork would miss _Fork and
 * raw clone; a vfork child keeps the page and counts as its parent). The new recording is mapped in place of the old
 * one, at the same address, so that an operation that a signal handler interrupted to fork goes on in a valid mapping.
 * Nobody waits: another thread of the child that comes along works on the private truth and asks for one more copy.
 */
#include <sys/mman.h>

#include "recorder/recorder.h"
#include "recorder/sys.h"

enum { FORK_IDLE, FORK_BUSY };

/*
 * Without a file: zeroed memory takes its place, and nothing is written to it but by operations under way. In a sandbox
 * the parent's stays, because mmap might be forbidden; what such an operation still writes, the parent writes too.
 */
static void go_without_file(void)
{
	__atomic_fetch_add(&seep_words()->children_unrecorded, 1, __ATOMIC_RELAXED);
	if (!seep.is_sandboxed)
		(void)sys_mmap(seep.file, seep.plan.file_bytes, PROT_READ | PROT_WRITE,
		               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
	store_release(&seep.state, (uint32_t)SEEP_STATE_OFF);
}

static void make_own(void)
{
	static char why[160];
	uint32_t parent = seep.pid;
	uint64_t now = seep_now_us();

	seep.is_mirrored = false;
	if (!seep.is_sandboxed)
		seep.pid = (uint32_t)sys_getpid();
	seep.fork_count++;
	seep_stacks_unlock_all();
	seep_unwind_after_fork();
	seep_threads_after_fork();
	if (seep.is_sandboxed || !seep_file_create(seep.file, now ? now : 1, parent, why)) {
		go_without_file();
		return;
	}
	seep.is_mirrored = true;
	seep.status.reasons &= ~(uint64_t)SEEP_REC_WHY_EXITED;
	seep.status.exit_us = 0;
	seep.status.slow_calls = seep.nr_freed = 0;
	__builtin_memset(seep.costs, 0, sizeof(seep.costs));
	seep.budget = (struct seep_budget){ .time_us = now };
	seep.serial_at_start = load_relaxed(&seep.serial);
	seep_mirror_everything();
	seep_period_note(seep.is_on ? seep.period : 0, SEEP_REC_CAUSE_FORK);
}

void seep_fork_noticed(void)
{
	uint32_t idle = FORK_IDLE;
	uint64_t float_state;

	if (!cas(&seep.fork_state, &idle, (uint32_t)FORK_BUSY)) {
		store_release(&seep.fork_again, 1u);
		return;
	}
	if (load_acquire(seep.cookie) == 0) {
		float_state = seep_float_enter();
		make_own();
		store_release(seep.cookie, 1u);
		if (__atomic_exchange_n(&seep.fork_again, 0u, __ATOMIC_ACQ_REL))
			seep_mirror_everything();
		seep_float_leave(float_state);
	}
	store_release(&seep.fork_state, (uint32_t)FORK_IDLE);
}

void seep_before_sandbox(bool has_filter)
{
	if (load_relaxed(&seep.state) != SEEP_STATE_RECORDING)
		return;
	seep_fork_check();
	if (load_relaxed(&seep.state) != SEEP_STATE_RECORDING)
		return;
	/* What a child of vfork does before it execs is no matter of ours. */
	if (!seep.is_sandboxed && (uint32_t)sys_getpid() != seep.pid)
		return;
	seep.is_sandboxed = true;
	if (has_filter) {
		seep.is_filtered = true;
		seep_unwind_ask_no_more();
	}
	seep_reason(SEEP_REC_WHY_SANDBOXED);
}
