/*
 * Walking with the recorder's walker and with the C compiler's own, side by side. Both start at the caller of the
 * function that calls walk_both: a walk that differs in one address, or in how it ends, is a failure.
 */
#ifndef SEEP_TESTS_UNWIND_WALK_H
#define SEEP_TESTS_UNWIND_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/unwind.h"

#define WALK_MAX 512

struct walked {
	struct seep_walk ours;
	uint64_t theirs[WALK_MAX]; /* addresses inside the call, leaf first */
	uint32_t nr_theirs;
};

#define WALK_TABLE_ENTRIES 512
extern struct seep_rec_module walk_modules[WALK_TABLE_ENTRIES];

/* Initialises the walker with a table of `count` entries. */
void walk_init(uint32_t count);
void walk_both(struct walked *w);
/* Only with ours, in this thread. */
void walk_ours(struct seep_walk *w);
/* Ours from given registers. */
void walk_from(const struct seep_regs *regs, struct seep_walk *w);
/* The address that a frame stands for. */
uint64_t walk_address(uint64_t frame);
/* True if both found the same frames up to the outermost; else says what differs. */
bool walk_is_same(const struct walked *w);
void walk_print(const struct walked *w);
uint32_t walk_nr_mirrored(uint32_t index);

#endif
