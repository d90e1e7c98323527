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
	const struct seep_choice *choice;
	struct seep_profile *p;
	uint32_t *mappings; /* of each module; SEEP_NO_ID: the module is not known */
	uint32_t *stacks;   /* the profile's, of each of the recording's */
	uint32_t *threads;  /* string id of each thread's name */
	uint32_t heaps[SEEP_NR_KINDS];
	struct seep_gone *gone; /* of each stack; NULL: now is all that is asked for */
	double now_s;
};

/* ---- values ---- */

/* What a row's figures are, before it is said which of them the profile has. */
enum value {
	VALUE_ALLOC_OBJECTS,
	VALUE_ALLOC_SPACE,
	VALUE_INUSE_OBJECTS,
	VALUE_INUSE_SPACE,
	VALUE_GROWTH_OBJECTS,
	VALUE_GROWTH_SPACE,
	VALUE_BEFORE_SPACE,
	VALUE_AFTER_SPACE,
	NR_VALUES
};
static const struct {
	const char *type, *unit;
} value_types[NR_VALUES] = {
	[VALUE_ALLOC_OBJECTS] = { "alloc_objects", "count" },   [VALUE_ALLOC_SPACE] = { "alloc_space", "bytes" },
	[VALUE_INUSE_OBJECTS] = { "inuse_objects", "count" },   [VALUE_INUSE_SPACE] = { "inuse_space", "bytes" },
	[VALUE_GROWTH_OBJECTS] = { "growth_objects", "count" }, [VALUE_GROWTH_SPACE] = { "growth_space", "bytes" },
	[VALUE_BEFORE_SPACE] = { "before_space", "bytes" },     [VALUE_AFTER_SPACE] = { "after_space", "bytes" },
};

struct figures {
	double values[NR_VALUES], variances[NR_VALUES];
	bool has_variance;
};

static bool has_value(const struct seep_choice *c, enum value v)
{
	bool is_growth = c->from && c->to, is_then = c->to && !c->from;

	switch (v) {
	case VALUE_ALLOC_OBJECTS:
	case VALUE_ALLOC_SPACE: return !c->to && !c->without_alloc;
	case VALUE_INUSE_OBJECTS: return !c->to || (is_then && c->with_objects);
	case VALUE_INUSE_SPACE: return !is_growth;
	case VALUE_GROWTH_OBJECTS: return is_growth && c->with_objects;
	case VALUE_GROWTH_SPACE:
	case VALUE_BEFORE_SPACE:
	case VALUE_AFTER_SPACE: return is_growth;
	case NR_VALUES: break;
	}
	return false;
}

static void set_value(struct figures *f, enum value v, double value, double variance)
{
	f->values[v] = value;
	f->variances[v] = variance;
	f->has_variance |= variance > 0;
}

static bool add_types(struct conversion *c)
{
	struct seep_profile *p = c->p;

	for (enum value v = 0; v < NR_VALUES; v++) {
		if (!has_value(c->choice, v))
			continue;
		if (v == VALUE_INUSE_SPACE || v == VALUE_GROWTH_SPACE)
			p->default_type = p->nr_types;
		if (seep_profile_add_type(p, value_types[v].type, value_types[v].unit) == SEEP_NO_ID)
			return false;
	}
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

/* The first thread has its process's name, unless it was given another. */
static uint32_t thread_name(struct conversion *c, const struct seep_rec_thread *t)
{
	if (!t->name[0] && t->tid == c->r->header.pid)
		return seep_profile_intern_z(c->p, c->r->header.name);
	return seep_profile_intern(c->p, t->name, strnlen(t->name, sizeof(t->name)));
}

static bool add_threads(struct conversion *c)
{
	for (size_t i = 0; i < c->r->nr_threads; i++) {
		c->threads[i] = i ? thread_name(c, &c->r->threads[i]) : 0;
		if (c->threads[i] == SEEP_NO_ID)
			return false;
	}
	return true;
}

static bool add_heaps(struct conversion *c)
{
	char name[SEEP_HEAP_NAME_MAX];

	for (unsigned kind = 0; kind < SEEP_NR_KINDS; kind++) {
		if (!c->choice->kinds[kind])
			continue;
		c->heaps[kind] = seep_profile_intern_z(c->p, seep_recording_heap_name(c->r, (uint8_t)kind, name));
		if (c->heaps[kind] == SEEP_NO_ID)
			return false;
	}
	return true;
}

/* ---- rows ---- */

/* A row of the recording's stack `idx`, in the heap of that kind; SEEP_NO_ID when memory is out. */
static uint32_t add_row(struct conversion *c, uint32_t idx, uint8_t kind, const struct figures *f)
{
	double values[NR_VALUES], variances[NR_VALUES];
	uint32_t nr = 0, stack = stack_of(c, idx), row;

	if (stack == SEEP_NO_ID)
		return SEEP_NO_ID;
	for (enum value v = 0; v < NR_VALUES; v++)
		if (has_value(c->choice, v)) {
			values[nr] = f->values[v];
			variances[nr++] = f->variances[v];
		}
	row = seep_profile_add_sample(c->p, stack, values, f->has_variance ? variances : NULL);
	if (row != SEEP_NO_ID)
		c->p->samples.heap[row] = c->heaps[kind];
	return row;
}

/* Threads that came and went under one name have no one id. */
static void set_thread(struct conversion *c, uint32_t row, uint32_t thread)
{
	const struct seep_rec_thread *t = &c->r->threads[thread];

	if (!thread || thread >= c->r->nr_threads)
		return;
	c->p->samples.thread[row] = c->threads[thread];
	c->p->samples.tid[row] = t->nr_reused ? 0 : t->tid;
}

static void figures_of_sample(const struct conversion *c, const struct seep_rec_sample *s, struct figures *f)
{
	const struct seep_moment *from = c->choice->from, *to = c->choice->to;
	struct seep_weight w = seep_weight_of(s->size, s->period);

	if (!to || seep_moment_has(to, c->gone[s->stack].is_same_to, s)) {
		set_value(f, VALUE_INUSE_OBJECTS, w.objects, w.objects_var);
		set_value(f, VALUE_INUSE_SPACE, w.bytes, w.bytes_var);
		set_value(f, VALUE_AFTER_SPACE, w.bytes, w.bytes_var);
	}
	if (!from)
		return;
	if (seep_moment_has(from, c->gone[s->stack].is_same_from, s)) {
		set_value(f, VALUE_BEFORE_SPACE, w.bytes, w.bytes_var);
	} else if (seep_moment_has(to, c->gone[s->stack].is_same_to, s)) {
		set_value(f, VALUE_GROWTH_OBJECTS, w.objects, w.objects_var);
		set_value(f, VALUE_GROWTH_SPACE, w.bytes, w.bytes_var);
	}
}

static bool is_nothing(const struct conversion *c, const struct figures *f)
{
	for (enum value v = 0; v < NR_VALUES; v++)
		if (has_value(c->choice, v) && (f->values[v] > 0 || f->values[v] < 0))
			return false;
	return c->choice->to;
}

/* Ages are those of blocks that are counted: of growth, the ones that are new. */
static bool add_live_sample(struct conversion *c, const struct seep_rec_sample *s)
{
	struct figures f = { .has_variance = false };
	double age = c->now_s - (double)s->birth_us / 1e6;
	uint32_t row;

	figures_of_sample(c, s, &f);
	if (is_nothing(c, &f))
		return true;
	row = add_row(c, s->stack, s->kind, &f);
	if (row == SEEP_NO_ID)
		return false;
	c->p->samples.age_s[row] = (float)(age > 0 ? age : 0);
	c->p->samples.nr_blocks[row] = 1;
	set_thread(c, row, s->thread);
	return true;
}

/* `sign` −1: it was in use at the first moment and was freed; 1: at the second, and was freed since. */
static bool add_gone(struct conversion *c, uint32_t idx, const struct seep_estimate *gone, int sign)
{
	struct figures f = { .has_variance = false };
	uint32_t row;

	if (gone->bytes <= 0)
		return true;
	if (sign > 0) {
		set_value(&f, VALUE_INUSE_OBJECTS, gone->objects, gone->objects_var);
		set_value(&f, VALUE_INUSE_SPACE, gone->bytes, gone->bytes_var);
	}
	set_value(&f, sign > 0 ? VALUE_AFTER_SPACE : VALUE_BEFORE_SPACE, gone->bytes, gone->bytes_var);
	set_value(&f, VALUE_GROWTH_OBJECTS, sign * gone->objects, gone->objects_var);
	set_value(&f, VALUE_GROWTH_SPACE, sign * gone->bytes, gone->bytes_var);
	row = add_row(c, idx, c->r->stacks[idx].kind, &f);
	if (row == SEEP_NO_ID)
		return false;
	c->p->samples.nr_blocks[row] = (uint32_t)fmin((double)gone->nr_samples, UINT32_MAX);
	return true;
}

static bool add_alloc_totals(struct conversion *c, uint32_t idx)
{
	const struct seep_rec_counters *t = &c->r->counters[idx].c;
	struct figures f = { .has_variance = false };
	uint32_t row;

	if (!t->nr_alloc && t->alloc_objects <= 0)
		return true;
	set_value(&f, VALUE_ALLOC_OBJECTS, t->alloc_objects, t->alloc_objects_var);
	set_value(&f, VALUE_ALLOC_SPACE, t->alloc_bytes, t->alloc_bytes_var);
	row = add_row(c, idx, c->r->stacks[idx].kind, &f);
	if (row == SEEP_NO_ID)
		return false;
	c->p->samples.nr_alloc_samples[row] = t->nr_alloc;
	return true;
}

static bool add_stack_rows(struct conversion *c, uint32_t idx)
{
	if (!c->choice->kinds[c->r->stacks[idx].kind])
		return true;
	if (c->gone)
		return (!c->choice->from || add_gone(c, idx, &c->gone[idx].from, -1)) &&
		       add_gone(c, idx, &c->gone[idx].to, 1);
	return c->choice->without_alloc || add_alloc_totals(c, idx);
}

static bool add_rows(struct conversion *c)
{
	for (size_t i = 0; i < c->r->nr_stacks; i++)
		c->stacks[i] = SEEP_NO_ID;
	if (!seep_profile_add_columns(c->p, SEEP_COLUMN_AGE | SEEP_COLUMN_THREAD | SEEP_COLUMN_HEAP |
	                                            SEEP_COLUMN_ALLOC_SAMPLES))
		return false;
	for (size_t i = 0; i < c->r->nr_samples; i++)
		if (c->choice->kinds[c->r->samples[i].kind] && !add_live_sample(c, &c->r->samples[i]))
			return false;
	for (size_t i = 0; i < c->r->nr_stacks; i++)
		if (!add_stack_rows(c, (uint32_t)i))
			return false;
	return true;
}

static bool take_maps(struct conversion *c)
{
	const struct seep_choice *choice = c->choice;

	c->mappings = calloc(c->r->nr_modules + 1, sizeof(*c->mappings));
	c->stacks = calloc(c->r->nr_stacks + 1, sizeof(*c->stacks));
	c->threads = calloc(c->r->nr_threads + 1, sizeof(*c->threads));
	if (choice->to)
		c->gone = seep_recording_gone(c->r, choice->from ? choice->from : choice->to, choice->to);
	return c->mappings && c->stacks && c->threads && (c->gone || !choice->to);
}

/* Ages and times stay within what the profile's integers hold, whatever the caller's clock says. */
static double plausible_now(double now_s)
{
	return isfinite(now_s) && now_s > 0 ? fmin(now_s, 4e9) : 0;
}

enum seep_status seep_recording_profile_of(const struct seep_recording *r, const struct seep_choice *choice,
                                           double now_s, struct seep_profile **out, struct seep_error *err)
{
	struct conversion c = { .r = r, .choice = choice, .now_s = plausible_now(now_s) };
	enum seep_status status = seep_profile_new(&c.p, err);
	bool is_done;

	if (status != SEEP_OK)
		return status;
	is_done = take_maps(&c) && add_types(&c) && add_facts(&c) && add_mappings(&c) && add_threads(&c) &&
	          add_heaps(&c) && add_rows(&c);
	free(c.mappings);
	free(c.stacks);
	free(c.threads);
	free(c.gone);
	if (!is_done) {
		seep_profile_free(c.p);
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", r->path);
	}
	*out = c.p;
	return SEEP_OK;
}

enum seep_status seep_recording_profile(const struct seep_recording *r, uint8_t kind, double now_s,
                                        struct seep_profile **out, struct seep_error *err)
{
	struct seep_choice choice = { .from = NULL };

	choice.kinds[kind] = true;
	return seep_recording_profile_of(r, &choice, now_s, out, err);
}
