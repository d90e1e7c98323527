/*
 * The index that finds a live block's slot by its address.
 *
 * Lines of 15 entries and a reach (one cache line). A stretch of 512 bytes of the program's memory has a home line and
 * a sequence of further lines, taken when those before are full; the home's reach says how far its keys have ever gone,
 * so a lookup reads no more lines than that, and removal leaves no tombstones. 15 blocks are about what 512 bytes hold
 * of the C library's smallest. The homes of one MiB lie together, as the blocks in it do: a busy part of the heap is a
 * busy part of the index, which stays in caches and page tables.
 *
 * An entry is 6 bits of the address, which tell the blocks of a stretch apart before the slot is asked, and 26 bits of
 * slot + 1: more than a recording of the largest size has.
 */
#include "recorder/recorder.h"

#define ENTRIES_A_LINE 15u
#define REACH ENTRIES_A_LINE /* the place of the reach in its line */
#define MAX_REACH 255u
#define LINE_BYTES 64u
#define STRETCH_BITS 9u
#define REGION_BITS 11u /* stretches whose homes lie together */
#define SLOT_BITS 26u

_Static_assert(SEEP_REC_MAX_BYTES / sizeof(struct seep_rec_sample) <= 1ull << SLOT_BITS, "a slot fits into an entry");

struct sequence {
	uint64_t home, step;
};

/* Different stretches of one home go different ways from there. The kind of an arena's block is in the top bits. */
static inline struct sequence sequence_of(const void *addr)
{
	uint64_t stretch = (uint64_t)(uintptr_t)addr >> STRETCH_BITS;
	uint64_t region = (stretch >> REGION_BITS) * 0x9e3779b97f4a7c15ull;
	uint64_t mask = (1ull << seep.index_line_bits) - 1;
	struct sequence s = { (stretch ^ region >> (64 - seep.index_line_bits)) & mask,
		              (stretch * 0x9e3779b97f4a7c15ull >> 32) | 1 };

	return s;
}

static inline uint32_t *line_of(const struct sequence *s, uint64_t distance)
{
	uint64_t mask = (1ull << seep.index_line_bits) - 1;

	return &seep.index[((s->home + distance * s->step) & mask) * (LINE_BYTES / 4)];
}

static inline uint32_t fingerprint_of(const void *addr)
{
	return (uint32_t)((uint64_t)(uintptr_t)addr >> 3) << SLOT_BITS;
}

uint64_t seep_index_bytes(uint32_t nr_samples, uint32_t *line_bits)
{
	*line_bits = 3;
	while ((ENTRIES_A_LINE << *line_bits) * 2ull < nr_samples * 3ull)
		(*line_bits)++;
	return (uint64_t)LINE_BYTES << *line_bits;
}

void seep_index_prefetch(const void *addr)
{
	struct sequence s = sequence_of(addr);

	__builtin_prefetch(line_of(&s, 0));
}

static void reach_to(uint32_t *reach, uint32_t distance)
{
	uint32_t old = load_relaxed(reach);

	while (old < distance && !cas(reach, &old, distance))
		;
}

bool seep_index_insert(const void *addr, uint32_t slot)
{
	struct sequence s = sequence_of(addr);
	uint32_t entry = fingerprint_of(addr) | (slot + 1), *home = line_of(&s, 0);

	for (uint32_t d = 0; d < MAX_REACH && d < 1u << seep.index_line_bits; d++) {
		uint32_t *line = line_of(&s, d);

		for (uint32_t i = 0; i < ENTRIES_A_LINE; i++) {
			uint32_t empty = 0;

			if (load_relaxed(&line[i]) || !cas(&line[i], &empty, entry))
				continue;
			if (unlikely(d))
				reach_to(&home[REACH], d);
			return true;
		}
	}
	return false;
}

uint32_t *seep_index_find(const void *addr, uint32_t *slot)
{
	struct sequence s = sequence_of(addr);
	uint32_t reach = load_relaxed(&line_of(&s, 0)[REACH]), fingerprint = fingerprint_of(addr);

	for (uint32_t d = 0; d <= reach; d++) {
		uint32_t *line = line_of(&s, d);

		for (uint32_t i = 0; i < ENTRIES_A_LINE; i++) {
			uint32_t entry = load_relaxed(&line[i]);

			*slot = (entry & ((1u << SLOT_BITS) - 1)) - 1;
			if (!entry || ((entry ^ fingerprint) >> SLOT_BITS) || *slot >= seep.nr_samples_cap)
				continue;
			if (load_relaxed(&seep.samples[*slot].addr) == (uint64_t)(uintptr_t)addr)
				return &line[i];
		}
	}
	return NULL;
}
