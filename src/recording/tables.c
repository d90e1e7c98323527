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
#define NO_LIMIT UINT64_MAX

static bool is_sum(double v)
{
	return isfinite(v) && v >= 0 && v <= MAX_SUM;
}

/* ---- samples ---- */

static bool take_sample(struct seep_recording *r, size_t idx, const void *slot)
{
	struct seep_rec_sample *s = &r->samples[r->nr_samples];

	(void)idx;
	memcpy(s, slot, sizeof(*s));
	if (s->size > MAX_SIZE || !s->period || s->period > SEEP_REC_MAX_PERIOD || s->birth_us > MAX_TIME_US ||
	    s->kind > SEEP_REC_KIND_ALLOCATOR_MMAP)
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
	if (s.nr_frames > SEEP_REC_MAX_FRAMES || s.kind > SEEP_REC_KIND_ALLOCATOR_MMAP)
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

/* ---- modules, threads, periods ---- */

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

/* ---- over time ---- */

/* Differences of sums may end a rounding error below zero. */
static bool settle_sum(double *v)
{
	if (*v < 0)
		*v = 0;
	return is_sum(*v);
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
static const struct slot_table period_table = { SEEP_REC_SEC_PERIODS, sizeof(struct seep_rec_period), 1, 0, MAX_INDEX,
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
	return r->stacks && r->counters && r->modules && r->threads && r->periods && r->samples && r->ring && r->system;
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
		{ &history_table, r->nr_stacks, &r->nr_torn_other },
		{ &stack_table, r->nr_stacks, &r->nr_torn_other },
		{ &thread_table, NO_LIMIT, &r->nr_torn_other },
		{ &module_table, NO_LIMIT, &r->nr_torn_other },
		{ &period_table, NO_LIMIT, &r->nr_torn_other },
		{ &ring_table, NO_LIMIT, &r->nr_torn_other },
		{ &system_table, NO_LIMIT, &r->nr_torn_other },
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

/* Their order in the file is the order of events, also within one microsecond. */
static void pack_periods(struct seep_recording *r)
{
	size_t nr = 0;

	for (size_t i = 0; i < r->nr_periods; i++)
		if (r->periods[i].checksum)
			r->periods[nr++] = r->periods[i];
	r->nr_periods = nr;
}

/* Entries behind the last valid one are room, not content. */
static void trim(struct seep_recording *r)
{
	while (r->nr_modules && !r->modules[r->nr_modules - 1].checksum)
		r->nr_modules--;
	while (r->nr_threads && !r->threads[r->nr_threads - 1].checksum)
		r->nr_threads--;
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
	return samples_settle(r, err);
}
