/*
 * A hash table from content to an index in an array that the caller owns. Folder-private.
 *
 * It keeps hashes and indices only; the caller compares. Linear probing, at most half full. Threads: one at a time.
 */
#ifndef SEEP_PROFILE_INDEX_H
#define SEEP_PROFILE_INDEX_H

#include "base/base.h"

struct index_slot {
	uint64_t hash;
	uint32_t id; /* plus 1; 0: the slot is empty */
};

struct index {
	struct index_slot *slots;
	size_t nr, cap; /* cap is a power of two or 0 */
};

/*
 * Walks the entries with this hash: start with *at = hash, call until it returns SEEP_NO_ID (UINT32_MAX).
 */
uint32_t index_next(const struct index *x, uint64_t hash, size_t *at);
/* False when memory is out. Does not look whether the entry is there already. */
SEEP_NODISCARD bool index_add(struct index *x, uint64_t hash, uint32_t id);
void index_release(struct index *x);

#endif
