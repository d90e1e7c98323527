/*
 * A recording as a profile. Mappings are modules: one per generation, so that two objects that were at one range at
 * different times stay two. Addresses are those in the process.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recording/recording.h"

/* Where allocators end and their callers begin, for pprof, which cuts stacks there. */
#define DROP_FRAMES                                                                                           \
	"malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|cfree|free|" \
	"mmap|mmap64|mremap|__libc_.*alloc.*|_int_.*alloc.*|operator new|operator new\\[\\]"

struct conversion {
	const struct seep_recording *r;
	struct seep_profile *p;
	uint32_t *mappings; /* of each module; SEEP_NO_ID: the module is not known */
	uint32_t *stacks;   /* the profile's, of each of the recording's */
	uint32_t *threads;  /* string id of each thread's label */
	double now_s;
	uint8_t kind;
};

static bool add_types(struct seep_profile *p)
{
	static const char *const types[SEEP_NR_HEAP_VALUES][2] = {
		[SEEP_ALLOC_OBJECTS] = { "alloc_objects", "count" },
		[SEEP_ALLOC_SPACE] = { "alloc_space", "bytes" },
		[SEEP_INUSE_OBJECTS] = { "inuse_objects", "count" },
		[SEEP_INUSE_SPACE] = { "inuse_space", "bytes" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (seep_profile_add_type(p, types[i][0], types[i][1]) == SEEP_NO_ID)
			return false;
	p->default_type = SEEP_INUSE_SPACE;
	p->period_type.type = seep_profile_intern_z(p, "space");
	p->period_type.unit = seep_profile_intern_z(p, "bytes");
	p->drop_frames = seep_profile_intern_z(p, DROP_FRAMES);
	return p->period_type.type != SEEP_NO_ID && p->period_type.unit != SEEP_NO_ID && p->drop_frames != SEEP_NO_ID;
}

uint64_t seep_recording_period(const struct seep_recording *r)
{
	if (r->status.period)
		return r->status.period;
	for (size_t i = r->nr_periods; i-- > 0;)
		if (r->periods[i].period)
			return r->periods[i].period;
	return 0;
}

static bool add_facts(struct conversion *c)
{
	const struct seep_rec_header *h = &c->r->header;
	double length_s = c->now_s - (double)h->start_us / 1e6;
	struct seep_process process = { .pid = h->pid, .now_s = c->now_s };

	c->p->period = (int64_t)seep_recording_period(c->r);
	if (h->epoch_realtime_ns < (uint64_t)INT64_MAX / 2)
		c->p->time_ns = (int64_t)h->epoch_realtime_ns + (int64_t)(c->now_s * 1e9);
	if (length_s > 0)
		c->p->duration_ns = (int64_t)(length_s * 1e9);
	process.name = seep_profile_intern_z(c->p, h->name);
	return process.name != SEEP_NO_ID && seep_profile_add_process(c->p, &process) != SEEP_NO_ID;
}

static bool add_mapping(struct conversion *c, size_t i)
{
	const struct seep_rec_module *m = &c->r->modules[i];
	char hex[2 * sizeof(m->build_id) + 1];
	struct seep_mapping mapping = { .start = m->start, .limit = m->end, .bias = m->bias };

	mapping.file = seep_profile_intern(c->p, m->path, strnlen(m->path, m->path_bytes));
	mapping.build_id = seep_profile_intern_z(c->p, seep_format_hex(hex, m->build_id, m->build_id_bytes));
	if (mapping.file == SEEP_NO_ID || mapping.build_id == SEEP_NO_ID)
		return false;
	c->mappings[i] = seep_profile_add_mapping(c->p, &mapping);
	return c->mappings[i] != SEEP_NO_ID;
}

static bool add_mappings_of(struct conversion *c, bool is_exe)
{
	for (size_t i = 1; i < c->r->nr_modules; i++) {
		const struct seep_rec_module *m = &c->r->modules[i];

		if (m->checksum && is_exe == !!(m->flags & SEEP_REC_MODULE_EXE) && !add_mapping(c, i))
			return false;
	}
	return true;
}

/* The executable first: the first mapping is a profile's main binary. */
static bool add_mappings(struct conversion *c)
{
	for (size_t i = 0; i < c->r->nr_modules; i++)
		c->mappings[i] = SEEP_NO_ID;
	return add_mappings_of(c, true) && add_mappings_of(c, false);
}

static uint32_t add_location(struct conversion *c, uint64_t frame)
{
	uint32_t module = SEEP_REC_FRAME_MODULE(frame);
	uint64_t offset = SEEP_REC_FRAME_OFFSET(frame);

	if (!module || module >= c->r->nr_modules || c->mappings[module] == SEEP_NO_ID)
		return seep_profile_add_location(c->p, offset, SEEP_NO_ID);
	return seep_profile_add_location(c->p, c->r->modules[module].start + offset, c->mappings[module]);
}

/* Stacks are converted when their first row is. */
static uint32_t stack_of(struct conversion *c, uint32_t stack)
{
	const struct seep_rec_stack *s = &c->r->stacks[stack];
	uint32_t locations[SEEP_REC_MAX_FRAMES], flags = 0;

	if (c->stacks[stack] != SEEP_NO_ID)
		return c->stacks[stack];
	for (uint32_t i = 0; i < s->nr_frames; i++) {
		locations[i] = add_location(c, c->r->frames[s->first_frame + i]);
		if (locations[i] == SEEP_NO_ID)
			return SEEP_NO_ID;
	}
	flags |= s->flags & SEEP_REC_STACK_DEEP ? SEEP_STACK_DEEP : 0;
	flags |= s->flags & SEEP_REC_STACK_CUT ? SEEP_STACK_CUT : 0;
	c->stacks[stack] = seep_profile_add_stack(c->p, locations, s->nr_frames, flags);
	return c->stacks[stack];
}

static uint32_t thread_label(struct conversion *c, uint32_t thread)
{
	const struct seep_rec_thread *t;
	char label[48];
	int nr;

	if (!thread || thread >= c->r->nr_threads)
		return 0;
	t = &c->r->threads[thread];
	nr = (int)strnlen(t->name, sizeof(t->name));
	if (nr && (t->nr_reused || !t->tid))
		snprintf(label, sizeof(label), "%.*s", nr, t->name);
	else if (nr)
		snprintf(label, sizeof(label), "%.*s/%" PRIu32, nr, t->name, t->tid);
	else if (t->tid)
		snprintf(label, sizeof(label), "%" PRIu32, t->tid);
	else
		return 0;
	return seep_profile_intern_z(c->p, label);
}

static bool add_threads(struct conversion *c)
{
	for (size_t i = 0; i < c->r->nr_threads; i++) {
		c->threads[i] = thread_label(c, (uint32_t)i);
		if (c->threads[i] == SEEP_NO_ID)
			return false;
	}
	return true;
}

static bool add_live_sample(struct conversion *c, const struct seep_rec_sample *s)
{
	struct seep_weight w = seep_weight_of(s->size, s->period);
	double values[SEEP_NR_HEAP_VALUES] = { [SEEP_INUSE_OBJECTS] = w.objects, [SEEP_INUSE_SPACE] = w.bytes };
	double variances[SEEP_NR_HEAP_VALUES] = {
		[SEEP_INUSE_OBJECTS] = w.objects_var, [SEEP_INUSE_SPACE] = w.bytes_var
	};
	double age = c->now_s - (double)s->birth_us / 1e6;
	uint32_t stack = stack_of(c, s->stack), row;

	if (stack == SEEP_NO_ID)
		return false;
	row = seep_profile_add_sample(c->p, stack, values, w.objects_var > 0 ? variances : NULL);
	if (row == SEEP_NO_ID)
		return false;
	c->p->samples.age_s[row] = (float)(age > 0 ? age : 0);
	c->p->samples.nr_blocks[row] = 1;
	c->p->samples.thread[row] = s->thread < c->r->nr_threads ? c->threads[s->thread] : 0;
	return true;
}

static bool add_alloc_totals(struct conversion *c, uint32_t idx)
{
	const struct seep_rec_counters *t = &c->r->counters[idx].c;
	double values[SEEP_NR_HEAP_VALUES] = {
		[SEEP_ALLOC_OBJECTS] = t->alloc_objects, [SEEP_ALLOC_SPACE] = t->alloc_bytes
	};
	double variances[SEEP_NR_HEAP_VALUES] = {
		[SEEP_ALLOC_OBJECTS] = t->alloc_objects_var, [SEEP_ALLOC_SPACE] = t->alloc_bytes_var
	};
	uint32_t stack, row;

	if (!t->nr_alloc && t->alloc_objects <= 0)
		return true;
	stack = stack_of(c, idx);
	if (stack == SEEP_NO_ID)
		return false;
	row = seep_profile_add_sample(c->p, stack, values, t->alloc_objects_var > 0 ? variances : NULL);
	if (row == SEEP_NO_ID)
		return false;
	c->p->samples.nr_alloc_samples[row] = t->nr_alloc;
	return true;
}

static bool add_rows(struct conversion *c)
{
	for (size_t i = 0; i < c->r->nr_stacks; i++)
		c->stacks[i] = SEEP_NO_ID;
	if (!seep_profile_add_columns(c->p, SEEP_COLUMN_AGE | SEEP_COLUMN_THREAD | SEEP_COLUMN_ALLOC_SAMPLES))
		return false;
	for (size_t i = 0; i < c->r->nr_samples; i++)
		if (c->r->samples[i].kind == c->kind && !add_live_sample(c, &c->r->samples[i]))
			return false;
	for (size_t i = 0; i < c->r->nr_stacks; i++)
		if (c->r->stacks[i].kind == c->kind && !add_alloc_totals(c, (uint32_t)i))
			return false;
	return true;
}

static bool take_maps(struct conversion *c)
{
	c->mappings = calloc(c->r->nr_modules + 1, sizeof(*c->mappings));
	c->stacks = calloc(c->r->nr_stacks + 1, sizeof(*c->stacks));
	c->threads = calloc(c->r->nr_threads + 1, sizeof(*c->threads));
	return c->mappings && c->stacks && c->threads;
}

/* Ages and times stay within what the profile's integers hold, whatever the caller's clock says. */
static double plausible_now(double now_s)
{
	return isfinite(now_s) && now_s > 0 ? fmin(now_s, 4e9) : 0;
}

enum seep_status seep_recording_profile(const struct seep_recording *r, uint8_t kind, double now_s,
                                        struct seep_profile **out, struct seep_error *err)
{
	struct conversion c = { .r = r, .kind = kind, .now_s = plausible_now(now_s) };
	enum seep_status status = seep_profile_new(&c.p, err);
	bool is_done;

	if (status != SEEP_OK)
		return status;
	is_done =
		take_maps(&c) && add_types(c.p) && add_facts(&c) && add_mappings(&c) && add_threads(&c) && add_rows(&c);
	free(c.mappings);
	free(c.stacks);
	free(c.threads);
	if (!is_done) {
		seep_profile_free(c.p);
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", r->path);
	}
	*out = c.p;
	return SEEP_OK;
}
