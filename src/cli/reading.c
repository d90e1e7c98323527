#include "cli/reading.h"

#include <errno.h>
#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "cli/pattern.h"

const struct cli_word reading_sort_words[] = { { "inuse_space", SEEP_INUSE_SPACE },
	                                       { "inuse_objects", SEEP_INUSE_OBJECTS },
	                                       { "alloc_space", SEEP_ALLOC_SPACE },
	                                       { "alloc_objects", SEEP_ALLOC_OBJECTS },
	                                       { NULL, 0 } };
const struct cli_word reading_by_words[] = { { "function", SEEP_BY_FUNCTION }, { "line", SEEP_BY_LINE },
	                                     { "address", SEEP_BY_ADDRESS },   { "thread", READING_BY_THREAD },
	                                     { "heap", READING_BY_HEAP },      { NULL, 0 } };
const struct cli_word reading_frames_words[] = { { "user", false }, { "all", true }, { NULL, 0 } };
const struct reading_options reading_defaults = {
	.type = SEEP_INUSE_SPACE,
	.by = SEEP_BY_FUNCTION,
	.outlived_s = 60,
	.min_value = READING_MIN_UNSET,
	.nr_rows = SEEP_ROWS_DEFAULT,
};

static enum seep_dimension dimension_of(const struct reading_options *o)
{
	return o->by == READING_BY_THREAD ? SEEP_BY_THREAD : o->by == READING_BY_HEAP ? SEEP_BY_HEAP : SEEP_BY_CODE;
}

/* ---- which rows ---- */

static bool is_all_heaps(const struct reading_options *o)
{
	return o->by == READING_BY_HEAP && !o->heap;
}

static const char *heap_of(const struct reading_options *o)
{
	return o->heap ? o->heap : is_all_heaps(o) ? "" : "malloc";
}

/* True when the recording has the heap that is asked for. */
static bool choose_heaps(const struct seep_recording *r, const struct reading_options *o, struct seep_choice *c)
{
	char name[SEEP_HEAP_NAME_MAX];
	bool has_any = false;

	for (unsigned kind = 0; kind < SEEP_NR_KINDS; kind++) {
		if (!is_all_heaps(o) && strcmp(seep_recording_heap_name(r, (uint8_t)kind, name), heap_of(o)) != 0)
			continue;
		c->kinds[kind] = seep_recording_has_heap(r, (uint8_t)kind);
		has_any |= c->kinds[kind];
	}
	return has_any;
}

static char *heap_names(const struct seep_recording *r)
{
	char *list = cli_strdup(""), *longer, name[SEEP_HEAP_NAME_MAX];

	for (unsigned kind = 0; kind < SEEP_NR_KINDS; kind++) {
		if (!seep_recording_has_heap(r, (uint8_t)kind))
			continue;
		longer =
			cli_printf("%s%s%s", list, *list ? ", " : "", seep_recording_heap_name(r, (uint8_t)kind, name));
		free(list);
		list = longer;
	}
	return list;
}

static int say_no_heap(const struct reading *r)
{
	for (size_t i = 0; i < r->targets.nr; i++) {
		const struct cli_target *t = &r->targets.items[i];
		char *names = t->recording ? heap_names(t->recording) : NULL;

		if (names)
			cli_error("%s: there is no heap '%s' in it, but: %s", t->path, heap_of(r->options), names);
		else
			cli_error("%s: this profile tells nothing of a heap '%s'", t->path, heap_of(r->options));
		free(names);
	}
	return CLI_INPUT;
}

static int load(struct reading *r)
{
	struct seep_choice *choices = cli_alloc(r->targets.nr, sizeof(*choices));
	const struct reading_options *o = r->options;
	bool has_heap = false;
	int rc;

	for (size_t i = 0; i < r->targets.nr; i++) {
		const struct cli_target *t = &r->targets.items[i];
		struct seep_choice *c = &choices[i];

		c->from = r->window.has_from ? &r->window.from_of[i] : NULL;
		c->to = r->window.has_to ? &r->window.to_of[i] : NULL;
		c->with_objects = r->window.with_objects;
		c->without_alloc = o->thread || o->by == READING_BY_THREAD;
		has_heap |= t->recording ? choose_heaps(t->recording, o, c)
		                         : !o->heap || seep_profile_knows(t->profile, SEEP_BY_HEAP);
	}
	rc = has_heap ? cli_targets_profile(&r->targets, choices, &r->profile) : say_no_heap(r);
	free(choices);
	return rc;
}

static bool is_of_heap(struct seep_profile *p, size_t row, void *name)
{
	return !strcmp(seep_profile_str(p, p->samples.heap[row]), name);
}

static bool is_of_thread(struct seep_profile *p, size_t row, void *pattern)
{
	uint32_t label = seep_profile_label(p, SEEP_BY_THREAD, row);

	return label != SEEP_NO_ID && pattern_match(seep_profile_str(p, label), pattern);
}

static int lacks(const struct reading *r, const char *what)
{
	cli_error("%s: this profile tells nothing of %s", r->targets.items[0].path, what);
	return CLI_INPUT;
}

static int filter_threads(struct reading *r)
{
	struct seep_error err = { .status = SEEP_OK };
	struct pattern *pattern = NULL;

	if (pattern_compile(r->options->thread, &pattern, &err) != SEEP_OK)
		return cli_fail("--thread", &err);
	seep_profile_filter(r->profile, is_of_thread, pattern);
	pattern_free(pattern);
	if (r->profile->samples.nr)
		return CLI_OK;
	cli_error("nothing is in use of a thread that matches '%s'", r->options->thread);
	return CLI_USAGE;
}

static int choose_rows(struct reading *r, bool with_frames)
{
	const struct reading_options *o = r->options;
	enum seep_dimension by = dimension_of(o);
	struct seep_error err = { .status = SEEP_OK };
	int rc = CLI_OK;

	if ((o->thread || by == SEEP_BY_THREAD) && !seep_profile_knows(r->profile, SEEP_BY_THREAD))
		return lacks(r, "threads");
	if (by == SEEP_BY_HEAP && !seep_profile_knows(r->profile, SEEP_BY_HEAP))
		return lacks(r, "heaps");
	if (o->heap && seep_profile_knows(r->profile, SEEP_BY_HEAP))
		seep_profile_filter(r->profile, is_of_heap, (void *)(uintptr_t)o->heap);
	if (o->thread)
		rc = filter_threads(r);
	if (rc == CLI_OK && seep_profile_pivot(r->profile, by, with_frames, &err) != SEEP_OK)
		rc = cli_fail(NULL, &err);
	return rc;
}

/* What was freed between is known of each stack, not of each thread. */
static int check_words(const char *verb, const struct reading_options *o, const struct window *w)
{
	if (w->has_from && o->thread)
		return cli_usage(verb, "--thread: what was freed between two moments is not known by thread");
	if (w->has_to && (o->type == SEEP_ALLOC_SPACE || o->type == SEEP_ALLOC_OBJECTS))
		return cli_usage(verb, "--sort: what was allocated is known since the start alone");
	if ((o->thread || o->by == READING_BY_THREAD) && (o->type == SEEP_ALLOC_SPACE || o->type == SEEP_ALLOC_OBJECTS))
		return cli_usage(verb, "--sort: what was allocated since the start is not known by thread");
	return CLI_OK;
}

/* The profile's type that the words of --sort mean. */
static int find_type(struct reading *r, const char *verb)
{
	static const char *const now[] = { "alloc_objects", "alloc_space", "inuse_objects", "inuse_space" };
	static const char *const change[] = { "", "", "growth_objects", "growth_space" };
	const char *name = (r->window.has_from ? change : now)[r->options->type];
	uint32_t type = seep_profile_find_type(r->profile, name);

	if (type == SEEP_NO_ID && r->window.has_to)
		return cli_usage(verb, "--sort: objects are known at the start, the peak, the last mark and now alone");
	r->type = type == SEEP_NO_ID ? (uint32_t)r->options->type : type;
	return CLI_OK;
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

static struct seep_estimate inuse_of(const struct seep_recording *r, const struct reading_options *o)
{
	struct seep_estimate sum = { .bytes = 0 };
	char name[SEEP_HEAP_NAME_MAX];

	for (unsigned kind = 0; kind < SEEP_NR_KINDS; kind++) {
		struct seep_estimate e;

		if (strcmp(seep_recording_heap_name(r, (uint8_t)kind, name), o->heap ? o->heap : "malloc") != 0)
			continue;
		e = seep_recording_inuse(r, (uint8_t)kind);
		sum.bytes += e.bytes;
		sum.bytes_var += e.bytes_var;
	}
	return sum;
}

static void fill_source(struct reading *reading, size_t i, struct seep_source *s)
{
	const struct reading_options *o = reading->options;
	const struct cli_target *t = &reading->targets.items[i];
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
	inuse = inuse_of(r, o);
	s->name = r->header.name;
	s->pid = r->header.pid;
	s->id = cli_end_word(end.how);
	s->state = state_text(&reading->arena, &end);
	s->age_s = t->now_s - (double)r->header.start_us / 1e6;
	s->period = r->status.period;
	s->is_off = r->words.control && !(r->words.control & SEEP_REC_CONTROL_ON);
	s->estimated_since_s = estimated_since(r);
	if (!reading->window.has_to) {
		s->inuse_bytes = inuse.bytes;
		s->inuse_bytes_stderr = sqrt(inuse.bytes_var);
	}
	window_tell(&reading->window, &reading->targets, i, &reading->arena, s);
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
	r->sources = cli_alloc(r->targets.nr, sizeof(*r->sources));
	for (size_t i = 0; i < r->targets.nr; i++)
		fill_source(r, i, &r->sources[i]);
	qsort(r->sources, r->targets.nr, sizeof(*r->sources), compare_sources);
	r->head.verb = verb;
	r->head.heap = heap_of(r->options);
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
	enum seep_granularity by = dimension_of(o) == SEEP_BY_CODE ? (enum seep_granularity)o->by : SEEP_BY_FUNCTION;
	double period = longest_period(&r->targets);

	r->head.warnings = (const char *const *)r->targets.warnings;
	r->head.nr_warnings = r->targets.nr_warnings;
	r->analyse = (struct seep_analyse_options){
		.type = r->type,
		.by = by,
		.all_frames = o->all_frames,
		.outlived_s = o->outlived_s,
		.min_value = min_value,
		.period = period,
		.only_changes = r->window.has_from && !min_value && o->min_value == READING_MIN_UNSET,
	};
	r->report = (struct seep_report_options){
		.type = r->type,
		.by = by,
		.pivot = o->by == READING_BY_THREAD ? "thread"
		         : o->by == READING_BY_HEAP ? "heap"
		                                    : NULL,
		.nr_rows = o->nr_rows > SIZE_MAX ? SIZE_MAX : (size_t)o->nr_rows,
		.with_errors = (o->with_errors || r->window.has_from) && !isnan(period),
		.outlived_s = o->outlived_s,
		.period = period,
		.min_value = min_value,
	};
}

int reading_open(struct reading *r, const char *verb, const struct reading_options *o, bool with_frames, int nr_words,
                 char **words)
{
	int rc;

	memset(r, 0, sizeof(*r));
	r->options = o;
	seep_arena_init(&r->arena);
	r->ends.sysroot = o->target.sysroot;
	rc = window_parse(verb, &o->window, &r->window);
	if (rc == CLI_OK)
		rc = check_words(verb, o, &r->window);
	if (rc == CLI_OK)
		rc = cli_targets_resolve(verb, &o->target, nr_words, words, &r->targets);
	if (rc == CLI_OK)
		rc = window_find(&r->window, verb, &r->targets);
	if (rc == CLI_OK)
		rc = load(r);
	if (rc == CLI_OK)
		rc = find_type(r, verb);
	if (rc == CLI_OK)
		rc = choose_rows(r, with_frames);
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
	window_release(&r->window);
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
