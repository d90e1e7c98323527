#include "cli/reading.h"

#include <errno.h>
#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

const struct cli_word reading_sort_words[] = { { "inuse_space", SEEP_INUSE_SPACE },
	                                       { "inuse_objects", SEEP_INUSE_OBJECTS },
	                                       { "alloc_space", SEEP_ALLOC_SPACE },
	                                       { "alloc_objects", SEEP_ALLOC_OBJECTS },
	                                       { NULL, 0 } };
const struct cli_word reading_by_words[] = {
	{ "function", SEEP_BY_FUNCTION }, { "line", SEEP_BY_LINE }, { "address", SEEP_BY_ADDRESS }, { NULL, 0 }
};
const struct cli_word reading_frames_words[] = { { "user", false }, { "all", true }, { NULL, 0 } };
const struct cli_word reading_kind_words[] = { { "heap", SEEP_REC_KIND_HEAP },
	                                       { "mmap", SEEP_REC_KIND_MMAP },
	                                       { NULL, 0 } };
const struct reading_options reading_defaults = {
	.type = SEEP_INUSE_SPACE,
	.by = SEEP_BY_FUNCTION,
	.kind = SEEP_REC_KIND_HEAP,
	.outlived_s = 60,
	.min_value = READING_MIN_UNSET,
	.nr_rows = SEEP_ROWS_DEFAULT,
};

static const char *word_of(const struct cli_word *words, int value)
{
	while (words->word && words->value != value)
		words++;
	return words->word ? words->word : "";
}

/* ---- what stands above the report ---- */

static double estimated_since(const struct seep_recording *r)
{
	uint64_t since = r->status.estimated_since_us, start = r->header.start_us;

	if (!r->status.seq) /* its status was not readable: nothing may be called exact */
		return 0;
	if (since == UINT64_MAX)
		return NAN;
	return since > start ? (double)(since - start) / 1e6 : 0;
}

static const char *state_text(struct seep_arena *arena, const struct cli_end *end)
{
	const char *text;

	if (end->how == CLI_END_RUNNING || !*end->by)
		text = seep_arena_strndup(arena, end->text, strlen(end->text));
	else
		text = seep_arena_printf(arena, "%s%s%s (by %s)", end->text, *end->detail ? ", " : "", end->detail,
		                         end->by);
	return text ? text : "";
}

static void fill_source(struct reading *reading, const struct cli_target *t, struct seep_source *s)
{
	const struct reading_options *o = reading->options;
	const struct seep_recording *r = t->recording;
	struct seep_estimate inuse;
	struct cli_end end;

	*s = (struct seep_source){ .name = t->label, .path = t->path, .id = "", .state = "" };
	s->age_s = s->inuse_bytes = s->inuse_bytes_stderr = s->estimated_since_s = NAN;
	s->is_profile = !r;
	if (!r) {
		s->period = t->profile && t->profile->period > 0 ? (uint64_t)t->profile->period : 0;
		return;
	}
	cli_end_of(&reading->ends, r, &end);
	inuse = seep_recording_inuse(r, (uint8_t)o->kind);
	s->name = r->header.name;
	s->pid = r->header.pid;
	s->id = cli_end_word(end.how);
	s->state = state_text(&reading->arena, &end);
	s->age_s = t->now_s - (double)r->header.start_us / 1e6;
	s->period = r->status.period;
	s->is_off = r->words.control && !(r->words.control & SEEP_REC_CONTROL_ON);
	s->estimated_since_s = estimated_since(r);
	s->inuse_bytes = inuse.bytes;
	s->inuse_bytes_stderr = sqrt(inuse.bytes_var);
}

static struct seep_loss *loss_of(struct reading *r, const struct cli_loss *l)
{
	for (size_t i = 0; i < r->head.nr_losses; i++)
		if (!strcmp(r->losses[i].id, l->id))
			return &r->losses[i];
	r->losses[r->head.nr_losses] = (struct seep_loss){ l->id, l->text, 0, l->is_bytes };
	return &r->losses[r->head.nr_losses++];
}

/* Losses of all targets, summed by their kind. */
static void fill_losses(struct reading *r)
{
	struct cli_loss found[CLI_LOSSES_MAX];

	r->losses = cli_alloc(CLI_LOSSES_MAX * r->targets.nr, sizeof(*r->losses));
	for (size_t i = 0; i < r->targets.nr; i++) {
		const struct seep_recording *rec = r->targets.items[i].recording;
		size_t nr = rec ? cli_losses_of(rec, found, CLI_LOSSES_MAX) : 0;

		for (size_t k = 0; k < nr; k++)
			loss_of(r, &found[k])->count += found[k].count;
	}
}

/* The longest period that was ever in force: what may be hidden where no sample is. NaN: errors are not known. */
static double longest_period(const struct cli_targets *t)
{
	uint64_t max = 0;

	for (size_t i = 0; i < t->nr; i++) {
		const struct seep_recording *r = t->items[i].recording;

		if (!r)
			return NAN;
		if (r->status.period > max)
			max = r->status.period;
		for (size_t k = 0; k < r->nr_periods; k++)
			if (r->periods[k].period > max)
				max = r->periods[k].period;
	}
	return (double)max;
}

static void warn_of_holes(struct reading *r)
{
	for (size_t i = 0; i < r->targets.nr; i++) {
		const struct cli_target *t = &r->targets.items[i];

		if (t->recording && t->recording->status.reasons & SEEP_REC_WHY_OFF)
			cli_targets_warn(&r->targets,
			                 "%s: recording was off for a time: what was allocated then is missing",
			                 t->label);
	}
}

/* The largest first; what is not known last. */
static int compare_sources(const void *a, const void *b)
{
	const struct seep_source *s = a, *t = b;
	double x = isnan(s->inuse_bytes) ? -1 : s->inuse_bytes, y = isnan(t->inuse_bytes) ? -1 : t->inuse_bytes;

	return x == y ? strcmp(s->path, t->path) : (x < y) - (x > y);
}

static void fill_head(struct reading *r, const char *verb)
{
	const struct reading_options *o = r->options;

	r->sources = cli_alloc(r->targets.nr, sizeof(*r->sources));
	for (size_t i = 0; i < r->targets.nr; i++)
		fill_source(r, &r->targets.items[i], &r->sources[i]);
	qsort(r->sources, r->targets.nr, sizeof(*r->sources), compare_sources);
	r->head.verb = verb;
	r->head.kind = word_of(reading_kind_words, o->kind);
	r->head.sources = r->sources;
	r->head.nr_sources = r->targets.nr;
	fill_losses(r);
	r->head.losses = r->losses;
}

/* Warnings may come until all is symbolised. */
static void fill_options(struct reading *r)
{
	const struct reading_options *o = r->options;
	double min_value = o->min_value == READING_MIN_UNSET ? 0 : (double)o->min_value;

	double period = longest_period(&r->targets);

	r->head.warnings = (const char *const *)r->targets.warnings;
	r->head.nr_warnings = r->targets.nr_warnings;
	r->analyse = (struct seep_analyse_options){
		.type = (uint32_t)o->type,
		.by = (enum seep_granularity)o->by,
		.all_frames = o->all_frames,
		.outlived_s = o->outlived_s,
		.min_value = min_value,
	};
	r->report = (struct seep_report_options){
		.type = (uint32_t)o->type,
		.by = (enum seep_granularity)o->by,
		.nr_rows = o->nr_rows > SIZE_MAX ? SIZE_MAX : (size_t)o->nr_rows,
		.with_errors = o->with_errors && !isnan(period),
		.outlived_s = o->outlived_s,
		.period = period,
		.min_value = min_value,
	};
}

int reading_open(struct reading *r, const char *verb, const struct reading_options *o, int nr_words, char **words)
{
	int rc;

	memset(r, 0, sizeof(*r));
	r->options = o;
	seep_arena_init(&r->arena);
	r->ends.sysroot = o->target.sysroot;
	rc = cli_targets_resolve(verb, &o->target, nr_words, words, &r->targets);
	if (rc == CLI_OK)
		rc = cli_targets_profile(&r->targets, (uint8_t)o->kind, &r->profile);
	if (rc != CLI_OK)
		return rc;
	warn_of_holes(r);
	fill_head(r, verb);
	fill_options(r);
	return CLI_OK;
}

void reading_release(struct reading *r)
{
	seep_arena_release(&r->arena);
	cli_end_sources_release(&r->ends);
	free(r->sources);
	free(r->losses);
	cli_targets_release(&r->targets);
}

/* ---- output ---- */

/* What could not be written is dropped, so that it is not tried, and complained about, again. */
static int fail_to_write(const struct seep_error *err)
{
	cli_fail(NULL, err);
	__fpurge(stdout);
	clearerr(stdout);
	return CLI_SYSTEM;
}

int reading_begin_output(struct reading *r)
{
	const char *path = r->options->output ? r->options->output : "-";
	struct seep_error err = { 0 };

	if (seep_out_open(&r->out, path, &err) != SEEP_OK)
		return fail_to_write(&err);
	seep_style_init(&r->report.style, r->out.stream, r->options->wide);
	return CLI_OK;
}

int reading_end_output(struct reading *r, enum seep_status status)
{
	struct seep_error err = { 0 };

	if (status != SEEP_OK) {
		seep_out_abort(&r->out);
		seep_fail(&err, status, "out of memory");
		return cli_fail(NULL, &err);
	}
	if (seep_out_commit(&r->out, &err) != SEEP_OK)
		return fail_to_write(&err);
	return CLI_OK;
}
