#include "view.h"

#include <math.h>
#include <stdlib.h>

struct arc {
	uint32_t from, to; /* rows of the view: caller, callee */
	struct seep_figure value;
	size_t mark; /* stack + 1 that counted last: recursion counts an arc once */
};

struct peeker {
	const struct view *v;
	const uint32_t *rank;
	bool *is_matched; /* by row of the view */
	struct map ids;
	struct arc *arcs;
	size_t nr, cap;
};

static bool count_arc(struct peeker *k, size_t stack, uint32_t from, uint32_t to)
{
	uint32_t id;

	if (!k->is_matched[from] && !k->is_matched[to])
		return true;
	id = map_id(&k->ids, MAP_KEY(from, to), NULL);
	if (id == SEEP_NO_ID || !seep_grow(&k->arcs, &k->cap, (size_t)id + 1, sizeof(*k->arcs)))
		return false;
	if (id == k->nr)
		k->arcs[k->nr++] = (struct arc){ .from = from, .to = to };
	if (k->arcs[id].mark != stack + 1)
		seep_figure_add(&k->arcs[id].value, view_figure(k->v, stack, k->v->o->type));
	k->arcs[id].mark = stack + 1;
	return true;
}

static bool count_arcs(struct peeker *k)
{
	for (size_t s = 0; s < k->v->p->nr_stacks; s++) {
		const uint32_t *rows = k->v->stack_rows + k->v->of_stack[s].first;

		if (view_figure(k->v, s, k->v->o->type)->value == 0)
			continue;
		for (uint32_t i = 0; i + 1 < k->v->of_stack[s].nr; i++)
			if (!count_arc(k, s, rows[i + 1], rows[i]))
				return false;
	}
	return true;
}

static int compare_edges(const void *a, const void *b)
{
	const struct seep_edge *x = a, *y = b;
	double v = fabs(x->value.value), w = fabs(y->value.value);

	if (v != w)
		return v > w ? -1 : 1;
	return x->other < y->other ? -1 : x->other > y->other;
}

/* Counts, or with room made fills, the edges of every peek. peek_of gives the peek of a row's rank. */
static void deal_arcs(struct peeker *k, const struct seep_table *table, struct seep_peeks *peeks,
                      const uint32_t *peek_of)
{
	for (size_t i = 0; i < k->nr; i++) {
		uint32_t from = k->rank[k->arcs[i].from], to = k->rank[k->arcs[i].to];
		uint32_t as_caller = peek_of[from], as_callee = peek_of[to];

		if (as_caller != SEEP_NO_ID) {
			struct seep_peek *peek = &peeks->peeks[as_caller];

			if (peek->callees)
				peek->callees[peek->nr_callees] =
					(struct seep_edge){ &table->rows[to], k->arcs[i].value };
			peek->nr_callees++;
		}
		if (as_callee != SEEP_NO_ID) {
			struct seep_peek *peek = &peeks->peeks[as_callee];

			if (peek->callers)
				peek->callers[peek->nr_callers] =
					(struct seep_edge){ &table->rows[from], k->arcs[i].value };
			peek->nr_callers++;
		}
	}
}

static bool make_room(struct seep_peeks *peeks)
{
	for (size_t i = 0; i < peeks->nr_peeks; i++) {
		struct seep_peek *peek = &peeks->peeks[i];

		peek->callers = seep_arena_alloc(&peeks->arena, peek->nr_callers + 1, sizeof(*peek->callers));
		peek->callees = seep_arena_alloc(&peeks->arena, peek->nr_callees + 1, sizeof(*peek->callees));
		if (!peek->callers || !peek->callees)
			return false;
		peek->nr_callers = peek->nr_callees = 0;
	}
	return true;
}

static bool fill(struct peeker *k, struct seep_peeks *peeks, const uint32_t *peek_of)
{
	if (!count_arcs(k))
		return false;
	deal_arcs(k, peeks->table, peeks, peek_of);
	if (!make_room(peeks))
		return false;
	deal_arcs(k, peeks->table, peeks, peek_of);
	for (size_t i = 0; i < peeks->nr_peeks; i++) {
		struct seep_peek *peek = &peeks->peeks[i];

		qsort(peek->callers, peek->nr_callers, sizeof(*peek->callers), compare_edges);
		qsort(peek->callees, peek->nr_callees, sizeof(*peek->callees), compare_edges);
	}
	return true;
}

/* Asks `match` for every visible row, in the table's order; the matching ones become peeks. */
static bool choose(struct peeker *k, struct seep_peeks *peeks, bool (*match)(const char *, void *), void *data,
                   uint32_t *peek_of)
{
	const struct seep_table *t = peeks->table;

	peeks->peeks = seep_arena_alloc(&peeks->arena, t->nr_rows + 1, sizeof(*peeks->peeks));
	if (!peeks->peeks)
		return false;
	for (size_t r = 0; r < t->nr_rows + t->nr_hidden; r++)
		peek_of[r] = SEEP_NO_ID;
	for (size_t r = 0; r < t->nr_rows; r++) {
		if (!match(t->rows[r].function, data))
			continue;
		peek_of[r] = (uint32_t)peeks->nr_peeks;
		peeks->peeks[peeks->nr_peeks++].row = &t->rows[r];
	}
	for (size_t r = 0; r < k->v->nr_rows; r++)
		k->is_matched[r] = k->rank[r] != SEEP_NO_ID && peek_of[k->rank[r]] != SEEP_NO_ID;
	return true;
}

static bool build(struct view *v, struct seep_peeks *peeks, bool (*match)(const char *, void *), void *data)
{
	struct peeker k = { .v = v };
	uint32_t *rank = NULL, *peek_of = NULL;
	bool ok = view_table(v, &peeks->table, &rank);

	k.rank = rank;
	if (ok) {
		peek_of = calloc(peeks->table->nr_rows + peeks->table->nr_hidden + 1, sizeof(*peek_of));
		k.is_matched = calloc(v->nr_rows + 1, sizeof(*k.is_matched));
	}
	ok = peek_of && k.is_matched && choose(&k, peeks, match, data, peek_of) && fill(&k, peeks, peek_of);
	map_release(&k.ids);
	free(k.arcs);
	free(k.is_matched);
	free(peek_of);
	free(rank);
	return ok;
}

enum seep_status seep_analyse_peek(const struct seep_profile *p, const struct seep_analyse_options *o,
                                   bool (*match)(const char *function, void *data), void *data, struct seep_peeks **out,
                                   struct seep_error *err)
{
	struct seep_peeks *k;
	struct view v;
	bool ok;

	if (o->type >= p->nr_types)
		return seep_fail(err, SEEP_ERR_USAGE, "no value %u in a profile of %u", o->type, p->nr_types);
	k = calloc(1, sizeof(*k));
	if (!k)
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	seep_arena_init(&k->arena);
	ok = view_init(&v, p, o) && build(&v, k, match, data);
	view_release(&v);
	if (!ok) {
		seep_peeks_free(k);
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	}
	*out = k;
	return SEEP_OK;
}

void seep_peeks_free(struct seep_peeks *k)
{
	if (!k)
		return;
	seep_table_free(k->table);
	seep_arena_release(&k->arena);
	free(k);
}
