#include "map.h"

#include "profile/profile.h"

#include <stdlib.h>

static size_t slot_of(const struct map *m, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15ull;
	size_t slot = (h ^ h >> 32) & (m->nr_slots - 1);

	while (m->ids[slot] && m->keys[slot] != key)
		slot = (slot + 1) & (m->nr_slots - 1);
	return slot;
}

static bool grow(struct map *m)
{
	struct map bigger = { .nr_slots = m->nr_slots ? m->nr_slots * 2 : 64, .nr = m->nr };

	if (m->nr >= SEEP_NO_ID / 2)
		return false;
	bigger.keys = calloc(bigger.nr_slots, sizeof(*bigger.keys));
	bigger.ids = calloc(bigger.nr_slots, sizeof(*bigger.ids));
	if (!bigger.keys || !bigger.ids) {
		map_release(&bigger);
		return false;
	}
	for (size_t i = 0; i < m->nr_slots; i++) {
		size_t slot;

		if (!m->ids[i])
			continue;
		slot = slot_of(&bigger, m->keys[i]);
		bigger.keys[slot] = m->keys[i];
		bigger.ids[slot] = m->ids[i];
	}
	map_release(m);
	*m = bigger;
	return true;
}

uint32_t map_id(struct map *m, uint64_t key, bool *is_new)
{
	size_t slot;

	if (m->nr * 2 >= m->nr_slots && !grow(m))
		return SEEP_NO_ID;
	slot = slot_of(m, key);
	if (is_new)
		*is_new = !m->ids[slot];
	if (!m->ids[slot]) {
		m->keys[slot] = key;
		m->ids[slot] = (uint32_t)++m->nr;
	}
	return m->ids[slot] - 1;
}

uint32_t map_find(const struct map *m, uint64_t key)
{
	if (!m->nr_slots)
		return SEEP_NO_ID;
	return m->ids[slot_of(m, key)] - 1;
}

void map_release(struct map *m)
{
	free(m->keys);
	free(m->ids);
	*m = (struct map){ .nr = 0 };
}
