#include "report/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CUM, CUM_ERROR, CUM_SHARE, OWN, AGE, CALL, PLACE, NR_COLUMNS };

static const struct seep_column all_columns[NR_COLUMNS] = {
	[CUM] = { "cum", SEEP_COLUMN_RIGHT, 0, 0 },           [CUM_ERROR] = { "95%", SEEP_COLUMN_RIGHT, 0, 5 },
	[CUM_SHARE] = { "cum%", SEEP_COLUMN_RIGHT, 0, 1 },    [OWN] = { "flat", SEEP_COLUMN_RIGHT, 0, 4 },
	[AGE] = { "age", SEEP_COLUMN_RIGHT, 0, 2 },           [CALL] = { "call tree", SEEP_COLUMN_CUT, 24, 0 },
	[PLACE] = { "source", SEEP_COLUMN_CUT_START, 14, 3 },
};

/*
 * A call that is the only one shown below its caller stands right below it, without indentation; where calls part, each
 * branch starts with a tick. So the depth of a line says how often calls parted, and long chains stay readable.
 */
struct drawing {
	struct seep_text_table *text;
	const struct seep_profile *p;
	const struct seep_tree *t;
	const struct seep_report_options *o;
	struct seep_column columns[NR_COLUMNS];
	size_t nr_left; /* rows that may still be shown */
	size_t nr_cut;  /* calls not shown because the rows ran out */
	double cut_value;
};

struct branch { /* a line to draw: a node, or what is hidden of its siblings */
	uint32_t node;
	size_t nr_hidden;
	double hidden_value;
};

static bool has_errors(const struct drawing *d)
{
	return d->o->with_errors;
}

static bool has_ages(const struct drawing *d)
{
	return d->p->samples.age_s != NULL;
}

static bool has_shares(const struct drawing *d)
{
	return !draw_is_change(d->p, d->o->type); /* a part of a change may be larger than the whole */
}

static double total_of(const struct drawing *d)
{
	return d->t->table->total[d->o->type].value;
}

static bool is_small(const struct drawing *d, const struct seep_node *n)
{
	if (draw_is_change(d->p, d->o->type) && d->o->min_share > 0 && !seep_is_change(&n->cum, d->o->period))
		return true;
	return (has_shares(d) && fabs(n->cum.value) < d->o->min_share * fabs(total_of(d))) ||
	       fabs(n->cum.value) < d->o->min_value || n->cum.value == 0;
}

static void add_figures(struct drawing *d, const struct seep_node *n)
{
	char text[DRAW_MAX];

	seep_text_table_add(d->text, "%s", draw_figure(text, d->p, d->o->type, &n->cum, d->o->period));
	if (has_errors(d))
		seep_text_table_add(d->text, "%s", draw_error(text, d->p, d->o->type, &n->cum, d->o->period));
	if (has_shares(d))
		seep_text_table_add(d->text, "%s", draw_share(text, n->cum.value, total_of(d)));
	seep_text_table_add(d->text, "%s", draw_figure(text, d->p, d->o->type, &n->flat, d->o->period));
	if (has_ages(d))
		seep_text_table_add(d->text, "%s", draw_age(text, n->age_median_s));
}

static void add_node(struct drawing *d, const char *indent, uint32_t node)
{
	const struct seep_node *n = &d->t->nodes[node];
	char *name = n->row ? draw_function(n->row, d->o->by) : strdup("all");
	char *place = n->row ? draw_place(n->row, d->o->style.width != 0) : strdup("");

	add_figures(d, n);
	seep_text_table_add_indented(d->text, indent, name ? name : "?");
	seep_text_table_add(d->text, "%s", place ? place : "");
	free(name);
	free(place);
}

static void add_hidden(struct drawing *d, const char *indent, const struct branch *b)
{
	char text[DRAW_MAX];

	seep_text_table_add(d->text, "%s", draw_value(text, d->p, d->o->type, b->hidden_value));
	if (has_errors(d))
		seep_text_table_add(d->text, "%s", "");
	if (has_shares(d))
		seep_text_table_add(d->text, "%s", draw_share(text, b->hidden_value, total_of(d)));
	seep_text_table_add(d->text, "%s", "");
	if (has_ages(d))
		seep_text_table_add(d->text, "%s", "");
	snprintf(text, sizeof(text), "(%zu smaller call%s hidden)", b->nr_hidden, b->nr_hidden == 1 ? "" : "s");
	seep_text_table_add_indented(d->text, indent, text);
	seep_text_table_add(d->text, "%s", "");
}

/* The next line below `parent`: its first child at or after *next that is large enough, at the end the hidden ones. */
static bool next_branch(const struct drawing *d, uint32_t *next, struct branch *hidden, struct branch *out)
{
	while (*next != SEEP_NO_ID) {
		const struct seep_node *n = &d->t->nodes[*next];
		uint32_t node = *next;

		*next = n->next_sibling;
		if (!is_small(d, n)) {
			*out = (struct branch){ .node = node };
			return true;
		}
		hidden->nr_hidden += n->cum.value != 0;
		hidden->hidden_value += n->cum.value;
	}
	if (!hidden->nr_hidden)
		return false;
	*out = *hidden;
	hidden->nr_hidden = 0;
	return true;
}

struct level {
	uint32_t next; /* sibling to look at */
	struct branch hidden, ahead;
	bool has_ahead;
	size_t indent_len; /* of the parent's line */
	bool is_first;
};

static bool take(const struct drawing *d, struct level *l, struct branch *out)
{
	if (!l->has_ahead)
		return false;
	*out = l->ahead;
	l->has_ahead = next_branch(d, &l->next, &l->hidden, &l->ahead);
	return true;
}

static void enter(const struct drawing *d, struct level *l, uint32_t node, size_t indent_len)
{
	*l = (struct level){ .next = d->t->nodes[node].first_child, .indent_len = indent_len, .is_first = true };
	l->hidden.node = SEEP_NO_ID;
	l->has_ahead = next_branch(d, &l->next, &l->hidden, &l->ahead);
}

#define BRANCH "\u251c\u2500 "
#define LAST "\u2514\u2500 "
#define BAR "\u2502  "
#define BLANK "   "
#define STEP_BYTES sizeof(BRANCH) /* of the longest, with its NUL */

static void draw_line(struct drawing *d, const char *indent, const struct branch *b)
{
	if (!d->nr_left) {
		d->nr_cut += b->node == SEEP_NO_ID ? b->nr_hidden : 1;
		return;
	}
	d->nr_left--;
	if (b->node == SEEP_NO_ID)
		add_hidden(d, indent, b);
	else
		add_node(d, indent, b->node);
}

/* Walks without recursion: stacks are deep, and input decides how deep. */
static void draw_below(struct drawing *d, struct level *levels, char *indent)
{
	size_t depth = 0;

	enter(d, &levels[0], 0, 0);
	for (;;) {
		struct level *l = &levels[depth];
		struct branch b;
		bool is_only, is_last;
		size_t len = l->indent_len;

		if (!take(d, l, &b)) {
			if (!depth--)
				return;
			continue;
		}
		is_last = !l->has_ahead;
		is_only = l->is_first && is_last;
		l->is_first = false;
		strcpy(indent + len, is_only ? "" : is_last ? LAST : BRANCH);
		draw_line(d, indent, &b);
		if (b.node == SEEP_NO_ID)
			continue;
		strcpy(indent + len, is_only ? "" : is_last ? BLANK : BAR);
		enter(d, &levels[++depth], b.node, strlen(indent));
	}
}

static size_t max_depth(const struct seep_tree *t)
{
	size_t max = 0;

	for (size_t i = 0; i < t->nr_nodes; i++)
		if (t->nodes[i].depth > max)
			max = t->nodes[i].depth;
	return max;
}

static enum seep_status draw_rows(struct drawing *d)
{
	size_t nr_levels = max_depth(d->t) + 2;
	struct level *levels = calloc(nr_levels, sizeof(*levels));
	char *indent = calloc(nr_levels, STEP_BYTES);
	enum seep_status status = SEEP_ERR_NOMEM;

	if (levels && indent) {
		draw_line(d, "", &(struct branch){ .node = 0 });
		draw_below(d, levels, indent);
		status = SEEP_OK;
	}
	free(levels);
	free(indent);
	return status;
}

static size_t choose_columns(struct drawing *d)
{
	size_t nr = 0;

	for (int id = 0; id < NR_COLUMNS; id++)
		if ((id != CUM_ERROR || has_errors(d)) && (id != AGE || has_ages(d)) &&
		    (id != CUM_SHARE || has_shares(d)))
			d->columns[nr++] = all_columns[id];
	return nr;
}

enum seep_status seep_report_tree(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                                  const struct seep_tree *t, const struct seep_report_options *o)
{
	struct drawing d = { .p = p, .t = t, .o = o };
	enum seep_status status = SEEP_ERR_NOMEM;

	/* A tree that ends in its middle misleads: all of it unless asked; --min and the share keep it short. */
	d.nr_left = o->nr_rows == 0 || o->nr_rows == SEEP_ROWS_DEFAULT ? SIZE_MAX : o->nr_rows;
	d.text = seep_text_table_new(d.columns, choose_columns(&d));
	if (d.text)
		status = t->nr_nodes ? draw_rows(&d) : SEEP_OK;
	if (status == SEEP_OK) {
		draw_head(out, head, p, t->table->total, o);
		status = seep_text_table_write(d.text, &o->style, out);
	}
	if (status == SEEP_OK && d.nr_cut)
		fprintf(out, "%zu more calls; --nr=0 shows all\n", d.nr_cut);
	seep_text_table_free(d.text);
	return status;
}
