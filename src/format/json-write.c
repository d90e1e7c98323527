#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/private.h"

/* "inuse_space" of unit bytes is the key "inuse_bytes" everywhere in JSON; other types keep their names. */
static void type_key(const struct seep_profile *p, uint32_t type, char out[64])
{
	const char *name = seep_profile_str(p, p->types[type].type);
	size_t len = strlen(name);

	if (len > 6 && len < 50 && !strcmp(name + len - 6, "_space"))
		snprintf(out, 64, "%.*s_bytes", (int)len - 6, name);
	else
		snprintf(out, 64, "%.50s", name);
}

static void write_figures(struct seep_json *j, const struct seep_profile *p, const double *values,
                          const double *variances)
{
	for (uint32_t t = 0; t < p->nr_types; t++) {
		char key[80];

		type_key(p, t, key);
		seep_json_double(j, key, values[t]);
		strcat(key, "_stderr");
		seep_json_double(j, key, sqrt(variances[t]));
	}
}

static void write_total(struct seep_json *j, const struct seep_profile *p)
{
	double values[SEEP_PROFILE_MAX_VALUES], variances[SEEP_PROFILE_MAX_VALUES];

	for (uint32_t t = 0; t < p->nr_types; t++) {
		values[t] = seep_profile_total(p, t);
		variances[t] = seep_profile_total_variance(p, t);
	}
	seep_json_object(j, "total");
	write_figures(j, p, values, variances);
	seep_json_end(j);
}

static void write_target(struct seep_json *j, const struct seep_profile *p)
{
	seep_json_object(j, "target");
	if (p->period)
		seep_json_i64(j, "period_bytes", p->period);
	if (p->time_ns)
		seep_json_double(j, "time_s", (double)p->time_ns / 1e9);
	if (p->duration_ns)
		seep_json_double(j, "duration_s", (double)p->duration_ns / 1e9);
	seep_json_array(j, "processes");
	for (size_t i = 0; i < p->nr_processes; i++) {
		seep_json_object(j, NULL);
		seep_json_str(j, "name", seep_profile_str(p, p->processes[i].name));
		if (p->processes[i].pid)
			seep_json_u64(j, "pid", p->processes[i].pid);
		seep_json_end(j);
	}
	seep_json_end(j);
	seep_json_end(j);
}

static void write_mapping(struct seep_json *j, const struct seep_profile *p, const struct seep_location *l)
{
	const struct seep_mapping *m;

	if (l->mapping == SEEP_NO_ID)
		return;
	m = &p->mappings[l->mapping];
	seep_json_str(j, "module", seep_profile_str(p, m->file));
	if (m->build_id)
		seep_json_str(j, "build_id", seep_profile_str(p, m->build_id));
}

static bool write_frame(struct seep_json *j, const struct seep_profile *p, const struct seep_location *l, uint32_t i,
                        struct seep_arena *arena)
{
	const struct seep_line *line = i < l->nr_lines ? &p->lines[l->first_line + i] : NULL;
	const char *name = frame_name(p, l, i, arena);

	if (!name)
		return false;
	seep_json_object(j, NULL);
	seep_json_str(j, "function", name);
	if (line && p->functions[line->function].file)
		seep_json_str(j, "file", seep_profile_str(p, p->functions[line->function].file));
	if (line && line->line)
		seep_json_u64(j, "line", line->line);
	write_mapping(j, p, l);
	if (l->addr)
		seep_json_u64(j, "address",
		              l->mapping == SEEP_NO_ID ? l->addr : l->addr - p->mappings[l->mapping].bias);
	seep_json_bool(j, "inline", i + 1 < l->nr_lines);
	seep_json_end(j);
	return true;
}

static bool write_frames(struct seep_json *j, const struct seep_profile *p, const struct seep_stack *stack,
                         struct seep_arena *arena)
{
	seep_json_array(j, "frames");
	for (uint32_t i = 0; i < stack->nr; i++) {
		const struct seep_location *l = &p->locations[p->frames[stack->first + i]];

		for (uint32_t k = 0; k < (l->nr_lines ? l->nr_lines : 1); k++)
			if (!write_frame(j, p, l, k, arena))
				return false;
	}
	seep_json_end(j);
	return true;
}

/* ---- ages ---- */

struct weighted_age {
	double age, bytes;
};

static int compare_ages(const void *a, const void *b)
{
	const struct weighted_age *x = a, *y = b;

	return x->age < y->age ? -1 : x->age > y->age;
}

/* Median age of the row's live bytes; NaN when no age is known. `room` holds an entry per row of the profile. */
static double median_age(const struct seep_profile *p, const struct totals *t, const struct total_row *row,
                         struct weighted_age *room)
{
	const struct seep_samples *s = &p->samples;
	double total = 0, sum = 0;
	size_t nr = 0;

	if (!s->age_s || p->nr_types < SEEP_NR_HEAP_VALUES)
		return NAN;
	for (size_t i = 0; i < row->nr_rows; i++) {
		uint32_t at = t->rows[row->first_row + i];

		if (isnan(s->age_s[at]))
			continue;
		room[nr] = (struct weighted_age){ (double)s->age_s[at], s->values[SEEP_INUSE_SPACE * s->cap + at] };
		total += room[nr++].bytes;
	}
	qsort(room, nr, sizeof(*room), compare_ages);
	for (size_t i = 0; i < nr; i++) {
		sum += room[i].bytes;
		if (2 * sum >= total)
			return room[i].age;
	}
	return NAN;
}

static bool write_row(struct seep_json *j, const struct seep_profile *p, const struct totals *t,
                      const struct total_row *row, struct weighted_age *room, struct seep_arena *arena)
{
	const struct seep_stack *stack = &p->stacks[row->stack];
	double age = median_age(p, t, row, room);

	seep_json_object(j, NULL);
	if (p->nr_processes > 1)
		seep_json_u64(j, "process", row->process);
	if (row->thread)
		seep_json_str(j, "thread", seep_profile_str(p, row->thread));
	if (row->tid)
		seep_json_u64(j, "tid", row->tid);
	if (row->heap)
		seep_json_str(j, "heap", seep_profile_str(p, row->heap));
	write_figures(j, p, row->values, row->variances);
	if (!isnan(age))
		seep_json_double(j, "age_median_s", age);
	if (stack->flags & SEEP_STACK_CUT)
		seep_json_bool(j, "cut", true);
	if (stack->flags & SEEP_STACK_DEEP)
		seep_json_bool(j, "deep", true);
	if (!write_frames(j, p, stack, arena))
		return false;
	seep_json_end(j);
	return true;
}

static bool write_rows(struct seep_json *j, const struct seep_profile *p, struct seep_arena *arena)
{
	struct weighted_age *room = malloc((p->samples.nr + 1) * sizeof(*room));
	struct totals totals;
	bool is_done = room != NULL;

	if (!is_done || !totals_new(p, &totals)) {
		free(room);
		return false;
	}
	seep_json_array(j, "rows");
	for (size_t i = 0; is_done && i < totals.nr; i++)
		is_done = write_row(j, p, &totals, &totals.items[i], room, arena);
	if (is_done)
		seep_json_end(j);
	totals_release(&totals);
	free(room);
	return is_done;
}

enum seep_status seep_json_profile_write(const struct seep_profile *p, FILE *out, struct seep_error *err)
{
	struct seep_arena arena;
	struct seep_json j;
	bool is_done;

	seep_arena_init(&arena);
	seep_json_init(&j, out, true);
	seep_json_object(&j, NULL);
	seep_json_u64(&j, "schema", 1);
	seep_json_str(&j, "verb", "export");
	write_target(&j, p);
	write_total(&j, p);
	is_done = write_rows(&j, p, &arena);
	if (is_done)
		seep_json_end(&j);
	seep_arena_release(&arena);
	return is_done ? SEEP_OK : seep_fail(err, SEEP_ERR_NOMEM, "cannot write JSON: out of memory");
}
