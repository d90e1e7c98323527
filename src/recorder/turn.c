/*
 * Whose turn it is: one slow path at a time on a thread, and locks that outlive their holder (lock.h).
 *
 * A signal handler that allocates finds its thread's turn taken by the frame it interrupted, and is not sampled. But it
 * may also leave by longjmp, and then that frame never gives its turn back. It has gone for certain when its place on
 * the thread's own stack no longer holds what it wrote there, or is ours. In all other cases (a coroutine's stack, an
 * untouched one) the turn is taken after PATIENCE allocations in a row that found it taken; as the frame may be alive
 * after all, the thread works with other memory from then on.
 */
#include "recorder/lock.h"
#include "recorder/recorder.h"

#define PATIENCE 256u
#define NR_SPARES 32u
#define CONTENTIONS_TO_GO 8u

static struct seep_walking spares[NR_SPARES];
static uint32_t nr_spares_used;

/* The thread's own stack is there for as long as the thread; no other may be read. */
static bool is_overwritten(const struct seep_thread *t, const struct seep_turn *turn)
{
	const struct seep_walk_thread *stack = &seep_walking(t)->thread;
	uint64_t at = (uint64_t)(uintptr_t)turn;

	return at >= stack->stack_low && at + sizeof(*turn) <= stack->stack_high &&
	       load_relaxed(&turn->mark) != seep_turn_mark(turn);
}

bool seep_turn_take(struct seep_thread *t, uintptr_t mine)
{
	uint32_t i;

	if ((uintptr_t)t->turn == mine || is_overwritten(t, t->turn))
		return true;
	if (++t->nr_waited < PATIENCE)
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
