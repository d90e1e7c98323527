#include "report/draw.h"

#include <stdlib.h>

enum { FLAT, FLAT_ERROR, FLAT_SHARE, CUM, CUM_ERROR, CUM_SHARE, CALLS, CALLS_SHARE, FUNCTION, PLACE, NR_COLUMNS };

static const struct seep_column all_columns[NR_COLUMNS] = {
	[FLAT] = { "flat", SEEP_COLUMN_RIGHT, 0, 1 },
	[FLAT_ERROR] = { "95%", SEEP_COLUMN_RIGHT, 0, 6 },
	[FLAT_SHARE] = { "flat%", SEEP_COLUMN_RIGHT, 0, 5 },
	[CUM] = { "cum", SEEP_COLUMN_RIGHT, 0, 0 },
	[CUM_ERROR] = { "95%", SEEP_COLUMN_RIGHT, 0, 7 },
	[CUM_SHARE] = { "cum%", SEEP_COLUMN_RIGHT, 0, 8 },
	[CALLS] = { "calls", SEEP_COLUMN_RIGHT, 0, 0 },
	[CALLS_SHARE] = { "calls%", SEEP_COLUMN_RIGHT, 0, 2 },
	[FUNCTION] = { "caller, function, callee", SEEP_COLUMN_CUT, 16, 0 },
	[PLACE] = { "source", SEEP_COLUMN_CUT_START, 14, 3 },
};

struct peeking {
	struct seep_text_table *text;
	const struct seep_profile *p;
	const struct seep_report_options *o;
	double total;
};

/* Shares of a change say nothing: parts of it may be larger than the whole. */
static bool is_shown(const struct peeking *k, int id)
{
	switch (id) {
	case FLAT_ERROR:
	case CUM_ERROR: return k->o->with_errors;
	case FLAT_SHARE:
	case CUM_SHARE:
	case CALLS_SHARE: return !draw_is_change(k->p, k->o->type);
	default: return true;
	}
}

static void add_names(struct peeking *k, const struct seep_row *r, const char *indent)
{
	char *name = draw_function(r, k->o->by), *place = draw_place(r, k->o->style.width != 0);

	seep_text_table_add_indented(k->text, indent, name ? name : "?");
	seep_text_table_add(k->text, "%s", place ? place : "");
	free(name);
	free(place);
}

static void add_edge(struct peeking *k, const struct seep_edge *e, double whole)
{
	char text[DRAW_MAX];

	for (int id = FLAT; id < CALLS; id++)
		if (is_shown(k, id))
			seep_text_table_add(k->text, "%s", "");
	seep_text_table_add(k->text, "%s", draw_figure(text, k->p, k->o->type, &e->value, k->o->period));
	if (is_shown(k, CALLS_SHARE))
		seep_text_table_add(k->text, "%s", draw_share(text, e->value.value, whole));
	add_names(k, e->other, "    ");
}

static void add_figure(struct peeking *k, const struct seep_figure *f)
{
	char text[DRAW_MAX];

	seep_text_table_add(k->text, "%s", draw_figure(text, k->p, k->o->type, f, k->o->period));
	if (k->o->with_errors)
		seep_text_table_add(k->text, "%s", draw_error(text, k->p, k->o->type, f, k->o->period));
	if (is_shown(k, FLAT_SHARE))
		seep_text_table_add(k->text, "%s", draw_share(text, f->value, k->total));
}

static void add_peek(struct peeking *k, const struct seep_peek *peek)
{
	const struct seep_row *r = peek->row;
	double cum = r->cum[k->o->type].value;

	for (size_t i = 0; i < peek->nr_callers; i++)
		add_edge(k, &peek->callers[i], cum);
	add_figure(k, &r->flat[k->o->type]);
	add_figure(k, &r->cum[k->o->type]);
	seep_text_table_add(k->text, "%s", "");
	if (is_shown(k, CALLS_SHARE))
		seep_text_table_add(k->text, "%s", "");
	add_names(k, r, "");
	for (size_t i = 0; i < peek->nr_callees; i++)
		add_edge(k, &peek->callees[i], cum);
}

enum seep_status seep_report_peek(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                                  const struct seep_peeks *k, const struct seep_report_options *o)
{
	struct seep_column columns[NR_COLUMNS];
	struct peeking d = { .p = p, .o = o, .total = k->table->total[o->type].value };
	size_t nr_columns = 0, nr = o->nr_rows && o->nr_rows < k->nr_peeks ? o->nr_rows : k->nr_peeks;
	enum seep_status status;

	for (int id = 0; id < NR_COLUMNS; id++)
		if (is_shown(&d, id))
			columns[nr_columns++] = all_columns[id];
	d.text = seep_text_table_new(columns, nr_columns);
	if (!d.text)
		return SEEP_ERR_NOMEM;
	draw_head(out, head, p, k->table->total, o);
	for (size_t i = 0; i < nr; i++) {
		if (i)
			seep_text_table_add_rule(d.text);
		add_peek(&d, &k->peeks[i]);
	}
	status = seep_text_table_write(d.text, &o->style, out);
	if (nr < k->nr_peeks)
		fprintf(out, "%zu more functions match; --nr=0 shows all\n", k->nr_peeks - nr);
	seep_text_table_free(d.text);
	return status;
}
