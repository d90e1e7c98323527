#include "report/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLAT,
	FLAT_ERROR,
	FLAT_SHARE,
	SUM,
	CUM,
	CUM_ERROR,
	CUM_SHARE,
	OBJECTS,
	OTHER,
	BEFORE,
	AFTER,
	AGE,
	OUTLIVED,
	FUNCTION,
	PLACE,
	NR_COLUMNS
};

/* Left out first on a narrow line: what the other columns tell as well. */
static const struct seep_column all_columns[NR_COLUMNS] = {
	[FLAT] = { "flat", SEEP_COLUMN_RIGHT, 0, 0 },         [FLAT_ERROR] = { "95%", SEEP_COLUMN_RIGHT, 0, 0 },
	[FLAT_SHARE] = { "flat%", SEEP_COLUMN_RIGHT, 0, 1 },  [SUM] = { "sum%", SEEP_COLUMN_RIGHT, 0, 11 },
	[CUM] = { "cum", SEEP_COLUMN_RIGHT, 0, 3 },           [CUM_ERROR] = { "95%", SEEP_COLUMN_RIGHT, 0, 10 },
	[CUM_SHARE] = { "cum%", SEEP_COLUMN_RIGHT, 0, 6 },    [OBJECTS] = { "objects", SEEP_COLUMN_RIGHT, 0, 12 },
	[OTHER] = { "alloc", SEEP_COLUMN_RIGHT, 0, 7 },       [AGE] = { "age", SEEP_COLUMN_RIGHT, 0, 2 },
	[OUTLIVED] = { ">60s", SEEP_COLUMN_RIGHT, 0, 8 },     [FUNCTION] = { "function", SEEP_COLUMN_CUT, 30, 0 },
	[PLACE] = { "source", SEEP_COLUMN_CUT_START, 14, 5 }, [BEFORE] = { "before", SEEP_COLUMN_RIGHT, 0, 9 },
	[AFTER] = { "after", SEEP_COLUMN_RIGHT, 0, 4 },
};

struct top {
	struct seep_column columns[NR_COLUMNS];
	int ids[NR_COLUMNS]; /* which of all_columns each is */
	size_t nr_columns;
	uint32_t objects, other, before, after; /* types of these columns, SEEP_NO_ID none */
	char other_title[32], outlived_title[SEEP_UNIT_MAX + 1];
};

static bool is_type(const struct seep_profile *p, uint32_t type, const char *name)
{
	return seep_profile_find_type(p, name) == type;
}

/* The type that counts the blocks of a type of bytes. */
static uint32_t objects_of(const struct seep_profile *p, uint32_t type)
{
	if (is_type(p, type, "inuse_space"))
		return seep_profile_find_type(p, "inuse_objects");
	if (is_type(p, type, "alloc_space"))
		return seep_profile_find_type(p, "alloc_objects");
	return is_type(p, type, "growth_space") ? seep_profile_find_type(p, "growth_objects") : SEEP_NO_ID;
}

static bool is_wanted(const struct top *top, const struct seep_profile *p, const struct seep_report_options *o,
                      bool has_total, int id)
{
	switch (id) {
	case FLAT_SHARE:
	case SUM: return has_total && !draw_is_change(p, o->type);
	case CUM_SHARE: return has_total && !o->pivot && !draw_is_change(p, o->type);
	case CUM: return !o->pivot;
	case PLACE: return !o->pivot;
	case BEFORE: return top->before != SEEP_NO_ID;
	case AFTER: return top->after != SEEP_NO_ID;
	case FLAT_ERROR: return o->with_errors;
	case CUM_ERROR: return o->with_errors && !o->pivot;
	case OBJECTS: return top->objects != SEEP_NO_ID;
	case OTHER: return top->other != SEEP_NO_ID;
	case AGE:
	case OUTLIVED: return p->samples.age_s != NULL;
	default: return true;
	}
}

static void choose_columns(struct top *top, const struct seep_profile *p, const struct seep_report_options *o,
                           bool has_total)
{
	char age[SEEP_UNIT_MAX];

	top->other = draw_other_type(p, o->type);
	top->objects = objects_of(p, o->type);
	top->before = top->after = SEEP_NO_ID;
	if (is_type(p, o->type, "growth_space")) {
		top->before = seep_profile_find_type(p, "before_space");
		top->after = seep_profile_find_type(p, "after_space");
	}
	snprintf(top->other_title, sizeof(top->other_title), "%s",
	         is_type(p, o->type, "alloc_space") || is_type(p, o->type, "alloc_objects") ? "inuse" : "alloc");
	snprintf(top->outlived_title, sizeof(top->outlived_title), ">%s", seep_format_seconds(age, o->outlived_s));
	for (int id = 0; id < NR_COLUMNS; id++) {
		struct seep_column *c = &top->columns[top->nr_columns];

		if (!is_wanted(top, p, o, has_total, id))
			continue;
		*c = all_columns[id];
		if (id == OTHER)
			c->title = top->other_title;
		if (id == OUTLIVED)
			c->title = top->outlived_title;
		if (id == FUNCTION && o->pivot)
			c->title = o->pivot;
		top->ids[top->nr_columns++] = id;
	}
}

static void add_text(struct seep_text_table *t, char *text)
{
	seep_text_table_add(t, "%s", text ? text : "?");
	free(text);
}

static void add_cell(struct seep_text_table *t, const struct top *top, const struct seep_profile *p,
                     const struct seep_row *r, double sum, double total, const struct seep_report_options *o, int id)
{
	const struct seep_figure *flat = &r->flat[o->type], *cum = &r->cum[o->type];
	char text[DRAW_MAX] = "";

	switch (id) {
	case FLAT: draw_figure(text, p, o->type, flat, o->period); break;
	case FLAT_ERROR: draw_error(text, p, o->type, flat, o->period); break;
	case FLAT_SHARE: draw_share(text, flat->value, total); break;
	case SUM: draw_share(text, sum, total); break;
	case CUM: draw_figure(text, p, o->type, cum, o->period); break;
	case CUM_ERROR: draw_error(text, p, o->type, cum, o->period); break;
	case CUM_SHARE: draw_share(text, cum->value, total); break;
	case OBJECTS: draw_figure(text, p, top->objects, &r->flat[top->objects], o->period); break;
	case BEFORE: draw_value(text, p, top->before, r->cum[top->before].value); break;
	case AFTER: draw_value(text, p, top->after, r->cum[top->after].value); break;
	case OTHER: draw_value(text, p, top->other, r->flat[top->other].value); break;
	case AGE: draw_age(text, r->age_median_s); break;
	case OUTLIVED: draw_portion(text, r->outlived_share); break;
	case FUNCTION: add_text(t, draw_function(r, o->by)); return;
	case PLACE: add_text(t, draw_place(r, o->style.width != 0)); return;
	default: break;
	}
	seep_text_table_add(t, "%s", text);
}

static double add_rows(struct seep_text_table *text, const struct top *top, const struct seep_profile *p,
                       const struct seep_table *t, size_t nr, const struct seep_report_options *o)
{
	double sum = 0;

	for (size_t i = 0; i < nr; i++) {
		sum += t->rows[i].flat[o->type].value;
		for (size_t c = 0; c < top->nr_columns; c++)
			add_cell(text, top, p, &t->rows[i], sum, t->total[o->type].value, o, top->ids[c]);
	}
	return sum;
}

/* What the table does not show: rows past the last one, rows below --min, changes within their error. */
static void write_rest(FILE *out, const struct seep_profile *p, const struct seep_table *t, size_t nr, double sum,
                       bool has_total, const struct seep_report_options *o)
{
	char value[DRAW_MAX], share[DRAW_MAX + 32] = "", part[DRAW_MAX], least[DRAW_MAX];
	double total = t->total[o->type].value, shown = sum;
	bool is_change = draw_is_change(p, o->type);

	if (nr < t->nr_rows) {
		for (size_t i = nr; i < t->nr_rows; i++)
			sum += t->rows[i].flat[o->type].value;
		if (has_total && !is_change)
			snprintf(share, sizeof(share), ", %s of the total", draw_share(part, sum - shown, total));
		fprintf(out, "%zu more rows: %s%s; --nr=0 shows all\n", t->nr_rows - nr,
		        draw_value(value, p, o->type, sum - shown), share);
	}
	if (t->nr_hidden && is_change)
		fprintf(out, "%zu more row%s with no change beyond the error\n", t->nr_hidden,
		        t->nr_hidden == 1 ? "" : "s");
	else if (t->nr_hidden && o->min_value > 0)
		fprintf(out, "%zu rows with cum below %s hidden (--min): %s, %s of the total\n", t->nr_hidden,
		        draw_value(least, p, o->type, o->min_value), draw_value(value, p, o->type, total - sum),
		        draw_share(part, total - sum, total));
	if (!t->nr_rows && !t->nr_hidden && !(o->min_value > 0))
		fprintf(out, "nothing %s%s\n", is_change ? "" : "is ", draw_type_words(p, o->type));
}

/* The largest row without a name: what would give it one. */
static void write_hint(FILE *out, const struct seep_table *t, const struct seep_report_options *o)
{
	const struct seep_row *first = t->nr_rows ? &t->rows[0] : NULL;
	char *module;

	if (!first || *first->file || !strstr(first->function, "+0x") || !*first->module)
		return;
	module = draw_place(first, true);
	fprintf(out, "%sno names in %s: its debug file gives them (--symbol-path=DIR, DEBUGINFOD_URLS)%s\n",
	        seep_style_colour(&o->style, SEEP_DIM), module ? module : "it",
	        seep_style_colour(&o->style, SEEP_PLAIN));
	free(module);
}

enum seep_status seep_report_top(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                                 const struct seep_table *t, const struct seep_report_options *o)
{
	struct top top = { .nr_columns = 0 };
	struct seep_text_table *text;
	enum seep_status status;
	unsigned nr_lines;
	size_t nr;
	double sum;

	choose_columns(&top, p, o, *head->heap);
	text = seep_text_table_new(top.columns, top.nr_columns);
	if (!text)
		return SEEP_ERR_NOMEM;
	nr_lines = draw_head(out, head, p, t->total, o);
	nr = draw_nr_rows(o, t->nr_rows, nr_lines);
	sum = add_rows(text, &top, p, t, nr, o);
	status = t->nr_rows ? seep_text_table_write(text, &o->style, out) : SEEP_OK;
	write_rest(out, p, t, nr, sum, *head->heap, o);
	write_hint(out, t, o);
	seep_text_table_free(text);
	return status;
}
