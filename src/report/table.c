#include "report/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"
#define GAP 2u      /* spaces between columns */
#define HARD_MIN 8u /* a name is never cut below this, the line is longer instead */
#define MAX_COLUMNS 24u
#define MAX_PADDING 60u /* a few very long names do not push the columns behind them out of sight */

struct cell {
	const char *text;
	size_t width;
	size_t indent_bytes, indent_width; /* of the leading part that is kept */
};

struct seep_text_table {
	struct seep_arena arena;
	const struct seep_column *columns;
	size_t nr_columns;
	struct cell *cells;
	size_t nr_cells, cap_cells;
	size_t *rules; /* numbers of rows that a rule precedes */
	size_t nr_rules, cap_rules;
	bool failed;
};

struct layout {
	size_t width[MAX_COLUMNS];
	bool is_left_out[MAX_COLUMNS];
	bool is_unlimited; /* nothing is cut */
};

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t seep_text_width(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += !is_continuation(*text);
	return nr;
}

struct seep_text_table *seep_text_table_new(const struct seep_column *columns, size_t nr_columns)
{
	struct seep_text_table *t = nr_columns <= MAX_COLUMNS ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return NULL;
	seep_arena_init(&t->arena);
	t->columns = columns;
	t->nr_columns = nr_columns;
	return t;
}

void seep_text_table_free(struct seep_text_table *t)
{
	if (!t)
		return;
	seep_arena_release(&t->arena);
	free(t->cells);
	free(t->rules);
	free(t);
}

static void add_cell(struct seep_text_table *t, const char *text, size_t len, size_t indent_bytes)
{
	size_t cap = 3 * len + 1; /* every byte may become U+FFFD */
	char *clean = seep_arena_alloc(&t->arena, cap, 1);

	if (!clean || !seep_grow(&t->cells, &t->cap_cells, t->nr_cells + 1, sizeof(*t->cells))) {
		t->failed = true;
		return;
	}
	seep_text_clean(clean, cap, text, len);
	t->cells[t->nr_cells++] =
		(struct cell){ .text = clean, .width = seep_text_width(clean), .indent_bytes = indent_bytes };
}

void seep_text_table_add(struct seep_text_table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		t->failed = true;
		return;
	}
	add_cell(t, text, (size_t)len, 0);
	free(text);
}

void seep_text_table_add_indented(struct seep_text_table *t, const char *indent, const char *text)
{
	size_t nr_before = t->nr_cells;
	char *both = NULL;

	if (asprintf(&both, "%s%s", indent, text) < 0) {
		t->failed = true;
		return;
	}
	add_cell(t, both, strlen(both), strlen(indent));
	free(both);
	if (t->nr_cells > nr_before)
		t->cells[nr_before].indent_width = seep_text_width(indent);
}

void seep_text_table_add_rule(struct seep_text_table *t)
{
	if (!seep_grow(&t->rules, &t->cap_rules, t->nr_rules + 1, sizeof(*t->rules))) {
		t->failed = true;
		return;
	}
	t->rules[t->nr_rules++] = t->nr_cells / t->nr_columns;
}

/* ---- layout ---- */

static void measure(const struct seep_text_table *t, struct layout *l)
{
	memset(l, 0, sizeof(*l));
	for (size_t c = 0; c < t->nr_columns; c++)
		l->width[c] = seep_text_width(t->columns[c].title);
	for (size_t i = 0; i < t->nr_cells; i++) {
		size_t c = i % t->nr_columns;

		if (t->cells[i].width > l->width[c])
			l->width[c] = t->cells[i].width;
	}
}

/* Where nothing is cut, what may be cut elsewhere is padded to a width that suits most rows; longer cells stick out. */
static void limit_padding(const struct seep_text_table *t, struct layout *l)
{
	for (size_t c = 0; c < t->nr_columns; c++)
		if (t->columns[c].flags & (SEEP_COLUMN_CUT | SEEP_COLUMN_CUT_START) && l->width[c] > MAX_PADDING)
			l->width[c] = MAX_PADDING;
	l->is_unlimited = true;
}

static size_t line_width(const struct seep_text_table *t, const struct layout *l)
{
	size_t sum = 0, nr = 0;

	for (size_t c = 0; c < t->nr_columns; c++) {
		if (l->is_left_out[c])
			continue;
		sum += l->width[c];
		nr++;
	}
	return nr ? sum + GAP * (nr - 1) : 0;
}

/* Takes what is too much from the columns that may be cut, last column first, down to `floor_of`. */
static void shrink(const struct seep_text_table *t, struct layout *l, size_t max, bool hard)
{
	for (size_t c = t->nr_columns; c-- > 0;) {
		size_t total = line_width(t, l), least = hard ? HARD_MIN : t->columns[c].min_width, over;

		if (total <= max || l->is_left_out[c] || l->width[c] <= least)
			continue;
		if (!(t->columns[c].flags & (SEEP_COLUMN_CUT | SEEP_COLUMN_CUT_START)))
			continue;
		over = total - max;
		l->width[c] = l->width[c] - least > over ? l->width[c] - over : least;
	}
}

/* The column to leave out next; nr_columns when all that are left must stay. */
static size_t least_wanted(const struct seep_text_table *t, const struct layout *l)
{
	size_t best = t->nr_columns;

	for (size_t c = 0; c < t->nr_columns; c++) {
		if (l->is_left_out[c] || !t->columns[c].drop)
			continue;
		if (best == t->nr_columns || t->columns[c].drop > t->columns[best].drop)
			best = c;
	}
	return best;
}

static void fit(const struct seep_text_table *t, struct layout *l, size_t max)
{
	struct layout natural = *l;

	shrink(t, l, max, false);
	while (line_width(t, l) > max) {
		size_t c = least_wanted(t, l);

		if (c == t->nr_columns)
			break;
		natural.is_left_out[c] = true;
		*l = natural;
		shrink(t, l, max, false);
	}
	shrink(t, l, max, true);
}

/* ---- writing ---- */

static const char *skip_points(const char *text, size_t nr)
{
	while (*text && nr) {
		text++;
		while (is_continuation(*text))
			text++;
		nr--;
	}
	return text;
}

static void write_points(FILE *out, const char *text, size_t nr)
{
	const char *end = skip_points(text, nr);

	fwrite(text, 1, (size_t)(end - text), out);
}

static void write_cut(FILE *out, const char *text, size_t width, size_t max, bool at_start)
{
	size_t keep = max - 1, head = at_start ? 0 : (keep + 1) / 2;

	if (!max)
		return;
	write_points(out, text, head);
	fputs(ELLIPSIS, out);
	fputs(skip_points(text, width - (keep - head)), out);
}

/* An indented name gives its own letters first; when few are left, the indentation's start is cut. */
static void write_indented(FILE *out, const struct cell *c, size_t max)
{
	const char *name = c->text + c->indent_bytes;
	size_t name_width = c->width - c->indent_width, least = name_width < HARD_MIN ? name_width : HARD_MIN;

	if (c->indent_width + least <= max) {
		write_points(out, c->text, c->indent_width);
		write_cut(out, name, name_width, max - c->indent_width, false);
		return;
	}
	if (name_width < max)
		write_cut(out, c->text, c->width, max, true);
	else
		write_cut(out, name, name_width, max, false);
}

static void write_cell(FILE *out, const struct seep_column *column, const struct cell *c, size_t width, bool is_cut,
                       bool is_last)
{
	size_t shown = c->width < width ? c->width : width;

	if (column->flags & SEEP_COLUMN_RIGHT)
		fprintf(out, "%*s", (int)(width - shown), "");
	if (c->width <= width || !is_cut)
		fputs(c->text, out);
	else if (c->indent_bytes)
		write_indented(out, c, width);
	else
		write_cut(out, c->text, c->width, width, column->flags & SEEP_COLUMN_CUT_START);
	if (!(column->flags & SEEP_COLUMN_RIGHT) && !is_last)
		fprintf(out, "%*s", (int)(width - shown), "");
}

static size_t last_shown(const struct seep_text_table *t, const struct layout *l, const struct cell *row)
{
	for (size_t c = t->nr_columns; c-- > 0;)
		if (!l->is_left_out[c] && row[c].width)
			return c;
	return 0;
}

static void write_row(FILE *out, const struct seep_text_table *t, const struct layout *l, const struct cell *row)
{
	size_t last = last_shown(t, l, row);
	bool is_first = true;

	for (size_t c = 0; c <= last; c++) {
		if (l->is_left_out[c])
			continue;
		if (!is_first)
			fprintf(out, "%*s", (int)GAP, "");
		is_first = false;
		write_cell(out, &t->columns[c], &row[c], l->width[c], !l->is_unlimited, c == last);
	}
}

static void write_titles(FILE *out, const struct seep_text_table *t, const struct layout *l, const struct seep_style *s)
{
	struct cell titles[MAX_COLUMNS] = { { 0 } };

	for (size_t c = 0; c < t->nr_columns; c++)
		titles[c] = (struct cell){ .text = t->columns[c].title, .width = seep_text_width(t->columns[c].title) };
	fputs(seep_style_colour(s, SEEP_BOLD), out);
	write_row(out, t, l, titles);
	fprintf(out, "%s\n", seep_style_colour(s, SEEP_PLAIN));
}

static void write_rule(FILE *out, size_t width)
{
	for (size_t i = width < MAX_PADDING ? width : MAX_PADDING; i; i--)
		fputc('-', out);
	fputc('\n', out);
}

static void write_left_out(FILE *out, const struct seep_text_table *t, const struct layout *l,
                           const struct seep_style *s)
{
	const char *separator = "left out for width: ";
	bool is_any = false;

	for (size_t c = 0; c < t->nr_columns; c++) {
		if (!l->is_left_out[c])
			continue;
		if (!is_any)
			fputs(seep_style_colour(s, SEEP_DIM), out);
		fprintf(out, "%s%s", separator, t->columns[c].title);
		separator = " ";
		is_any = true;
	}
	if (is_any)
		fprintf(out, "%s\n", seep_style_colour(s, SEEP_PLAIN));
}

enum seep_status seep_text_table_write(const struct seep_text_table *t, const struct seep_style *s, FILE *out)
{
	struct layout l;
	size_t rule = 0;

	if (t->failed)
		return SEEP_ERR_NOMEM;
	measure(t, &l);
	if (s->width)
		fit(t, &l, s->width);
	else
		limit_padding(t, &l);
	write_titles(out, t, &l, s);
	for (size_t row = 0; row < t->nr_cells / t->nr_columns; row++) {
		for (; rule < t->nr_rules && t->rules[rule] <= row; rule++)
			write_rule(out, line_width(t, &l));
		write_row(out, t, &l, &t->cells[row * t->nr_columns]);
		fputc('\n', out);
	}
	write_left_out(out, t, &l, s);
	return SEEP_OK;
}
