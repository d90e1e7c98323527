/* Ids for 64-bit keys: the n-th new key gets id n. Private to analyse/. */
#ifndef SEEP_ANALYSE_MAP_H
#define SEEP_ANALYSE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map {
	uint64_t *keys; /* of the ids in slots, by slot */
	uint32_t *ids;  /* id + 1; 0 free */
	size_t nr_slots, nr;
};

#define MAP_KEY(a, b) ((uint64_t)(a) << 32 | (uint32_t)(b))

/* Id of a key, made if it is new (then *is_new, which may be NULL, is true); SEEP_NO_ID when memory is out. */
uint32_t map_id(struct map *m, uint64_t key, bool *is_new);
/* Id of a key that may not be there: SEEP_NO_ID. */
uint32_t map_find(const struct map *m, uint64_t key);
void map_release(struct map *m);

#endif
