#include "report/draw.h"

#include <math.h>
#include <string.h>

struct type_words {
	const char *type, *key, *words, *other;
};

static const struct type_words types[] = {
	{ "inuse_space", "inuse_bytes", "in use", "alloc_space" },
	{ "inuse_objects", "inuse_objects", "in use", "alloc_objects" },
	{ "alloc_space", "alloc_bytes", "allocated", "inuse_space" },
	{ "alloc_objects", "alloc_objects", "allocated", "inuse_objects" },
	{ "growth_space", "growth_bytes", "changed", "" },
	{ "growth_objects", "growth_objects", "changed", "" },
	{ "before_space", "before_bytes", "in use before", "" },
	{ "after_space", "after_bytes", "in use after", "" },
};

static const struct type_words *words_of(const struct seep_profile *p, uint32_t type)
{
	const char *name = seep_profile_str(p, p->types[type].type);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].type, name))
			return &types[i];
	return NULL;
}

const char *draw_type_key(const struct seep_profile *p, uint32_t type)
{
	const struct type_words *w = words_of(p, type);

	return w ? w->key : seep_profile_str(p, p->types[type].type);
}

const char *draw_type_words(const struct seep_profile *p, uint32_t type)
{
	const struct type_words *w = words_of(p, type);

	return w ? w->words : seep_profile_str(p, p->types[type].type);
}

uint32_t draw_other_type(const struct seep_profile *p, uint32_t type)
{
	const struct type_words *w = words_of(p, type);

	for (uint32_t i = 0; w && i < p->nr_types; i++)
		if (!strcmp(seep_profile_str(p, p->types[i].type), w->other))
			return i;
	return SEEP_NO_ID;
}

char *draw_value(char out[DRAW_MAX], const struct seep_profile *p, uint32_t type, double value)
{
	char text[SEEP_UNIT_MAX];

	if (!strcmp(seep_profile_str(p, p->types[type].unit), "bytes"))
		seep_format_bytes(text, value);
	else
		seep_format_count(text, round(value));
	snprintf(out, DRAW_MAX, "%s", text);
	return out;
}

bool draw_is_change(const struct seep_profile *p, uint32_t type)
{
	return !strncmp(seep_profile_str(p, p->types[type].type), "growth_", 7);
}

char *draw_figure(char out[DRAW_MAX], const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                  double period)
{
	char text[DRAW_MAX];
	double low, high;

	draw_value(text, p, type, f->value);
	if (!draw_is_change(p, type) || f->value == 0) {
		snprintf(out, DRAW_MAX, "%s", text);
	} else if (seep_is_change(f, period)) {
		snprintf(out, DRAW_MAX, "%s%.80s", f->value > 0 ? "+" : "", text);
	} else {
		seep_interval(f, period, &low, &high);
		snprintf(out, DRAW_MAX, "0\u00b1%.80s", draw_value(text, p, type, fmax(high, -low)));
	}
	return out;
}

char *draw_error(char out[DRAW_MAX], const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                 double period)
{
	bool is_bytes = !strcmp(seep_profile_str(p, p->types[type].unit), "bytes");
	char a[DRAW_MAX], b[DRAW_MAX];
	double low, high;

	out[0] = '\0';
	if (isnan(period) || (!f->nr && f->value == 0 && period <= 1))
		return out;
	if (!f->nr && !is_bytes) /* how many blocks go unseen depends on their size: not known */
		return out;
	seep_interval(f, period, &low, &high);
	if (!f->nr && f->value == 0)
		snprintf(out, DRAW_MAX, "\u2264%s", draw_value(a, p, type, high));
	else if (high - low <= 0)
		snprintf(out, DRAW_MAX, "exact");
	else if (fabs((high - f->value) - (f->value - low)) < 0.01 * (high - low))
		snprintf(out, DRAW_MAX, "\u00b1%s", draw_value(a, p, type, (high - low) / 2));
	else
		snprintf(out, DRAW_MAX, "%.40s..%.40s", draw_value(a, p, type, low), draw_value(b, p, type, high));
	return out;
}

char *draw_share(char out[DRAW_MAX], double value, double total)
{
	double percent = total != 0 ? fabs(value / total) * 100 : 0;

	if (total == 0)
		out[0] = '\0';
	else if (percent >= 99.95 && percent <= 100.05)
		snprintf(out, DRAW_MAX, "100%%");
	else if (percent >= 1)
		snprintf(out, DRAW_MAX, "%.2f%%", percent);
	else
		snprintf(out, DRAW_MAX, "%.2g%%", percent);
	return out;
}

char *draw_age(char out[DRAW_MAX], double seconds)
{
	char text[SEEP_UNIT_MAX];

	snprintf(out, DRAW_MAX, "%s", isnan(seconds) ? "" : seep_format_seconds(text, seconds));
	return out;
}

char *draw_portion(char out[DRAW_MAX], double share)
{
	if (isnan(share))
		out[0] = '\0';
	else
		snprintf(out, DRAW_MAX, "%.0f%%", share * 100);
	return out;
}

char *draw_function(const struct seep_row *row, enum seep_granularity by)
{
	char *text = NULL;
	int len;

	if (by == SEEP_BY_ADDRESS && row->addr)
		len = asprintf(&text, "%#llx %s%s", (unsigned long long)row->addr, row->function,
		               row->is_inlined ? " (inline)" : "");
	else
		len = asprintf(&text, "%s%s", row->function, row->is_inlined ? " (inline)" : "");
	return len < 0 ? NULL : text;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

char *draw_place(const struct seep_row *row, bool is_short)
{
	char *text = NULL;
	int len;

	if (*row->file && row->line)
		len = asprintf(&text, "%s:%u", is_short ? last_part(row->file) : row->file, row->line);
	else if (*row->file)
		len = asprintf(&text, "%s", is_short ? last_part(row->file) : row->file);
	else if (*row->module)
		len = asprintf(&text, "[%s]", last_part(row->module));
	else
		len = asprintf(&text, "%s", "");
	return len < 0 ? NULL : text;
}

size_t draw_nr_rows(const struct seep_report_options *o, size_t nr_rows, unsigned nr_lines)
{
	size_t nr = o->nr_rows;

	if (nr == SEEP_ROWS_DEFAULT) {
		/* room for the titles, two lines below the table and the prompt */
		nr = o->style.height ? o->style.height - (o->style.height > nr_lines + 4 ? nr_lines + 4 : 0) : 20;
		nr = o->style.height && nr < 10 ? 10 : nr;
	}
	return nr && nr < nr_rows ? nr : nr_rows;
}
