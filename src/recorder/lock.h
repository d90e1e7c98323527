/*
 * Locks that nobody waits for, and that outlive their holder: a thread can end while it holds one (pthread_exit or a
 * cancellation in a signal handler), or leave by longjmp.
 *
 * A word is 0, or what was held since when: LOCK_HELD, or LOCK_AGAIN once somebody else has left work, and the clock of
 * contention, which counts the seconds in which anybody found any lock held. A holder that did not get on while the
 * others were held up in eight different seconds has gone: its lock is taken. (It may only have been stopped alone, by
 * a debugger; what it then does with the rest of its turn is a torn copy at worst, or one stack's sums set back.)
 */
#ifndef SEEP_RECORDER_LOCK_H
#define SEEP_RECORDER_LOCK_H

#include "recorder/recorder.h"

#define LOCK_HELD 1u
#define LOCK_AGAIN 2u
#define LOCK_STATE 3u

/* True with the lock; *mine is what the word is while nobody asks. */
static inline bool seep_lock_try(uint32_t *lock, uint32_t *mine)
{
	uint32_t unlocked = 0;

	*mine = load_relaxed(&seep.contention) << 2 | LOCK_HELD;
	return cas(lock, &unlocked, *mine);
}

/* True with the lock; false when its holder was told to look again. */
bool seep_lock_or_tell(uint32_t *lock, uint32_t *mine);

/* Lets go. True: it is still held, because somebody asked to look again. */
static inline bool seep_lock_release(uint32_t *lock, uint32_t mine)
{
	uint32_t word = mine;

	while (!cas(lock, &word, 0u)) {
		if (word != (mine ^ LOCK_STATE)) /* taken from us */
			return false;
		if (cas(lock, &word, mine))
			return true;
		word = mine;
	}
	return false;
}

#endif
