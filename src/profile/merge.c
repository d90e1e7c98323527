/* Appending one profile's rows to another's, process by process. */
#include "profile/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct merge {
	struct seep_profile *into;
	const struct seep_profile *from;
	uint32_t process;                                    /* of from's process 0, in `into` */
	uint32_t *mappings, *functions, *locations, *stacks; /* from's index to into's */
};

static bool has_same_types(const struct seep_profile *a, const struct seep_profile *b)
{
	if (a->nr_types != b->nr_types)
		return false;
	for (uint32_t i = 0; i < a->nr_types; i++)
		if (strcmp(seep_profile_str(a, a->types[i].type), seep_profile_str(b, b->types[i].type)) ||
		    strcmp(seep_profile_str(a, a->types[i].unit), seep_profile_str(b, b->types[i].unit)))
			return false;
	return true;
}

static uint32_t intern(struct merge *m, uint32_t id)
{
	return seep_profile_intern_z(m->into, seep_profile_str(m->from, id));
}

/* Rows without a named process belong to a nameless one, so that two sources are never taken for one. */
static bool merge_processes(struct merge *m)
{
	static const struct seep_process nameless = { .now_s = NAN };

	if (!m->into->nr_processes && (m->into->samples.nr || m->into->nr_mappings) &&
	    seep_profile_add_process(m->into, &nameless) == SEEP_NO_ID)
		return false;
	m->process = (uint32_t)m->into->nr_processes;
	if (!m->from->nr_processes)
		return seep_profile_add_process(m->into, &nameless) != SEEP_NO_ID;
	for (size_t i = 0; i < m->from->nr_processes; i++) {
		struct seep_process process = m->from->processes[i];

		process.name = intern(m, process.name);
		if (process.name == SEEP_NO_ID || seep_profile_add_process(m->into, &process) == SEEP_NO_ID)
			return false;
	}
	return true;
}

static bool merge_mappings(struct merge *m)
{
	for (size_t i = 0; i < m->from->nr_mappings; i++) {
		struct seep_mapping mapping = m->from->mappings[i];

		mapping.file = intern(m, mapping.file);
		mapping.build_id = intern(m, mapping.build_id);
		mapping.process += m->process;
		if (mapping.file == SEEP_NO_ID || mapping.build_id == SEEP_NO_ID)
			return false;
		m->mappings[i] = seep_profile_add_mapping(m->into, &mapping);
		if (m->mappings[i] == SEEP_NO_ID)
			return false;
	}
	return true;
}

static bool merge_functions(struct merge *m)
{
	for (size_t i = 0; i < m->from->nr_functions; i++) {
		const struct seep_function *f = &m->from->functions[i];

		m->functions[i] = seep_profile_add_function(m->into, seep_profile_str(m->from, f->name),
		                                            seep_profile_str(m->from, f->system_name),
		                                            seep_profile_str(m->from, f->file), f->start_line);
		if (m->functions[i] == SEEP_NO_ID)
			return false;
	}
	return true;
}

static bool merge_lines(struct merge *m, const struct seep_location *from, uint32_t to)
{
	struct seep_line *lines;
	bool is_set;

	if (!from->nr_lines || m->into->locations[to].nr_lines)
		return true;
	lines = calloc(from->nr_lines, sizeof(*lines));
	if (!lines)
		return false;
	for (uint32_t i = 0; i < from->nr_lines; i++) {
		const struct seep_line *line = &m->from->lines[from->first_line + i];

		lines[i] = (struct seep_line){ m->functions[line->function], line->line };
	}
	is_set = seep_profile_set_lines(m->into, to, lines, from->nr_lines);
	free(lines);
	return is_set;
}

static bool merge_locations(struct merge *m)
{
	for (size_t i = 0; i < m->from->nr_locations; i++) {
		const struct seep_location *l = &m->from->locations[i];
		uint32_t mapping = l->mapping == SEEP_NO_ID ? SEEP_NO_ID : m->mappings[l->mapping];

		m->locations[i] = seep_profile_add_location(m->into, l->addr, mapping);
		if (m->locations[i] == SEEP_NO_ID || !merge_lines(m, l, m->locations[i]))
			return false;
	}
	return true;
}

static bool merge_stacks(struct merge *m)
{
	for (size_t i = 0; i < m->from->nr_stacks; i++) {
		const struct seep_stack *stack = &m->from->stacks[i];
		uint32_t *frames = malloc((stack->nr + 1) * sizeof(*frames));

		if (!frames)
			return false;
		for (uint32_t k = 0; k < stack->nr; k++)
			frames[k] = m->locations[m->from->frames[stack->first + k]];
		m->stacks[i] = seep_profile_add_stack(m->into, frames, stack->nr, stack->flags);
		free(frames);
		if (m->stacks[i] == SEEP_NO_ID)
			return false;
	}
	return true;
}

static bool merge_row(struct merge *m, size_t row)
{
	const struct seep_samples *from = &m->from->samples;
	struct seep_samples *into = &m->into->samples;
	double values[SEEP_PROFILE_MAX_VALUES], variances[SEEP_PROFILE_MAX_VALUES];
	uint32_t to;

	for (uint32_t t = 0; t < m->from->nr_types; t++) {
		values[t] = from->values[t * from->cap + row];
		variances[t] = from->variances ? from->variances[t * from->cap + row] : 0;
	}
	to = seep_profile_add_sample(m->into, m->stacks[from->stack[row]], values, from->variances ? variances : NULL);
	if (to == SEEP_NO_ID)
		return false;
	into->nr_blocks[to] = from->nr_blocks[row];
	into->process[to] = m->process + (from->process ? from->process[row] : 0);
	if (from->age_s)
		into->age_s[to] = from->age_s[row];
	if (from->nr_alloc_samples)
		into->nr_alloc_samples[to] = from->nr_alloc_samples[row];
	if (from->thread)
		into->thread[to] = intern(m, from->thread[row]);
	if (from->tid)
		into->tid[to] = from->tid[row];
	if (from->heap)
		into->heap[to] = intern(m, from->heap[row]);
	return (!from->thread || into->thread[to] != SEEP_NO_ID) && (!from->heap || into->heap[to] != SEEP_NO_ID);
}

static bool merge_samples(struct merge *m)
{
	const struct seep_samples *from = &m->from->samples;
	unsigned columns = SEEP_COLUMN_PROCESS;

	columns |= from->variances ? SEEP_COLUMN_VARIANCES : 0;
	columns |= from->age_s ? SEEP_COLUMN_AGE : 0;
	columns |= from->thread ? SEEP_COLUMN_THREAD : 0;
	columns |= from->heap ? SEEP_COLUMN_HEAP : 0;
	columns |= from->nr_alloc_samples ? SEEP_COLUMN_ALLOC_SAMPLES : 0;
	if (!seep_profile_add_columns(m->into, columns))
		return false;
	for (size_t i = 0; i < from->nr; i++)
		if (!merge_row(m, i))
			return false;
	return true;
}

static bool merge_comments(struct merge *m)
{
	for (size_t i = 0; i < m->from->nr_comments; i++)
		if (seep_profile_add_comment(m->into, seep_profile_str(m->from, m->from->comments[i])) == SEEP_NO_ID)
			return false;
	return true;
}

/* pprof's rules where they make sense for processes side by side: the coarsest period, the whole span of time. */
static void merge_facts(struct seep_profile *into, const struct seep_profile *from)
{
	if (from->period > into->period)
		into->period = from->period;
	if (from->time_ns > into->time_ns)
		into->time_ns = from->time_ns;
	if (from->duration_ns > into->duration_ns)
		into->duration_ns = from->duration_ns;
}

static bool take_maps(struct merge *m)
{
	m->mappings = calloc(m->from->nr_mappings + 1, sizeof(uint32_t));
	m->functions = calloc(m->from->nr_functions + 1, sizeof(uint32_t));
	m->locations = calloc(m->from->nr_locations + 1, sizeof(uint32_t));
	m->stacks = calloc(m->from->nr_stacks + 1, sizeof(uint32_t));
	return m->mappings && m->functions && m->locations && m->stacks;
}

enum seep_status seep_profile_merge(struct seep_profile *into, const struct seep_profile *from, struct seep_error *err)
{
	struct merge m = { .into = into, .from = from };
	bool is_done;

	if (!has_same_types(into, from))
		return seep_fail(err, SEEP_ERR_USAGE, "profiles have different sample types");
	is_done = take_maps(&m) && merge_processes(&m) && merge_mappings(&m) && merge_functions(&m) &&
	          merge_locations(&m) && merge_stacks(&m) && merge_samples(&m) && merge_comments(&m);
	merge_facts(into, from);
	free(m.mappings);
	free(m.functions);
	free(m.locations);
	free(m.stacks);
	return is_done ? SEEP_OK : seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
}
