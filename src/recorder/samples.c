/*
 * The live sampled blocks: slots (private truth and mirror in the file), which index.c finds.
 *
 * No locks. What makes this simple: an address is in the index at most once, and all operations on one address are
 * ordered by the program itself (it cannot free a block before it has it, nor get it again before it freed it). So only
 * operations on different addresses run at once, and each needs only an atomic claim of its place.
 */
#include "recorder/peak.h"
#include "recorder/probe.h"
#include "recorder/recorder.h"

/* ---- slots ---- */

/* The link of a free slot (slot + 1): its line is read for the free and written for the next block anyway. */
static uint64_t *link_of(uint32_t slot)
{
	return &seep.samples[slot].size;
}

/* The free list is a Treiber stack; the tag in the head's upper half rules out ABA. Returns slot + 1, 0 when full. */
static uint32_t slot_take(void)
{
	uint64_t head = load_acquire(&seep.free_head);
	uint32_t high;

	while ((uint32_t)head) {
		uint32_t next = (uint32_t)load_relaxed(link_of((uint32_t)head - 1));

		if (cas(&seep.free_head, &head, ((head >> 32) + 1) << 32 | next))
			return (uint32_t)head;
	}
	high = load_relaxed(&seep.samples_high);
	while (high < seep.nr_samples_cap)
		if (cas(&seep.samples_high, &high, high + 1)) {
			if (seep.is_mirrored)
				store_relaxed(&seep_words()->samples_high, (uint64_t)load_relaxed(&seep.samples_high));
			return high + 1;
		}
	return 0;
}

static void slot_give(uint32_t slot)
{
	uint64_t head = load_relaxed(&seep.free_head);

	do
		store_relaxed(link_of(slot), (uint64_t)(uint32_t)head);
	while (!cas(&seep.free_head, &head, ((head >> 32) + 1) << 32 | (slot + 1)));
}

static void slot_mirror(uint32_t slot)
{
	if (seep.is_mirrored)
		seep_mirror_inline(seep_where(SEEP_REC_SEC_SAMPLES, slot), &seep.samples[slot],
		                   sizeof(struct seep_rec_sample));
}

static void slot_mirror_empty(uint32_t slot)
{
	uint64_t where = seep_where(SEEP_REC_SEC_SAMPLES, slot);

	if (seep.is_mirrored)
		store_release(&((struct seep_rec_sample *)(void *)(seep.file + where))->checksum, 0ull);
}

static uint32_t slot_fill(const struct seep_block *b)
{
	uint32_t slot = slot_take();
	struct seep_rec_sample *s;

	if (!slot)
		return 0;
	s = &seep.samples[slot - 1];
	store_relaxed(&s->size, b->size);
	s->period = b->period;
	s->birth_us = b->birth_us;
	s->first_birth_us = b->first_birth_us;
	s->stack = b->stack;
	s->thread = seep_self.index;
	s->kind = b->kind;
	s->entry = b->entry;
	s->nr_reallocs = b->nr_reallocs;
	s->serial = add_relaxed(&seep.serial, 1);
	s->checksum = 1; /* in use; the file's copy gets the real one */
	store_release(&s->addr, (uint64_t)(uintptr_t)b->addr);
	return slot;
}

/* ---- operations ---- */

static void lose(const struct seep_block *b)
{
	uint64_t float_state = seep_float_enter();

	seep_reason(SEEP_REC_WHY_SAMPLES_FULL);
	seep_stack_lose(b);
	seep_lost(SEEP_REC_LOST_SAMPLES, 1);
	seep_lost(SEEP_REC_LOST_SAMPLES_WEIGHT, seep_weighted(b->size, b->period));
	seep_float_leave(float_state);
}

/* Only the heap's blocks: others lie inside of them, or are no business of whoever counts the heap. */
static void tell_alloc(const struct seep_block *b)
{
	uint64_t weighted = b->size, float_state;

	if (b->kind != SEEP_REC_KIND_HEAP)
		return;
	if (b->period > 1) {
		float_state = seep_float_enter();
		weighted = seep_weighted(b->size, b->period);
		seep_float_leave(float_state);
	}
	SEEP_PROBE3("otel_memory", "alloc", b->addr, b->size, weighted);
}

/* The order matters: visible in the index first, then the filter (filter.c says why). */
bool seep_put_back(const struct seep_block *b)
{
	uint32_t slot = slot_fill(b);

	if (!slot) {
		lose(b);
		return false;
	}
	if (!seep_index_insert(b->addr, slot - 1)) {
		store_relaxed(&seep.samples[slot - 1].checksum, 0ull);
		slot_give(slot - 1);
		lose(b);
		return false;
	}
	seep_filter_add(b->addr);
	slot_mirror(slot - 1);
	tell_alloc(b);
	return true;
}

/*
 * Three quarters full: every further sample stands for more bytes, so that the rest of the room lasts. Each doubling
 * waits for a thirty-second of the room to fill; from period 1 the first step goes to the mean size of a live block.
 */
static void double_period_if_full(void)
{
	uint64_t full_at = load_relaxed(&seep.full_at), period = load_relaxed(&seep.period),
		 step = seep.nr_samples_cap / 32, float_state;
	struct seep_rec_ring totals;

	/* Freed slots are used first, so the high-water mark moves only while so many are live. */
	if (likely(load_relaxed(&seep.samples_high) < full_at))
		return;
	if (!cas(&seep.full_at, &full_at, full_at + (step ? step : 1)))
		return;
	float_state = seep_float_enter();
	if (period == 1) {
		seep_stack_totals(&totals);
		period = seep_period_above_1(&totals);
	}
	seep_reason(SEEP_REC_WHY_PERIOD_DOUBLED);
	seep_set_period(period * 2, SEEP_REC_CAUSE_FULL);
	seep_float_leave(float_state);
}

/*
 * One sample in 16 is timed, and one end of a sample in 16; in exact mode one in 64, where there are many and the clock
 * itself would be a good part of the cost. What took longer than OUTLIER_NS was interrupted by the scheduler: that time
 * is not ours.
 */
#define OUTLIER_NS 64000u
#define EVERY 16u
#define EVERY_EXACT 64u

static uint64_t cost_begin(uint32_t *tick)
{
	uint32_t i = (*tick)++;

	if (likely(i % EVERY) || (i % EVERY_EXACT && load_relaxed(&seep.period) == 1))
		return 0;
	return seep_clock_ns(1);
}

static void cost_end(struct seep_cost *cost, uint64_t begin)
{
	uint64_t took = begin ? seep_clock_ns(1) - begin : UINT64_MAX;

	if (took > OUTLIER_NS)
		return;
	add_relaxed(&cost->sum_ns, took);
	add_relaxed(&cost->nr, 1);
}

/* Counts that no figure depends on are added up per thread: what a thread has not handed over when it ends is lost. */
static void flush_counts(struct seep_thread *t)
{
	add_relaxed(&seep.status.unwind_frames, t->nr_frames);
	add_relaxed(&seep.status.slow_calls, t->nr_slow);
	t->nr_frames = t->nr_slow = 0;
}

/* The stack of a walk, if it has been one of this thread's last. Whatever is to be counted goes the long way. */
static uint32_t remembered_stack(struct seep_walking *w, uint8_t kind)
{
	uint64_t key = w->walk.serial << 8 | kind;
	struct seep_stack_memo *memo = &w->memos[w->walk.serial % 16];

	if (unlikely(!w->walk.serial || w->walk.flags || w->walk.module_lost))
		return seep_stack_of(&w->walk, kind);
	if (unlikely(memo->key != key)) {
		memo->key = 0;
		memo->stack = seep_stack_of(&w->walk, kind);
		memo->key = seep.stacks[memo->stack].nr_frames ? key : 0; /* there may be room for it one day */
	}
	return memo->stack;
}

static uint32_t walk_stack(struct seep_thread *t, uint8_t kind, const struct seep_regs *regs)
{
	struct seep_walking *w = seep_walking(t);

	seep_unwind(regs, &w->thread, &w->walk);
	t->nr_frames += w->walk.nr;
	if (unlikely(w->walk.nr_misses))
		add_relaxed(&seep.status.unwind_misses, w->walk.nr_misses);
	return remembered_stack(w, kind);
}

void seep_record(struct seep_block *b, const struct seep_regs *regs)
{
	struct seep_thread *t = &seep_self;
	struct seep_turn turn;
	bool has_turn = seep_turn_begin(t, &turn);
	uint64_t float_state, begin, now;
	int64_t bytes;

	/* They come while the stack is walked. */
	seep_index_prefetch(b->addr);
	__builtin_prefetch(&seep_filter[seep_filter_slot(b->addr)]);
	float_state = seep_float_enter_sums();
	begin = cost_begin(&t->tick);
	now = seep_now_us();
	b->birth_us = now;
	if (!b->first_birth_us)
		b->first_birth_us = now;
	if (unlikely(!t->index))
		t->index = seep_thread_index();
	b->stack = has_turn ? walk_stack(t, b->kind, regs) : seep_stack_unknown(b->kind);
	if (t->tick % EVERY == 0)
		flush_counts(t);
	/* Still here: freed by a call that nobody told us of, or recorded by an allocator behind us that called
	 * malloc. */
	if (load_relaxed(&seep_filter[seep_filter_slot(b->addr)]))
		seep_forget(b->addr);
	bytes = seep_stack_book(b->stack, b, false, now);
	if (seep_put_back(b) && b->kind == SEEP_REC_KIND_HEAP)
		seep_peak_add(bytes, now);
	double_period_if_full();
	seep_tick(now);
	cost_end(&seep.costs[0], begin);
	seep_float_leave(float_state);
	if (likely(has_turn))
		seep_turn_end(t, &turn);
}

static void follow_control(void)
{
	uint64_t float_state = seep_float_enter();

	seep_control_follow();
	seep_float_leave(float_state);
}

/* What comes before everything else that is done to the live blocks. False: there are none. */
static bool is_ready(void)
{
	if (!seep.index)
		return false;
	seep_fork_check();
	if (unlikely(seep_control_has_changed()))
		follow_control();
	return true;
}

static bool take(const void *addr, struct seep_block *out)
{
	const struct seep_rec_sample *s;
	uint32_t *entry, slot;

	entry = seep_index_find(addr, &slot);
	if (!entry)
		return false;
	/* The counter only now: taken off for an address that is not here, it would hide another one for a moment. */
	seep_filter_remove(addr);
	s = &seep.samples[slot];
	/* Word by word: wider loads would wait for the words that were stored just before. */
	*out = (struct seep_block){ .addr = addr,
		                    .size = load_relaxed(&s->size),
		                    .period = load_relaxed(&s->period),
		                    .birth_us = load_relaxed(&s->birth_us),
		                    .first_birth_us = load_relaxed(&s->first_birth_us),
		                    .stack = load_relaxed(&s->stack),
		                    .nr_reallocs = load_relaxed(&s->nr_reallocs),
		                    .kind = load_relaxed(&s->kind),
		                    .entry = load_relaxed(&s->entry) };
	seep_before_change(out->stack, out->kind, true); /* while the file still has it live */
	store_release(entry, 0u);
	slot_mirror_empty(slot);
	store_relaxed(&seep.samples[slot].checksum, 0ull);
	slot_give(slot);
	if (out->kind == SEEP_REC_KIND_HEAP)
		SEEP_PROBE1("otel_memory", "free", addr);
	return true;
}

bool seep_take(const void *addr, struct seep_block *out)
{
	return is_ready() && take(addr, out);
}

static void book_free(const struct seep_block *b, uint64_t now)
{
	uint64_t float_state = seep_float_enter_sums();
	int64_t bytes;

	bytes = seep_stack_book(b->stack, b, true, now);
	if (b->kind == SEEP_REC_KIND_HEAP)
		seep_peak_add(-bytes, now);
	seep_tick(now);
	seep_float_leave(float_state);
}

void seep_book_free(const struct seep_block *b)
{
	book_free(b, seep_now_us());
}

/* The index and what most allocators read first come from far: the clock is read meanwhile. */
void seep_forget(const void *addr)
{
	struct seep_block b;
	uint64_t begin, now;

	if (!is_ready()) /* before the clock, too: a forked child has one of its own */
		return;
	seep_index_prefetch(addr);
	__builtin_prefetch((const char *)addr - 16);
	begin = cost_begin(&seep_self.free_tick);
	now = seep_now_us();
	if (!take(addr, &b))
		return;
	book_free(&b, now);
	cost_end(&seep.costs[1], begin);
}

void seep_samples_each(void (*add)(const void *p))
{
	uint32_t high = load_acquire(&seep.samples_high);

	for (uint32_t i = 0; i < high; i++)
		if (load_relaxed(&seep.samples[i].checksum))
			add((const void *)(uintptr_t)load_relaxed(&seep.samples[i].addr));
}

void seep_samples_mirror_all(void)
{
	uint32_t high = load_acquire(&seep.samples_high);

	for (uint32_t i = 0; i < high; i++)
		if (load_relaxed(&seep.samples[i].checksum))
			slot_mirror(i);
		else
			slot_mirror_empty(i);
	if (seep.is_mirrored)
		store_relaxed(&seep_words()->samples_high, (uint64_t)high);
}
