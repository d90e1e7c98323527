#include "format/idmap.h"

#include <stdlib.h>
#include <string.h>

bool idmap_add(struct idmap *m, uint64_t id, uint32_t idx)
{
	if (!seep_grow(&m->entries, &m->cap, m->nr + 1, sizeof(*m->entries)))
		return false;
	m->entries[m->nr++] = (struct idmap_entry){ id, idx };
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct idmap_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

bool idmap_sort(struct idmap *m)
{
	if (m->nr)
		qsort(m->entries, m->nr, sizeof(*m->entries), compare);
	for (size_t i = 1; i < m->nr; i++)
		if (m->entries[i].id == m->entries[i - 1].id)
			return false;
	return true;
}

/* Most files number from 1 without a gap: then the place is known. */
uint32_t idmap_find(const struct idmap *m, uint64_t id)
{
	const struct idmap_entry key = { .id = id }, *found;

	if (id - 1 < m->nr && m->entries[id - 1].id == id)
		return m->entries[id - 1].idx;
	found = m->nr ? bsearch(&key, m->entries, m->nr, sizeof(key), compare) : NULL;
	return found ? found->idx : UINT32_MAX;
}

void idmap_release(struct idmap *m)
{
	free(m->entries);
	memset(m, 0, sizeof(*m));
}
