#include "recorder/lastwalk.h"

#include <sys/mman.h>

#include "recorder/modules.h"
#include "recorder/rules.h"
#include "recorder/sys.h"

#define SLOTS 64
#define MAX_BELOW (64u << 12) /* of what is known of a thread's own stack: frames since then */
#define AT_ONCE 4             /* frames between two looks whether the rest is known */
#define SELDOMER 16           /* frames after which the looks are once more as far apart */
#define NO_SAVER 255

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

static uint64_t key_of(const struct seep_regs *regs)
{
	return regs->pc ^ regs->sp << 16;
}

static void begin_side(struct lastwalk *m, const struct seep_regs *regs)
{
	struct walk_side *side = &m->sides[m->spare];

	m->key = key_of(regs);
	m->way = LASTWALK_WAYS;
	side->high = 0;
	side->first = side->nr = 0;
	side->end = WALK_OPEN;
	side->nr_uses = 0;
}

void lastwalk_cancel(const struct seep_walk_thread *thread)
{
	/* A handler in between must not take the next walk's frame for this one. */
	__atomic_store_n(&frames[thread->memory - 1], UINT64_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&locks[thread->memory - 1], 0ull, __ATOMIC_RELEASE);
}

struct lastwalk *lastwalk_begin(struct seep_walk_thread *thread, uint64_t here)
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
	return m;
}

/* ---- short rules ---- */

/* Where a walk is. At frame `from` the frame pointer was `fp`, which frame `saver` saved, or none (NO_SAVER). */
struct run {
	struct walk_side *side;
	uint64_t ra, high, fp;
	int64_t at;
	uint64_t seen;     /* all bits of all addresses */
	uint64_t first_fp; /* at the frame that the run began with */
	uint32_t i, from, saver;
};

static uint64_t saved_frame_pointer(const struct walk_side *side, uint32_t saver)
{
	return machine_word(side->high + (uint64_t)(int64_t)side->steps[saver + 1].at -
	                    SHORT_FP_AT(side->steps[saver].rule));
}

/* Brings the frame pointer to frame i, whose step has its `at`. Few frames need it, so it is not carried along. */
static void find_frame_pointer(struct run *r, uint32_t i)
{
	const struct walk_step *steps = r->side->steps, *from = steps + r->from;

	for (const struct walk_step *step = steps + i; step > from; step--)
		if (SHORT_SAVES_FP(step[-1].rule)) {
			r->saver = (uint32_t)(step - steps) - 1;
			r->fp = saved_frame_pointer(r->side, r->saver);
			break;
		}
	r->from = i;
}

static void note_use(struct walk_side *side, uint32_t by, uint32_t saver)
{
	side->uses[side->nr_uses++] = (struct walk_use){ .by = (uint8_t)by, .saver = (uint8_t)saver };
}

/* From frame i by a rule that needs the frame pointer. Positive: it leads nowhere. */
static __attribute__((noinline)) int64_t cfa_by_frame_pointer(struct run *r, uint32_t i, uint64_t rule)
{
	uint64_t offset;

	find_frame_pointer(r, i);
	offset = r->fp - r->high;
	if (r->fp > r->high || (int64_t)offset < r->side->steps[i].at)
		return 1;
	note_use(r->side, i, r->saver);
	return (int64_t)(offset + SHORT_CFA_OFFSET(rule));
}

/* Frame i by a rule that is not a plain one, or by none. */
static __attribute__((noinline)) int64_t step_otherwise(struct run *r, uint32_t i, int64_t at)
{
	struct walk_step *step = &r->side->steps[i];
	uint64_t rule = rules_short_find(SHORT_MIXED(step->ra));

	step->rule = (uint32_t)rule;
	if (!rule || SHORT_IS_END(rule))
		return 1;
	return rule & SHORT_FP ? cfa_by_frame_pointer(r, i, rule) : at + (int64_t)SHORT_CFA_OFFSET(rule);
}

/* From the frame of *step to the next; false: no short rule does. What the loop needs is the caller's, in registers. */
static ALWAYS_INLINE bool step_short(struct run *r, struct walk_step *step, uint64_t *frame, uint64_t high,
                                     uint64_t *ra_at, int64_t *at_at)
{
	uint64_t ra = *ra_at, mixed = SHORT_MIXED(ra), rule = rules_short_get(mixed);
	int64_t at = *at_at;

	step->ra = ra;
	step->at = (int32_t)at;
	step->rule = (uint32_t)rule;
	if (likely(rule < SHORT_NOT_PLAIN)) {
		at += (int64_t)SHORT_CFA_OFFSET(rule);
	} else {
		at = step_otherwise(r, (uint32_t)(step - r->side->steps), at);
		rule = step->rule;
	}
	if (unlikely(at > 0))
		return false;
	*frame = ra + modules_adjust_return[SHORT_MODULE(rule)];
	*at_at = at;
	*ra_at = machine_strip(machine_word(high + (uint64_t)at - SHORT_RA_AT(rule)));
	return true;
}

/* `nr` times AT_ONCE frames; false: no short rule goes on, or there is no more room. */
static ALWAYS_INLINE bool step_some(struct run *r, uint32_t nr)
{
	struct walk_step *step = &r->side->steps[r->i], *end = &r->side->steps[SEEP_REC_MAX_FRAMES];
	uint64_t *frame = &r->side->frames[r->i];
	uint64_t ra = r->ra, seen = r->seen, high = r->high;
	int64_t at = r->at;
	bool has_gone = true;

	for (; nr && has_gone && step + AT_ONCE <= end; nr--) {
		const struct walk_step *first = step;

#pragma GCC unroll 8
		for (uint32_t k = 0; k < AT_ONCE && has_gone; k++) {
			seen |= ra;
			has_gone = step_short(r, step, frame + (step - first), high, &ra, &at);
			step += has_gone;
		}
		frame += AT_ONCE;
	}
	for (; nr && has_gone && step < end; step += has_gone) {
		seen |= ra;
		has_gone = step_short(r, step, &r->side->frames[step - r->side->steps], high, &ra, &at);
	}
	r->ra = ra;
	r->seen = seen;
	r->at = at;
	r->i = (uint32_t)(step - r->side->steps);
	return has_gone && step < end;
}

static void drop_uses(struct walk_side *side, uint32_t i)
{
	while (side->nr_uses && side->uses[side->nr_uses - 1].by >= i)
		side->nr_uses--;
}

/*
 * Takes back what was not so: a place without a rule (rules_short_get), which leads to itself up to the end, and
 * addresses with bits that the key has no room for.
 */
static __attribute__((noinline)) void take_back(struct run *r)
{
	const struct walk_step *steps = r->side->steps;

	for (uint32_t i = r->side->first; i < r->i; i++)
		if (!steps[i].rule || steps[i].ra >> 48) {
			r->i = i;
			r->ra = steps[i].ra;
			r->at = steps[i].at;
		}
	drop_uses(r->side, r->i);
	if (r->from > r->i) {
		r->from = r->side->first;
		r->saver = NO_SAVER;
		r->fp = r->first_fp;
	}
}

/* ---- what is remembered ---- */

/* Number of steps from frame j on that lead where they led before, as far as return addresses go. */
static uint32_t same_returns(const struct walk_side *old, uint32_t j)
{
	const struct walk_step *step = &old->steps[j], *end = &old->steps[old->nr];

#pragma GCC unroll 4
	for (; step < end; step++)
		if (machine_strip(machine_word(old->high + (uint64_t)(int64_t)step[1].at - SHORT_RA_AT(step->rule))) !=
		    step[1].ra)
			break;
	return (uint32_t)(step - &old->steps[j]);
}

/* The same for frame pointers, where a rule needs one; at frame j it is `fp`. */
static __attribute__((noinline)) uint32_t same_frame_pointers(uint64_t fp, const struct walk_side *old, uint32_t j,
                                                              uint32_t nr)
{
	for (uint32_t k = 0; k < old->nr_uses; k++) {
		uint32_t by = old->uses[k].by, saver = old->uses[k].saver;
		bool is_saved = saver >= j && saver != NO_SAVER;
		uint64_t there;

		if (by < j)
			continue;
		if (by >= j + nr)
			break;
		there = is_saved ? saved_frame_pointer(old, saver) : fp;
		if (there + SHORT_CFA_OFFSET(old->steps[by].rule) !=
		    old->high + (uint64_t)(int64_t)old->steps[by + 1].at)
			return by - j;
	}
	return nr;
}

static uint32_t count_same(struct run *r, const struct walk_side *old, uint32_t j)
{
	uint32_t nr = same_returns(old, j);

	if (likely(!old->nr_uses))
		return nr;
	r->side->steps[r->i].at = (int32_t)r->at;
	find_frame_pointer(r, r->i);
	return same_frame_pointers(r->fp, old, j, nr);
}

static void append_uses(struct run *r, const struct walk_side *old, uint32_t j, uint32_t nr)
{
	for (uint32_t k = 0; k < old->nr_uses; k++) {
		uint32_t by = old->uses[k].by, saver = old->uses[k].saver;

		if (by < j || by >= j + nr)
			continue;
		note_use(r->side, by - j + r->i, saver >= j && saver != NO_SAVER ? saver - j + r->i : r->saver);
	}
}

/* Appends frames j … j + nr − 1 of an older walk. */
static void append(struct run *r, const struct walk_side *old, uint32_t j, uint32_t nr)
{
	__builtin_memcpy(&r->side->steps[r->i], &old->steps[j], (nr + 1) * sizeof(old->steps[0]));
	__builtin_memcpy(&r->side->frames[r->i], &old->frames[j], nr * sizeof(old->frames[0]));
	if (old->nr_uses)
		append_uses(r, old, j, nr);
	r->i += nr;
	r->ra = old->steps[j + nr].ra;
	r->at = old->steps[j + nr].at;
}

/* Frame r->i is frame *j of an older walk. *j: the next frame of it that may be met. */
static __attribute__((noinline)) bool join(struct run *r, const struct walk_side *old, uint32_t *j)
{
	uint32_t nr = count_same(r, old, *j), from = *j;

	*j = from + nr + 1;
	if (nr > SEEP_REC_MAX_FRAMES - r->i)
		nr = SEEP_REC_MAX_FRAMES - r->i;
	append(r, old, from, nr);
	return nr > 0;
}

static inline bool is_first_frame(const struct walk_side *side, uint64_t high, uint64_t ra, int64_t at)
{
	return side->high == high && side->first == 0 && side->steps[0].ra == ra && side->steps[0].at == at;
}

/* Hands out->nr frames over, unless they are there already: those of the same walk. */
static inline void take_over(struct seep_walk *out, const struct walk_side *side)
{
	if (likely(out->serial == side->serial && side->serial))
		return;
	out->serial = side->serial;
	__builtin_memcpy(out->frames, side->frames, out->nr * sizeof(out->frames[0]));
}

/* ---- the same walk once more ---- */

/* The whole walk leads where it led before; its first frame is ours. */
static inline bool is_same_walk(const struct walk_side *old, const struct seep_regs *regs)
{
	return old->end != WALK_OPEN && same_returns(old, 0) == old->nr &&
	       (likely(!old->nr_uses) || same_frame_pointers(machine_frame_pointer(regs), old, 0, old->nr) == old->nr);
}

bool lastwalk_repeat(struct lastwalk *m, const struct seep_walk_thread *thread, const struct seep_regs *regs,
                     struct seep_walk *out)
{
	uint64_t high = thread->stack_high, key = key_of(regs);

	for (uint32_t i = 0; i < LASTWALK_WAYS; i++) {
		const struct walk_side *old = &m->sides[m->ways[i]];

		if (m->keys[i] != key || regs->sp - 8 < thread->stack_low || regs->sp >= high ||
		    !is_first_frame(old, high, machine_strip(regs->pc), (int64_t)(regs->sp - high)) ||
		    !is_same_walk(old, regs))
			continue;
		m->recent = m->ways[i];
		out->nr = old->nr_frames;
		if (unlikely(old->end == WALK_DEEP))
			out->flags |= SEEP_REC_STACK_DEEP;
		take_over(out, old);
		lastwalk_cancel(thread);
		return true;
	}
	begin_side(m, regs);
	return false;
}

/* ---- a walk that is at least in part another one ---- */

/* The walk that is likely to have the same frames: the last one from here, or the last one. */
static const struct walk_side *likely_walk(struct lastwalk *m, const struct run *r)
{
	for (uint32_t i = 0; r->i == 0 && i < LASTWALK_WAYS; i++)
		if (m->keys[i] == m->key && is_first_frame(&m->sides[m->ways[i]], r->high, r->ra, r->at)) {
			m->way = (uint8_t)i;
			return &m->sides[m->ways[i]];
		}
	return &m->sides[m->recent];
}

/* Looks whether frame r->i is one of an older walk's, from its frame *j on. */
static ALWAYS_INLINE bool look(struct run *r, const struct walk_side *old, uint32_t *j)
{
	const struct walk_step *step = &old->steps[*j];

	while (step[WALK_MARKS].at <= r->at)
		step += WALK_MARKS;
	while (step->at < r->at)
		step++;
	*j = (uint32_t)(step - old->steps);
	return step->at == r->at && step->ra == r->ra && join(r, old, j);
}

static void begin_run(struct run *r)
{
	struct walk_side *side = r->side;

	side->first = r->i;
	side->high = r->high;
	side->nr_uses = 0;
}

static void end_run(struct run *r)
{
	struct walk_side *side = r->side;

	if (unlikely(r->seen >> 48 || (r->i > side->first && !side->steps[r->i - 1].rule)))
		take_back(r);
	side->nr = r->i;
	side->steps[r->i] = (struct walk_step){ .ra = r->ra, .at = (int32_t)r->at };
	for (uint32_t k = 1; k <= WALK_MARKS; k++)
		side->steps[r->i + k].at = INT32_MAX;
}

/* True if frame r->i is where all frames have been seen, or as many as there is room for. */
static bool is_finished(struct run *r)
{
	struct walk_side *side = r->side;
	uint64_t rule;

	side->nr_frames = r->i;
	if (r->i == SEEP_REC_MAX_FRAMES || !r->ra) {
		side->end = r->ra ? WALK_DEEP : WALK_WHOLE;
		return true;
	}
	rule = rules_short_find(SHORT_MIXED(r->ra));
	if (!SHORT_IS_END(rule) || r->ra >> 48)
		return false;
	side->frames[side->nr_frames++] = r->ra + modules_adjust_return[SHORT_MODULE(rule)];
	side->end = WALK_WHOLE;
	return true;
}

static void go(struct run *r, const struct walk_side *old)
{
	uint32_t j = old ? old->first : 0;

	do
		while (old && look(r, old, &j))
			;
	while (step_some(r, 1 + r->i / SELDOMER));
}

bool lastwalk_run(struct lastwalk *m, struct walk_state *s, uint32_t *nr)
{
	struct run r = { .side = &m->sides[m->spare],
		         .ra = s->ra,
		         .high = s->high,
		         .fp = s->fp,
		         .first_fp = s->fp,
		         .at = (int64_t)(s->sp - s->high),
		         .i = *nr,
		         .from = *nr,
		         .saver = NO_SAVER };
	const struct walk_side *old = s->is_own_stack ? likely_walk(m, &r) : NULL;

	begin_run(&r);
	go(&r, old && old->high == s->high ? old : NULL);
	end_run(&r);
	if (is_finished(&r)) {
		*nr = r.side->nr_frames;
		return true;
	}
	find_frame_pointer(&r, r.i);
	*nr = r.i;
	s->ra = r.ra;
	s->sp = s->high + (uint64_t)r.at;
	s->fp = r.fp;
	return false;
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
	struct walk_side *side = &m->sides[m->spare];
	bool is_kept = side->nr > side->first && side->high == thread->stack_high;

	if (is_kept)
		keep(m);
	else
		side->serial = 0;
	take_over(out, side);
	lastwalk_cancel(thread);
}
