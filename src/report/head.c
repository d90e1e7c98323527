#include "report/draw.h"

#include <math.h>

#define MAX_SOURCES 10u

static void write_period(FILE *out, const struct seep_source *s)
{
	char period[SEEP_UNIT_MAX], since[SEEP_UNIT_MAX];

	seep_format_bytes(period, (double)s->period);
	if (isnan(s->estimated_since_s))
		fputs("exact: every allocation was recorded", out);
	else if (s->estimated_since_s > 0)
		fprintf(out, "exact for the first %s, estimates since then",
		        seep_format_seconds(since, s->estimated_since_s));
	else
		fputs("estimates since the start", out);
	if (!s->period)
		fputs("; recording is switched off now", out);
	else if (!isnan(s->estimated_since_s))
		fprintf(out, " (one sample per %s)", period);
}

static void write_name(FILE *out, const struct seep_source *s)
{
	char clean[3 * 256 + 1], age[SEEP_UNIT_MAX];
	size_t len = 0;

	while (len < 256 && s->name[len])
		len++;
	seep_text_clean(clean, sizeof(clean), s->name, len);
	fputs(clean, out);
	if (s->pid)
		fprintf(out, " (pid %llu)", (unsigned long long)s->pid);
	if (*s->state)
		fprintf(out, ": %s", s->state);
	if (!isnan(s->age_s))
		fprintf(out, ", recorded for %s", seep_format_seconds(age, s->age_s));
}

static unsigned write_sources(FILE *out, const struct seep_head *head, const struct seep_style *style)
{
	char inuse[SEEP_UNIT_MAX];
	unsigned nr_lines = 0;

	for (size_t i = 0; i < head->nr_sources && i < MAX_SOURCES; i++) {
		const struct seep_source *s = &head->sources[i];

		fputs(seep_style_colour(style, SEEP_BOLD), out);
		write_name(out, s);
		fputs(seep_style_colour(style, SEEP_PLAIN), out);
		if (head->nr_sources > 1 && !isnan(s->inuse_bytes))
			fprintf(out, ", %s in use", seep_format_bytes(inuse, s->inuse_bytes));
		fputs(head->nr_sources > 1 ? ", " : "\n", out);
		write_period(out, s);
		fputc('\n', out);
		nr_lines += head->nr_sources > 1 ? 1 : 2;
	}
	if (head->nr_sources > MAX_SOURCES) {
		fprintf(out, "and %zu more processes\n", head->nr_sources - MAX_SOURCES);
		nr_lines++;
	}
	return nr_lines;
}

static void write_total(FILE *out, const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                        const struct seep_report_options *o)
{
	char value[DRAW_MAX], error[DRAW_MAX];

	draw_error(error, p, type, f, o->period);
	fputs(draw_value(value, p, type, f->value), out);
	if (*error && f->variance > 0)
		fprintf(out, " (%s)", error);
	else if (*error && !f->nr)
		fprintf(out, " (%s: no sample)", error);
}

/* "in use: 96MB (±1.2MB) in 12,345 (±30) objects; allocated: …" from pairs of space and objects. */
static unsigned write_totals(FILE *out, const struct seep_profile *p, const struct seep_figure *total,
                             const struct seep_report_options *o, const char *kind)
{
	static const struct {
		const char *words;
		uint32_t space, objects;
	} pairs[] = { { "in use", SEEP_INUSE_SPACE, SEEP_INUSE_OBJECTS },
		      { "allocated", SEEP_ALLOC_SPACE, SEEP_ALLOC_OBJECTS } };

	fprintf(out, "%s ", kind);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		fprintf(out, "%s%s: ", i ? "; " : "", pairs[i].words);
		write_total(out, p, pairs[i].space, &total[pairs[i].space], o);
		fputs(" in ", out);
		write_total(out, p, pairs[i].objects, &total[pairs[i].objects], o);
		fputs(" objects", out);
	}
	fputs(total[SEEP_INUSE_SPACE].variance > 0 || total[SEEP_ALLOC_SPACE].variance > 0 ? "; 95 % intervals\n"
	                                                                                   : "\n",
	      out);
	return 1;
}

static unsigned write_losses(FILE *out, const struct seep_head *head, const struct seep_style *style)
{
	char count[SEEP_UNIT_MAX];

	for (size_t i = 0; i < head->nr_losses; i++) {
		const struct seep_loss *l = &head->losses[i];

		if (l->is_bytes)
			seep_format_bytes(count, l->count);
		else
			seep_format_count(count, l->count);
		fprintf(out, "%slost: %s %s%s\n", seep_style_colour(style, SEEP_WARN), count, l->text,
		        seep_style_colour(style, SEEP_PLAIN));
	}
	return (unsigned)head->nr_losses;
}

unsigned draw_head(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                   const struct seep_figure *total, const struct seep_report_options *o)
{
	unsigned nr_lines = write_sources(out, head, &o->style);

	if (p->nr_types == SEEP_NR_HEAP_VALUES)
		nr_lines += write_totals(out, p, total, o, head->kind);
	nr_lines += write_losses(out, head, &o->style);
	fputc('\n', out);
	return nr_lines + 1;
}
