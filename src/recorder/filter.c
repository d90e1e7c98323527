/*
 * The filter of sampled addresses: counters of 8 bits, sticky at the top. An address whose counter is 0 is not sampled;
 * there is no false negative, so a free of a sampled block is always seen.
 *
 * Why a rebuild is sound (it runs while other threads add and remove): adders make the block visible in the table
 * before they touch the counter, removers touch the counter before they take the block out. The rebuild marks a counter
 * that is stuck (255 → 254), counts the visible blocks, and stores the count only if the mark is still there; whoever
 * meets the mark puts 255 back. A block can then be counted without its adder having touched the counter (it will add
 * once more: a false positive), never the other way round.
 */
#include "recorder/recorder.h"

#define STUCK 255u
#define MARKED 254u
#define TOP 253u

uint8_t seep_filter[1u << SEEP_FILTER_BITS] __attribute__((aligned(64)));

static void change(const void *p, int by)
{
	uint8_t *counter = &seep_filter[seep_filter_slot(p)];
	uint8_t old = load_relaxed(counter);
	uint8_t new;

	do {
		if (old == STUCK)
			return;
		if (old == MARKED || (by > 0 && old == TOP))
			new = STUCK;
		else if (by < 0 && old == 0)
			return;
		else
			new = (uint8_t)(old + by);
	} while (!cas(counter, &old, new));
}

void seep_filter_add(const void *p)
{
	change(p, 1);
}

void seep_filter_remove(const void *p)
{
	change(p, -1);
}

void seep_filter_pin(const void *p)
{
	__atomic_store_n(&seep_filter[seep_filter_slot(p)], STUCK, __ATOMIC_SEQ_CST);
}

/* Counts of the rebuild under way; one at a time (the caller holds the period change). */
static uint8_t rebuild_counts[1u << SEEP_FILTER_BITS];

static void count_one(const void *p)
{
	uint8_t *count = &rebuild_counts[seep_filter_slot(p)];

	if (*count < STUCK)
		(*count)++;
}

void seep_filter_rebuild(void (*each)(void (*add)(const void *p)))
{
	for (uint32_t i = 0; i < sizeof(seep_filter); i++) {
		uint8_t old = STUCK;

		rebuild_counts[i] = 0;
		(void)cas(&seep_filter[i], &old, (uint8_t)MARKED);
	}
	each(count_one);
	for (uint32_t i = 0; i < sizeof(seep_filter); i++) {
		uint8_t old = MARKED;
		uint8_t count = rebuild_counts[i] <= TOP ? rebuild_counts[i] : STUCK;

		(void)cas(&seep_filter[i], &old, count);
	}
}
