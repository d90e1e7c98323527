/*
 * Call stacks, each stored once, and what was allocated and freed through them.
 *
 * Stacks are append-only: a thread fills an entry of its own and then claims a place in the hash table; who loses the
 * race to another thread with the same stack uses the other's and leaves its entry unused. The file has two copies of a
 * stack's counters, written in turn. Who finds another thread at the counters (or was interrupted at them) adds to
 * their side and leaves a mark, so nobody waits and the last change is always written.
 */
#include "recorder/arena.h"
#include "recorder/lock.h"
#include "recorder/peak.h"
#include "recorder/recorder.h"
#include "recorder/trail.h"

#define FIRST_HISTORY_INTERVAL_US 1000000ull

static const uint64_t lifetime_bounds[SEEP_REC_NR_LIFETIMES - 1] = SEEP_REC_LIFETIME_BOUNDS_US;

static double to_double(uint64_t bits)
{
	double d;

	__builtin_memcpy(&d, &bits, 8);
	return d;
}

static void add_double(uint64_t *bits, double by)
{
	uint64_t old = load_relaxed(bits), new;
	double d;

	do {
		d = to_double(old) + by;
		__builtin_memcpy(&new, &d, 8);
	} while (!cas(bits, &old, new));
}

static double take_double(uint64_t *bits)
{
	return load_relaxed(bits) ? to_double(__atomic_exchange_n(bits, 0ull, __ATOMIC_RELAXED)) : 0;
}

static uint32_t take_u32(uint32_t *v)
{
	return load_relaxed(v) ? __atomic_exchange_n(v, 0u, __ATOMIC_RELAXED) : 0;
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
		__builtin_memcpy(seep.file + seep_where(SEEP_REC_SEC_FRAMES, s.first_frame),
		                 &seep.frames[s.first_frame], s.nr_frames * 8u);
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

uint32_t seep_stack_unknown(uint8_t kind)
{
	seep_lost(SEEP_REC_LOST_STACKS, 1);
	if (kind >= SEEP_REC_KIND_ARENA)
		return seep_arena_unknown_stack(kind);
	return kind == SEEP_REC_KIND_HEAP ? 0 : 1;
}

static uint32_t no_room(uint8_t kind)
{
	seep_reason(SEEP_REC_WHY_STACKS_FULL);
	return seep_stack_unknown(kind);
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

/* ---- in-use of one stack over time; only who holds the stack's lock comes here ---- */

static void history_halve(struct seep_rec_history *h)
{
	for (uint32_t i = 0; i < SEEP_REC_NR_HISTORY / 2; i++)
		h->inuse_bytes[i] = h->inuse_bytes[2 * i + 1];
	if (h->nr_points > SEEP_REC_NR_HISTORY)
		h->nr_points = SEEP_REC_NR_HISTORY;
	h->nr_points /= 2;
	h->interval_us *= 2;
}

/* Points that have passed since the last call get the value that held until now. Returns when the next is due. */
static uint64_t history_advance(uint32_t stack, float before, uint64_t now_us)
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
	while (h->nr_points < due)
		h->inuse_bytes[h->nr_points++] = before;
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_HISTORY, stack), h, sizeof(*h));
	return (h->nr_points + 1) * h->interval_us;
}

static void trail_mirror(uint32_t stack)
{
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_TRAIL, stack), &seep.trails[stack], sizeof(seep.trails[stack]));
}

static void points_advance(uint32_t stack, uint64_t now_us)
{
	uint64_t float_state = seep_float_enter();
	float before = (float)seep_stack_inuse(stack).bytes;
	uint64_t due = history_advance(stack, before, now_us), trail_due;

	seep.trails[stack].stack = stack;
	trail_due = seep_trail_advance(&seep.trails[stack], now_us, before);
	trail_mirror(stack);
	seep.truths[stack].points_due_us = due < trail_due ? due : trail_due;
	seep_float_leave(float_state);
}

/* ---- counters ---- */

/* One event as it is added to the sums. */
struct event {
	double objects, bytes, objects_var, bytes_var;
	uint64_t now_us;
	uint32_t bucket; /* of its lifetime, if it is a free */
	bool is_free;
};

static uint32_t lifetime_bucket(uint64_t age_us)
{
	uint32_t i = 0;

	while (i < SEEP_REC_NR_LIFETIMES - 1 && age_us >= lifetime_bounds[i])
		i++;
	return i;
}

static uint32_t bucket_of(const struct seep_block *b, uint64_t now_us)
{
	return lifetime_bucket(now_us > b->birth_us ? now_us - b->birth_us : 0);
}

static struct event event_of(const struct seep_block *b, bool is_free, uint64_t now_us)
{
	struct event e = { .objects = 1, .bytes = (double)b->size, .now_us = now_us, .is_free = is_free };

	if (b->period > 1) {
		double p = seep_probability(b->size, b->period), size = (double)b->size;

		e.objects = 1 / p;
		e.bytes = size / p;
		e.objects_var = (1 - p) / (p * p);
		e.bytes_var = size * size * e.objects_var;
	}
	if (is_free)
		e.bucket = bucket_of(b, now_us);
	return e;
}

/*
 * Adds 1 to the u32 at byte `at`, one of two in a word, by a load and a store of the whole word: the word is read right
 * after, and would wait for a store of half of it.
 */
static void count(struct seep_rec_counters *c, size_t at)
{
	uint8_t *from = (uint8_t *)c + (at & ~(size_t)7);
	uint64_t word;

	__builtin_memcpy(&word, from, 8);
	word = at & 4 ? word + (1ull << 32) : (word & ~0xffffffffull) | (uint32_t)(word + 1);
	__builtin_memcpy(from, &word, 8);
}

static void add_to_sums(struct seep_stack_truth *t, const struct event *e)
{
	struct seep_rec_counters *c = &t->sums;

	if (e->is_free) {
		c->freed_objects += e->objects;
		c->freed_bytes += e->bytes;
		t->freed_bytes_var += e->bytes_var;
		count(c, offsetof(struct seep_rec_counters, nr_freed));
		count(c, offsetof(struct seep_rec_counters, lifetimes) + 4 * e->bucket);
		return;
	}
	c->alloc_objects += e->objects;
	c->alloc_bytes += e->bytes;
	c->alloc_objects_var += e->objects_var;
	c->alloc_bytes_var += e->bytes_var;
	count(c, offsetof(struct seep_rec_counters, nr_alloc));
	c->last_alloc_us = e->now_us;
}

static void add_to_side(struct seep_stack_side *s, const struct event *e)
{
	if (e->is_free) {
		add_double(&s->freed_objects, e->objects);
		add_double(&s->freed_bytes, e->bytes);
		if (e->bytes_var > 0)
			add_double(&s->freed_bytes_var, e->bytes_var);
		add_relaxed(&s->nr_freed, 1);
		add_relaxed(&s->lifetimes[e->bucket], 1);
		return;
	}
	add_double(&s->alloc_objects, e->objects);
	add_double(&s->alloc_bytes, e->bytes);
	add_double(&s->alloc_objects_var, e->objects_var);
	add_double(&s->alloc_bytes_var, e->bytes_var);
	add_relaxed(&s->nr_alloc, 1);
}

static void take_side(struct seep_stack_truth *t)
{
	struct seep_rec_counters *c = &t->sums;
	struct seep_stack_side *s = &t->side;

	c->alloc_objects += take_double(&s->alloc_objects);
	c->alloc_bytes += take_double(&s->alloc_bytes);
	c->alloc_objects_var += take_double(&s->alloc_objects_var);
	c->alloc_bytes_var += take_double(&s->alloc_bytes_var);
	c->freed_objects += take_double(&s->freed_objects);
	c->freed_bytes += take_double(&s->freed_bytes);
	t->freed_bytes_var += take_double(&s->freed_bytes_var);
	c->nr_alloc += take_u32(&s->nr_alloc);
	c->nr_freed += take_u32(&s->nr_freed);
	for (uint32_t i = 0; i < SEEP_REC_NR_LIFETIMES; i++)
		c->lifetimes[i] += take_u32(&s->lifetimes[i]);
}

static inline void counters_write(uint32_t stack)
{
	struct seep_rec_counters *c = &seep.truths[stack].sums;

	uint64_t head = (uint64_t)stack << 32 | (c->seq + 1); /* as one word, see count() */

	__builtin_memcpy(c, &head, 8);
	if (seep.is_mirrored)
		seep_mirror_inline(seep_where(SEEP_REC_SEC_COUNTERS, stack) + (c->seq & 1) * sizeof(*c), c, sizeof(*c));
}

/* With the lock held: writes, and takes over what others added to the side meanwhile. */
static inline void write_and_unlock(uint32_t stack, uint32_t mine)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	bool is_asked = false;

	do {
		if (unlikely(is_asked))
			take_side(t);
		counters_write(stack);
		is_asked = seep_lock_release(&t->lock, mine);
	} while (unlikely(is_asked));
}

/* What the stack's sums are with its side; read while others add, so each figure is whole but not all are of one
 * instant. */
static struct seep_rec_counters sums_of(uint32_t stack)
{
	const struct seep_stack_truth *t = &seep.truths[stack];
	struct seep_rec_counters c = t->sums;

	c.alloc_objects += to_double(load_relaxed(&t->side.alloc_objects));
	c.alloc_bytes += to_double(load_relaxed(&t->side.alloc_bytes));
	c.alloc_objects_var += to_double(load_relaxed(&t->side.alloc_objects_var));
	c.alloc_bytes_var += to_double(load_relaxed(&t->side.alloc_bytes_var));
	c.freed_objects += to_double(load_relaxed(&t->side.freed_objects));
	c.freed_bytes += to_double(load_relaxed(&t->side.freed_bytes));
	c.nr_alloc += load_relaxed(&t->side.nr_alloc);
	c.nr_freed += load_relaxed(&t->side.nr_freed);
	for (uint32_t i = 0; i < SEEP_REC_NR_LIFETIMES; i++)
		c.lifetimes[i] += load_relaxed(&t->side.lifetimes[i]);
	return c;
}

static double minus_side(const uint64_t *allocated, const uint64_t *freed)
{
	return to_double(load_relaxed(allocated)) - to_double(load_relaxed(freed));
}

struct seep_inuse seep_stack_inuse(uint32_t stack)
{
	const struct seep_stack_truth *t = &seep.truths[stack];
	const struct seep_rec_counters *c = &t->sums;
	const struct seep_stack_side *s = &t->side;

	return (struct seep_inuse){
		c->alloc_bytes - c->freed_bytes + minus_side(&s->alloc_bytes, &s->freed_bytes) -
			to_double(load_relaxed(&t->lost_bytes)),
		c->alloc_objects - c->freed_objects + minus_side(&s->alloc_objects, &s->freed_objects) -
			to_double(load_relaxed(&t->lost_objects)),
		c->alloc_bytes_var - t->freed_bytes_var + minus_side(&s->alloc_bytes_var, &s->freed_bytes_var),
	};
}

/* Returns the number it wrote under. */
static uint32_t write_with_side(uint32_t stack, const struct event *e)
{
	struct seep_rec_counters c = sums_of(stack);

	c.seq++;
	c.stack = stack;
	if (!e->is_free)
		c.last_alloc_us = e->now_us;
	seep_mirror(seep_where(SEEP_REC_SEC_COUNTERS, stack) + (c.seq & 1) * sizeof(c), &c, sizeof(c));
	return c.seq;
}

/*
 * The holder may have lost its processor for long, and a kill would lose what is on the side: this writes the sums with
 * the side for it, into the copy that the holder is not writing, under the number that the holder uses next. One helper
 * at a time; but a helper can lose its processor too: who finds it busy for the second time breaks in. Who was broken
 * in upon, or was overtaken by the holder (which has used that number, or is about to), may have put old sums over
 * newer ones: then somebody writes again, the holder if there is one.
 */
static bool is_overtaken(const struct seep_stack_truth *t, uint32_t wrote)
{
	/* The number is looked at after what was written can be seen; a holder that takes it later writes later. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return (int32_t)(load_relaxed(&t->sums.seq) - wrote) >= 0;
}

/* Adds the side to the sums and writes them. False: a holder was told to. */
static bool settle(uint32_t stack)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	uint32_t mine;

	if (!seep_lock_or_tell(&t->lock, &mine))
		return false;
	take_side(t);
	write_and_unlock(stack, mine);
	return true;
}

static void write_for_holder(uint32_t stack, const struct event *e)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	uint32_t nobody = 0, break_ins = load_relaxed(&t->break_ins);
	bool is_spoilt;

	if (!seep.is_mirrored)
		return;
	if (!cas(&t->helper, &nobody, 1u)) {
		if (add_relaxed(&t->nr_passed, 1) < 1)
			return;
		add_relaxed(&t->break_ins, 1);
		is_spoilt = is_overtaken(t, write_with_side(stack, e));
	} else {
		store_relaxed(&t->nr_passed, 0u);
		is_spoilt = is_overtaken(t, write_with_side(stack, e));
		is_spoilt |= load_acquire(&t->break_ins) != break_ins;
		store_release(&t->helper, 0u);
	}
	if (is_spoilt)
		(void)settle(stack);
}

static int64_t whole_bytes(const struct event *e)
{
	return (int64_t)(e->bytes + 0.5);
}

/* Somebody else is at the stack's sums. */
static __attribute__((noinline)) int64_t book_aside(uint32_t stack, const struct seep_block *b, bool is_free,
                                                    uint64_t now_us)
{
	struct event e = event_of(b, is_free, now_us);

	add_to_side(&seep.truths[stack].side, &e); /* before telling, so that it is there when the holder looks */
	if (!settle(stack))
		write_for_holder(stack, &e);
	return whole_bytes(&e);
}

/* What a block of exact mode adds; all other fields of an event are 0 then. */
static inline void add_whole(struct seep_rec_counters *c, const struct seep_block *b, bool is_free, uint64_t now_us)
{
	if (is_free) {
		c->freed_objects += 1;
		c->freed_bytes += (double)b->size;
		count(c, offsetof(struct seep_rec_counters, nr_freed));
		count(c, offsetof(struct seep_rec_counters, lifetimes) + 4 * bucket_of(b, now_us));
		return;
	}
	c->alloc_objects += 1;
	c->alloc_bytes += (double)b->size;
	count(c, offsetof(struct seep_rec_counters, nr_alloc));
	c->last_alloc_us = now_us;
}

static int64_t add_estimate(struct seep_stack_truth *t, const struct seep_block *b, bool is_free, uint64_t now_us)
{
	struct event e = event_of(b, is_free, now_us);

	add_to_sums(t, &e);
	return whole_bytes(&e);
}

int64_t seep_stack_book(uint32_t stack, const struct seep_block *b, bool is_free, uint64_t now_us)
{
	struct seep_stack_truth *t = &seep.truths[stack];
	int64_t bytes = (int64_t)b->size;
	uint32_t mine;

	seep_before_change(stack, b->kind, is_free);
	if (likely(seep_lock_try(&t->lock, &mine))) {
		if (unlikely(now_us >= t->points_due_us))
			points_advance(stack, now_us);
		if (b->period <= 1)
			add_whole(&t->sums, b, is_free, now_us);
		else
			bytes = add_estimate(t, b, is_free, now_us);
		write_and_unlock(stack, mine);
	} else {
		bytes = book_aside(stack, b, is_free, now_us);
	}
	/* Written when it changes only: other threads read its line, which has the control word, at every event. */
	if (seep.is_mirrored && load_relaxed(&seep_words()->heartbeat_us) != now_us)
		store_relaxed(&seep_words()->heartbeat_us, now_us);
	return bytes;
}

void seep_stack_lose(const struct seep_block *b)
{
	struct event e = event_of(b, false, b->birth_us);

	add_double(&seep.truths[b->stack].lost_objects, e.objects);
	add_double(&seep.truths[b->stack].lost_bytes, e.bytes);
}

uint32_t seep_stack_totals(struct seep_rec_ring *out)
{
	uint32_t nr = load_acquire(&seep.nr_stacks), nr_freed = 0;

	*out = (struct seep_rec_ring){ .period = seep.period };
	for (uint32_t i = 0; i < nr; i++) {
		struct seep_rec_counters c = sums_of(i);
		struct seep_inuse inuse = seep_stack_inuse(i);

		nr_freed += c.nr_freed;
		out->samples_live += c.nr_alloc - c.nr_freed;
		if (seep.stacks[i].kind == SEEP_REC_KIND_HEAP) {
			out->inuse_bytes += inuse.bytes;
			out->inuse_objects += inuse.objects;
			out->alloc_bytes += c.alloc_bytes;
		} else if (seep.stacks[i].kind == SEEP_REC_KIND_MMAP) {
			out->mmap_bytes += inuse.bytes;
		}
	}
	return nr_freed;
}

void seep_stacks_mirror_all(void)
{
	uint32_t nr = load_acquire(&seep.nr_stacks);

	for (uint32_t i = 0; i < nr; i++) {
		const struct seep_stack_truth *t = &seep.truths[i];

		stack_mirror(i);
		if (t->sums.nr_alloc || t->side.nr_alloc)
			(void)settle(i);
		if (seep.is_mirrored && seep.histories[i].interval_us)
			seep_mirror(seep_where(SEEP_REC_SEC_HISTORY, i), &seep.histories[i], sizeof(seep.histories[i]));
		if (seep.trails[i].tick_s)
			trail_mirror(i);
	}
	seep_peak_mirror_all(nr);
	seep_marks_mirror_all();
}

/* In a forked child: the threads that held locks are not here. */
void seep_stacks_unlock_all(void)
{
	for (uint32_t i = 0; i < seep.nr_stacks; i++)
		seep.truths[i].lock = seep.truths[i].helper = 0;
}
