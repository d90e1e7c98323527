/* Verdicts drawn as text and JSON. */
#include "report/why.h"

#include <math.h>
#include <string.h>

/* One line for each kind of missing evidence, with the verdicts that want it. */
static void write_cannot_tell(FILE *out, const struct seep_verdict *v)
{
	for (int m = 0; m < SEEP_NR_MISSING; m++) {
		int nr = 0;

		for (size_t i = 0; i < v->nr_cannot_tell; i++)
			if ((int)v->cannot_tell[i].missing == m)
				fprintf(out, "%s%s",
				        nr++ ? ", " : "cannot tell: ", seep_verdict_word(v->cannot_tell[i].word));
		if (nr)
			fprintf(out, " (%s)\n", why_missing[m].words);
	}
}

/* ---- text ---- */

static void write_callers(FILE *out, const struct seep_suspect *s)
{
	char where[WHY_PLACE_MAX];

	if (s->site)
		fprintf(out, "  allocated through %s\n", why_place(where, s->site));
	if (s->caller)
		fprintf(out, "  called from %s\n", why_place(where, s->caller));
}

static void write_others(FILE *out, const struct seep_verdict *v)
{
	char where[WHY_PLACE_MAX], a[SEEP_UNIT_MAX];

	for (size_t i = 1; i < v->nr_suspects && i < 4; i++)
		fprintf(out, "%s%-8s %-9s %s\n", i == 1 ? "beside it:\n  " : "  ",
		        seep_format_bytes(a, v->suspects[i].inuse_bytes), seep_pattern_word(v->suspects[i].pattern),
		        why_place(where, v->suspects[i].frame));
}

static void write_process(FILE *out, const struct seep_verdict *v, const struct seep_source *s)
{
	char age[SEEP_UNIT_MAX], name[DRAW_MAX];
	size_t len = seep_text_clean(name, DRAW_MAX - 1, s->name, strnlen(s->name, 64));

	name[len < DRAW_MAX ? len : DRAW_MAX - 1] = '\0';
	fprintf(out, "  process %s", name);
	if (s->pid)
		fprintf(out, "[%llu]", (unsigned long long)s->pid);
	fprintf(out, ", %s, recorded for %s; confidence %s\n", *s->state ? s->state : "state unknown",
	        seep_format_seconds(age, v->evidence->now_s - v->evidence->start_s),
	        seep_confidence_word(v->confidence));
}

static void write_verdict(FILE *out, const struct seep_verdict *v, const struct seep_source *s,
                          const struct seep_style *style)
{
	char text[WHY_SENTENCE_MAX];

	why_headline(text, v);
	fprintf(out, "%s%s%s: %s\n", seep_style_colour(style, SEEP_BOLD), seep_verdict_word(v->word),
	        seep_style_colour(style, SEEP_PLAIN), text);
	write_process(out, v, s);
	for (size_t i = 0; i < v->nr_reasons; i++) {
		why_sentence(text, v, &v->reasons[i]);
		if (*text)
			fprintf(out, "  %s\n", text);
	}
	if (v->nr_suspects)
		write_callers(out, &v->suspects[0]);
	write_others(out, v);
	why_next(text, v);
	fprintf(out, "next: %s\n", text);
	write_cannot_tell(out, v);
}

void seep_report_why(FILE *out, const struct seep_head *head, const struct seep_verdict *const *verdicts, size_t worst,
                     const struct seep_style *style)
{
	char text[WHY_SENTENCE_MAX], name[DRAW_MAX];

	write_verdict(out, verdicts[worst], &head->sources[worst], style);
	for (size_t i = 0; i < head->nr_sources; i++) {
		size_t len;

		if (i == worst)
			continue;
		why_headline(text, verdicts[i]);
		len = seep_text_clean(name, DRAW_MAX - 1, head->sources[i].name, strnlen(head->sources[i].name, 64));
		name[len < DRAW_MAX ? len : DRAW_MAX - 1] = '\0';
		fprintf(out, "%s%s[%llu]: %s: %s\n",
		        head->nr_sources > 1 && i == (worst == 0) ? "\nother processes:\n" : "", name,
		        (unsigned long long)head->sources[i].pid, seep_verdict_word(verdicts[i]->word), text);
	}
}

/* ---- JSON ---- */

static void write_known(struct seep_json *j, const char *key, double v)
{
	if (!isnan(v))
		seep_json_double(j, key, v);
}

static void write_frame(struct seep_json *j, const char *key, const struct seep_evidence_frame *f)
{
	if (!f)
		return;
	if (key)
		seep_json_object(j, key);
	seep_json_str(j, "function", f->function);
	if (*f->file)
		seep_json_str(j, "file", f->file);
	if (f->line)
		seep_json_u64(j, "line", f->line);
	if (*f->module)
		seep_json_str(j, "module", f->module);
	if (key)
		seep_json_end(j);
}

static void write_suspect(struct seep_json *j, const struct seep_suspect *s)
{
	seep_json_object(j, NULL);
	if (s->frame)
		write_frame(j, NULL, s->frame);
	else
		seep_json_str(j, "function", "");
	write_frame(j, "site", s->site);
	write_frame(j, "caller", s->caller);
	seep_json_str(j, "kind", s->kind == SEEP_EVIDENCE_MMAP ? "mmap" : "heap");
	seep_json_str(j, "pattern", seep_pattern_word(s->pattern));
	seep_json_double(j, "inuse_bytes", s->inuse_bytes);
	seep_json_double(j, "inuse_bytes_stderr", s->inuse_stderr);
	seep_json_u64(j, "samples", s->nr_samples);
	write_known(j, "growth_bytes_per_s", s->growth_bytes_per_s);
	write_known(j, "growth_bytes_per_s_stderr", s->growth_stderr);
	write_known(j, "age_median_s", s->age_median_s);
	write_known(j, "age_oldest_s", s->age_oldest_s);
	seep_json_end(j);
}

static void write_evidence(struct seep_json *j, const struct seep_verdict *v)
{
	char text[WHY_SENTENCE_MAX];

	seep_json_array(j, "evidence");
	for (size_t i = 0; i < v->nr_reasons; i++) {
		const struct seep_reason *r = &v->reasons[i];

		why_sentence(text, v, r);
		seep_json_object(j, NULL);
		seep_json_str(j, "id", why_reason_ids[r->id]);
		if (r->suspect != SEEP_NO_SUSPECT)
			seep_json_u64(j, "suspect", r->suspect);
		seep_json_double(j, "value", r->value);
		write_known(j, "other", r->other);
		seep_json_str(j, "text", text);
		seep_json_end(j);
	}
	seep_json_end(j);
}

static void write_verdict_members(struct seep_json *j, const struct seep_verdict *v)
{
	char text[WHY_SENTENCE_MAX];

	seep_json_str(j, "verdict", seep_verdict_word(v->word));
	seep_json_str(j, "confidence", seep_confidence_word(v->confidence));
	why_headline(text, v);
	seep_json_str(j, "summary", text);
	write_evidence(j, v);
	seep_json_array(j, "suspects");
	for (size_t i = 0; i < v->nr_suspects; i++)
		write_suspect(j, &v->suspects[i]);
	seep_json_end(j);
	seep_json_array(j, "cannot_tell");
	for (size_t i = 0; i < v->nr_cannot_tell; i++) {
		seep_json_object(j, NULL);
		seep_json_str(j, "verdict", seep_verdict_word(v->cannot_tell[i].word));
		seep_json_str(j, "missing", why_missing[v->cannot_tell[i].missing].id);
		seep_json_str(j, "text", why_missing[v->cannot_tell[i].missing].words);
		seep_json_end(j);
	}
	seep_json_end(j);
	why_next(text, v);
	seep_json_str(j, "next", text);
}

static void write_target(struct seep_json *j, const struct seep_source *s)
{
	seep_json_object(j, "target");
	seep_json_str(j, "name", s->name);
	if (s->pid)
		seep_json_u64(j, "pid", s->pid);
	seep_json_str(j, "path", s->path);
	if (*s->id)
		seep_json_str(j, "state", s->id);
	write_known(j, "age_s", s->age_s);
	seep_json_end(j);
}

void seep_report_why_json(FILE *out, const struct seep_head *head, const struct seep_verdict *const *verdicts,
                          size_t worst)
{
	struct seep_json j;

	seep_json_init(&j, out, true);
	seep_json_object(&j, NULL);
	seep_json_u64(&j, "schema", 1);
	seep_json_str(&j, "verb", head->verb);
	write_target(&j, &head->sources[worst]);
	write_verdict_members(&j, verdicts[worst]);
	seep_json_array(&j, "processes");
	for (size_t i = 0; i < head->nr_sources; i++) {
		seep_json_object(&j, NULL);
		write_target(&j, &head->sources[i]);
		write_verdict_members(&j, verdicts[i]);
		seep_json_end(&j);
	}
	seep_json_end(&j);
	seep_json_object(&j, "lost");
	for (size_t i = 0; i < head->nr_losses; i++)
		seep_json_double(&j, head->losses[i].id, head->losses[i].count);
	seep_json_end(&j);
	seep_json_array(&j, "warnings");
	for (size_t i = 0; i < head->nr_warnings; i++)
		seep_json_str(&j, NULL, head->warnings[i]);
	seep_json_end(&j);
	seep_json_end(&j);
}
