/* Ids of a file to indices: any 64-bit ids, in any order. Folder-private. */
#ifndef SEEP_FORMAT_IDMAP_H
#define SEEP_FORMAT_IDMAP_H

#include "base/base.h"

struct idmap_entry {
	uint64_t id;
	uint32_t idx;
};
struct idmap {
	struct idmap_entry *entries;
	size_t nr, cap;
};

SEEP_NODISCARD bool idmap_add(struct idmap *m, uint64_t id, uint32_t idx);
/* Call once when all are there, before the first lookup. Returns false when an id is there twice. */
bool idmap_sort(struct idmap *m);
/* UINT32_MAX when there is none. */
uint32_t idmap_find(const struct idmap *m, uint64_t id);
void idmap_release(struct idmap *m);

#endif
