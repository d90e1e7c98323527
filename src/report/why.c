/* Verdicts in words. Every sentence stands here; the verdict gives ids and numbers. */
#include "report/draw.h"

#include <math.h>
#include <string.h>

#include "verdict/verdict.h"

#define PLACE_MAX 512
#define SENTENCE_MAX 1024

/* ---- pieces ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *bytes(char out[DRAW_MAX], double value)
{
	char text[SEEP_UNIT_MAX];

	snprintf(out, DRAW_MAX, "%s", isnan(value) ? "?" : seep_format_bytes(text, value));
	return out;
}

static char *seconds(char out[DRAW_MAX], double value)
{
	char text[SEEP_UNIT_MAX];

	snprintf(out, DRAW_MAX, "%s", isnan(value) ? "?" : seep_format_seconds(text, value));
	return out;
}

static char *number(char out[DRAW_MAX], double value)
{
	char text[SEEP_UNIT_MAX];

	snprintf(out, DRAW_MAX, "%s", isnan(value) ? "?" : seep_format_count(text, round(value)));
	return out;
}

/* "SessionMap::add (server.cc:41)"; cleaned of control characters. */
static char *place(char out[PLACE_MAX], const struct seep_evidence_frame *f)
{
	char raw[PLACE_MAX];
	size_t len;

	if (!f)
		snprintf(raw, sizeof(raw), "code that could not be walked to");
	else if (*f->file && f->line)
		snprintf(raw, sizeof(raw), "%.380s (%.100s:%u)", f->function, base_name(f->file), f->line);
	else if (*f->module)
		snprintf(raw, sizeof(raw), "%.380s [%.100s]", f->function, base_name(f->module));
	else
		snprintf(raw, sizeof(raw), "%.380s", f->function);
	len = seep_text_clean(out, PLACE_MAX - 1, raw, strlen(raw));
	out[len < PLACE_MAX ? len : PLACE_MAX - 1] = '\0';
	return out;
}

static const struct seep_reason *reason_of(const struct seep_verdict *v, enum seep_reason_id id)
{
	for (size_t i = 0; i < v->nr_reasons; i++)
		if (v->reasons[i].id == id)
			return &v->reasons[i];
	return NULL;
}

static double value_of(const struct seep_verdict *v, enum seep_reason_id id)
{
	const struct seep_reason *r = reason_of(v, id);

	return r ? r->value : NAN;
}

static double other_of(const struct seep_verdict *v, enum seep_reason_id id)
{
	const struct seep_reason *r = reason_of(v, id);

	return r ? r->other : NAN;
}

/* ---- the first line ---- */

/* "X (file:1) holds A of B", or "" without a suspect. */
static void holds(char out[SENTENCE_MAX], const struct seep_verdict *v, const char *end)
{
	char where[PLACE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	out[0] = '\0';
	if (v->nr_suspects && reason_of(v, SEEP_REASON_HOLDS))
		snprintf(out, SENTENCE_MAX, "%s holds %s of %s%s", place(where, v->suspects[0].frame),
		         bytes(a, value_of(v, SEEP_REASON_HOLDS)), bytes(b, other_of(v, SEEP_REASON_HOLDS)), end);
}

static void head_leak(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	static const char *const ends[SEEP_NR_PATTERNS] = {
		[SEEP_PATTERN_KEPT] = " and its survivors are of all ages",
		[SEEP_PATTERN_BUFFER] = " in a buffer that only ever grows",
		[SEEP_PATTERN_BACKLOG] = ", a backlog: all is freed in the end, but waits ever longer",
	};
	const char *end = ends[v->suspects[0].pattern];

	holds(out, v, end ? end : "");
}

static void head_growing(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char what[SENTENCE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	holds(what, v, "");
	snprintf(out, SENTENCE_MAX, "the live heap went from %s at half-time to %s%s%.700s",
	         bytes(a, other_of(v, SEEP_REASON_LIVE)), bytes(b, value_of(v, SEEP_REASON_LIVE)), *what ? "; " : "",
	         what);
}

static void head_warm_up(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	holds(out, v, ", nearly all of it old: it grew early and no more");
}

static void head_load(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	if (reason_of(v, SEEP_REASON_PEAK))
		snprintf(out, SENTENCE_MAX, "the live heap was up to %s and is %s now",
		         bytes(a, value_of(v, SEEP_REASON_PEAK)), bytes(b, value_of(v, SEEP_REASON_LIVE)));
	else
		holds(out, v, ", its survivors are young and follow the rate of allocation");
}

static void head_limit(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char what[SENTENCE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	holds(what, v, "");
	if (isnan(value_of(v, SEEP_REASON_LIMIT)) || isnan(other_of(v, SEEP_REASON_LIMIT)))
		snprintf(out, SENTENCE_MAX, "the memory limit was hit by honest use%s%.700s", *what ? "; " : "", what);
	else
		snprintf(out, SENTENCE_MAX, "%s used of a limit of %s by honest use%s%.700s",
		         bytes(a, value_of(v, SEEP_REASON_LIMIT)), bytes(b, other_of(v, SEEP_REASON_LIMIT)),
		         *what ? "; " : "", what);
}

static void head_fragmentation(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	snprintf(out, SENTENCE_MAX,
	         "%s of %s anonymous memory was freed by the program and is kept by the allocator; %s is live",
	         bytes(a, value_of(v, SEEP_REASON_SLACK)), bytes(b, value_of(v, SEEP_REASON_RSS)),
	         bytes(c, value_of(v, SEEP_REASON_LIVE)));
}

static void head_mappings(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char what[SENTENCE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	if (reason_of(v, SEEP_REASON_COUNT_MAPPINGS)) {
		holds(what, v, "");
		snprintf(out, SENTENCE_MAX,
		         "%s mappings, %s at half-time, while the heap does not explain them%s%.700s",
		         number(a, value_of(v, SEEP_REASON_COUNT_MAPPINGS)),
		         number(b, other_of(v, SEEP_REASON_COUNT_MAPPINGS)), *what ? "; " : "", what);
	} else {
		holds(out, v, " mapped memory and does not unmap it");
	}
}

static void head_threads(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], where[PLACE_MAX];

	snprintf(out, SENTENCE_MAX, "%s threads, %s at half-time%s%s",
	         number(a, value_of(v, SEEP_REASON_COUNT_THREADS)), number(b, other_of(v, SEEP_REASON_COUNT_THREADS)),
	         v->nr_suspects ? "; they run " : "", v->nr_suspects ? place(where, v->suspects[0].frame) : "");
}

static void head_fds(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	snprintf(out, SENTENCE_MAX, "%s file descriptors are open, %s at half-time",
	         number(a, value_of(v, SEEP_REASON_COUNT_FDS)), number(b, other_of(v, SEEP_REASON_COUNT_FDS)));
}

static void head_off_heap(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	snprintf(out, SENTENCE_MAX,
	         "anonymous memory is %s, %s at half-time, and the live heap only %s: it comes from elsewhere",
	         bytes(a, value_of(v, SEEP_REASON_RSS)), bytes(b, other_of(v, SEEP_REASON_RSS)),
	         bytes(c, value_of(v, SEEP_REASON_LIVE)));
}

static void head_page_cache(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	snprintf(out, SENTENCE_MAX, "the kernel's cache of files went from %s to %s; the live heap is %s",
	         bytes(a, other_of(v, SEEP_REASON_CGROUP_FILE)), bytes(b, value_of(v, SEEP_REASON_CGROUP_FILE)),
	         bytes(c, value_of(v, SEEP_REASON_LIVE)));
}

static void head_tmpfs(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	snprintf(out, SENTENCE_MAX, "shared memory and tmpfs files went from %s to %s",
	         bytes(a, other_of(v, SEEP_REASON_CGROUP_SHMEM)), bytes(b, value_of(v, SEEP_REASON_CGROUP_SHMEM)));
}

static void head_steady(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], what[SENTENCE_MAX];
	const struct seep_reason *releases = reason_of(v, SEEP_REASON_RELEASES);

	if (releases) {
		snprintf(out, SENTENCE_MAX, "the live heap rises to %s and is released again, %s times so far",
		         bytes(a, releases->other), number(b, releases->value));
		return;
	}
	holds(what, v, "");
	snprintf(out, SENTENCE_MAX, "nothing grows: the live heap is %s, %s at half-time%s%.700s",
	         bytes(a, value_of(v, SEEP_REASON_LIVE)), bytes(b, other_of(v, SEEP_REASON_LIVE)), *what ? "; " : "",
	         what);
}

static void head_unknown(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	snprintf(out, SENTENCE_MAX, "%s samples alive after %s show no cause",
	         number(a, value_of(v, SEEP_REASON_SAMPLES)), seconds(b, other_of(v, SEEP_REASON_SAMPLES)));
}

static void (*const heads[SEEP_NR_VERDICTS])(char out[SENTENCE_MAX], const struct seep_verdict *v) = {
	[SEEP_VERDICT_UNKNOWN] = head_unknown,
	[SEEP_VERDICT_LEAK] = head_leak,
	[SEEP_VERDICT_GROWING] = head_growing,
	[SEEP_VERDICT_WARM_UP] = head_warm_up,
	[SEEP_VERDICT_LOAD] = head_load,
	[SEEP_VERDICT_LIMIT] = head_limit,
	[SEEP_VERDICT_FRAGMENTATION] = head_fragmentation,
	[SEEP_VERDICT_MAPPINGS] = head_mappings,
	[SEEP_VERDICT_THREADS] = head_threads,
	[SEEP_VERDICT_FDS] = head_fds,
	[SEEP_VERDICT_OFF_HEAP] = head_off_heap,
	[SEEP_VERDICT_PAGE_CACHE] = head_page_cache,
	[SEEP_VERDICT_TMPFS] = head_tmpfs,
	[SEEP_VERDICT_STEADY] = head_steady,
};

static void headline(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	out[0] = '\0';
	if ((unsigned)v->word < SEEP_NR_VERDICTS && heads[v->word])
		heads[v->word](out, v);
}

/* ---- the numbers below it ---- */

static const char *const reason_ids[SEEP_NR_REASONS] = {
	[SEEP_REASON_HOLDS] = "holds",
	[SEEP_REASON_AGES] = "ages",
	[SEEP_REASON_NOT_FREED] = "not_freed",
	[SEEP_REASON_GROWTH] = "growth",
	[SEEP_REASON_REALLOC] = "realloc",
	[SEEP_REASON_WAITS] = "waits",
	[SEEP_REASON_RATE] = "rate",
	[SEEP_REASON_RELEASES] = "releases",
	[SEEP_REASON_PEAK] = "peak",
	[SEEP_REASON_LIVE] = "live",
	[SEEP_REASON_RSS] = "rss_anon",
	[SEEP_REASON_SLACK] = "slack",
	[SEEP_REASON_COUNT_THREADS] = "threads",
	[SEEP_REASON_COUNT_FDS] = "fds",
	[SEEP_REASON_COUNT_MAPPINGS] = "mappings",
	[SEEP_REASON_CGROUP_FILE] = "cgroup_file",
	[SEEP_REASON_CGROUP_SHMEM] = "cgroup_shmem",
	[SEEP_REASON_LIMIT] = "limit",
	[SEEP_REASON_OOM] = "oom",
	[SEEP_REASON_SAMPLES] = "samples",
	[SEEP_REASON_LOST] = "lost",
};

static void sentence_of_suspect(char out[SENTENCE_MAX], const struct seep_reason *r, const struct seep_suspect *s)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	switch ((int)r->id) {
	case SEEP_REASON_HOLDS:
		snprintf(out, SENTENCE_MAX, "%s ±%s in %s samples, %.0f%% of what is live", bytes(a, s->inuse_bytes),
		         bytes(b, 1.96 * s->inuse_stderr), number(c, (double)s->nr_samples),
		         r->other > 0 ? 100 * r->value / r->other : 0);
		break;
	case SEEP_REASON_AGES:
		snprintf(out, SENTENCE_MAX, "survivors: median age %s, oldest %s", seconds(a, r->value),
		         seconds(b, r->other));
		break;
	case SEEP_REASON_NOT_FREED:
		snprintf(out, SENTENCE_MAX,
		         "%s sampled blocks are older than %s; of all that got so old %.1f%% were freed",
		         number(a, r->value), seconds(b, s->settled_s), 100 * r->other);
		break;
	case SEEP_REASON_GROWTH:
		snprintf(out, SENTENCE_MAX, "grew by %s ±%s a second in the second half of the recording",
		         bytes(a, r->value), bytes(b, 1.96 * r->other));
		break;
	case SEEP_REASON_REALLOC:
		snprintf(out, SENTENCE_MAX, "%s blocks, grown %s times by realloc", number(a, r->value),
		         number(b, r->other));
		break;
	case SEEP_REASON_WAITS:
		snprintf(out, SENTENCE_MAX, "blocks stay %.1f times as long as at half-time; the oldest waits %s",
		         r->value, seconds(a, r->other));
		break;
	default:
		break;
	}
}

static void sentence_of(char out[SENTENCE_MAX], const struct seep_verdict *v, const struct seep_reason *r)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	out[0] = '\0';
	if (r->suspect != SEEP_NO_SUSPECT && r->suspect < v->nr_suspects) {
		sentence_of_suspect(out, r, &v->suspects[r->suspect]);
		return;
	}
	switch ((int)r->id) {
	case SEEP_REASON_RATE:
		snprintf(out, SENTENCE_MAX, "rate of allocation in the last quarter: %.2f times its mean", r->value);
		break;
	case SEEP_REASON_RELEASES:
		snprintf(out, SENTENCE_MAX, "%s releases seen, from up to %s", number(a, r->value), bytes(b, r->other));
		break;
	case SEEP_REASON_PEAK:
		snprintf(out, SENTENCE_MAX, "live heap at its highest: %s", bytes(a, r->value));
		break;
	case SEEP_REASON_LIVE:
		snprintf(out, SENTENCE_MAX, "live heap: %s, %s at half-time", bytes(a, r->value), bytes(b, r->other));
		break;
	case SEEP_REASON_RSS:
		snprintf(out, SENTENCE_MAX, "anonymous RSS: %s, %s at half-time", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_SLACK:
		snprintf(out, SENTENCE_MAX,
		         "neither live heap nor mappings nor stacks: %s (%.0f%% of the anonymous RSS)",
		         bytes(a, r->value), 100 * r->other);
		break;
	case SEEP_REASON_COUNT_THREADS:
		snprintf(out, SENTENCE_MAX, "threads: %s, %s at half-time", number(a, r->value), number(b, r->other));
		break;
	case SEEP_REASON_COUNT_FDS:
		snprintf(out, SENTENCE_MAX, "file descriptors: %s, %s at half-time", number(a, r->value),
		         number(b, r->other));
		break;
	case SEEP_REASON_COUNT_MAPPINGS:
		snprintf(out, SENTENCE_MAX, "mappings: %s, %s at half-time", number(a, r->value), number(b, r->other));
		break;
	case SEEP_REASON_CGROUP_FILE:
		snprintf(out, SENTENCE_MAX, "page cache of its cgroup: %s, %s at the start", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_CGROUP_SHMEM:
		snprintf(out, SENTENCE_MAX, "shared memory of its cgroup: %s, %s at the start", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_LIMIT:
		snprintf(out, SENTENCE_MAX, "cgroup: up to %s used, the limit is %s", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_OOM:
		snprintf(out, SENTENCE_MAX, "the kernel's OOM killer ended it");
		break;
	case SEEP_REASON_SAMPLES:
		snprintf(out, SENTENCE_MAX, "%s samples alive after %s", number(a, r->value), seconds(b, r->other));
		break;
	case SEEP_REASON_LOST:
		snprintf(out, SENTENCE_MAX, "%s samples were lost: the true figures are higher", number(a, r->value));
		break;
	default:
		break;
	}
}

/* ---- what is missing, and what to do ---- */

struct missing_words {
	const char *id, *words;
};
static const struct missing_words missing[SEEP_NR_MISSING] = {
	[SEEP_MISSING_SYSTEM] = { "system_ring", "nobody wrote down what the system said; 'seep run' does" },
	[SEEP_MISSING_CGROUP] = { "cgroup", "it has no cgroup with a memory limit of its own" },
	[SEEP_MISSING_MMAP] = { "mmap_samples", "mappings were not sampled (SEEP_OPTIONS=mmap=on)" },
	[SEEP_MISSING_SAMPLES] = { "samples",
	                           "fewer than 20 samples are alive; record longer or with a smaller --period" },
	[SEEP_MISSING_TIME] = { "time", "recorded for less than 5 s" },
	[SEEP_MISSING_HISTORY] = { "history", "no in-use over time was recorded" },
	[SEEP_MISSING_SIGHT] = { "allocator", "the program's allocator cannot be seen from outside" },
	[SEEP_MISSING_END] = { "end", "nobody saw when it ended: it may have idled on after its last allocation" },
};

static const char *const next_words[SEEP_NR_NEXTS] = {
	[SEEP_NEXT_FIX_SUSPECT] = "read who should free or bound what %s allocates",
	[SEEP_NEXT_FIX_BACKLOG] = "bound the queue that %s fills, or make its consumer faster",
	[SEEP_NEXT_FIX_THREADS] = "find where these threads are started and why they never end",
	[SEEP_NEXT_FIX_FDS] = "list them with 'ls -l /proc/PID/fd' and close what is opened",
	[SEEP_NEXT_RECORD_LONGER] = "record longer: growth that goes on and survivors of all ages make a leak",
	[SEEP_NEXT_RECORD_FINER] = "record again with a smaller --period, or longer",
	[SEEP_NEXT_RAISE_LIMIT] = "raise the limit, or reduce what %s may hold",
	[SEEP_NEXT_TRIM] =
		"let the allocator give memory back: malloc_trim(3), MALLOC_ARENA_MAX, or jemalloc with decay",
	[SEEP_NEXT_LOOK_OFF_HEAP] = "look at what malloc does not serve: 'pmap -x PID', other allocators, runtimes",
	[SEEP_NEXT_PAGE_CACHE] = "nothing: the kernel takes page cache back before it kills",
	[SEEP_NEXT_TMPFS] = "look for files in /dev/shm and other tmpfs mounts, and for shared mappings",
	[SEEP_NEXT_NOTHING] = "nothing",
	[SEEP_NEXT_SIZE_FOR_LOAD] = "size the limit for the highest load expected",
};

static void next_action(char out[SENTENCE_MAX], const struct seep_verdict *v)
{
	const char *words = next_words[v->next], *slot = strstr(words, "%s");
	char where[PLACE_MAX];

	if (slot)
		snprintf(out, SENTENCE_MAX, "%.*s%s%s", (int)(slot - words), words,
		         v->nr_suspects ? place(where, v->suspects[0].frame) : "it", slot + 2);
	else
		snprintf(out, SENTENCE_MAX, "%s", words);
}

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
			fprintf(out, " (%s)\n", missing[m].words);
	}
}

/* ---- text ---- */

static void write_callers(FILE *out, const struct seep_suspect *s)
{
	char where[PLACE_MAX];

	if (s->site)
		fprintf(out, "  allocated through %s\n", place(where, s->site));
	if (s->caller)
		fprintf(out, "  called from %s\n", place(where, s->caller));
}

static void write_others(FILE *out, const struct seep_verdict *v)
{
	char where[PLACE_MAX], a[DRAW_MAX];

	for (size_t i = 1; i < v->nr_suspects && i < 4; i++)
		fprintf(out, "%s%-8s %-9s %s\n", i == 1 ? "beside it:\n  " : "  ", bytes(a, v->suspects[i].inuse_bytes),
		        seep_pattern_word(v->suspects[i].pattern), place(where, v->suspects[i].frame));
}

static void write_process(FILE *out, const struct seep_verdict *v, const struct seep_source *s)
{
	char age[DRAW_MAX], name[DRAW_MAX];
	size_t len = seep_text_clean(name, DRAW_MAX - 1, s->name, strnlen(s->name, 64));

	name[len < DRAW_MAX ? len : DRAW_MAX - 1] = '\0';
	fprintf(out, "  process %s", name);
	if (s->pid)
		fprintf(out, "[%llu]", (unsigned long long)s->pid);
	fprintf(out, ", %s, recorded for %s; confidence %s\n", *s->state ? s->state : "state unknown",
	        seconds(age, v->evidence->now_s - v->evidence->start_s), seep_confidence_word(v->confidence));
}

static void write_verdict(FILE *out, const struct seep_verdict *v, const struct seep_source *s,
                          const struct seep_style *style)
{
	char text[SENTENCE_MAX];

	headline(text, v);
	fprintf(out, "%s%s%s: %s\n", seep_style_colour(style, SEEP_BOLD), seep_verdict_word(v->word),
	        seep_style_colour(style, SEEP_PLAIN), text);
	write_process(out, v, s);
	for (size_t i = 0; i < v->nr_reasons; i++) {
		sentence_of(text, v, &v->reasons[i]);
		if (*text)
			fprintf(out, "  %s\n", text);
	}
	if (v->nr_suspects)
		write_callers(out, &v->suspects[0]);
	write_others(out, v);
	next_action(text, v);
	fprintf(out, "next: %s\n", text);
	write_cannot_tell(out, v);
}

void seep_report_why(FILE *out, const struct seep_head *head, const struct seep_verdict *const *verdicts, size_t worst,
                     const struct seep_style *style)
{
	char text[SENTENCE_MAX], name[DRAW_MAX];

	write_verdict(out, verdicts[worst], &head->sources[worst], style);
	for (size_t i = 0; i < head->nr_sources; i++) {
		size_t len;

		if (i == worst)
			continue;
		headline(text, verdicts[i]);
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
	char text[SENTENCE_MAX];

	seep_json_array(j, "evidence");
	for (size_t i = 0; i < v->nr_reasons; i++) {
		const struct seep_reason *r = &v->reasons[i];

		sentence_of(text, v, r);
		seep_json_object(j, NULL);
		seep_json_str(j, "id", reason_ids[r->id]);
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
	char text[SENTENCE_MAX];

	seep_json_str(j, "verdict", seep_verdict_word(v->word));
	seep_json_str(j, "confidence", seep_confidence_word(v->confidence));
	headline(text, v);
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
		seep_json_str(j, "missing", missing[v->cannot_tell[i].missing].id);
		seep_json_str(j, "text", missing[v->cannot_tell[i].missing].words);
		seep_json_end(j);
	}
	seep_json_end(j);
	next_action(text, v);
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
