/*
 * Call stacks, each stored once, and what was allocated and freed through them.
 *
 * Stacks are append-only: a thread fills an entry of its own and then claims a place in the hash table; who loses the race to another
 * thread with the same stack uses the other's and leaves its entry unused. Sums are atomic doubles. The file
 * has two copies of a stack's counters, written in turn; who finds another thread writing them leaves it a mark to do it
 * again, so nobody waits and the last change is always written.
 */
#include "recorder/recorder.h"

enum { MIRROR_FREE, MIRROR_BUSY, MIRROR_AGAIN };

#define FIRST_HISTORY_INTERVAL_US 1000000ull

static const uint64_t lifetime_bounds[SEEP_REC_NR_LIFETIMES - 1] = SEEP_REC_LIFETIME_BOUNDS_US;

static double get_double(const uint64_t *bits)
{
	uint64_t b = load_relaxed(bits);
	double d;

	__builtin_memcpy(&d, &b, 8);
	return d;
}

static void add_double(uint64_t *bits, double by)
{
	uint64_t old = load_relaxed(bits), new;
	double d;

	do {
		__builtin_memcpy(&d, &old, 8);
		d += by;
		__builtin_memcpy(&new, &d, 8);
	} while (!cas(bits, &old, new));
}

/* ---- interning ---- */

static uint32_t hash_frames(const struct seep_walk *w, uint8_t kind)
{
	uint64_t h = kind + 1u;

	for (uint32_t i = 0; i < w->nr; i++) {
		h = (h ^ w->frames[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return (uint32_t)(h >> 32) ^ (uint32_t)h;
}

static bool is_same(uint32_t stack, const struct seep_walk *w, uint8_t kind, uint32_t hash)
{
	const struct seep_rec_stack *s = &seep.stacks[stack];

	return seep.stack_hashes[stack] == hash && s->nr_frames == w->nr && s->kind == kind && s->flags == w->flags &&
	       !__builtin_memcmp(&seep.frames[s->first_frame], w->frames, w->nr * 8);
}

static void stack_mirror(uint32_t stack)
{
	struct seep_rec_stack s = seep.stacks[stack];

	if (!seep.is_mirrored)
		return;
	if (s.nr_frames)
		__builtin_memcpy(seep.file + seep_where(SEEP_REC_SEC_FRAMES, s.first_frame), &seep.frames[s.first_frame],
		                 s.nr_frames * 8u);
	s.frames_checksum = seep_rec_checksum(&seep.frames[s.first_frame], s.nr_frames * 8u, seep.salt,
	                                      seep_where(SEEP_REC_SEC_FRAMES, s.first_frame));
	seep_mirror(seep_where(SEEP_REC_SEC_STACKS, stack), &s, sizeof(s));
}

/* Takes `nr` of a pool of `cap`; false (and nothing taken) when there is no room. */
static bool claim(uint32_t *used, uint32_t nr, uint32_t cap, uint32_t *first)
{
	uint32_t old = load_relaxed(used);

	do
		if (nr > cap - old)
			return false;
	while (!cas(used, &old, old + nr));
	*first = old;
	return true;
}

static uint32_t stack_new(const struct seep_walk *w, uint8_t kind, uint32_t hash)
{
	struct seep_rec_stack *s;
	uint32_t stack, first;

	if (!claim(&seep.nr_frames, w->nr, seep.nr_frames_cap, &first) ||
	    !claim(&seep.nr_stacks, 1, seep.nr_stacks_cap, &stack))
		return 0;
	s = &seep.stacks[stack];
	s->first_frame = first;
	s->nr_frames = (uint16_t)w->nr;
	s->kind = kind;
	s->flags = w->flags;
	s->first_us = seep_now_us();
	seep.stack_hashes[stack] = hash;
	if (w->nr)
		__builtin_memcpy(&seep.frames[first], w->frames, w->nr * 8);
	stack_mirror(stack);
	return stack;
}

static uint32_t no_room(uint8_t kind)
{
	seep_reason(SEEP_REC_WHY_STACKS_FULL);
	seep_lost(SEEP_REC_LOST_STACKS, 1);
	return kind == SEEP_REC_KIND_HEAP ? 0 : 1;
}

static void note_walk(const struct seep_walk *w)
{
	if (w->flags & SEEP_REC_STACK_CUT)
		seep_lost(SEEP_REC_LOST_CUT, 1);
	if (w->flags & SEEP_REC_STACK_DEEP)
		seep_lost(SEEP_REC_LOST_DEEP, 1);
	if (w->module_lost) {
		seep_reason(SEEP_REC_WHY_MODULES_FULL);
		seep_lost(SEEP_REC_LOST_MODULES, 1);
	}
}

uint32_t seep_stack_of(const struct seep_walk *w, uint8_t kind)
{
	uint32_t hash = hash_frames(w, kind), mask = (1u << seep.stack_table_bits) - 1, mine = 0;

	if (unlikely(w->flags || w->module_lost))
		note_walk(w);
	for (uint32_t i = hash & mask, n = 0; n <= mask; i = (i + 1) & mask, n++) {
		uint32_t found = load_acquire(&seep.stack_table[i]);

		if (!found) {
			if (!mine && !(mine = stack_new(w, kind, hash)))
				return no_room(kind);
			if (cas(&seep.stack_table[i], &found, mine + 1))
				return mine;
		}
		if (is_same(found - 1, w, kind, hash))
			return found - 1;
	}
	return no_room(kind);
}

void seep_stacks_init(void)
{
	/* Stacks 0 and 1: unknown, of the heap and of mappings. They are not in the table. */
	for (uint32_t i = 0; i < 2; i++)
		seep.stacks[i].kind = i ? SEEP_REC_KIND_MMAP : SEEP_REC_KIND_HEAP;
	seep.nr_stacks = 2;
}

/* ---- history: in-use of one stack at ring points; only who holds the stack's mirror lock comes here ---- */

static void history_halve(struct seep_rec_history *h)
{
	for (uint32_t i = 0; i < SEEP_REC_NR_HISTORY / 2; i++)
		h->inuse_bytes[i] = h->inuse_bytes[2 * i + 1];
	if (h->nr_points > SEEP_REC_NR_HISTORY)
		h->nr_points = SEEP_REC_NR_HISTORY;
	h->nr_points /= 2;
	h->interval_us *= 2;
}

/* Points that have passed since the last call get the value that held until now (`before`). */
static void history_advance(uint32_t stack, float before, uint64_t now_us)
{
	struct seep_rec_history *h = &seep.histories[stack];
	uint64_t due;

	if (!h->interval_us) {
		h->interval_us = FIRST_HISTORY_INTERVAL_US;
		h->stack = stack;
	}
	while ((due = now_us / h->interval_us) > SEEP_REC_NR_HISTORY) {
		while (h->nr_points < SEEP_REC_NR_HISTORY)
			h->inuse_bytes[h->nr_points++] = before;
		history_halve(h);
	}
	if (h->nr_points >= due)
		return;
	while (h->nr_points < due)
		h->inuse_bytes[h->nr_points++] = before;
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_HISTORY, stack), h, sizeof(*h));
}

/* ---- counters ---- */

static void counters_write(uint32_t stack)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	struct seep_rec_counters c = {
		.seq = ++t->seq,
		.stack = stack,
		.alloc_objects = get_double(&t->alloc_objects),
		.alloc_bytes = get_double(&t->alloc_bytes),
		.alloc_objects_var = get_double(&t->alloc_objects_var),
		.alloc_bytes_var = get_double(&t->alloc_bytes_var),
		.freed_objects = get_double(&t->freed_objects),
		.freed_bytes = get_double(&t->freed_bytes),
		.nr_alloc = load_relaxed(&t->nr_alloc),
		.nr_freed = load_relaxed(&t->nr_freed),
		.last_alloc_us = load_relaxed(&t->last_alloc_us),
	};

	for (uint32_t i = 0; i < SEEP_REC_NR_LIFETIMES; i++)
		c.lifetimes[i] = load_relaxed(&t->lifetimes[i]);
	seep_mirror(seep_where(SEEP_REC_SEC_COUNTERS, stack) + (c.seq & 1) * sizeof(c), &c, sizeof(c));
}

static void counters_mirror(uint32_t stack, float before, uint64_t now_us)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	uint32_t old = MIRROR_FREE;

	while (!cas(&t->lock, &old, (uint32_t)MIRROR_BUSY)) {
		if (old == MIRROR_AGAIN || (old == MIRROR_BUSY && cas(&t->lock, &old, (uint32_t)MIRROR_AGAIN)))
			return; /* whoever holds it writes once more */
		old = MIRROR_FREE;
	}
	do {
		store_release(&t->lock, (uint32_t)MIRROR_BUSY);
		history_advance(stack, before, now_us);
		if (seep.is_mirrored)
			counters_write(stack);
		old = MIRROR_BUSY;
	} while (!cas(&t->lock, &old, (uint32_t)MIRROR_FREE));
}

static uint32_t lifetime_bucket(uint64_t age_us)
{
	uint32_t i = 0;

	while (i < SEEP_REC_NR_LIFETIMES - 1 && age_us >= lifetime_bounds[i])
		i++;
	return i;
}

static void book_alloc(struct seep_stack_truth *t, double size, double p, uint64_t now_us)
{
	add_double(&t->alloc_objects, 1 / p);
	add_double(&t->alloc_bytes, size / p);
	if (p < 1) {
		add_double(&t->alloc_objects_var, (1 - p) / (p * p));
		add_double(&t->alloc_bytes_var, size * size * (1 - p) / (p * p));
	}
	add_relaxed(&t->nr_alloc, 1);
	store_relaxed(&t->last_alloc_us, now_us);
}

static void book_free(struct seep_stack_truth *t, double size, double p, uint64_t age_us)
{
	add_double(&t->freed_objects, 1 / p);
	add_double(&t->freed_bytes, size / p);
	add_relaxed(&t->nr_freed, 1);
	add_relaxed(&t->lifetimes[lifetime_bucket(age_us)], 1);
}

void seep_stack_book(uint32_t stack, const struct seep_block *b, bool is_free, uint64_t now_us)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	float before = (float)(get_double(&t->alloc_bytes) - get_double(&t->freed_bytes));
	double p = seep_probability(b->size, b->period);

	if (is_free)
		book_free(t, (double)b->size, p, now_us > b->birth_us ? now_us - b->birth_us : 0);
	else
		book_alloc(t, (double)b->size, p, now_us);
	counters_mirror(stack, before, now_us);
	if (seep.is_mirrored)
		store_relaxed(&seep_words()->heartbeat_us, now_us);
}

void seep_stack_totals(struct seep_rec_ring *out)
{
	uint32_t nr = load_acquire(&seep.nr_stacks);

	*out = (struct seep_rec_ring){ .samples_live = load_relaxed(&seep.samples_live), .period = seep.period };
	for (uint32_t i = 0; i < nr; i++) {
		const struct seep_stack_truth *t = &seep.truths[i];
		double alloc = get_double(&t->alloc_bytes), inuse = alloc - get_double(&t->freed_bytes);

		if (seep.stacks[i].kind == SEEP_REC_KIND_HEAP) {
			out->inuse_bytes += inuse;
			out->inuse_objects += get_double(&t->alloc_objects) - get_double(&t->freed_objects);
			out->alloc_bytes += alloc;
		} else if (seep.stacks[i].kind == SEEP_REC_KIND_MMAP) {
			out->mmap_bytes += inuse;
		}
	}
}

void seep_stacks_mirror_all(void)
{
	uint32_t nr = load_acquire(&seep.nr_stacks);

	for (uint32_t i = 0; i < nr; i++) {
		const struct seep_stack_truth *t = &seep.truths[i];

		stack_mirror(i);
		if (t->nr_alloc)
			counters_mirror(i, (float)(get_double(&t->alloc_bytes) - get_double(&t->freed_bytes)), seep_now_us());
		if (seep.histories[i].interval_us)
			seep_mirror(seep_where(SEEP_REC_SEC_HISTORY, i), &seep.histories[i], sizeof(seep.histories[i]));
	}
}

/* In a forked child: the threads that held locks are not here. */
void seep_stacks_unlock_all(void)
{
	for (uint32_t i = 0; i < seep.nr_stacks; i++)
		seep.truths[i].lock = MIRROR_FREE;
}
