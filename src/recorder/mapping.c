/*
 * mmap, munmap and mremap as a kind of sample of their own, never part of the heap's figures.
 *
 * A mapping can be unmapped in part, from any address, so live samples are also in a short list that munmap looks
 * through. What is left of a sampled mapping keeps its probability: its period shrinks with its size.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "recorder/recorder.h"

#define MAX_MAPPINGS 4096u
#define MAX_PIECES 32u

struct mapping {
	uint64_t start; /* 0: free */
	uint64_t bytes;
};
static struct mapping mappings[MAX_MAPPINGS];
static uint32_t mappings_high, mappings_live;

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static bool list_add(uint64_t start, uint64_t bytes)
{
	for (uint32_t i = 0; i < MAX_MAPPINGS; i++) {
		uint64_t empty = 0;
		uint32_t high = load_relaxed(&mappings_high);

		if (load_relaxed(&mappings[i].start) || !cas(&mappings[i].start, &empty, 1ull))
			continue;
		store_relaxed(&mappings[i].bytes, bytes);
		store_release(&mappings[i].start, start);
		while (high < i + 1 && !cas(&mappings_high, &high, i + 1))
			;
		add_relaxed(&mappings_live, 1);
		return true;
	}
	return false;
}

static void track(struct seep_block *b, const struct seep_regs *regs)
{
	if (!list_add((uint64_t)(uintptr_t)b->addr, b->size)) {
		seep_lost(SEEP_REC_LOST_MMAP, 1);
		return;
	}
	if (regs)
		seep_record(b, regs);
	else
		seep_put_back(b);
}

/* Sampled mappings that touch a range, taken out. */
struct taken {
	struct seep_block blocks[MAX_PIECES];
	uint32_t nr;
};

static void take_range(uint64_t start, uint64_t bytes, struct taken *taken)
{
	uint64_t end = start + bytes < start ? UINT64_MAX : start + bytes;
	uint32_t high = load_acquire(&mappings_high);

	taken->nr = 0;
	for (uint32_t i = 0; i < high && taken->nr < MAX_PIECES; i++) {
		uint64_t s = load_acquire(&mappings[i].start);

		if (s <= 1 || s >= end || s + load_relaxed(&mappings[i].bytes) <= start ||
		    !cas(&mappings[i].start, &s, 0ull))
			continue;
		__atomic_fetch_sub(&mappings_live, 1, __ATOMIC_RELAXED);
		if (seep_take(at(s), &taken->blocks[taken->nr]))
			taken->nr++;
	}
}

/* What remains of a block at [start, start + bytes): sampled with the probability of the whole. */
static void keep_piece(const struct seep_block *whole, uint64_t start, uint64_t bytes)
{
	struct seep_block piece = *whole;

	if (whole->period > 1) {
		piece.period = (uint64_t)((double)whole->period * (double)bytes / (double)whole->size);
		if (piece.period < 2)
			piece.period = 2;
	}
	piece.addr = at(start);
	piece.size = bytes;
	seep_stack_book(piece.stack, &piece, false, seep_now_us());
	track(&piece, NULL);
}

static void settle_one(struct seep_block *b, uint64_t start, uint64_t bytes, bool is_unmapped)
{
	uint64_t b_start = (uint64_t)(uintptr_t)b->addr, b_end = b_start + b->size;

	if (!is_unmapped) {
		track(b, NULL);
		return;
	}
	seep_book_free(b);
	if (b_start < start)
		keep_piece(b, b_start, start - b_start);
	if (b_end > start + bytes)
		keep_piece(b, start + bytes, b_end - start - bytes);
}

/* After the call: what was unmapped is freed, what is left stays. A full list may not have held all: look again. */
static void settle(struct taken *taken, uint64_t start, uint64_t bytes, bool is_unmapped)
{
	uint64_t float_state = seep_float_enter();
	bool was_full;

	do {
		was_full = taken->nr == MAX_PIECES;
		for (uint32_t i = 0; i < taken->nr; i++)
			settle_one(&taken->blocks[i], start, bytes, is_unmapped);
		if (was_full && is_unmapped)
			take_range(start, bytes, taken);
	} while (was_full && is_unmapped);
	seep_float_leave(float_state);
}

static bool is_tracking(void)
{
	return load_relaxed(&seep.state) == SEEP_STATE_RECORDING && seep.options.mmap;
}

/* `caller`: an address in the code that asked for the mapping. */
static void record(void *p, uint64_t size, uint8_t entry, uint64_t first_birth_us, uint16_t nr_reallocs,
                   const void *caller)
{
	uint64_t pc = (uint64_t)(uintptr_t)caller;
	uint64_t period = seep_draw_once(size);
	struct seep_block b = { .addr = p,
		                .size = size,
		                .period = period,
		                .entry = entry,
		                .kind = SEEP_REC_KIND_MMAP,
		                .first_birth_us = first_birth_us,
		                .nr_reallocs = nr_reallocs };
	struct seep_regs regs;

	if (!period)
		return;
	seep_regs_capture(&regs);
	if (pc >= seep_allocator_start && pc < seep_allocator_end)
		b.kind = SEEP_REC_KIND_ALLOCATOR_MMAP;
	track(&b, &regs);
}

static void *map(void *where, size_t size, int prot, int flags, int fd, int64_t offset, const void *caller)
{
	struct taken taken;
	bool is_ours = is_tracking();
	void *p;

	taken.nr = 0;
	if (is_ours && flags & MAP_FIXED && load_relaxed(&mappings_live))
		take_range((uint64_t)(uintptr_t)where, size, &taken);
	p = seep_next.mmap(where, size, prot, flags, fd, offset);
	settle(&taken, (uint64_t)(uintptr_t)where, size, p != MAP_FAILED);
	if (is_ours && p != MAP_FAILED)
		record(p, size, flags & MAP_ANONYMOUS ? SEEP_REC_BY_MMAP_ANON : SEEP_REC_BY_MMAP_FILE, 0, 0, caller);
	return p;
}

/* By assembler names: <sys/mman.h> may rename mmap to mmap64. */
SEEP_EXPORT void *seep_mmap(void *where, size_t size, int prot, int flags, int fd, int64_t offset) __asm__("mmap");
SEEP_EXPORT void *seep_mmap64(void *where, size_t size, int prot, int flags, int fd, int64_t offset) __asm__("mmap64");

void *seep_mmap(void *where, size_t size, int prot, int flags, int fd, int64_t offset)
{
	return map(where, size, prot, flags, fd, offset, __builtin_return_address(0));
}

void *seep_mmap64(void *where, size_t size, int prot, int flags, int fd, int64_t offset)
{
	return map(where, size, prot, flags, fd, offset, __builtin_return_address(0));
}

SEEP_EXPORT int munmap(void *p, size_t size)
{
	struct taken taken;
	int result;

	if (likely(!load_relaxed(&mappings_live)) || !is_tracking())
		return seep_next.munmap(p, size);
	take_range((uint64_t)(uintptr_t)p, size, &taken);
	result = seep_next.munmap(p, size);
	settle(&taken, (uint64_t)(uintptr_t)p, size, result == 0);
	return result;
}

SEEP_EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	struct taken taken;
	bool is_ours = is_tracking();
	uint64_t start = (uint64_t)(uintptr_t)old, first_birth_us;
	uint16_t nr_reallocs;
	va_list rest;
	void *to, *p;

	va_start(rest, flags);
	to = flags & MREMAP_FIXED ? va_arg(rest, void *) : NULL;
	va_end(rest);
	taken.nr = 0;
	if (is_ours && load_relaxed(&mappings_live))
		take_range(start, old_size, &taken);
	p = seep_next.mremap(old, old_size, size, flags, to);
	first_birth_us = taken.nr ? taken.blocks[0].first_birth_us : 0;
	nr_reallocs = taken.nr ? taken.blocks[0].nr_reallocs : 0;
	settle(&taken, start, old_size, p != MAP_FAILED);
	if (is_ours && p != MAP_FAILED)
		record(p, size, SEEP_REC_BY_MREMAP, first_birth_us,
		       (uint16_t)(nr_reallocs + (nr_reallocs < UINT16_MAX)), __builtin_return_address(0));
	return p;
}
