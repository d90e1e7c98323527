/*
 * One function per section takes a slot whose checksum is right and says whether its content is possible. A hostile
 * file has right checksums too: nothing that is let through here may make a later sum infinite or an index wrong.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recording/private.h"

#define MAX_TIME_US (1ull << 52) /* 142 years */
#define MAX_SIZE (1ull << 47)
#define MAX_SUM 0x1p120 /* above any sum of weights, which are below 2^94 each */
#define MAX_INDEX (1u << 20)
#define MAX_SORTED 4096 /* by insertion */
#define NO_LIMIT UINT64_MAX

static bool is_sum(double v)
{
	return isfinite(v) && v >= 0 && v <= MAX_SUM;
}

/* Differences of sums may end a rounding error below zero. */
static bool settle_sum(double *v)
{
	if (*v < 0)
		*v = 0;
	return is_sum(*v);
}

static bool is_kind(uint8_t kind)
{
	return kind <= SEEP_REC_KIND_ALLOCATOR_MMAP || kind >= SEEP_REC_KIND_ARENA;
}

/* ---- samples ---- */

static bool take_sample(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_sample *s = &r->samples[r->nr_samples];

	(void)idx;
	memcpy(s, slot, sizeof(*s));
	if (s->size > MAX_SIZE || !s->period || s->period > SEEP_REC_MAX_PERIOD || s->birth_us > MAX_TIME_US ||
	    !is_kind(s->kind))
		return false;
	if (s->first_birth_us > s->birth_us)
		s->first_birth_us = s->birth_us;
	r->nr_samples++;
	return true;
}

/* ---- stacks and what is kept for each ---- */

static bool take_stack(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_stack s;

	memcpy(&s, slot, sizeof(s));
	if (s.nr_frames > SEEP_REC_MAX_FRAMES || !is_kind(s.kind))
		return false;
	r->stacks[idx] = s;
	return true;
}

static bool take_counters(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_counters c;

	memcpy(&c, slot, sizeof(c));
	if (c.stack != idx || !is_sum(c.alloc_objects) || !is_sum(c.alloc_bytes) || !is_sum(c.alloc_objects_var) ||
	    !is_sum(c.alloc_bytes_var) || !is_sum(c.freed_objects) || !is_sum(c.freed_bytes))
		return false;
	if (c.last_alloc_us > MAX_TIME_US)
		c.last_alloc_us = 0;
	r->counters[idx].c = c;
	return true;
}

static bool take_history(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_history h;

	memcpy(&h, slot, sizeof(h));
	if (h.stack != idx || h.nr_points > SEEP_REC_NR_HISTORY || !h.interval_us || h.interval_us > MAX_TIME_US)
		return false;
	for (uint32_t i = 0; i < h.nr_points; i++)
		if (!isfinite(h.inuse_bytes[i]))
			return false;
	r->counters[idx].history = h;
	return true;
}

static bool is_tick_length(uint32_t tick_s)
{
	return tick_s == 1 || tick_s == 4 || tick_s == 16 || tick_s == 64;
}

/* Points are running sums: they may end a rounding error below zero. */
static bool take_trail(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_trail t;

	memcpy(&t, slot, sizeof(t));
	if (t.stack != idx || !is_tick_length(t.tick_s) || t.last_tick > MAX_TIME_US / 1000000)
		return false;
	for (uint32_t i = 0; i < SEEP_REC_NR_TRAIL; i++) {
		if (!isfinite(t.inuse_bytes[i]))
			return false;
		t.inuse_bytes[i] = fmaxf(t.inuse_bytes[i], 0);
	}
	r->counters[idx].trail = t;
	return true;
}

static bool take_snap(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_snap s;
	double var;

	memcpy(&s, slot, sizeof(s));
	var = (double)s.bytes_var;
	if (!settle_sum(&s.bytes) || !settle_sum(&s.objects) || !settle_sum(&var))
		return false;
	s.bytes_var = (float)var;
	*(idx & 1 ? &r->counters[idx / 2].mark : &r->counters[idx / 2].peak) = s;
	return true;
}

/* ---- modules, threads, periods, heaps ---- */

static bool take_module(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_module m;

	memcpy(&m, slot, sizeof(m));
	if (m.start >= m.end || m.end > INT64_MAX || m.build_id_bytes > sizeof(m.build_id) ||
	    m.path_bytes > sizeof(m.path))
		return false;
	r->modules[idx] = m;
	return true;
}

static bool take_thread(struct seep_recording *r, size_t idx, const void *slot)
{
	memcpy(&r->threads[idx], slot, sizeof(r->threads[idx]));
	return true;
}

static bool take_period(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_period p;

	memcpy(&p, slot, sizeof(p));
	if (p.time_us > MAX_TIME_US || p.period > SEEP_REC_MAX_PERIOD)
		return false;
	r->periods[idx] = p;
	return true;
}

static bool take_heap(struct seep_recording *r, size_t idx, const void *slot)
{
	memcpy(&r->heaps[idx], slot, sizeof(r->heaps[idx]));
	return true;
}

/* ---- over time ---- */

static bool take_mark(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_named_mark *to = &r->marks[r->nr_marks];
	struct seep_rec_mark m;

	(void)idx;
	memcpy(&m, slot, sizeof(m));
	if (m.time_us > MAX_TIME_US)
		return false;
	*to = (struct seep_rec_named_mark){ .time_us = m.time_us, .by = m.by };
	memcpy(to->name, m.name, sizeof(m.name));
	r->nr_marks++;
	return true;
}

static bool take_ring(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_ring *e = &r->ring[r->nr_ring];

	(void)idx;
	memcpy(e, slot, sizeof(*e));
	if (e->time_us > MAX_TIME_US || !settle_sum(&e->inuse_bytes) || !settle_sum(&e->inuse_objects) ||
	    !settle_sum(&e->alloc_bytes) || !settle_sum(&e->mmap_bytes))
		return false;
	r->nr_ring++;
	return true;
}

static bool take_system(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_system *e = &r->system[r->nr_system];

	(void)idx;
	memcpy(e, slot, sizeof(*e));
	if (e->time_us > MAX_TIME_US)
		return false;
	r->nr_system++;
	return true;
}

/* ---- single facts ---- */

static uint64_t time_or(uint64_t time_us, uint64_t otherwise)
{
	return time_us <= MAX_TIME_US ? time_us : otherwise;
}

static bool take_status(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_status *s = &r->status;

	(void)idx;
	memcpy(s, slot, sizeof(*s));
	s->time_us = time_or(s->time_us, 0);
	s->exit_us = time_or(s->exit_us, 0);
	s->estimated_since_us = time_or(s->estimated_since_us, UINT64_MAX);
	if (s->period > SEEP_REC_MAX_PERIOD)
		s->period = 0;
	return true;
}

static bool take_ended(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_ended e;

	(void)idx;
	memcpy(&e, slot, sizeof(e));
	if (e.how < SEEP_REC_ENDED_EXITED || e.how > SEEP_REC_ENDED_OOM)
		return false;
	e.time_us = time_or(e.time_us, 0);
	e.by[sizeof(e.by) - 1] = 0;
	e.detail[sizeof(e.detail) - 1] = 0;
	r->ended = e;
	return true;
}

/* The two copies of the status are one entry here: they are read as a pair. */
static const struct slot_table status_table = { SEEP_REC_SEC_STATUS, sizeof(struct seep_rec_status), 2, 8, 1,
	                                        take_status };
static const struct slot_table ended_table = { SEEP_REC_SEC_ENDED, sizeof(struct seep_rec_ended), 1, 0, 1, take_ended };
static const struct slot_table period_table = { SEEP_REC_SEC_PERIODS, sizeof(struct seep_rec_period), 1, 0, MAX_SORTED,
	                                        take_period };
static const struct slot_table module_table = { SEEP_REC_SEC_MODULES, sizeof(struct seep_rec_module), 1, 0, 1u << 16,
	                                        take_module };
static const struct slot_table stack_table = { SEEP_REC_SEC_STACKS, sizeof(struct seep_rec_stack), 1, 0, MAX_INDEX,
	                                       take_stack };
static const struct slot_table counters_table = {
	SEEP_REC_SEC_COUNTERS, sizeof(struct seep_rec_counters), 2, 4, MAX_INDEX, take_counters
};
static const struct slot_table history_table = { SEEP_REC_SEC_HISTORY, sizeof(struct seep_rec_history), 1, 0, MAX_INDEX,
	                                         take_history };
static const struct slot_table sample_table = { SEEP_REC_SEC_SAMPLES, sizeof(struct seep_rec_sample), 1, 0, UINT32_MAX,
	                                        take_sample };
static const struct slot_table thread_table = { SEEP_REC_SEC_THREADS, sizeof(struct seep_rec_thread), 1, 0, MAX_INDEX,
	                                        take_thread };
static const struct slot_table ring_table = { SEEP_REC_SEC_RING, sizeof(struct seep_rec_ring), 1, 0, MAX_INDEX,
	                                      take_ring };
static const struct slot_table system_table = { SEEP_REC_SEC_SYSTEM, sizeof(struct seep_rec_system), 1, 0, MAX_INDEX,
	                                        take_system };
static const struct slot_table trail_table = { SEEP_REC_SEC_TRAIL, sizeof(struct seep_rec_trail), 1, 0, MAX_INDEX,
	                                       take_trail };
static const struct slot_table snap_table = { SEEP_REC_SEC_SNAPS, sizeof(struct seep_rec_snap), 1, 0, 2 * (MAX_INDEX),
	                                      take_snap };
static const struct slot_table mark_table = { SEEP_REC_SEC_MARKS, sizeof(struct seep_rec_mark), 1, 0, MAX_SORTED,
	                                      take_mark };
static const struct slot_table heap_table = {
	SEEP_REC_SEC_HEAPS, sizeof(struct seep_rec_heap), 1, 0, SEEP_REC_NR_ARENAS_MAX, take_heap
};

static enum seep_status no_memory(const struct source *s, struct seep_error *err)
{
	return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", s->name);
}

enum seep_status tables_read_short(const struct source *s, struct seep_recording *r, struct seep_error *err)
{
	enum seep_status status = slots_read(s, &status_table, r, NO_LIMIT, &r->nr_torn_other, err);

	if (status == SEEP_OK)
		status = slots_read(s, &ended_table, r, NO_LIMIT, &r->nr_torn_other, err);
	return status;
}

/* ---- a whole recording ---- */

/* Room for every entry that the file can hold, so that taking one is only a store. Fresh pages cost nothing until
 * then. */
static bool make_room(const struct source *s, struct seep_recording *r, uint64_t samples_limit)
{
	size_t nr_stacks = slots_count(s, &stack_table, r, NO_LIMIT);

	r->nr_stacks = nr_stacks < 2 ? 2 : nr_stacks;
	r->nr_modules = slots_count(s, &module_table, r, NO_LIMIT);
	r->nr_threads = slots_count(s, &thread_table, r, NO_LIMIT);
	r->stacks = calloc(r->nr_stacks, sizeof(*r->stacks));
	r->counters = calloc(r->nr_stacks, sizeof(*r->counters));
	r->modules = calloc(r->nr_modules + 1, sizeof(*r->modules));
	r->threads = calloc(r->nr_threads + 1, sizeof(*r->threads));
	r->nr_periods = slots_count(s, &period_table, r, NO_LIMIT);
	r->periods = calloc(r->nr_periods + 1, sizeof(*r->periods));
	r->samples = calloc(slots_count(s, &sample_table, r, samples_limit) + 1, sizeof(*r->samples));
	r->ring = calloc(slots_count(s, &ring_table, r, NO_LIMIT) + 1, sizeof(*r->ring));
	r->system = calloc(slots_count(s, &system_table, r, NO_LIMIT) + 1, sizeof(*r->system));
	r->marks = calloc(slots_count(s, &mark_table, r, NO_LIMIT) + 1, sizeof(*r->marks));
	r->nr_heaps = slots_count(s, &heap_table, r, NO_LIMIT);
	r->heaps = calloc(r->nr_heaps + 1, sizeof(*r->heaps));
	return r->stacks && r->counters && r->modules && r->threads && r->periods && r->samples && r->ring &&
	       r->system && r->marks && r->heaps;
}

/* The word is written by one store, so it is right when it is there at all; in a file cut before it, it is not. */
static uint64_t samples_limit(const struct seep_recording *r)
{
	return r->words.samples_high ? r->words.samples_high : NO_LIMIT;
}

/*
 * Samples first: what a sample refers to was written before it, so it is found by what is read later. Frames are read
 * by samples_settle's caller, behind the stacks.
 */
static enum seep_status read_sections(const struct source *s, struct seep_recording *r, struct seep_error *err)
{
	const struct {
		const struct slot_table *table;
		uint64_t limit;
		size_t *nr_torn;
	} steps[] = {
		{ &sample_table, samples_limit(r), &r->nr_torn_samples },
		{ &counters_table, r->nr_stacks, &r->nr_torn_counters },
		{ &trail_table, r->nr_stacks, &r->nr_torn_other },
		{ &snap_table, 2 * (uint64_t)r->nr_stacks, &r->nr_torn_other },
		{ &history_table, r->nr_stacks, &r->nr_torn_other },
		{ &stack_table, r->nr_stacks, &r->nr_torn_other },
		{ &thread_table, NO_LIMIT, &r->nr_torn_other },
		{ &module_table, NO_LIMIT, &r->nr_torn_other },
		{ &period_table, NO_LIMIT, &r->nr_torn_other },
		{ &ring_table, NO_LIMIT, &r->nr_torn_other },
		{ &system_table, NO_LIMIT, &r->nr_torn_other },
		{ &mark_table, NO_LIMIT, &r->nr_torn_other },
		{ &heap_table, NO_LIMIT, &r->nr_torn_other },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		enum seep_status status = slots_read(s, steps[i].table, r, steps[i].limit, steps[i].nr_torn, err);

		if (status != SEEP_OK)
			return status;
	}
	return SEEP_OK;
}

/* ---- frames ---- */

#define WINDOW_FRAMES 8192u

/* A part of the frames section; stacks mostly come in the order of their frames. */
struct window {
	const struct source *source;
	const struct seep_rec_section *section; /* NULL: the recording has none */
	uint64_t first;
	size_t nr, room, cap_frames;
	uint64_t *frames; /* `nr` of at most `room` */
};

static const uint64_t *look_up(struct window *w, uint64_t first, size_t nr)
{
	if (!w->section || first >= w->section->count || nr > w->section->count - first)
		return NULL;
	if (first < w->first || first + nr > w->first + w->nr) {
		size_t left = w->section->count - first < w->room ? (size_t)(w->section->count - first) : w->room;

		w->first = first;
		w->nr = source_read(w->source, w->section->offset + 8 * first, w->frames, 8 * left) / 8;
	}
	return nr <= w->nr ? w->frames + (first - w->first) : NULL;
}

/* A stack whose frames are not what its slot says is no stack. */
static bool read_frames_of(struct window *w, struct seep_recording *r, struct seep_rec_stack *stack)
{
	const uint64_t *frames = look_up(w, stack->first_frame, stack->nr_frames);
	uint64_t where = w->section ? w->section->offset + 8ull * stack->first_frame : 0;

	if (!frames ||
	    seep_rec_checksum(frames, 8u * stack->nr_frames, r->header.salt, where) != stack->frames_checksum) {
		memset(stack, 0, sizeof(*stack));
		r->nr_torn_other++;
		return true;
	}
	if (r->nr_frames + stack->nr_frames > UINT32_MAX ||
	    !seep_grow(&r->frames, &w->cap_frames, r->nr_frames + stack->nr_frames, sizeof(*r->frames)))
		return false;
	memcpy(r->frames + r->nr_frames, frames, 8u * stack->nr_frames);
	stack->first_frame = (uint32_t)r->nr_frames;
	r->nr_frames += stack->nr_frames;
	return true;
}

static bool read_frames(const struct source *s, struct seep_recording *r)
{
	struct window w = { .source = s, .section = header_section(&r->header, SEEP_REC_SEC_FRAMES) };
	bool is_done;

	w.room = w.section && w.section->count < WINDOW_FRAMES ? (size_t)w.section->count : WINDOW_FRAMES;
	w.frames = malloc(8 * w.room + 8);
	is_done = w.frames != NULL;
	for (size_t i = 0; is_done && i < r->nr_stacks; i++)
		if (r->stacks[i].nr_frames)
			is_done = read_frames_of(&w, r, &r->stacks[i]);
	free(w.frames);
	return is_done;
}

/* ---- order and size ---- */

static int compare_time(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, 8);
	memcpy(&y, b, 8);
	return x < y ? -1 : x > y;
}

/* Few entries: by insertion. */
void sort_stable(void *entries, size_t nr, size_t size)
{
	uint8_t *bytes = entries, held[64];

	for (size_t i = 1; i < nr && size <= sizeof(held); i++) {
		size_t at = i;

		memcpy(held, bytes + i * size, size);
		for (; at && compare_time(bytes + (at - 1) * size, held) > 0; at--)
			memcpy(bytes + at * size, bytes + (at - 1) * size, size);
		memcpy(bytes + at * size, held, size);
	}
}

/* time_us is the first field of the entries. */
size_t sort_by_time(void *entries, size_t nr, size_t size)
{
	uint8_t *bytes = entries;
	size_t kept = 0;

	if (!nr)
		return 0;
	qsort(entries, nr, size, compare_time);
	for (size_t i = 1; i < nr; i++) {
		if (compare_time(bytes + kept * size, bytes + i * size))
			kept++;
		if (kept != i)
			memcpy(bytes + kept * size, bytes + i * size, size);
	}
	return kept + 1;
}

/* Of equal times the order in the file is that of events. A full table is overwritten from its second entry on. */
static void pack_periods(struct seep_recording *r)
{
	size_t nr = 0;

	for (size_t i = 0; i < r->nr_periods; i++)
		if (r->periods[i].checksum)
			r->periods[nr++] = r->periods[i];
	r->nr_periods = nr;
	sort_stable(r->periods, nr, sizeof(*r->periods));
}

/* Entries behind the last valid one are room, not content. */
static void trim(struct seep_recording *r)
{
	while (r->nr_modules && !r->modules[r->nr_modules - 1].checksum)
		r->nr_modules--;
	while (r->nr_threads && !r->threads[r->nr_threads - 1].checksum)
		r->nr_threads--;
	while (r->nr_heaps && !r->heaps[r->nr_heaps - 1].checksum)
		r->nr_heaps--;
	while (r->nr_stacks > 2 && !r->stacks[r->nr_stacks - 1].checksum && !r->counters[r->nr_stacks - 1].c.checksum)
		r->nr_stacks--;
}

enum seep_status tables_read_all(const struct source *s, struct seep_recording *r, struct seep_error *err)
{
	enum seep_status status;

	if (!make_room(s, r, samples_limit(r)))
		return no_memory(s, err);
	status = read_sections(s, r, err);
	if (status != SEEP_OK)
		return status;
	if (!read_frames(s, r))
		return no_memory(s, err);
	r->stacks[1].kind = SEEP_REC_KIND_MMAP;
	trim(r);
	pack_periods(r);
	r->nr_ring = sort_by_time(r->ring, r->nr_ring, sizeof(*r->ring));
	r->nr_system = sort_by_time(r->system, r->nr_system, sizeof(*r->system));
	sort_stable(r->marks, r->nr_marks, sizeof(*r->marks));
	return samples_settle(r, err);
}
