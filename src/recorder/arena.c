/*
 * Arenas: pools of the program's own, whose blocks it reports (seep.h). Sampled by the same countdown as malloc, each
 * arena a kind of its own, never part of the heap's figures. A block of an arena is known by its address with the kind
 * in the upper eight bits, because the first block of a pool begins where malloc's block does.
 *
 * An entry is claimed by one compare-and-swap of its name's hash; whoever finds it claimed and not yet filled fills it
 * too, with the same, so nobody waits.
 */
#include "recorder/arena.h"
#include "recorder/recorder.h"
#include "recorder/text.h"

#define KIND_SHIFT 56
#define NAME_BYTES sizeof(((struct seep_rec_heap *)0)->name)

static struct seep_rec_heap heaps[SEEP_REC_NR_ARENAS_MAX];
static uint64_t hashes[SEEP_REC_NR_ARENAS_MAX]; /* of the name; 0: free */
static uint32_t unknown_stacks[SEEP_REC_NR_ARENAS_MAX];
static uint32_t is_filled[SEEP_REC_NR_ARENAS_MAX];

static const void *key_of(uint32_t arena, const void *p)
{
	return (const void *)(uintptr_t)((uint64_t)(uintptr_t)p << 8 >> 8 | (uint64_t)arena << KIND_SHIFT);
}

static bool is_known(uint32_t arena)
{
	return arena - SEEP_REC_KIND_ARENA < SEEP_REC_NR_ARENAS_MAX &&
	       load_acquire(&is_filled[arena - SEEP_REC_KIND_ARENA]);
}

/* ---- entries ---- */

/* What is kept of a name. Returns its hash, never 0. */
static uint64_t cut_name(char out[NAME_BYTES], const char *name)
{
	uint64_t h = 1;

	text_name(out, NAME_BYTES, name);
	for (size_t i = 0; i < NAME_BYTES; i += 8) {
		uint64_t word;

		__builtin_memcpy(&word, out + i, 8);
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return h ? h : 1;
}

static void heap_mirror(uint32_t i)
{
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_HEAPS, i), &heaps[i], sizeof(heaps[i]));
}

/* The stack of no frames is there from the start: samples are booked on it when there is no room for theirs. */
static void fill(uint32_t i, const char name[NAME_BYTES])
{
	static const struct seep_walk nowhere;
	uint64_t unset = 0, now = seep_now_us();

	(void)cas(&heaps[i].first_us, &unset, now ? now : 1);
	__builtin_memcpy(heaps[i].name, name, NAME_BYTES);
	store_relaxed(&unknown_stacks[i], seep_stack_of(&nowhere, (uint8_t)(SEEP_REC_KIND_ARENA + i)));
	heap_mirror(i);
	store_release(&is_filled[i], 1u);
}

/* The entry of a name among the first `nr`; `nr` when there is no room. */
static uint32_t claim(uint64_t hash, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t seen = load_relaxed(&hashes[i]);

		if (!seen && cas(&hashes[i], &seen, hash))
			return i;
		if (seen == hash)
			return i;
	}
	return nr;
}

uint32_t seep_arena_of(const char *name)
{
	uint32_t nr = (uint32_t)seep.plan.sections[SEEP_REC_SEC_HEAPS].count, i;
	char kept[NAME_BYTES];
	uint64_t hash = cut_name(kept, name);

	if (nr < 2)
		return 0;
	i = claim(hash, nr - 1);
	if (i == nr - 1) {
		seep_reason(SEEP_REC_WHY_HEAPS_FULL);
		seep_lost(SEEP_REC_LOST_HEAPS, 1);
		hash = cut_name(kept, "(more arenas)");
		store_relaxed(&hashes[i], hash);
	}
	if (!load_acquire(&is_filled[i]))
		fill(i, kept);
	return SEEP_REC_KIND_ARENA + i;
}

uint32_t seep_arena_unknown_stack(uint8_t kind)
{
	return load_relaxed(&unknown_stacks[kind - SEEP_REC_KIND_ARENA]);
}

void seep_arenas_mirror_all(void)
{
	for (uint32_t i = 0; i < SEEP_REC_NR_ARENAS_MAX; i++)
		if (load_acquire(&is_filled[i]))
			heap_mirror(i);
}

/* ---- blocks ---- */

SEEP_EXPORT void seep_arena_alloc(uint32_t arena, const void *p, size_t size)
{
	if (likely(seep_is_fast(size)))
		return;
	seep_slow_arena_alloc(arena, p, size);
}

void seep_sample_arena_alloc(uint32_t arena, const void *p, size_t size, const struct seep_regs *regs)
{
	uint64_t period = seep_draw(size);
	struct seep_block b = { .addr = key_of(arena, p),
		                .size = size,
		                .period = period,
		                .kind = (uint8_t)arena,
		                .entry = SEEP_REC_BY_ARENA };

	if (period && p && is_known(arena))
		seep_record(&b, regs);
}

SEEP_EXPORT void seep_arena_free(uint32_t arena, const void *p)
{
	if (unlikely(!seep_is_unsampled(key_of(arena, p))) && is_known(arena))
		seep_forget(key_of(arena, p));
}

SEEP_EXPORT void seep_arena_realloc(uint32_t arena, const void *old_p, const void *p, size_t size)
{
	if (likely(seep_is_unsampled(key_of(arena, old_p))) && likely(seep_is_fast(size)))
		return;
	seep_slow_arena_realloc(arena, old_p, p, size);
}

void seep_sample_arena_realloc(uint32_t arena, const void *old_p, const void *p, size_t size,
                               const struct seep_regs *regs)
{
	struct seep_block old = { 0 }, new = { .addr = key_of(arena, p),
		                               .size = size,
		                               .kind = (uint8_t)arena,
		                               .entry = SEEP_REC_BY_ARENA,
		                               .nr_reallocs = old_p != NULL };
	bool had = old_p && is_known(arena) && !seep_is_unsampled(key_of(arena, old_p)) &&
	           seep_take(key_of(arena, old_p), &old);

	if (had) {
		seep_book_free(&old);
		new.first_birth_us = old.first_birth_us;
		new.nr_reallocs = (uint16_t)(old.nr_reallocs + (old.nr_reallocs < UINT16_MAX));
	}
	if (!p)
		return;
	new.period = seep_is_fast(size) ? 0 : seep_draw(size);
	if (new.period && is_known(arena))
		seep_record(&new, regs);
}

SEEP_EXPORT void seep_arena_clear(uint32_t arena)
{
	if (!is_known(arena))
		return;
	seep_fork_check();
	for (uint32_t i = 0; i < load_acquire(&seep.samples_high); i++)
		if (load_relaxed(&seep.samples[i].checksum) &&
		    load_relaxed(&seep.samples[i].addr) >> KIND_SHIFT == arena)
			seep_forget((const void *)(uintptr_t)seep.samples[i].addr);
}
