#include "view.h"

#include <math.h>
#include <stdlib.h>

/* One line of one row: what it holds itself, and what the stacks that pass it hold. */
struct line {
	uint32_t row, line;
	double flat, cum;
	size_t mark; /* the last stack counted in cum, plus 1 */
};

struct lines {
	struct map ids;
	struct line *items;
	size_t nr, cap;
};

static bool count_lines(struct lines *l, const struct view *v, size_t stack)
{
	const struct view_range *range = &v->of_stack[stack];
	double value = fabs(view_figure(v, stack, v->o->type)->value);

	for (uint32_t i = 0; i < range->nr; i++) {
		uint32_t row = v->stack_rows[range->first + i], line = v->stack_lines[range->first + i];
		bool is_new;
		uint32_t id = map_id(&l->ids, MAP_KEY(row, line), &is_new);

		if (id == SEEP_NO_ID || !seep_grow(&l->items, &l->cap, (size_t)id + 1, sizeof(*l->items)))
			return false;
		if (is_new)
			l->items[l->nr++] = (struct line){ .row = row, .line = line };
		if (i == 0)
			l->items[id].flat += value;
		if (l->items[id].mark != stack + 1)
			l->items[id].cum += value;
		l->items[id].mark = stack + 1;
	}
	return true;
}

static bool is_better(const struct line *a, const struct line *b)
{
	if (a->flat != b->flat)
		return a->flat > b->flat;
	return a->cum != b->cum ? a->cum > b->cum : a->line < b->line;
}

bool view_hot_lines(const struct view *v, uint32_t *lines)
{
	uint32_t *best = calloc(v->nr_rows + 1, sizeof(*best)); /* item + 1 */
	struct lines l = { .nr = 0 };
	bool ok = best != NULL;

	for (size_t s = 0; ok && s < v->p->nr_stacks; s++)
		ok = view_is_empty(v, s) || count_lines(&l, v, s);
	for (size_t i = 0; ok && i < l.nr; i++) {
		uint32_t *of = &best[l.items[i].row];

		if (l.items[i].line && (!*of || is_better(&l.items[i], &l.items[*of - 1])))
			*of = (uint32_t)i + 1;
	}
	for (size_t r = 0; ok && r < v->nr_rows; r++)
		lines[r] = best[r] ? l.items[best[r] - 1].line : 0;
	map_release(&l.ids);
	free(l.items);
	free(best);
	return ok;
}
