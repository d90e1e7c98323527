#include "view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Flat goes to the leaf, cum once to every row of the stack however often it recurs. `mark` is a scratch of rows. */
static void count_stack(const struct view *v, size_t stack, struct seep_row *rows, size_t *mark)
{
	const struct view_range *range = &v->of_stack[stack];

	for (uint32_t i = 0; i < range->nr; i++) {
		uint32_t r = v->stack_rows[range->first + i];

		for (uint32_t t = 0; t < v->p->nr_types; t++) {
			const struct seep_figure *f = view_figure(v, stack, t);

			if (i == 0)
				seep_figure_add(&rows[r].flat[t], f);
			if (mark[r] != stack + 1)
				seep_figure_add(&rows[r].cum[t], f);
		}
		mark[r] = stack + 1;
	}
}

/* Rows whose ages a stack's blocks count for: its leaf, and above it once each those that are never a live leaf. */
static bool age_groups(const struct view *v, size_t *mark, struct view_range *ranges, uint32_t *groups)
{
	double *flat_live = calloc(v->nr_rows + 1, sizeof(*flat_live));
	uint32_t nr = 0;

	if (!flat_live)
		return false;
	for (size_t s = 0; s < v->p->nr_stacks; s++)
		flat_live[v->stack_rows[v->of_stack[s].first]] += v->live[s];
	memset(mark, 0, v->nr_rows * sizeof(*mark));
	for (size_t s = 0; s < v->p->nr_stacks; s++) {
		const uint32_t *rows = v->stack_rows + v->of_stack[s].first;

		ranges[s].first = nr;
		for (uint32_t i = 0; i < v->of_stack[s].nr; i++) {
			if (mark[rows[i]] == s + 1 || (i > 0 && flat_live[rows[i]] > 0))
				continue;
			mark[rows[i]] = s + 1;
			groups[nr++] = rows[i];
		}
		ranges[s].nr = nr - ranges[s].first;
	}
	free(flat_live);
	return true;
}

static bool age_rows(const struct view *v, struct seep_row *rows, size_t *mark)
{
	struct view_range *ranges = calloc(v->p->nr_stacks + 1, sizeof(*ranges));
	uint32_t *groups = calloc(v->nr_stack_rows + 1, sizeof(*groups));
	struct view_ages ages = { NULL, NULL };
	bool ok = ranges && groups && age_groups(v, mark, ranges, groups) &&
	          view_ages_init(&ages, v, ranges, groups, v->nr_rows);

	for (size_t r = 0; ok && r < v->nr_rows; r++) {
		rows[r].age_median_s = ages.median[r];
		rows[r].outlived_share = ages.outlived[r];
	}
	view_ages_release(&ages);
	free(ranges);
	free(groups);
	return ok;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *nameless(const struct view_row *row, const char *module, uint64_t addr, struct seep_arena *arena)
{
	if (row->location == SEEP_NO_ID || (addr == 0 && !*module))
		return "[unknown]";
	return seep_arena_printf(arena, "%s%s0x%llx", last_part(module), *module ? "+" : "", (unsigned long long)addr);
}

static bool name_row(const struct view *v, const struct view_row *from, struct seep_row *to, struct seep_arena *arena)
{
	const struct seep_profile *p = v->p;
	const struct seep_mapping *m = NULL;
	uint64_t addr = 0;

	if (from->location != SEEP_NO_ID) {
		const struct seep_location *l = &p->locations[from->location];

		m = l->mapping < p->nr_mappings ? &p->mappings[l->mapping] : NULL;
		addr = l->addr - (m ? m->bias : 0);
	}
	to->module = seep_profile_str(p, from->module);
	to->build_id = m ? seep_profile_str(p, m->build_id) : "";
	to->file = seep_profile_str(p, from->file);
	to->line = from->line;
	to->is_inlined = from->is_inlined;
	to->is_label = from->is_label;
	if (from->is_label)
		to->tid = p->lines[p->locations[from->location].first_line].line;
	to->addr = v->o->by == SEEP_BY_ADDRESS ? addr : 0;
	to->function = from->name ? seep_profile_str(p, from->name) : nameless(from, to->module, addr, arena);
	return to->function != NULL;
}

struct sorting {
	const struct seep_row *rows;
	const uint8_t *is_hidden; /* of each row */
	uint32_t type;
};

static int compare_descending(double a, double b)
{
	return (a < b) - (a > b);
}

static bool is_hidden(const struct seep_row *row, const struct seep_analyse_options *o)
{
	const struct seep_figure *flat = &row->flat[o->type], *cum = &row->cum[o->type];

	if (o->only_changes && !seep_is_change(cum, o->period) && !seep_is_change(flat, o->period))
		return true;
	return cum->value == 0 || fabs(cum->value) < o->min_value;
}

static int compare_rows(const void *a, const void *b, void *data)
{
	const struct sorting *s = data;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct seep_row *x = &s->rows[i], *y = &s->rows[k];
	int order = s->is_hidden[i] - s->is_hidden[k];

	if (!order)
		order = compare_descending(fabs(x->flat[s->type].value), fabs(y->flat[s->type].value));
	if (!order)
		order = compare_descending(fabs(x->cum[s->type].value), fabs(y->cum[s->type].value));
	if (!order)
		order = strcmp(x->function, y->function);
	if (!order)
		order = strcmp(x->module, y->module);
	if (!order)
		order = (x->line > y->line) - (x->line < y->line);
	return order ? order : (i > k) - (i < k);
}

/* Copies the used rows into the table, sorted. */
static bool place_rows(struct view *v, const struct seep_row *rows, struct seep_table *t, uint32_t *rank)
{
	uint32_t *order = calloc(v->nr_rows + 1, sizeof(*order));
	uint8_t *hidden = calloc(v->nr_rows + 1, 1);
	struct sorting sorting = { rows, hidden, v->o->type };
	size_t nr = 0;

	for (uint32_t r = 0; order && hidden && r < v->nr_rows; r++) {
		hidden[r] = is_hidden(&rows[r], v->o);
		rank[r] = SEEP_NO_ID;
		if (v->rows[r].is_used)
			order[nr++] = r;
	}
	t->rows = order && hidden ? seep_arena_alloc(&t->arena, nr + 1, sizeof(*t->rows)) : NULL;
	if (!t->rows) {
		free(hidden);
		free(order);
		return false;
	}
	qsort_r(order, nr, sizeof(*order), compare_rows, &sorting);
	for (size_t i = 0; i < nr; i++) {
		t->rows[i] = rows[order[i]];
		rank[order[i]] = (uint32_t)i;
		t->nr_rows += !hidden[order[i]];
	}
	t->nr_hidden = nr - t->nr_rows;
	free(hidden);
	free(order);
	return true;
}

static bool total(const struct view *v, struct seep_table *t)
{
	struct view_range *ranges = calloc(v->p->nr_stacks + 1, sizeof(*ranges));
	struct view_ages ages = { NULL, NULL };
	const uint32_t group = 0;
	bool ok;

	for (size_t s = 0; ranges && s < v->p->nr_stacks; s++) {
		ranges[s].nr = 1;
		for (uint32_t i = 0; i < v->p->nr_types; i++)
			seep_figure_add(&t->total[i], view_figure(v, s, i));
	}
	ok = ranges && view_ages_init(&ages, v, ranges, &group, 1);
	if (ok) {
		t->age_median_s = ages.median[0];
		t->outlived_share = ages.outlived[0];
	}
	view_ages_release(&ages);
	free(ranges);
	return ok;
}

/* A function's row names the line to look at first; a row by line or address has its own. */
static bool line_rows(const struct view *v, struct seep_row *rows)
{
	uint32_t *lines;
	bool ok;

	if (v->o->by != SEEP_BY_FUNCTION)
		return true;
	lines = calloc(v->nr_rows + 1, sizeof(*lines));
	ok = lines && view_hot_lines(v, lines);
	for (size_t r = 0; ok && r < v->nr_rows; r++)
		rows[r].line = rows[r].is_label ? 0 : lines[r];
	free(lines);
	return ok;
}

static bool fill(struct view *v, struct seep_table *t, uint32_t *rank)
{
	struct seep_row *rows = calloc(v->nr_rows + 1, sizeof(*rows));
	size_t *mark = calloc(v->nr_rows + 1, sizeof(*mark));
	bool ok = rows && mark;

	for (size_t s = 0; ok && s < v->p->nr_stacks; s++)
		if (!view_is_empty(v, s))
			count_stack(v, s, rows, mark);
	ok = ok && age_rows(v, rows, mark) && total(v, t);
	for (size_t r = 0; ok && r < v->nr_rows; r++)
		ok = name_row(v, &v->rows[r], &rows[r], &t->arena);
	ok = ok && line_rows(v, rows);
	ok = ok && place_rows(v, rows, t, rank);
	free(rows);
	free(mark);
	return ok;
}

bool view_table(struct view *v, struct seep_table **out, uint32_t **rank)
{
	struct seep_table *t = calloc(1, sizeof(*t));
	uint32_t *places = calloc(v->nr_rows + 1, sizeof(*places));

	if (t)
		seep_arena_init(&t->arena);
	if (!t || !places || !fill(v, t, places)) {
		seep_table_free(t);
		free(places);
		return false;
	}
	*out = t;
	*rank = places;
	return true;
}

void seep_table_free(struct seep_table *t)
{
	if (!t)
		return;
	seep_arena_release(&t->arena);
	free(t);
}

enum seep_status seep_analyse_top(const struct seep_profile *p, const struct seep_analyse_options *o,
                                  struct seep_table **out, struct seep_error *err)
{
	struct view v;
	uint32_t *rank = NULL;
	bool ok;

	if (o->type >= p->nr_types)
		return seep_fail(err, SEEP_ERR_USAGE, "no value %u in a profile of %u", o->type, p->nr_types);
	ok = view_init(&v, p, o) && view_table(&v, out, &rank);
	free(rank);
	view_release(&v);
	return ok ? SEEP_OK : seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
}
