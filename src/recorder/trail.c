/* The trail of a stack: its in-use at 24 log-spaced ticks (docs/recording-format.md §10.3). */
#include "recorder/trail.h"

#define MAX_TICK_S 64u
#define TOP (SEEP_REC_TRAIL_LEVELS - 1)

static uint64_t ticks_of(uint64_t now_us, uint32_t tick_s)
{
	return now_us / (tick_s * 1000000ull);
}

static void pass_until(struct seep_rec_trail *t, uint64_t tick, float before)
{
	if (tick <= t->last_tick)
		return;
	for (uint32_t i = 0; i < SEEP_REC_NR_TRAIL; i++)
		if (seep_rec_tick_of_point(i, tick) > t->last_tick)
			t->inuse_bytes[i] = before;
	t->last_tick = tick;
}

/* Four ticks become one: points go down a level, those of the lowest are dropped. */
static void widen(struct seep_rec_trail *t)
{
	uint32_t top = 3 * TOP;

	for (uint32_t i = 0; i < top - 3; i++)
		t->inuse_bytes[i] = t->inuse_bytes[i + 3];
	/* Of the top level only j = 1 has passed, which is the first place of the level below. */
	t->inuse_bytes[top - 3] = t->inuse_bytes[top + 1];
	for (uint32_t i = top - 2; i < SEEP_REC_NR_TRAIL; i++)
		t->inuse_bytes[i] = 0;
	t->last_tick /= 4;
	t->tick_s *= 4;
}

uint64_t seep_trail_advance(struct seep_rec_trail *t, uint64_t now_us, float before)
{
	const uint64_t life = 2ull << 2 * TOP; /* in ticks, before they become longer */

	if (!t->tick_s)
		t->tick_s = 1;
	while (ticks_of(now_us, t->tick_s) >= life && t->tick_s < MAX_TICK_S) {
		pass_until(t, life - 1, before);
		widen(t);
	}
	pass_until(t, ticks_of(now_us, t->tick_s), before);
	return (t->last_tick + 1) * t->tick_s * 1000000ull;
}
