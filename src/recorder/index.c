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

static inline uint64_t stretch_of(const void *addr)
{
	return (uint64_t)(uintptr_t)addr >> STRETCH_BITS;
}

/* The home of a stretch. The kind of an arena's block is in the top bits of its address. */
static inline uint32_t *home_of(uint64_t stretch)
{
	uint64_t region = (stretch >> REGION_BITS) * 0x9e3779b97f4a7c15ull;
	uint64_t mask = (1ull << seep.index_line_bits) - 1;

	return &seep.index[((stretch ^ region >> (64 - seep.index_line_bits)) & mask) * (LINE_BYTES / 4)];
}

/* The line that many further. Different stretches of one home go different ways from there. */
static uint32_t *line_after(const uint32_t *home, uint64_t stretch, uint32_t distance)
{
	uint64_t step = (stretch * 0x9e3779b97f4a7c15ull >> 32) | 1, mask = (1ull << seep.index_line_bits) - 1;
	uint64_t line = (uint64_t)(home - seep.index) / (LINE_BYTES / 4);

	return &seep.index[((line + distance * step) & mask) * (LINE_BYTES / 4)];
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
	__builtin_prefetch(home_of(stretch_of(addr)));
}

static bool insert(uint32_t *line, uint32_t entry)
{
	for (uint32_t i = 0; i < ENTRIES_A_LINE; i++) {
		uint32_t empty = 0;

		if (!load_relaxed(&line[i]) && cas(&line[i], &empty, entry))
			return true;
	}
	return false;
}

static void reach_to(uint32_t *reach, uint32_t distance)
{
	uint32_t old = load_relaxed(reach);

	while (old < distance && !cas(reach, &old, distance))
		;
}

bool seep_index_insert(const void *addr, uint32_t slot)
{
	uint32_t entry = fingerprint_of(addr) | (slot + 1), *home = home_of(stretch_of(addr));

	if (likely(insert(home, entry)))
		return true;
	for (uint32_t d = 1; d < MAX_REACH && d < 1u << seep.index_line_bits; d++)
		if (insert(line_after(home, stretch_of(addr), d), entry)) {
			reach_to(&home[REACH], d);
			return true;
		}
	return false;
}

static uint32_t *find(uint32_t *line, const void *addr, uint32_t *slot)
{
	uint32_t fingerprint = fingerprint_of(addr);

	for (uint32_t i = 0; i < ENTRIES_A_LINE; i++) {
		uint32_t entry = load_relaxed(&line[i]);

		if (!entry || (entry ^ fingerprint) >> SLOT_BITS)
			continue;
		*slot = (entry & ((1u << SLOT_BITS) - 1)) - 1;
		/* It will be emptied in the file too. */
		__builtin_prefetch(seep.file + seep_where(SEEP_REC_SEC_SAMPLES, *slot), 1);
		if (*slot < seep.nr_samples_cap && load_relaxed(&seep.samples[*slot].addr) == (uint64_t)(uintptr_t)addr)
			return &line[i];
	}
	return NULL;
}

uint32_t *seep_index_find(const void *addr, uint32_t *slot)
{
	uint32_t *home = home_of(stretch_of(addr)), reach = load_relaxed(&home[REACH]);
	uint32_t *found = find(home, addr, slot);

	for (uint32_t d = 1; d <= reach && !found; d++)
		found = find(line_after(home, stretch_of(addr), d), addr, slot);
	return found;
}
