/*
 * Whose turn it is: one slow path at a time on a thread, and locks that outlive their holder (lock.h).
 *
 * A signal handler that allocates finds its thread's turn taken by the frame it interrupted, and is not sampled. But it
 * may also leave by longjmp, and then that frame never gives its turn back. It has gone for certain when its place on
 * the thread's own stack no longer holds what it wrote there, or is ours, or when a walk of that stack from its leaf to
 * its root meets no function of the recorder. In all other cases (a coroutine's stack that nothing touches) the turn is
 * taken after PATIENCE allocations in a row that found it taken; as the frame may be alive after all, the thread works
 * with other memory from then on.
 */
#include "recorder/lock.h"
#include "recorder/recorder.h"

#define PATIENCE 256u
#define NR_SPARES 32u
#define CONTENTIONS_TO_GO 8u

static struct seep_walking spares[NR_SPARES], judging;
static uint32_t nr_spares_used, judging_lock;

/* The thread's own stack is there for as long as the thread; no other may be read. */
static bool is_on_own_stack(const struct seep_thread *t, const void *p)
{
	const struct seep_walk_thread *stack = &seep_walking(t)->thread;
	uint64_t at = (uint64_t)(uintptr_t)p;

	return at >= stack->stack_low && at + sizeof(struct seep_turn) <= stack->stack_high;
}

static bool meets_recorder(const struct seep_walk *w)
{
	for (uint32_t i = 0; i < w->nr; i++)
		if (seep.modules[SEEP_REC_FRAME_MODULE(w->frames[i])].flags & SEEP_REC_MODULE_RECORDER)
			return true;
	return false;
}

/* Only if both are on the thread's own stack, and this is the leaf of a whole one. */
static bool is_left_behind(const struct seep_thread *t)
{
	struct seep_regs regs;
	bool is_left;
	uint32_t mine;

	if (!is_on_own_stack(t, t->turn) || !is_on_own_stack(t, &regs) || !seep_lock_or_tell(&judging_lock, &mine))
		return false;
	judging = (struct seep_walking){ .thread = { .stack_low = seep_walking(t)->thread.stack_low,
		                                     .stack_high = seep_walking(t)->thread.stack_high } };
	seep_regs_capture(&regs);
	seep_unwind(&regs, &judging.thread, &judging.walk);
	is_left = !judging.walk.flags && !meets_recorder(&judging.walk);
	while (seep_lock_release(&judging_lock, mine))
		;
	return is_left;
}

static bool is_time_to_judge(uint32_t nr_waited)
{
	return (nr_waited & (nr_waited - 1)) == 0; /* walks cost */
}

bool seep_turn_take(struct seep_thread *t, uintptr_t mine)
{
	uint32_t i;

	if ((uintptr_t)t->turn == mine ||
	    (is_on_own_stack(t, t->turn) && load_relaxed(&t->turn->mark) != seep_turn_mark(t->turn)))
		return true;
	t->nr_waited++;
	if (is_time_to_judge(t->nr_waited) && is_left_behind(t))
		return true;
	if (t->nr_waited < PATIENCE)
		return false;
	i = add_relaxed(&nr_spares_used, 1);
	if (i >= NR_SPARES) {
		store_relaxed(&nr_spares_used, NR_SPARES);
		return false;
	}
	t->spare = &spares[i];
	return true;
}

static bool has_gone(uint32_t word)
{
	uint32_t second = (uint32_t)(seep_now_us() >> 20), last = load_relaxed(&seep.contention_second);

	if (second != last && cas(&seep.contention_second, &last, second))
		add_relaxed(&seep.contention, 1);
	return ((load_relaxed(&seep.contention) << 2) - (word & ~LOCK_STATE)) >> 2 >= CONTENTIONS_TO_GO;
}

bool seep_lock_or_tell(uint32_t *lock, uint32_t *mine)
{
	while (!seep_lock_try(lock, mine)) {
		uint32_t word = load_relaxed(lock);

		if (!word)
			continue;
		if (has_gone(word)) {
			*mine = load_relaxed(&seep.contention) << 2 | LOCK_HELD;
			if (cas(lock, &word, *mine))
				return true;
			continue;
		}
		if ((word & LOCK_STATE) == LOCK_AGAIN || cas(lock, &word, word ^ LOCK_STATE))
			return false;
	}
	return true;
}
