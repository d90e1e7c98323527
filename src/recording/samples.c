/*
 * Samples of a live file are not of one instant: a block freed and given out again while we read may be there twice,
 * and a stack may be missing.
 */
#include <stdlib.h>

#include "recording/private.h"

static bool is_same_block(const struct seep_rec_sample *a, const struct seep_rec_sample *b)
{
	return a->addr == b->addr && a->kind == b->kind;
}

/* Serials may come round. */
static bool is_newer(const struct seep_rec_sample *a, const struct seep_rec_sample *b)
{
	return (int32_t)(a->serial - b->serial) > 0;
}

static size_t table_size(size_t nr)
{
	size_t cap = 16;

	while (cap < 2 * nr)
		cap *= 2;
	return cap;
}

/* The table holds indices plus 1 of the samples kept so far; the seed keeps a file from choosing collisions. */
static void keep_newest(struct seep_recording *r, uint32_t *table, size_t cap)
{
	uint64_t seed = (uint64_t)(uintptr_t)table;
	size_t nr = 0;

	for (size_t i = 0; i < r->nr_samples; i++) {
		struct seep_rec_sample *s = &r->samples[i];
		uint64_t key[3] = { s->addr, s->kind, seed };
		size_t at = seep_hash(key, sizeof(key)) & (cap - 1);

		while (table[at] && !is_same_block(&r->samples[table[at] - 1], s))
			at = (at + 1) & (cap - 1);
		if (!table[at]) {
			r->samples[nr] = *s;
			table[at] = (uint32_t)++nr;
		} else if (is_newer(s, &r->samples[table[at] - 1])) {
			r->samples[table[at] - 1] = *s;
		}
	}
	r->nr_samples = nr;
}

/* Stacks 0 and 1 always exist. */
static void settle_stack(const struct seep_recording *r, struct seep_rec_sample *s)
{
	bool exists = s->stack < 2 || (s->stack < r->nr_stacks && r->stacks[s->stack].checksum);

	if (!exists || r->stacks[s->stack].kind != s->kind)
		s->stack = s->kind == SEEP_REC_KIND_HEAP ? 0 : 1;
	if (s->thread >= r->nr_threads)
		s->thread = 0;
}

enum seep_status samples_settle(struct seep_recording *r, struct seep_error *err)
{
	size_t cap = table_size(r->nr_samples);
	uint32_t *table = calloc(cap, sizeof(*table));

	if (!table)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", r->path);
	keep_newest(r, table, cap);
	free(table);
	for (size_t i = 0; i < r->nr_samples; i++)
		settle_stack(r, &r->samples[i]);
	return SEEP_OK;
}
