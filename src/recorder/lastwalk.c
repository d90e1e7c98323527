#include "recorder/lastwalk.h"

#include <sys/mman.h>

#include "recorder/modules.h"
#include "recorder/rules.h"
#include "recorder/sys.h"

#define SLOTS 64
#define MAX_BELOW (64u << 12) /* of what is known of a thread's own stack: frames since then */
#define AT_ONCE 4             /* frames between two looks whether the rest is known */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE inline __attribute__((always_inline))

static struct lastwalk *memories;
static uint64_t locks[SLOTS];  /* 0, or the thread pointer of the thread that uses the memory */
static uint64_t frames[SLOTS]; /* an address in its frame once that is known, else UINT64_MAX */
static uint64_t owners[SLOTS]; /* thread pointers, for good */

/* ---- whose memory ---- */

void lastwalk_init(void)
{
	long base = sys_mmap(NULL, SLOTS * sizeof(struct lastwalk), PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (sys_failed(base))
		return;
	memories = (struct lastwalk *)base;
	lastwalk_after_fork();
}

uint64_t lastwalk_bytes(void)
{
	return memories ? SLOTS * sizeof(struct lastwalk) : 0;
}

/* Whose thread held a lock is not here. */
void lastwalk_after_fork(void)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		__atomic_store_n(&frames[i], UINT64_MAX, __ATOMIC_RELAXED);
		__atomic_store_n(&locks[i], 0ull, __ATOMIC_RELAXED);
	}
}

/* One that is this thread's (it had another life), or nobody's, or any. */
static uint32_t choose(uint64_t self)
{
	uint32_t start = (uint32_t)(self * RULES_MIX >> 32) % SLOTS;

	for (uint32_t i = 0; i < SLOTS; i++) {
		uint32_t slot = (start + i) % SLOTS;
		uint64_t owner = __atomic_load_n(&owners[slot], __ATOMIC_RELAXED);

		if (owner == self || (!owner && __atomic_compare_exchange_n(&owners[slot], &owner, self, false,
		                                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED)))
			return slot;
	}
	return start;
}

static bool is_on_own_stack(const struct seep_walk_thread *thread, uint64_t addr)
{
	return addr < thread->stack_high && addr + MAX_BELOW >= thread->stack_low;
}

/* Held by a frame of this thread's that lies below a live one: it has been left by a jump. */
static bool is_left_behind(uint64_t holder, uint64_t self, const struct seep_walk_thread *thread, uint64_t here)
{
	uint64_t frame = __atomic_load_n(&frames[thread->memory - 1], __ATOMIC_RELAXED);

	return holder == self && frame < here && is_on_own_stack(thread, frame) && is_on_own_stack(thread, here);
}

static void forget(struct lastwalk *m, uint64_t self, uint32_t number)
{
	if (!m->serial)
		m->serial = (uint64_t)number << 48;
	m->owner = self;
	m->spare = LASTWALK_WAYS;
	for (uint32_t i = 0; i < LASTWALK_WAYS; i++) {
		m->ways[i] = (uint8_t)i;
		m->keys[i] = 0;
	}
	m->recent = 0;
	m->sides[0].high = 0; /* empty */
}

static void begin_side(struct lastwalk *m, const struct seep_regs *regs)
{
	struct walk_side *side = &m->sides[m->spare];

	m->key = regs->pc ^ regs->sp << 16;
	m->way = LASTWALK_WAYS;
	m->is_repeated = false;
	side->high = 0;
	side->first = side->nr = 0;
	side->end = WALK_OPEN;
	side->has_fp_rule = false;
}

void lastwalk_cancel(const struct seep_walk_thread *thread)
{
	/* A handler in between must not take the next walk's frame for this one. */
	__atomic_store_n(&frames[thread->memory - 1], UINT64_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&locks[thread->memory - 1], 0ull, __ATOMIC_RELEASE);
}

struct lastwalk *lastwalk_begin(struct seep_walk_thread *thread, const struct seep_regs *regs, uint64_t here)
{
	uint64_t self = machine_thread_pointer(), holder;
	struct lastwalk *m;

	if (!memories || !thread)
		return NULL;
	if (unlikely(!thread->memory))
		thread->memory = choose(self) + 1;
	holder = __atomic_load_n(&locks[thread->memory - 1], __ATOMIC_RELAXED);
	if (unlikely(holder) && !is_left_behind(holder, self, thread, here))
		return NULL;
	/* What the last holder wrote is seen by the next. */
	if (!__atomic_compare_exchange_n(&locks[thread->memory - 1], &holder, self, false, __ATOMIC_ACQUIRE,
	                                 __ATOMIC_RELAXED))
		return NULL;
	__atomic_store_n(&frames[thread->memory - 1], here, __ATOMIC_RELAXED);
	m = &memories[thread->memory - 1];
	if (unlikely(m->owner != self || holder))
		forget(m, self, thread->memory);
	begin_side(m, regs);
	return m;
}

/* ---- short rules ---- */

static ALWAYS_INLINE uint64_t word_at(uint64_t addr)
{
	uint64_t v;

	__builtin_memcpy(&v, (const void *)(uintptr_t)addr, sizeof(v));
	return v;
}

/*
 * The frame pointer at frame i: where the last of the frames from `from` on that saved it put it, if any did. Few
 * frames need it, so it is not carried along.
 */
static uint64_t frame_pointer(const struct walk_side *side, uint32_t from, uint32_t i, uint64_t fp)
{
	while (i-- > from) {
		uint64_t at = SHORT_FP_AT(side->steps[i].rule);

		if (at)
			return word_at(side->high + (uint64_t)(int64_t)side->steps[i + 1].at - at);
	}
	return fp;
}

/* From frame i by a rule that needs the frame pointer. Positive: it leads nowhere. */
static __attribute__((noinline)) int64_t cfa_by_frame_pointer(struct walk_side *side, uint32_t from, uint32_t i,
                                                              uint64_t fp, uint64_t rule)
{
	uint64_t offset;

	fp = frame_pointer(side, from, i, fp);
	offset = fp - side->high;
	side->has_fp_rule = true;
	if (fp > side->high || (int64_t)offset < side->steps[i].at)
		return 1;
	return (int64_t)(offset + SHORT_CFA_OFFSET(rule));
}

/* Where a walk is. `from`: the frame that fp was the frame pointer of. */
struct run {
	struct walk_side *side;
	uint64_t ra, high, fp;
	int64_t at;
	uint64_t seen; /* all bits of all addresses */
	uint32_t i, from;
};

/* From frame r->i + k to the next; false: no short rule does. */
static ALWAYS_INLINE bool step_short(struct run *r, uint32_t k)
{
	uint64_t ra = r->ra, mixed = SHORT_MIXED(ra), rule = rules_short_get(mixed);
	struct walk_step *step = &r->side->steps[r->i + k];
	int64_t at = r->at;

	r->seen |= ra;
	step->ra = ra;
	step->at = (int32_t)at;
	if (likely(rule < SHORT_NOT_PLAIN)) {
		at += (int64_t)SHORT_CFA_OFFSET(rule);
	} else {
		rule = rules_short_find(mixed);
		if (!rule)
			return false;
		if (rule & SHORT_FP)
			at = cfa_by_frame_pointer(r->side, r->from, r->i + k, r->fp, rule);
		else
			at += (int64_t)SHORT_CFA_OFFSET(rule);
	}
	step->rule = (uint32_t)rule;
	r->side->frames[r->i + k] = ra + modules_adjust_return[SHORT_MODULE(rule)];
	if (unlikely(at > 0))
		return false;
	r->at = at;
	r->ra = machine_strip(word_at(r->high + (uint64_t)at - SHORT_RA_AT(rule)));
	return true;
}

/* Up to AT_ONCE frames; false: no short rule goes on. */
static ALWAYS_INLINE bool step_some(struct run *r)
{
	if (likely(r->i + AT_ONCE <= SEEP_REC_MAX_FRAMES)) {
#pragma GCC unroll 8
		for (uint32_t k = 0; k < AT_ONCE; k++)
			if (!step_short(r, k)) {
				r->i += k;
				return false;
			}
		r->i += AT_ONCE;
		return true;
	}
	while (r->i < SEEP_REC_MAX_FRAMES) {
		if (!step_short(r, 0))
			return false;
		r->i++;
	}
	return false;
}

/*
 * Takes back what was not so: a place without a rule (rules_short_get), which leads to itself up to the end, and
 * addresses with bits that the key has no room for.
 */
static void take_back(struct run *r)
{
	const struct walk_step *steps = r->side->steps;

	for (uint32_t i = r->from; i < r->i; i++)
		if (!steps[i].rule || steps[i].ra >> 48) {
			r->i = i;
			r->ra = steps[i].ra;
			r->at = steps[i].at;
		}
}

/* ---- what is remembered ---- */

/* Number of steps from frame j on that lead where they led before, as far as return addresses go. */
static uint32_t same_returns(const struct walk_side *old, uint32_t j)
{
	const struct walk_step *step = &old->steps[j], *end = &old->steps[old->nr];

#pragma GCC unroll 4
	for (; step < end; step++)
		if (machine_strip(word_at(old->high + (uint64_t)(int64_t)step[1].at - SHORT_RA_AT(step->rule))) !=
		    step[1].ra)
			break;
	return (uint32_t)(step - &old->steps[j]);
}

/* The same for frame pointers, where a rule needs one; `fp` is that of frame j. */
static __attribute__((noinline)) uint32_t same_frame_pointers(const struct walk_side *old, uint32_t j, uint32_t nr,
                                                              uint64_t fp)
{
	for (uint32_t i = j; i < j + nr; i++) {
		const struct walk_step *step = &old->steps[i];

		if (step->rule & SHORT_FP && frame_pointer(old, j, i, fp) + SHORT_CFA_OFFSET(step->rule) !=
		                                     old->high + (uint64_t)(int64_t)step[1].at)
			return i - j;
	}
	return nr;
}

static uint32_t count_same(const struct run *r, const struct walk_side *old, uint32_t j)
{
	uint32_t nr = same_returns(old, j);

	if (unlikely(old->has_fp_rule)) {
		r->side->steps[r->i].at = (int32_t)r->at;
		nr = same_frame_pointers(old, j, nr, frame_pointer(r->side, r->from, r->i, r->fp));
	}
	return nr;
}

/* Appends frames j … j + nr − 1 of an older walk. */
static void append(struct run *r, const struct walk_side *old, uint32_t j, uint32_t nr)
{
	__builtin_memcpy(&r->side->steps[r->i], &old->steps[j], (nr + 1) * sizeof(old->steps[0]));
	__builtin_memcpy(&r->side->frames[r->i], &old->frames[j], nr * sizeof(old->frames[0]));
	r->side->has_fp_rule |= old->has_fp_rule;
	r->i += nr;
	r->ra = old->steps[j + nr].ra;
	r->at = old->steps[j + nr].at;
}

/* What came behind the remembered frames then comes now. */
static bool append_end(struct run *r, const struct walk_side *old)
{
	uint32_t i = r->i;

	if (old->nr_frames > old->nr) {
		if (i == SEEP_REC_MAX_FRAMES) {
			r->side->end = WALK_DEEP;
			r->side->nr_frames = i;
			return true;
		}
		r->side->frames[i++] = old->frames[old->nr];
	}
	r->side->end = WALK_WHOLE;
	r->side->nr_frames = i;
	return true;
}

enum joined { JOINED_NOTHING, JOINED_SOME, JOINED_END, JOINED_ALL };

/* Frame r->i is frame *j of an older walk. *j: the next frame of it that may be met. */
static __attribute__((noinline)) enum joined join(struct run *r, const struct walk_side *old, uint32_t *j)
{
	uint32_t nr = count_same(r, old, *j), from = *j;
	bool is_end = from + nr == old->nr;

	*j = from + nr + 1;
	if (is_end && from == 0 && r->i == 0 && old->end != WALK_OPEN)
		return JOINED_ALL;
	if (nr > SEEP_REC_MAX_FRAMES - r->i) {
		nr = SEEP_REC_MAX_FRAMES - r->i;
		is_end = false;
	}
	append(r, old, from, nr);
	if (is_end && old->end == WALK_WHOLE)
		return append_end(r, old) ? JOINED_END : JOINED_SOME;
	return nr ? JOINED_SOME : JOINED_NOTHING;
}

static bool is_first_frame(const struct walk_side *side, const struct run *r)
{
	return side->high == r->high && side->first == 0 && side->steps[0].ra == r->ra && side->steps[0].at == r->at;
}

/* The walk that is likely to have the same frames: the last one from here, or the last one. */
static const struct walk_side *likely_walk(struct lastwalk *m, const struct run *r)
{
	for (uint32_t i = 0; r->i == 0 && i < LASTWALK_WAYS; i++)
		if (m->keys[i] == m->key && is_first_frame(&m->sides[m->ways[i]], r)) {
			m->way = (uint8_t)i;
			return &m->sides[m->ways[i]];
		}
	return &m->sides[m->recent];
}

/* Looks whether frame r->i is one of an older walk's, from its frame *j on. */
static ALWAYS_INLINE enum joined look(struct run *r, const struct walk_side *old, uint32_t *j)
{
	const struct walk_step *step = &old->steps[*j];

	while (step->at < r->at)
		step++;
	*j = (uint32_t)(step - old->steps);
	if (step->at == r->at && step->ra == r->ra)
		return join(r, old, j);
	return JOINED_NOTHING;
}

/* Continues a chain of steps, or starts another one. */
static void begin_run(struct run *r)
{
	struct walk_side *side = r->side;

	if (side->nr == r->i && side->high == r->high)
		return;
	side->first = r->i;
	side->high = r->high;
	side->has_fp_rule = false;
}

static void end_run(struct run *r)
{
	struct walk_side *side = r->side;

	if (unlikely(r->seen >> 48 || (r->i > r->from && !side->steps[r->i - 1].rule)))
		take_back(r);
	side->nr = r->i;
	side->steps[r->i] = (struct walk_step){ .ra = r->ra, .at = (int32_t)r->at };
	side->steps[r->i + 1].at = INT32_MAX;
}

static enum joined go(struct run *r, const struct walk_side *old)
{
	enum joined joined = JOINED_NOTHING;
	uint32_t j = old ? old->first : 0;

	do {
		while (old && (joined = look(r, old, &j)) == JOINED_SOME)
			;
		if (joined >= JOINED_END)
			return joined;
	} while (step_some(r));
	return JOINED_NOTHING;
}

bool lastwalk_run(struct lastwalk *m, struct walk_state *s, uint32_t *nr)
{
	struct run r = { .side = &m->sides[m->spare],
		         .ra = s->ra,
		         .high = s->high,
		         .fp = s->fp,
		         .at = (int64_t)(s->sp - s->high),
		         .i = *nr,
		         .from = *nr };
	const struct walk_side *old = s->is_own_stack ? likely_walk(m, &r) : NULL;
	enum joined joined;

	begin_run(&r);
	joined = go(&r, old && old->high == s->high ? old : NULL);
	if (joined == JOINED_ALL) {
		m->is_repeated = true;
		m->recent = (uint8_t)(old - m->sides);
		*nr = old->nr_frames;
		return true;
	}
	end_run(&r);
	*nr = joined == JOINED_END ? r.side->nr_frames : r.i;
	s->ra = r.ra;
	s->sp = s->high + (uint64_t)r.at;
	s->fp = frame_pointer(r.side, r.from, r.i, s->fp);
	return joined == JOINED_END;
}

void lastwalk_note_end(struct lastwalk *m, uint32_t nr, uint32_t nr_frames, enum walk_end end)
{
	struct walk_side *side = &m->sides[m->spare];

	if (side->nr != nr)
		return;
	side->nr_frames = nr_frames;
	side->end = (uint8_t)end;
}

/* ---- the end of a walk ---- */

/* The side that was written is the last walk; the one that it replaces is the next to be written. */
static void keep(struct lastwalk *m)
{
	uint32_t written = m->spare;

	if (m->way == LASTWALK_WAYS)
		m->way = m->next_way++ % LASTWALK_WAYS;
	m->spare = m->ways[m->way];
	m->ways[m->way] = (uint8_t)written;
	m->keys[m->way] = m->key;
	m->recent = (uint8_t)written;
	m->sides[written].serial = ++m->serial;
}

void lastwalk_end(struct lastwalk *m, struct seep_walk_thread *thread, struct seep_walk *out)
{
	struct walk_side *side = &m->sides[m->is_repeated ? m->recent : m->spare];
	bool is_kept = m->is_repeated || (side->nr > side->first && side->high == thread->stack_high);

	if (!m->is_repeated && is_kept)
		keep(m);
	if (!is_kept || out->serial != side->serial) {
		out->serial = is_kept ? side->serial : 0;
		__builtin_memcpy(out->frames, side->frames, out->nr * sizeof(out->frames[0]));
	}
	lastwalk_cancel(thread);
}
