/*
 * Order is everything here, because the file must be right whenever we are killed, and nobody waits:
 *
 * - The peak's end is in the words before any stack changes. Killed in between: all stacks are as at the peak.
 * - A stack's snap is written before its counters, and before its sample is emptied. Killed before the snap: unchanged.
 *   After it: the snap counts.
 * - More than ever is in use: told last, when the new block stands in the file. Killed before: the old peak stands.
 * - A mark's number is in the words before any stack changes.
 *
 * Whoever finds a new era makes sure that the words show it, so a thread that lost its processor in mid-change holds up
 * nobody. What is counted on the wrong side is one event of each other thread that was under way; and if a thread loses
 * its processor between claiming a snap and writing it, and the process is killed before it is back, that stack's snap.
 */
#include "recorder/peak.h"
#include "recorder/text.h"

#define MARK_SHIFT 32
#define PEAK_BITS 0xffffffffull
#define NEXT_PEAK 2u

/* The words in the file; again, if the era moved on meanwhile: the last one to write has seen the last era. */
static void show(void)
{
	uint64_t era;

	do {
		era = load_acquire(&seep.era);
		if (seep.is_mirrored) {
			struct seep_rec_words *w = seep_words();
			double bytes = (double)load_relaxed(&seep.peak_bytes);
			uint64_t bits;

			__builtin_memcpy(&bits, &bytes, 8);
			__atomic_store_n((uint64_t *)(void *)&w->peak_bytes, bits, __ATOMIC_RELAXED);
			store_relaxed(&w->peak_us, load_relaxed(&seep.peak_us));
			store_release(&w->peak, era & PEAK_BITS);
			store_release(&w->mark, era >> MARK_SHIFT);
		}
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (load_relaxed(&seep.era) != era);
	store_release(&seep.era_shown, era);
}

void seep_peak_end(void)
{
	uint64_t era = load_relaxed(&seep.era), float_state = seep_float_enter();

	while (!(era & SEEP_REC_PEAK_FALLEN)) {
		uint64_t peak = (uint32_t)((era + NEXT_PEAK) | SEEP_REC_PEAK_FALLEN);

		if (cas(&seep.era, &era, (era & ~PEAK_BITS) | peak)) {
			show();
			break;
		}
	}
	seep_float_leave(float_state);
}

void seep_peak_add(int64_t by, uint64_t now_us)
{
	int64_t now = add_relaxed(&seep.heap_bytes, by) + by, most = load_relaxed(&seep.peak_bytes);
	uint64_t era;

	while (now > most)
		if (cas(&seep.peak_bytes, &most, now)) {
			store_relaxed(&seep.peak_us, now_us);
			era = load_relaxed(&seep.era);
			while (era & SEEP_REC_PEAK_FALLEN)
				if (cas(&seep.era, &era, era & ~(uint64_t)SEEP_REC_PEAK_FALLEN)) {
					show();
					return;
				}
			return;
		}
}

/* ---- snaps ---- */

enum { OF_PEAK, OF_MARK };

static void snap_mirror(uint32_t i)
{
	uint64_t where = seep_where(SEEP_REC_SEC_SNAPS, i);

	if (!seep.is_mirrored)
		return;
	/* Emptied first: what it held is of an older era and counts for nothing, nor does a half-written one. */
	store_release(&((struct seep_rec_snap *)(void *)(seep.file + where))->checksum, 0ull);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	seep_mirror_inline(where, &seep.snaps[i], sizeof(seep.snaps[i]));
}

static void snap_write(uint32_t i, uint64_t number, const struct seep_inuse *inuse)
{
	struct seep_rec_snap *s = &seep.snaps[i];

	s->number = (uint32_t)number;
	s->bytes = inuse->bytes;
	s->objects = inuse->objects;
	s->bytes_var = (float)inuse->bytes_var;
	snap_mirror(i);
}

static void snap_save(uint32_t stack)
{
	uint64_t era = load_acquire(&seep.era), was = load_relaxed(&seep.truths[stack].era);
	bool is_peak = era & SEEP_REC_PEAK_FALLEN && (era ^ was) & PEAK_BITS, is_mark = (era ^ was) >> MARK_SHIFT;
	struct seep_inuse now = { 0 };

	if (load_acquire(&seep.era_shown) != era)
		show();
	/* Read before it is claimed: whoever changed the stack in this era has tried to claim it before. */
	if (is_peak || is_mark)
		now = seep_stack_inuse(stack);
	if (was == era || !cas(&seep.truths[stack].era, &was, era))
		return;
	if (is_peak)
		snap_write(2 * stack + OF_PEAK, SEEP_REC_PEAK_NUMBER(era & PEAK_BITS), &now);
	if (is_mark)
		snap_write(2 * stack + OF_MARK, SEEP_REC_MARK_NUMBER(era >> MARK_SHIFT), &now);
}

/* Frees come here with the program's floating-point state. */
void seep_snap_save(uint32_t stack)
{
	uint64_t float_state = seep_float_enter();

	snap_save(stack);
	seep_float_leave(float_state);
}

void seep_peak_mirror_all(uint32_t nr_stacks)
{
	show();
	for (uint32_t i = 0; i < 2 * nr_stacks; i++)
		if (seep.snaps[i].number)
			snap_mirror(i);
}

/* ---- marks ---- */

/* The next mark, under `count`; unless `is_asked` and the last one has this count already. */
static void begin_mark(uint32_t count, bool is_asked)
{
	uint64_t era = load_relaxed(&seep.era), next;

	do {
		uint64_t mark = era >> MARK_SHIFT, nr = SEEP_REC_MARK_NUMBER(mark) + 1;

		if (!is_asked)
			count = SEEP_REC_MARK_COUNT(mark);
		else if (SEEP_REC_MARK_COUNT(mark) == count)
			return;
		/* 24 bits of number; 0 is "no mark yet", also when it comes round. */
		mark = ((nr & 0xffffff ? nr : 1) << SEEP_REC_MARK_COUNT_BITS | count) & PEAK_BITS;
		next = (era & PEAK_BITS) | mark << MARK_SHIFT;
	} while (!cas(&seep.era, &era, next));
	show();
}

void seep_mark_asked(uint32_t count)
{
	begin_mark(count, true);
}

static void mark_mirror(uint32_t i)
{
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_MARKS, i), &seep.marks[i], sizeof(seep.marks[i]));
}

void seep_mark_now(const char *name)
{
	uint32_t half = (uint32_t)seep.plan.sections[SEEP_REC_SEC_MARKS].count / 2;
	uint32_t i = add_relaxed(&seep.nr_marks, 1) % half;
	struct seep_rec_mark m = { .time_us = seep_now_us(), .by = SEEP_REC_MARK_BY_PROGRAM };

	text_name(m.name, sizeof(m.name), name);
	seep.marks[i] = m;
	mark_mirror(i);
	begin_mark(0, false);
}

void seep_marks_mirror_all(void)
{
	uint32_t half = (uint32_t)seep.plan.sections[SEEP_REC_SEC_MARKS].count / 2;

	for (uint32_t i = 0; i < half && i < load_relaxed(&seep.nr_marks); i++)
		mark_mirror(i);
}
