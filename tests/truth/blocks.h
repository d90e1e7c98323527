/*
 * Blocks of one stack, counted exactly and sampled as recording/layout.h describes: one of s bytes at the period T with
 * p = 1 − e^(−s/T). They become the rows that a recording gives, and figures as a table has them.
 */
#ifndef SEEP_TEST_BLOCKS_H
#define SEEP_TEST_BLOCKS_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "analyse/analyse.h"
#include "recording/recording.h"

/* xorshift64*: the same cases in every run, on every machine. */
struct random {
	uint64_t state;
};

static inline double uniform(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return ((double)((r->state * 0x2545f4914f6cdd1dull) >> 11) + 0.5) / 9007199254740992.0;
}

static inline double block_chance(uint64_t size, uint64_t period)
{
	return period > 1 ? -expm1(-(double)size / (double)period) : 1;
}

struct blocks {
	struct seep_profile *p;
	uint32_t stack, nr_alloc;
	double exact[SEEP_NR_HEAP_VALUES];
	double totals[SEEP_NR_HEAP_VALUES], variances[SEEP_NR_HEAP_VALUES]; /* of what was allocated */
};

static inline void blocks_init(struct blocks *b)
{
	static const char *const types[] = { "alloc_objects", "alloc_space", "inuse_objects", "inuse_space" };
	uint32_t location;

	*b = (struct blocks){ .stack = 0 };
	if (seep_profile_new(&b->p, NULL) != SEEP_OK)
		abort();
	for (unsigned t = 0; t < SEEP_NR_HEAP_VALUES; t++)
		seep_profile_add_type(b->p, types[t], t & 1 ? "bytes" : "count");
	location = seep_profile_add_location(b->p, 0x1000, SEEP_NO_ID);
	b->stack = seep_profile_add_stack(b->p, &location, 1, 0);
	if (b->stack == SEEP_NO_ID || !seep_profile_add_columns(b->p, SEEP_COLUMN_ALLOC_SAMPLES))
		abort();
}

static inline uint32_t blocks_add_row(struct blocks *b, const double *values, const double *variances)
{
	uint32_t row = seep_profile_add_sample(b->p, b->stack, values, variances);

	if (row == SEEP_NO_ID)
		abort();
	return row;
}

static inline void blocks_add(struct blocks *b, uint64_t size, uint64_t period, bool is_live, bool is_sampled)
{
	struct seep_weight w = seep_weight_of(size, period);
	double values[] = { 0, 0, w.objects, w.bytes }, variances[] = { 0, 0, w.objects_var, w.bytes_var };

	b->exact[SEEP_ALLOC_OBJECTS]++;
	b->exact[SEEP_ALLOC_SPACE] += (double)size;
	b->exact[SEEP_INUSE_OBJECTS] += is_live;
	b->exact[SEEP_INUSE_SPACE] += is_live ? (double)size : 0;
	if (!is_sampled)
		return;
	b->nr_alloc++;
	for (unsigned i = 0; i < 2; i++) {
		b->totals[i] += values[2 + i];
		b->variances[i] += variances[2 + i];
	}
	if (is_live) {
		uint32_t row = blocks_add_row(b, values, variances);

		b->p->samples.nr_blocks[row] = 1;
	}
}

/* Gives the figures; `period` is the longest that there was. Releases the blocks, not what is exact. */
static inline void blocks_estimate(struct blocks *b, uint64_t period, struct seep_figure out[SEEP_NR_HEAP_VALUES])
{
	struct seep_analyse_options o = { .by = SEEP_BY_ADDRESS, .period = (double)period };
	struct seep_table *t = NULL;

	if (b->nr_alloc) {
		uint32_t row = blocks_add_row(b, b->totals, b->variances);

		b->p->samples.nr_alloc_samples[row] = b->nr_alloc;
	}
	if (seep_analyse_top(b->p, &o, &t, NULL) != SEEP_OK)
		abort();
	for (unsigned f = 0; f < SEEP_NR_HEAP_VALUES; f++)
		out[f] = t->total[f];
	seep_table_free(t);
	seep_profile_free(b->p);
	b->p = NULL;
}

#endif
