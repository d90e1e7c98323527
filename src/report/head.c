#include "report/draw.h"

#include <math.h>
#include <string.h>

#define MAX_SOURCES 10u

static unsigned write_period(FILE *out, const struct seep_source *s)
{
	char period[SEEP_UNIT_MAX], since[SEEP_UNIT_MAX];

	seep_format_bytes(period, (double)s->period);
	if (s->is_profile) {
		fprintf(out, s->period > 1 ? "a profile, one sample per %s\n" : "a profile\n", period);
		return 1;
	}
	if (isnan(s->estimated_since_s))
		fputs("exact: every allocation was recorded", out);
	else if (s->estimated_since_s > 0)
		fprintf(out, "exact for the first %s, estimates since then",
		        seep_format_seconds(since, s->estimated_since_s));
	else
		fputs("estimates since the start", out);
	if (!isnan(s->estimated_since_s) && s->period)
		fprintf(out, ", one sample per %s; 95 %% intervals in brackets", period);
	if (s->is_off)
		fputs("; recording is switched off", out);
	fputc('\n', out);
	return 1;
}

/* The C library's is the one people mean. */
static const char *words_of_heap(const char *heap)
{
	return !strcmp(heap, "malloc") ? "heap" : heap;
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

static void write_source(FILE *out, const struct seep_source *s, const struct seep_style *style)
{
	fputs(seep_style_colour(style, SEEP_BOLD), out);
	write_name(out, s);
	fputs(seep_style_colour(style, SEEP_PLAIN), out);
}

static unsigned write_when(FILE *out, const struct seep_source *s, bool has_many)
{
	char clean[1024];
	const struct seep_when *const both[] = { &s->from, &s->to };
	unsigned nr_lines = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *text = both[i]->text;

		if (!text || !*text)
			continue;
		seep_text_clean(clean, sizeof(clean), text, strlen(text));
		fprintf(out, "%s%s %s\n", has_many ? "  " : "", i ? s->from.text ? "to  " : "at" : "from", clean);
		nr_lines++;
	}
	return nr_lines;
}

static unsigned write_sources(FILE *out, const struct seep_head *head, const struct seep_style *style)
{
	char inuse[SEEP_UNIT_MAX];
	unsigned nr_lines = 0;

	for (size_t i = 0; i < head->nr_sources && i < MAX_SOURCES; i++) {
		const struct seep_source *s = &head->sources[i];

		write_source(out, s, style);
		if (head->nr_sources > 1 && !isnan(s->inuse_bytes))
			fprintf(out, ", %s in use", seep_format_bytes(inuse, s->inuse_bytes));
		fputc('\n', out);
		nr_lines += 1 + write_when(out, s, head->nr_sources > 1);
	}
	if (head->nr_sources <= MAX_SOURCES)
		return nr_lines;
	fprintf(out, "and %zu more processes\n", head->nr_sources - MAX_SOURCES);
	return nr_lines + 1;
}

/* Of several processes, the one whose figures are estimates for the longest speaks for all. */
static const struct seep_source *least_exact(const struct seep_head *head)
{
	const struct seep_source *least = NULL;

	for (size_t i = 0; i < head->nr_sources; i++) {
		const struct seep_source *s = &head->sources[i];

		if (!least || isnan(least->estimated_since_s) || s->estimated_since_s < least->estimated_since_s)
			least = s;
	}
	return least;
}

static void write_total(FILE *out, const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                        const struct seep_report_options *o)
{
	char value[DRAW_MAX], error[DRAW_MAX];

	draw_error(error, p, type, f, o->period);
	fputs(draw_value(value, p, type, f->value), out);
	if (*error && (f->variance > 0 || !f->nr))
		fprintf(out, " (%s)", error);
}

static void write_pair(FILE *out, const char *words, const struct seep_profile *p, const struct seep_figure *total,
                       uint32_t space, uint32_t objects, const struct seep_report_options *o)
{
	fprintf(out, "%s ", words);
	write_total(out, p, space, &total[space], o);
	if (objects != SEEP_NO_ID) {
		fputs(" in ", out);
		write_total(out, p, objects, &total[objects], o);
		fputs(" objects", out);
	}
	fputc('\n', out);
}

/* What was there before and after, and whether that is more than the error of the difference. */
static void write_change(FILE *out, const char *heap, const struct seep_profile *p, const struct seep_figure *total,
                         const struct seep_report_options *o)
{
	uint32_t growth = seep_profile_find_type(p, "growth_space");
	const struct seep_figure *f = &total[growth];
	char text[DRAW_MAX], error[DRAW_MAX], before[DRAW_MAX], after[DRAW_MAX];

	draw_error(error, p, growth, f, o->period);
	if (seep_is_change(f, o->period))
		fprintf(out, "%s in use: %s", heap, draw_figure(text, p, growth, f, o->period));
	else
		fprintf(out, "%s in use: no change beyond its error", heap);
	if (*error)
		fprintf(out, " (%s)", error);
	draw_value(before, p, growth, total[seep_profile_find_type(p, "before_space")].value);
	draw_value(after, p, growth, total[seep_profile_find_type(p, "after_space")].value);
	fprintf(out, ", from %s to %s\n", before, after);
}

/* Space and objects, in use and since the start; or what changed. */
static unsigned write_totals(FILE *out, const struct seep_profile *p, const struct seep_figure *total,
                             const struct seep_report_options *o, const char *heap)
{
	uint32_t inuse = seep_profile_find_type(p, "inuse_space"), alloc = seep_profile_find_type(p, "alloc_space");
	unsigned nr_lines = 0;

	if (!*heap)
		return 0;
	if (seep_profile_find_type(p, "growth_space") != SEEP_NO_ID) {
		write_change(out, heap, p, total, o);
		return 1;
	}
	if (inuse != SEEP_NO_ID) {
		fprintf(out, "%s ", heap);
		write_pair(out, "in use:", p, total, inuse, seep_profile_find_type(p, "inuse_objects"), o);
		nr_lines++;
	}
	if (alloc != SEEP_NO_ID) {
		write_pair(out, "allocated:  ", p, total, alloc, seep_profile_find_type(p, "alloc_objects"), o);
		nr_lines++;
	}
	return nr_lines;
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

	nr_lines += write_totals(out, p, total, o, words_of_heap(head->heap));
	if (head->nr_sources)
		nr_lines += write_period(out, least_exact(head));
	nr_lines += write_losses(out, head, &o->style);
	fputc('\n', out);
	return nr_lines + 1;
}
