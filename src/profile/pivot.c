/* Rows by what else is known of them than their stack: their thread, their heap. */
#include "profile/profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN "[unknown]"

static uint32_t cell(const uint32_t *column, size_t row)
{
	return column ? column[row] : 0;
}

bool seep_profile_knows(const struct seep_profile *p, enum seep_dimension by)
{
	const struct seep_samples *s = &p->samples;

	return by == SEEP_BY_CODE || (by == SEEP_BY_THREAD ? s->thread != NULL : s->heap != NULL);
}

uint32_t seep_profile_label(struct seep_profile *p, enum seep_dimension by, size_t row)
{
	uint32_t name = cell(by == SEEP_BY_THREAD ? p->samples.thread : p->samples.heap, row);
	uint32_t tid = by == SEEP_BY_THREAD ? cell(p->samples.tid, row) : 0;
	char text[256];

	if (!tid)
		return name ? name : seep_profile_intern_z(p, UNKNOWN);
	if (name)
		snprintf(text, sizeof(text), "%.200s/%" PRIu32, seep_profile_str(p, name), tid);
	else
		snprintf(text, sizeof(text), "%" PRIu32, tid);
	return seep_profile_intern_z(p, text);
}

/* ---- pivot ---- */

struct key {
	uint32_t process, name, tid, stack, row;
};

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_labels(const struct key *x, const struct key *y)
{
	int order = compare_u32(x->process, y->process);

	if (!order)
		order = compare_u32(x->name, y->name);
	return order ? order : compare_u32(x->tid, y->tid);
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order = compare_labels(x, y);

	if (!order)
		order = compare_u32(x->stack, y->stack);
	return order ? order : compare_u32(x->row, y->row);
}

static struct key *keys_of(const struct seep_profile *p, enum seep_dimension by)
{
	const struct seep_samples *s = &p->samples;
	struct key *keys = calloc(s->nr + 1, sizeof(*keys));

	for (size_t i = 0; keys && i < s->nr; i++)
		keys[i] = (struct key){
			.process = by == SEEP_BY_THREAD ? cell(s->process, i) : 0,
			.name = cell(by == SEEP_BY_THREAD ? s->thread : s->heap, i),
			.tid = by == SEEP_BY_THREAD ? cell(s->tid, i) : 0,
			.stack = s->stack[i],
			.row = (uint32_t)i,
		};
	if (keys)
		qsort(keys, s->nr, sizeof(*keys), compare_keys);
	return keys;
}

static uint32_t name_label(struct seep_profile *p, enum seep_dimension by, const struct key *k)
{
	uint32_t label = seep_profile_label(p, by, k->row);
	const struct seep_process *process;
	char text[512];

	if (label == SEEP_NO_ID || by != SEEP_BY_THREAD || p->nr_processes < 2 || k->process >= p->nr_processes)
		return label;
	process = &p->processes[k->process];
	snprintf(text, sizeof(text), "%.200s[%" PRIu64 "] %.200s", seep_profile_str(p, process->name), process->pid,
	         seep_profile_str(p, label));
	return seep_profile_intern_z(p, text);
}

static uint32_t add_label(struct seep_profile *p, enum seep_dimension by, const struct key *k)
{
	uint32_t name = name_label(p, by, k), function, location;
	struct seep_line line = { .line = k->tid };

	if (name == SEEP_NO_ID)
		return SEEP_NO_ID;
	function = seep_profile_add_function(p, seep_profile_str(p, name), "", "", 0);
	location = function == SEEP_NO_ID ? SEEP_NO_ID : seep_profile_add_location(p, 0, SEEP_NO_ID);
	line.function = function;
	if (location == SEEP_NO_ID || !seep_profile_set_lines(p, location, &line, 1))
		return SEEP_NO_ID;
	p->locations[location].is_label = true;
	return location;
}

static uint32_t add_labelled(struct seep_profile *p, uint32_t stack, uint32_t label)
{
	const struct seep_stack *old = &p->stacks[stack];
	uint32_t *frames = calloc(old->nr + 1, sizeof(*frames)), added = SEEP_NO_ID;

	if (frames) {
		memcpy(frames, p->frames + old->first, old->nr * sizeof(*frames));
		frames[old->nr] = label;
		added = seep_profile_add_stack(p, frames, old->nr + 1, old->flags | SEEP_STACK_LABELLED);
	}
	free(frames);
	return added;
}

static bool relabel(struct seep_profile *p, enum seep_dimension by, bool with_frames, const struct key *keys)
{
	uint32_t label = SEEP_NO_ID, stack = SEEP_NO_ID;

	for (size_t i = 0; i < p->samples.nr; i++) {
		bool is_new = !i || compare_labels(&keys[i - 1], &keys[i]) != 0;

		if (is_new)
			label = add_label(p, by, &keys[i]);
		if (label == SEEP_NO_ID)
			return false;
		if (with_frames && (is_new || keys[i - 1].stack != keys[i].stack))
			stack = add_labelled(p, keys[i].stack, label);
		else if (!with_frames && is_new)
			stack = seep_profile_add_stack(p, &label, 1, 0);
		if (stack == SEEP_NO_ID)
			return false;
		p->samples.stack[keys[i].row] = stack;
	}
	return true;
}

enum seep_status seep_profile_pivot(struct seep_profile *p, enum seep_dimension by, bool with_frames,
                                    struct seep_error *err)
{
	struct key *keys = by == SEEP_BY_CODE ? NULL : keys_of(p, by);
	bool ok = by == SEEP_BY_CODE || (keys && relabel(p, by, with_frames, keys));

	free(keys);
	return ok ? SEEP_OK : seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
}

/* ---- filter ---- */

static void move_u32(uint32_t *column, size_t from, size_t to)
{
	if (column)
		column[to] = column[from];
}

static void move_row(struct seep_profile *p, size_t from, size_t to)
{
	struct seep_samples *s = &p->samples;

	for (uint32_t t = 0; t < p->nr_types; t++) {
		s->values[t * s->cap + to] = s->values[t * s->cap + from];
		if (s->variances)
			s->variances[t * s->cap + to] = s->variances[t * s->cap + from];
	}
	move_u32(s->stack, from, to);
	move_u32(s->nr_blocks, from, to);
	move_u32(s->thread, from, to);
	move_u32(s->tid, from, to);
	move_u32(s->heap, from, to);
	move_u32(s->process, from, to);
	move_u32(s->nr_alloc_samples, from, to);
	if (s->age_s)
		s->age_s[to] = s->age_s[from];
}

void seep_profile_filter(struct seep_profile *p, bool (*keep)(struct seep_profile *p, size_t row, void *data),
                         void *data)
{
	size_t nr = 0;

	for (size_t i = 0; i < p->samples.nr; i++)
		if (keep(p, i, data))
			move_row(p, i, nr++);
	p->samples.nr = nr;
}
