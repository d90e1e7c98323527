/* Every sentence about verdicts stands here; the verdict gives ids and numbers. */
#include "report/why.h"

#include <math.h>
#include <string.h>

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

/* ", 12MB at half-time"; "" when that is not known. */
static char *at_half(char out[DRAW_MAX], double value, char *(*format)(char out[DRAW_MAX], double value))
{
	char text[DRAW_MAX];

	out[0] = '\0';
	if (!isnan(value))
		snprintf(out, DRAW_MAX, ", %.64s at half-time", format(text, value));
	return out;
}

static char *number(char out[DRAW_MAX], double value)
{
	char text[SEEP_UNIT_MAX];

	snprintf(out, DRAW_MAX, "%s", isnan(value) ? "?" : seep_format_count(text, round(value)));
	return out;
}

/* "SessionMap::add (server.cc:41)"; cleaned of control characters. */
char *why_place(char out[WHY_PLACE_MAX], const struct seep_evidence_frame *f)
{
	char raw[WHY_PLACE_MAX];
	size_t len;

	if (!f)
		snprintf(raw, sizeof(raw), "the runtime, or code that is not known");
	else if (*f->file && f->line)
		snprintf(raw, sizeof(raw), "%.380s (%.100s:%u)", f->function, base_name(f->file), f->line);
	else if (*f->module)
		snprintf(raw, sizeof(raw), "%.380s [%.100s]", f->function, base_name(f->module));
	else
		snprintf(raw, sizeof(raw), "%.380s", f->function);
	len = seep_text_clean(out, WHY_PLACE_MAX - 1, raw, strlen(raw));
	out[len < WHY_PLACE_MAX ? len : WHY_PLACE_MAX - 1] = '\0';
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
static void holds(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v, const char *end)
{
	char where[WHY_PLACE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	out[0] = '\0';
	if (v->nr_suspects && reason_of(v, SEEP_REASON_HOLDS))
		snprintf(out, WHY_SENTENCE_MAX, "%s holds %s of %s%s", why_place(where, v->suspects[0].frame),
		         bytes(a, value_of(v, SEEP_REASON_HOLDS)), bytes(b, other_of(v, SEEP_REASON_HOLDS)), end);
}

static void head_leak(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	static const char *const ends[SEEP_NR_PATTERNS] = {
		[SEEP_PATTERN_KEPT] = " and its survivors are of all ages",
		[SEEP_PATTERN_BUFFER] = " in a buffer that only ever grows",
		[SEEP_PATTERN_BACKLOG] = ", a backlog: all is freed in the end, but waits ever longer",
	};
	const char *end = ends[v->suspects[0].pattern];

	holds(out, v, end ? end : "");
}

static void head_growing(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char what[WHY_SENTENCE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	holds(what, v, "");
	snprintf(out, WHY_SENTENCE_MAX, "the live heap went from %s at half-time to %s%s%.700s",
	         bytes(a, other_of(v, SEEP_REASON_LIVE)), bytes(b, value_of(v, SEEP_REASON_LIVE)), *what ? "; " : "",
	         what);
}

static void head_warm_up(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	holds(out, v, ", nearly all of it old: it grew early and no more");
}

static void head_load(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	if (reason_of(v, SEEP_REASON_PEAK))
		snprintf(out, WHY_SENTENCE_MAX, "the live heap was up to %s and is %s now",
		         bytes(a, value_of(v, SEEP_REASON_PEAK)), bytes(b, value_of(v, SEEP_REASON_LIVE)));
	else
		holds(out, v, ", its survivors are young and follow the rate of allocation");
}

static void head_limit(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char what[WHY_SENTENCE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	holds(what, v, "");
	if (isnan(value_of(v, SEEP_REASON_LIMIT)) || isnan(other_of(v, SEEP_REASON_LIMIT)))
		snprintf(out, WHY_SENTENCE_MAX, "the memory limit was hit by honest use%s%.700s", *what ? "; " : "",
		         what);
	else
		snprintf(out, WHY_SENTENCE_MAX, "%s used of a limit of %s by honest use%s%.700s",
		         bytes(a, value_of(v, SEEP_REASON_LIMIT)), bytes(b, other_of(v, SEEP_REASON_LIMIT)),
		         *what ? "; " : "", what);
}

static void head_fragmentation(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	snprintf(out, WHY_SENTENCE_MAX,
	         "%s of %s anonymous memory was freed by the program and is kept by the allocator; %s is live",
	         bytes(a, value_of(v, SEEP_REASON_SLACK)), bytes(b, value_of(v, SEEP_REASON_RSS)),
	         bytes(c, value_of(v, SEEP_REASON_LIVE)));
}

static void head_mappings(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char what[WHY_SENTENCE_MAX], a[DRAW_MAX], b[DRAW_MAX];

	if (reason_of(v, SEEP_REASON_COUNT_MAPPINGS)) {
		holds(what, v, "");
		snprintf(out, WHY_SENTENCE_MAX,
		         "%s mappings, %s at half-time, while the heap does not explain them%s%.700s",
		         number(a, value_of(v, SEEP_REASON_COUNT_MAPPINGS)),
		         number(b, other_of(v, SEEP_REASON_COUNT_MAPPINGS)), *what ? "; " : "", what);
	} else {
		holds(out, v, " mapped memory and does not unmap it");
	}
}

static void head_threads(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], where[WHY_PLACE_MAX];

	snprintf(out, WHY_SENTENCE_MAX, "%s threads, %s at half-time%s%s",
	         number(a, value_of(v, SEEP_REASON_COUNT_THREADS)), number(b, other_of(v, SEEP_REASON_COUNT_THREADS)),
	         v->nr_suspects ? "; they run " : "", v->nr_suspects ? why_place(where, v->suspects[0].frame) : "");
}

static void head_fds(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	snprintf(out, WHY_SENTENCE_MAX, "%s file descriptors are open, %s at half-time",
	         number(a, value_of(v, SEEP_REASON_COUNT_FDS)), number(b, other_of(v, SEEP_REASON_COUNT_FDS)));
}

static void head_off_heap(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	snprintf(out, WHY_SENTENCE_MAX,
	         "anonymous memory is %s, %s at half-time, and the live heap only %s: it comes from elsewhere",
	         bytes(a, value_of(v, SEEP_REASON_RSS)), bytes(b, other_of(v, SEEP_REASON_RSS)),
	         bytes(c, value_of(v, SEEP_REASON_LIVE)));
}

static void head_page_cache(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	snprintf(out, WHY_SENTENCE_MAX, "the kernel's cache of files went from %s to %s; the live heap is %s",
	         bytes(a, other_of(v, SEEP_REASON_CGROUP_FILE)), bytes(b, value_of(v, SEEP_REASON_CGROUP_FILE)),
	         bytes(c, value_of(v, SEEP_REASON_LIVE)));
}

static void head_tmpfs(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	snprintf(out, WHY_SENTENCE_MAX, "shared memory and tmpfs files went from %s to %s",
	         bytes(a, other_of(v, SEEP_REASON_CGROUP_SHMEM)), bytes(b, value_of(v, SEEP_REASON_CGROUP_SHMEM)));
}

static void head_steady(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX], what[WHY_SENTENCE_MAX];
	const struct seep_reason *releases = reason_of(v, SEEP_REASON_RELEASES);

	if (releases) {
		snprintf(out, WHY_SENTENCE_MAX, "the live heap rises to %s and is released again, %s times so far",
		         bytes(a, releases->other), number(b, releases->value));
		return;
	}
	holds(what, v, "");
	snprintf(out, WHY_SENTENCE_MAX, "nothing grows: the live heap is %s%s%s%.700s",
	         bytes(a, value_of(v, SEEP_REASON_LIVE)), at_half(b, other_of(v, SEEP_REASON_LIVE), bytes),
	         *what ? "; " : "", what);
}

static void head_unknown(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	snprintf(out, WHY_SENTENCE_MAX, "%s samples alive after %s show no cause",
	         number(a, value_of(v, SEEP_REASON_SAMPLES)), seconds(b, other_of(v, SEEP_REASON_SAMPLES)));
}

static void (*const heads[SEEP_NR_VERDICTS])(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v) = {
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

void why_headline(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	out[0] = '\0';
	if ((unsigned)v->word < SEEP_NR_VERDICTS && heads[v->word])
		heads[v->word](out, v);
}

/* ---- the numbers below it ---- */

const char *const why_reason_ids[SEEP_NR_REASONS] = {
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

static void sentence_of_suspect(char out[WHY_SENTENCE_MAX], const struct seep_reason *r, const struct seep_suspect *s)
{
	char a[DRAW_MAX], b[DRAW_MAX], c[DRAW_MAX];

	switch ((int)r->id) {
	case SEEP_REASON_HOLDS:
		snprintf(out, WHY_SENTENCE_MAX, "%s ±%s in %s samples, %.0f%% of what is live",
		         bytes(a, s->inuse_bytes), bytes(b, 1.96 * s->inuse_stderr), number(c, (double)s->nr_samples),
		         r->other > 0 ? 100 * r->value / r->other : 0);
		break;
	case SEEP_REASON_AGES:
		snprintf(out, WHY_SENTENCE_MAX, "survivors: median age %s, oldest %s", seconds(a, r->value),
		         seconds(b, r->other));
		break;
	case SEEP_REASON_NOT_FREED:
		if (s->settled_s > 0)
			snprintf(out, WHY_SENTENCE_MAX,
			         "%s sampled blocks are older than %s; of all that got so old %.1f%% were freed",
			         number(a, r->value), seconds(b, s->settled_s), 100 * r->other);
		else
			snprintf(out, WHY_SENTENCE_MAX,
			         "%s sampled blocks are alive; of all that were allocated %.1f%% were freed",
			         number(a, r->value), 100 * r->other);
		break;
	case SEEP_REASON_GROWTH:
		snprintf(out, WHY_SENTENCE_MAX, "grew by %s ±%s a second in the second half of the recording",
		         bytes(a, r->value), bytes(b, 1.96 * r->other));
		break;
	case SEEP_REASON_REALLOC:
		snprintf(out, WHY_SENTENCE_MAX, "%s blocks, grown %s times by realloc", number(a, r->value),
		         number(b, r->other));
		break;
	case SEEP_REASON_WAITS:
		snprintf(out, WHY_SENTENCE_MAX,
		         "blocks stay %.1f times as long as in the first third; the oldest waits %s", r->value,
		         seconds(a, r->other));
		break;
	default: break;
	}
}

/* What the system counted: threads, files, mappings, what else its cgroup holds. */
static void sentence_of_system(char out[WHY_SENTENCE_MAX], const struct seep_reason *r)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	switch ((int)r->id) {
	case SEEP_REASON_COUNT_THREADS:
		snprintf(out, WHY_SENTENCE_MAX, "threads: %s%s", number(a, r->value), at_half(b, r->other, number));
		break;
	case SEEP_REASON_COUNT_FDS:
		snprintf(out, WHY_SENTENCE_MAX, "file descriptors: %s%s", number(a, r->value),
		         at_half(b, r->other, number));
		break;
	case SEEP_REASON_COUNT_MAPPINGS:
		snprintf(out, WHY_SENTENCE_MAX, "mappings: %s%s", number(a, r->value), at_half(b, r->other, number));
		break;
	case SEEP_REASON_CGROUP_FILE:
		snprintf(out, WHY_SENTENCE_MAX, "page cache of its cgroup: %s, %s at the start", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_CGROUP_SHMEM:
		snprintf(out, WHY_SENTENCE_MAX, "shared memory of its cgroup: %s, %s at the start", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	default: break;
	}
}

void why_sentence(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v, const struct seep_reason *r)
{
	char a[DRAW_MAX], b[DRAW_MAX];

	out[0] = '\0';
	if (r->suspect != SEEP_NO_SUSPECT && r->suspect < v->nr_suspects) {
		sentence_of_suspect(out, r, &v->suspects[r->suspect]);
		return;
	}
	switch ((int)r->id) {
	case SEEP_REASON_RATE:
		snprintf(out, WHY_SENTENCE_MAX, "rate of allocation at the end: %.2f times its mean", r->value);
		break;
	case SEEP_REASON_RELEASES:
		snprintf(out, WHY_SENTENCE_MAX, "%s releases seen, from up to %s", number(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_PEAK:
		snprintf(out, WHY_SENTENCE_MAX, "live heap at its highest: %s", bytes(a, r->value));
		break;
	case SEEP_REASON_LIVE:
		snprintf(out, WHY_SENTENCE_MAX, "live heap: %s%s", bytes(a, r->value), at_half(b, r->other, bytes));
		break;
	case SEEP_REASON_RSS:
		snprintf(out, WHY_SENTENCE_MAX, "anonymous RSS: %s%s", bytes(a, r->value), at_half(b, r->other, bytes));
		break;
	case SEEP_REASON_SLACK:
		snprintf(out, WHY_SENTENCE_MAX,
		         "neither live heap nor mappings nor stacks: %s (%.0f%% of the anonymous RSS)",
		         bytes(a, r->value), 100 * r->other);
		break;
	case SEEP_REASON_LIMIT:
		snprintf(out, WHY_SENTENCE_MAX, "cgroup: up to %s used, the limit is %s", bytes(a, r->value),
		         bytes(b, r->other));
		break;
	case SEEP_REASON_OOM: snprintf(out, WHY_SENTENCE_MAX, "the kernel's OOM killer ended it"); break;
	case SEEP_REASON_SAMPLES:
		snprintf(out, WHY_SENTENCE_MAX, "%s samples alive after %s", number(a, r->value), seconds(b, r->other));
		break;
	case SEEP_REASON_LOST:
		snprintf(out, WHY_SENTENCE_MAX, "%s samples were lost: the true figures are higher",
		         number(a, r->value));
		break;
	default: sentence_of_system(out, r); break;
	}
}

/* ---- what is missing, and what to do ---- */

const struct why_missing why_missing[SEEP_NR_MISSING] = {
	[SEEP_MISSING_SYSTEM] = { "system_ring", "nobody wrote down what the system said; 'seep run' does" },
	[SEEP_MISSING_CGROUP] = { "cgroup", "it has no cgroup with a memory limit of its own" },
	[SEEP_MISSING_MMAP] = { "mmap_samples", "mappings were not sampled (SEEP_OPTIONS=mmap=on)" },
	[SEEP_MISSING_SAMPLES] = { "samples",
	                           "fewer than 20 samples are alive; record longer or with a smaller --period" },
	[SEEP_MISSING_TIME] = { "time", "recorded for less than 3 s" },
	[SEEP_MISSING_HISTORY] = { "history", "no in-use over time was recorded" },
	[SEEP_MISSING_SIGHT] = { "allocator",
	                         "the program's allocator cannot be seen from outside: 'seep info' says what can" },
	[SEEP_MISSING_RUNTIME] = { "runtime",
	                           "of objects of a runtime or allocator inside it, which 'seep info' names" },
	[SEEP_MISSING_PARTS] = { "parts", "part of the recording is missing" },
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

void why_next(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v)
{
	const char *words = next_words[v->next], *slot = strstr(words, "%s");
	char where[WHY_PLACE_MAX];

	if (slot)
		snprintf(out, WHY_SENTENCE_MAX, "%.*s%s%s", (int)(slot - words), words,
		         v->nr_suspects ? why_place(where, v->suspects[0].frame) : "it", slot + 2);
	else
		snprintf(out, WHY_SENTENCE_MAX, "%s", words);
}
