/*
 * Moments in the life of a recording, and what each stack had in use at them (§10.3 and §13 of the format). What is
 * live now is known block by block; of what was freed since, the sum at the moment is known and nothing more.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recording/private.h"

#define MAX_TIME_US (1ull << 52)
/* Points of a trail are rounded to 24 bits: a difference of this share of them is none. */
#define TRAIL_ROUNDING 0x1p-22
/*
 * The recorder's clock goes in steps, the tool's does not, and a block may be of the same step as a peak. One taken for
 * younger than the moment is counted as freed and as new, which cancels; one taken for older would be missing.
 */
#define CLOCK_STEP_S 0.02

/* ---- ticks of trails ---- */

/* How far apart ticks of the point's level are, at the least. */
static uint64_t spacing_of_point(unsigned i)
{
	return 1ull << 2 * seep_rec_level_of_point(i);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The point nearest to `tick`; SEEP_REC_NR_TRAIL: `now` is nearer, or there is none. */
static unsigned nearest_point(uint64_t last, uint64_t tick)
{
	unsigned best = SEEP_REC_NR_TRAIL;
	uint64_t best_distance = tick > last ? 0 : last + 1 - tick;

	for (unsigned i = 0; i < SEEP_REC_NR_TRAIL; i++) {
		uint64_t at = seep_rec_tick_of_point(i, last);

		if (at && distance(at, tick) < best_distance) {
			best = i;
			best_distance = distance(at, tick);
		}
	}
	return best;
}

/* The coarsest of all trails: the others have its points too, or nearly. */
static uint32_t tick_length(const struct seep_recording *r)
{
	uint32_t tick_s = 1;

	for (size_t i = 0; i < r->nr_stacks; i++)
		if (r->counters[i].trail.tick_s > tick_s)
			tick_s = r->counters[i].trail.tick_s;
	return tick_s;
}

/* ---- finding a moment ---- */

static void set_now(double now_s, struct seep_moment *m)
{
	m->source = SEEP_MOMENT_OF_SAMPLES;
	m->used_s = now_s;
	m->has_objects = true;
}

static void set_start(const struct seep_recording *r, struct seep_moment *m)
{
	m->source = SEEP_MOMENT_OF_NOTHING;
	m->used_s = (double)r->header.start_us / 1e6;
	m->has_objects = true;
}

/* A forked child began with what its parent had: its start is no moment at which nothing was in use. */
static bool is_start_nearer(const struct seep_recording *r, const struct seep_moment *m)
{
	return !r->header.forked_from && m->time_s - (double)r->header.start_us / 1e6 < fabs(m->time_s - m->used_s);
}

static enum seep_status find_time(const struct seep_recording *r, double now_s, struct seep_moment *m,
                                  struct seep_error *err)
{
	uint32_t tick_s = tick_length(r);
	uint64_t now = (uint64_t)(now_s / tick_s), tick = (uint64_t)(m->time_s / tick_s + 0.5);
	unsigned i = nearest_point(now, tick);

	if (!header_section(&r->header, SEEP_REC_SEC_TRAIL))
		return seep_fail(err, SEEP_ERR_UNSUPPORTED, "'%s' does not hold what was in use at earlier times",
		                 r->path);
	m->spacing_s = i < SEEP_REC_NR_TRAIL ? (double)(spacing_of_point(i) * tick_s) : tick_s;
	set_now(now_s, m);
	if (i < SEEP_REC_NR_TRAIL) {
		m->source = SEEP_MOMENT_OF_TRAIL;
		m->used_s = (double)(seep_rec_tick_of_point(i, now) * tick_s);
		m->has_objects = false;
	}
	if (is_start_nearer(r, m))
		set_start(r, m);
	return SEEP_OK;
}

static enum seep_status find_start(const struct seep_recording *r, double now_s, struct seep_moment *m,
                                   struct seep_error *err)
{
	m->time_s = (double)r->header.start_us / 1e6;
	if (r->header.forked_from)
		return find_time(r, now_s, m, err);
	set_start(r, m);
	return SEEP_OK;
}

static enum seep_status find_peak(const struct seep_recording *r, double now_s, struct seep_moment *m,
                                  struct seep_error *err)
{
	set_now(now_s, m);
	m->time_s = now_s;
	if (!(r->words.peak & SEEP_REC_PEAK_FALLEN))
		return SEEP_OK;
	if (r->words.peak_us > MAX_TIME_US)
		return seep_fail(err, SEEP_ERR_FORMAT, "'%s': the time of its peak is impossible", r->path);
	m->source = SEEP_MOMENT_OF_PEAK;
	m->used_s = m->time_s = (double)r->words.peak_us / 1e6;
	return SEEP_OK;
}

static const struct seep_rec_named_mark *newest_mark(const struct seep_recording *r, const char *name)
{
	for (size_t i = r->nr_marks; i-- > 0;)
		if (!strcmp(r->marks[i].name, name))
			return &r->marks[i];
	return NULL;
}

static enum seep_status find_mark(const struct seep_recording *r, double now_s, struct seep_moment *m,
                                  struct seep_error *err)
{
	const struct seep_rec_named_mark *mark = newest_mark(r, m->mark);

	if (!mark && !r->nr_marks)
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "'%s' has no mark '%s': nobody set any", r->path, m->mark);
	if (!mark)
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "'%s' has no mark '%s'; its newest is '%s'", r->path, m->mark,
		                 r->marks[r->nr_marks - 1].name);
	m->time_s = (double)mark->time_us / 1e6;
	if (mark != &r->marks[r->nr_marks - 1])
		return find_time(r, now_s, m, err);
	m->used_s = m->time_s;
	m->has_objects = true;
	m->source = SEEP_REC_CONTROL_MARKS(r->words.control) == SEEP_REC_MARK_COUNT(r->words.mark)
	                    ? SEEP_MOMENT_OF_MARK
	                    : SEEP_MOMENT_OF_SAMPLES;
	return SEEP_OK;
}

enum seep_status seep_moment_find(const struct seep_recording *r, double now_s, struct seep_moment *m,
                                  struct seep_error *err)
{
	now_s = isfinite(now_s) && now_s > 0 ? fmin(now_s, (double)MAX_TIME_US / 1e6) : 0;
	m->spacing_s = 0;
	switch (m->kind) {
	case SEEP_MOMENT_START: return find_start(r, now_s, m, err);
	case SEEP_MOMENT_PEAK: return find_peak(r, now_s, m, err);
	case SEEP_MOMENT_MARK: return find_mark(r, now_s, m, err);
	case SEEP_MOMENT_TIME:
		if (!(m->time_s > (double)r->header.start_us / 1e6))
			return find_start(r, now_s, m, err);
		if (m->time_s < now_s)
			return find_time(r, now_s, m, err);
		break;
	case SEEP_MOMENT_NOW: break;
	}
	set_now(now_s, m);
	m->time_s = now_s;
	return SEEP_OK;
}

bool seep_moment_has(const struct seep_moment *m, bool is_same, const struct seep_rec_sample *s)
{
	double birth_s = (double)s->birth_us / 1e6;

	if (m->source == SEEP_MOMENT_OF_SAMPLES || m->source == SEEP_MOMENT_OF_NOTHING)
		return m->source == SEEP_MOMENT_OF_SAMPLES;
	if (is_same) /* unless what it saved was lost with the process */
		return birth_s <= m->used_s + CLOCK_STEP_S;
	return birth_s < m->used_s - (m->source == SEEP_MOMENT_OF_TRAIL ? 0 : CLOCK_STEP_S);
}

/* ---- what a stack had in use ---- */

struct then {
	double bytes, objects, bytes_var; /* NaN: not known */
};

/* A number behind that of the words is of a peak or mark that came while the file was read: as good. */
static bool is_since(uint32_t nr, uint64_t number)
{
	return (int32_t)(nr - (uint32_t)number) >= 0;
}

static bool snapped(const struct seep_rec_snap *snap, uint64_t number, struct then *out)
{
	if (!snap->checksum || !is_since(snap->number, number))
		return false;
	*out = (struct then){ snap->bytes, snap->objects, (double)snap->bytes_var };
	return true;
}

/* False: it has not changed since, so that what is live now is what was live then; or it is the start. */
static bool then_of(const struct seep_recording *r, size_t stack, const struct seep_moment *m, struct then *out)
{
	const struct seep_rec_trail *t = &r->counters[stack].trail;

	*out = (struct then){ 0, NAN, NAN };
	if (m->source == SEEP_MOMENT_OF_TRAIL && t->tick_s) {
		unsigned i = nearest_point(t->last_tick, (uint64_t)(m->used_s / t->tick_s + 0.5));

		if (i < SEEP_REC_NR_TRAIL)
			out->bytes = (double)t->inuse_bytes[i];
		return i < SEEP_REC_NR_TRAIL;
	}
	if (m->source == SEEP_MOMENT_OF_PEAK)
		return snapped(&r->counters[stack].peak, SEEP_REC_PEAK_NUMBER(r->words.peak), out);
	if (m->source == SEEP_MOMENT_OF_MARK)
		return snapped(&r->counters[stack].mark, SEEP_REC_MARK_NUMBER(r->words.mark), out);
	return false;
}

/* ---- the part that is freed now ---- */

/* What one byte that a stack freed again stands for: all that it ever freed tells. */
struct per_byte {
	double bytes_var, objects, objects_var, samples;
};

static struct per_byte per_byte_of(const struct seep_rec_counters *c, const struct seep_estimate *live)
{
	double freed = c->alloc_bytes - live->bytes, var = c->alloc_bytes_var - live->bytes_var;
	double objects_var = c->alloc_objects_var - live->objects_var;
	struct per_byte p = { 0, 0, 0, 0 };

	if (c->alloc_bytes <= 0)
		return p;
	/* sums of doubles: what is left after taking off the rest may be rounding alone */
	if (freed <= c->alloc_bytes * 1e-9 || var <= c->alloc_bytes_var * 1e-9) {
		freed = c->alloc_bytes;
		var = c->alloc_bytes_var;
		objects_var = c->alloc_objects_var;
	}
	p.bytes_var = var / freed;
	p.objects_var = fmax(objects_var, 0) / freed;
	p.samples = c->freed_bytes > 0 ? c->nr_freed / c->freed_bytes : c->nr_alloc / c->alloc_bytes;
	p.objects = c->freed_bytes > 0 ? c->freed_objects / c->freed_bytes : c->alloc_objects / c->alloc_bytes;
	return p;
}

/* `kept`: of what was in use then, the part that lives still. */
static struct seep_estimate gone_of(const struct then *then, const struct seep_estimate *kept, const struct per_byte *p)
{
	struct seep_estimate gone = { .bytes = then->bytes - kept->bytes };
	double slack = isnan(then->bytes_var) ? then->bytes * TRAIL_ROUNDING : then->bytes * 1e-9;

	if (gone.bytes <= slack)
		return (struct seep_estimate){ 0 };
	gone.objects = isnan(then->objects) ? gone.bytes * p->objects : fmax(then->objects - kept->objects, 0);
	gone.bytes_var = then->bytes_var - kept->bytes_var;
	if (isnan(gone.bytes_var) || gone.bytes_var <= 1e-6 * then->bytes_var)
		gone.bytes_var = gone.bytes * p->bytes_var;
	gone.objects_var = gone.bytes * p->objects_var;
	gone.nr_samples = (uint64_t)fmin(fmax(gone.bytes * p->samples + 0.5, 1), 1e15);
	return gone;
}

struct kept {
	struct seep_estimate from, to, live;
	struct then then_from, then_to;
	bool has_from, has_to; /* these are known; else nothing has changed since, or nothing was there */
};

static void find_then(const struct seep_recording *r, const struct seep_moment *from, const struct seep_moment *to,
                      struct kept *kept, struct seep_gone *gone)
{
	for (size_t i = 0; i < r->nr_stacks; i++) {
		kept[i].has_from = then_of(r, i, from, &kept[i].then_from);
		kept[i].has_to = then_of(r, i, to, &kept[i].then_to);
		gone[i].is_same_from = !kept[i].has_from && from->source != SEEP_MOMENT_OF_NOTHING;
		gone[i].is_same_to = !kept[i].has_to && to->source != SEEP_MOMENT_OF_NOTHING;
	}
}

static void sum_samples(const struct seep_recording *r, const struct seep_moment *from, const struct seep_moment *to,
                        struct kept *kept, const struct seep_gone *gone)
{
	for (size_t i = 0; i < r->nr_samples; i++) {
		const struct seep_rec_sample *s = &r->samples[i];
		struct kept *k = &kept[s->stack];

		if (r->stacks[s->stack].kind != s->kind)
			continue;
		estimate_add(&k->live, s);
		if (seep_moment_has(from, gone[s->stack].is_same_from, s))
			estimate_add(&k->from, s);
		if (seep_moment_has(to, gone[s->stack].is_same_to, s))
			estimate_add(&k->to, s);
	}
}

struct seep_gone *seep_recording_gone(const struct seep_recording *r, const struct seep_moment *from,
                                      const struct seep_moment *to)
{
	struct seep_gone *gone = calloc(r->nr_stacks + 1, sizeof(*gone));
	struct kept *kept = calloc(r->nr_stacks + 1, sizeof(*kept));

	if (!gone || !kept) {
		free(gone);
		free(kept);
		return NULL;
	}
	find_then(r, from, to, kept, gone);
	sum_samples(r, from, to, kept, gone);
	for (size_t i = 0; i < r->nr_stacks; i++) {
		struct per_byte p = per_byte_of(&r->counters[i].c, &kept[i].live);

		if (kept[i].has_from)
			gone[i].from = gone_of(&kept[i].then_from, &kept[i].from, &p);
		if (kept[i].has_to)
			gone[i].to = gone_of(&kept[i].then_to, &kept[i].to, &p);
	}
	free(kept);
	return gone;
}
