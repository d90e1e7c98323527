/* What the writers share. Folder-private. */
#ifndef SEEP_FORMAT_PRIVATE_H
#define SEEP_FORMAT_PRIVATE_H

#include "format/format.h"

/* Sum of all rows of one stack, thread and process. */
struct total_row {
	uint32_t stack; /* index in the profile's stacks[]: one of those with these frames */
	uint32_t thread, tid, heap, process;
	size_t first_row, nr_rows; /* in totals.rows */
	double values[SEEP_PROFILE_MAX_VALUES], variances[SEEP_PROFILE_MAX_VALUES];
};

struct totals {
	struct total_row *items; /* sorted by process, frames, flags, heap, thread, tid */
	size_t nr;
	uint32_t *rows; /* rows of the profile, grouped by item */
};
SEEP_NODISCARD bool totals_new(const struct seep_profile *p, struct totals *t);
void totals_release(struct totals *t);

/*
 * Integers for a series of sums, whose totals are right over any stretch of it: what is written is the difference of
 * the rounded running totals. So each integer is less than 1 from its sum, and rows of 1.58 objects are not all written
 * as 2.
 */
struct rounding {
	double total;
	int64_t written;
};
int64_t round_next(struct rounding *r, double value);

/* Name of a frame: the line's function, else module+0xADDRESS of the ELF file, else [unknown]. Text is the arena's or
 * p's. */
const char *frame_name(const struct seep_profile *p, const struct seep_location *l, uint32_t line,
                       struct seep_arena *arena);

/* "name[pid]"; NULL when memory is out. */
const char *process_label(const struct seep_profile *p, uint32_t process, struct seep_arena *arena);

#endif
