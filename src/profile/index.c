#include "profile/index.h"

#include <stdlib.h>
#include <string.h>

uint32_t index_next(const struct index *x, uint64_t hash, size_t *at)
{
	if (!x->cap)
		return UINT32_MAX;
	for (;; (*at)++) {
		const struct index_slot *slot = &x->slots[*at & (x->cap - 1)];

		if (!slot->id)
			return UINT32_MAX;
		if (slot->hash == hash) {
			(*at)++;
			return slot->id - 1;
		}
	}
}

static void put(struct index *x, struct index_slot slot)
{
	size_t at = slot.hash & (x->cap - 1);

	while (x->slots[at].id)
		at = (at + 1) & (x->cap - 1);
	x->slots[at] = slot;
}

static bool grow(struct index *x)
{
	struct index bigger = { .nr = x->nr, .cap = x->cap ? x->cap * 2 : 64 };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < x->cap; i++)
		if (x->slots[i].id)
			put(&bigger, x->slots[i]);
	free(x->slots);
	*x = bigger;
	return true;
}

bool index_add(struct index *x, uint64_t hash, uint32_t id)
{
	if (2 * (x->nr + 1) > x->cap && !grow(x))
		return false;
	put(x, (struct index_slot){ hash, id + 1 });
	x->nr++;
	return true;
}

void index_release(struct index *x)
{
	free(x->slots);
	memset(x, 0, sizeof(*x));
}
