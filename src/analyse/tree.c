#include "view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A node while the tree is built: children are not linked yet. Node 0 is the root of all. */
struct sprout {
	uint32_t parent, row; /* row of the view */
	uint32_t place;       /* in the finished tree, SEEP_NO_ID: left out */
	struct seep_figure flat, cum;
};

struct builder {
	const struct view *v;
	const struct seep_table *table;
	const uint32_t *rank;
	struct map ids; /* (parent, row) to node - 1 */
	struct sprout *sprouts;
	size_t nr, cap;
	struct view_range *ranges; /* of every stack: its path in paths[], root first, node 0 included */
	uint32_t *paths;
};

static uint32_t child_of(struct builder *b, uint32_t parent, uint32_t row)
{
	bool is_new;
	uint32_t id = map_id(&b->ids, MAP_KEY(parent, row), &is_new);

	if (id == SEEP_NO_ID || !is_new)
		return id == SEEP_NO_ID ? id : id + 1;
	if (!seep_grow(&b->sprouts, &b->cap, b->nr + 1, sizeof(*b->sprouts)))
		return SEEP_NO_ID;
	b->sprouts[b->nr] = (struct sprout){ .parent = parent, .row = row, .place = SEEP_NO_ID };
	return (uint32_t)b->nr++;
}

static bool grow_stack(struct builder *b, size_t stack, uint32_t *nr_paths)
{
	const struct view *v = b->v;
	const struct view_range *rows = &v->of_stack[stack];
	const struct seep_figure *f = view_figure(v, stack, v->o->type);
	uint32_t node = 0;

	b->ranges[stack] = (struct view_range){ *nr_paths, rows->nr + 1 };
	b->paths[(*nr_paths)++] = 0;
	seep_figure_add(&b->sprouts[0].cum, f);
	for (uint32_t i = rows->nr; i-- > 0;) {
		node = child_of(b, node, v->stack_rows[rows->first + i]);
		if (node == SEEP_NO_ID)
			return false;
		b->paths[(*nr_paths)++] = node;
		seep_figure_add(&b->sprouts[node].cum, f);
	}
	seep_figure_add(&b->sprouts[node].flat, f);
	return true;
}

static bool grow_all(struct builder *b)
{
	uint32_t nr_paths = 0;

	b->ranges = calloc(b->v->p->nr_stacks + 1, sizeof(*b->ranges));
	b->paths = calloc(b->v->nr_stack_rows + b->v->p->nr_stacks + 1, sizeof(*b->paths));
	if (!b->ranges || !b->paths || !seep_grow(&b->sprouts, &b->cap, 1, sizeof(*b->sprouts)))
		return false;
	b->sprouts[0] = (struct sprout){ .parent = SEEP_NO_ID, .row = SEEP_NO_ID, .place = SEEP_NO_ID };
	b->nr = 1;
	for (size_t s = 0; s < b->v->p->nr_stacks; s++)
		if (!view_is_empty(b->v, s) && !grow_stack(b, s, &nr_paths))
			return false;
	return true;
}

/* Siblings side by side, the largest first. */
static int compare_sprouts(const void *x, const void *y, void *data)
{
	const struct builder *b = data;
	const struct sprout *i = &b->sprouts[*(const uint32_t *)x], *k = &b->sprouts[*(const uint32_t *)y];
	double a = fabs(i->cum.value), c = fabs(k->cum.value);

	if (i->parent != k->parent)
		return i->parent < k->parent ? -1 : 1;
	if (a != c)
		return a > c ? -1 : 1;
	return b->rank[i->row] < b->rank[k->row] ? -1 : b->rank[i->row] > b->rank[k->row];
}

static bool is_shown(const struct builder *b, const struct sprout *s)
{
	double cum = fabs(s->cum.value);

	return cum > 0 && cum >= b->v->o->min_value;
}

static void place_node(struct builder *b, struct seep_tree *t, uint32_t sprout, uint32_t parent, const double *median)
{
	struct sprout *s = &b->sprouts[sprout];
	struct seep_node *node = &t->nodes[t->nr_nodes];

	s->place = (uint32_t)t->nr_nodes++;
	*node = (struct seep_node){ .flat = s->flat,
		                    .cum = s->cum,
		                    .age_median_s = median[sprout],
		                    .parent = parent,
		                    .first_child = SEEP_NO_ID,
		                    .next_sibling = SEEP_NO_ID };
	if (parent == SEEP_NO_ID)
		return;
	node->row = &b->table->rows[b->rank[s->row]];
	node->depth = t->nodes[parent].depth + 1;
	if (t->nodes[parent].first_child == SEEP_NO_ID)
		t->nodes[parent].first_child = s->place;
	else
		node[-1].next_sibling = s->place;
}

/* `order` holds all nodes but the root, sorted; `first` and `nr` say where each node's children stand in it. */
static void place_all(struct builder *b, struct seep_tree *t, const uint32_t *order, const struct view_range *children,
                      uint32_t *sprout_at, const double *median)
{
	sprout_at[0] = 0;
	place_node(b, t, 0, SEEP_NO_ID, median);
	for (uint32_t n = 0; n < t->nr_nodes; n++) {
		const struct view_range *range = &children[sprout_at[n]];

		for (uint32_t i = 0; i < range->nr; i++) {
			uint32_t sprout = order[range->first + i];

			if (!is_shown(b, &b->sprouts[sprout]))
				continue;
			sprout_at[t->nr_nodes] = sprout;
			place_node(b, t, sprout, n, median);
		}
	}
}

static bool finish(struct builder *b, struct seep_tree *t)
{
	uint32_t *order = calloc(b->nr + 1, 2 * sizeof(*order));
	struct view_range *children = calloc(b->nr, sizeof(*children));
	struct view_ages ages = { NULL, NULL };
	bool ok = order && children && view_ages_init(&ages, b->v, b->ranges, b->paths, b->nr);

	t->nodes = ok ? seep_arena_alloc(&t->arena, b->nr, sizeof(*t->nodes)) : NULL;
	if (t->nodes) {
		for (uint32_t i = 1; i < b->nr; i++)
			order[i - 1] = i;
		qsort_r(order, b->nr - 1, sizeof(*order), compare_sprouts, b);
		for (uint32_t i = 0; i + 1 < b->nr; i++) {
			struct view_range *range = &children[b->sprouts[order[i]].parent];

			if (range->nr++ == 0)
				range->first = i;
		}
		place_all(b, t, order, children, order + b->nr, ages.median);
	}
	view_ages_release(&ages);
	free(order);
	free(children);
	return t->nodes != NULL;
}

static bool build(struct view *v, struct seep_tree *t)
{
	struct builder b = { .v = v };
	uint32_t *rank = NULL;
	bool ok = view_table(v, &t->table, &rank);

	b.table = t->table;
	b.rank = rank;
	ok = ok && grow_all(&b) && finish(&b, t);
	map_release(&b.ids);
	free(b.sprouts);
	free(b.ranges);
	free(b.paths);
	free(rank);
	return ok;
}

enum seep_status seep_analyse_tree(const struct seep_profile *p, const struct seep_analyse_options *o,
                                   struct seep_tree **out, struct seep_error *err)
{
	struct seep_tree *t;
	struct view v;
	bool ok;

	if (o->type >= p->nr_types)
		return seep_fail(err, SEEP_ERR_USAGE, "no value %u in a profile of %u", o->type, p->nr_types);
	t = calloc(1, sizeof(*t));
	if (!t)
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	seep_arena_init(&t->arena);
	ok = view_init(&v, p, o) && build(&v, t);
	view_release(&v);
	if (!ok) {
		seep_tree_free(t);
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	}
	*out = t;
	return SEEP_OK;
}

void seep_tree_free(struct seep_tree *t)
{
	if (!t)
		return;
	seep_table_free(t->table);
	seep_arena_release(&t->arena);
	free(t);
}
