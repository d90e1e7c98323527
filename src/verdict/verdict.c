#include "verdict/verdict.h"

#include <math.h>
#include <stdlib.h>

#include "verdict/around.h"
#include "verdict/blame.h"
#include "verdict/course.h"
#include "verdict/site.h"

#define MAX_REASONS 16
#define MAX_CANNOT 16
#define MAX_SUSPECTS 10

struct judge {
	const struct seep_evidence *e;
	struct seep_verdict *v;
	struct blames blames;
	struct site heap, mappings; /* all of a kind, as if it were one place */
	struct around around;
	double life_s;
};

static void say(struct judge *j, enum seep_reason_id id, uint32_t suspect, double value, double other)
{
	if (j->v->nr_reasons < MAX_REASONS && !isnan(value))
		j->v->reasons[j->v->nr_reasons++] = (struct seep_reason){ id, suspect, value, other };
}

static void decide(struct judge *j, enum seep_verdict_word word, enum seep_confidence confidence, enum seep_next next)
{
	j->v->word = word;
	j->v->confidence = confidence;
	j->v->next = next;
}

static enum seep_confidence at_most(enum seep_confidence a, enum seep_confidence b)
{
	return a < b ? a : b;
}

/* Moves the suspect at `i` to the front: it carries the verdict. */
static void put_first(struct judge *j, size_t i)
{
	struct seep_suspect first = j->v->suspects[i];

	for (; i > 0; i--)
		j->v->suspects[i] = j->v->suspects[i - 1];
	j->v->suspects[0] = first;
}

static bool is_leak_pattern(enum seep_pattern pattern)
{
	return pattern == SEEP_PATTERN_KEPT || pattern == SEEP_PATTERN_BUFFER || pattern == SEEP_PATTERN_BACKLOG;
}

static void say_heap(struct judge *j)
{
	say(j, SEEP_REASON_LIVE, SEEP_NO_SUSPECT, j->heap.inuse_bytes, site_inuse_at(&j->heap, 0.5));
	say(j, SEEP_REASON_RSS, SEEP_NO_SUSPECT, j->around.rss_anon.now, j->around.rss_anon.half);
}

static void say_suspect(struct judge *j)
{
	const struct seep_suspect *s = &j->v->suspects[0];
	double of = s->kind == SEEP_EVIDENCE_HEAP ? j->heap.inuse_bytes : j->mappings.inuse_bytes;

	if (!j->v->nr_suspects)
		return;
	say(j, SEEP_REASON_HOLDS, 0, s->inuse_bytes, of);
	say(j, SEEP_REASON_AGES, 0, s->age_median_s, s->age_oldest_s);
	say(j, SEEP_REASON_GROWTH, 0, s->growth_bytes_per_s, s->growth_stderr);
}

/* ---- leaks ---- */

static enum seep_confidence confidence_of_leak(const struct judge *j, const struct seep_suspect *s)
{
	enum seep_confidence c = SEEP_CONFIDENCE_MEDIUM;

	if (s->pattern == SEEP_PATTERN_KEPT && s->nr_old >= RULE_MANY_SAMPLES && s->freed_share <= 0.02)
		c = SEEP_CONFIDENCE_HIGH;
	if (!j->e->is_now_certain || j->e->is_cut || !j->heap.has_history || j->life_s < RULE_SHORT_S)
		c = SEEP_CONFIDENCE_LOW;
	return c;
}

static void say_leak(struct judge *j, const struct blame *b)
{
	const struct seep_suspect *s = &j->v->suspects[0];

	say_suspect(j);
	if (s->pattern == SEEP_PATTERN_KEPT) {
		say(j, SEEP_REASON_NOT_FREED, 0, (double)s->nr_old, s->freed_share);
	} else if (s->pattern == SEEP_PATTERN_BUFFER) {
		double nr_reallocs = 0;

		for (size_t i = 0; i < b->site.nr_blocks; i++)
			nr_reallocs += b->site.blocks[i].nr_reallocs;
		say(j, SEEP_REASON_REALLOC, 0, (double)b->site.nr_blocks, nr_reallocs);
	} else {
		say(j, SEEP_REASON_WAITS, 0, b->site.stay_change, s->age_oldest_s);
		say(j, SEEP_REASON_RATE, SEEP_NO_SUSPECT, s->rate_change, NAN);
	}
}

static bool judge_leak(struct judge *j)
{
	const struct blame *b = j->blames.list; /* leaks come first */
	const struct seep_suspect *s = j->v->suspects;

	if (!j->v->nr_suspects || !is_leak_pattern(s->pattern))
		return false;
	if (s->kind == SEEP_EVIDENCE_MMAP)
		decide(j, SEEP_VERDICT_MAPPINGS, confidence_of_leak(j, s), SEEP_NEXT_FIX_SUSPECT);
	else
		decide(j, SEEP_VERDICT_LEAK, confidence_of_leak(j, s),
		       s->pattern == SEEP_PATTERN_BACKLOG ? SEEP_NEXT_FIX_BACKLOG : SEEP_NEXT_FIX_SUSPECT);
	say_leak(j, b);
	j->v->growth_bytes_per_s = s->growth_bytes_per_s;
	return true;
}

/* How many different threads made the blocks of a place. */
static size_t count_threads(const struct site *s, struct seep_arena *arena)
{
	size_t nr = 0;
	uint32_t *seen = seep_arena_alloc(arena, s->nr_blocks + 1, sizeof(*seen));

	if (!seen)
		return 0;
	for (size_t i = 0; i < s->nr_blocks; i++) {
		size_t at = 0;

		while (at < nr && seen[at] != s->blocks[i].thread)
			at++;
		if (at == nr)
			seen[nr++] = s->blocks[i].thread;
		if (nr > 100)
			break;
	}
	return nr;
}

/* The place that starts them is not in the heap; what the threads themselves hold is the best name there is. */
static bool judge_threads(struct judge *j)
{
	size_t best = SIZE_MAX;

	if (!j->around.threads_grow)
		return false;
	for (size_t i = 0; i < j->blames.nr && i < j->v->nr_suspects; i++) {
		const struct site *s = &j->blames.list[i].site;
		size_t nr_threads = count_threads(s, &j->v->arena);
		bool is_of_threads = nr_threads * 2 >= s->nr_blocks && nr_threads > 1;

		if (site_is_leak(s) && !is_of_threads && s->nr_blocks > 2 * RULE_MIN_SAMPLES)
			return false; /* the heap leaks by itself, whoever runs it */
		if (is_of_threads && best == SIZE_MAX)
			best = i;
	}
	if (best == SIZE_MAX)
		j->v->nr_suspects = 0;
	else
		put_first(j, best);
	decide(j, SEEP_VERDICT_THREADS, SEEP_CONFIDENCE_HIGH, SEEP_NEXT_FIX_THREADS);
	say(j, SEEP_REASON_COUNT_THREADS, SEEP_NO_SUSPECT, j->around.threads.now, j->around.threads.half);
	say_suspect(j);
	j->v->growth_bytes_per_s = (j->around.rss_anon.now - j->around.rss_anon.half) / (j->life_s / 2);
	return true;
}

static bool judge_fds(struct judge *j)
{
	if (!j->around.fds_grow)
		return false;
	decide(j, SEEP_VERDICT_FDS, SEEP_CONFIDENCE_HIGH, SEEP_NEXT_FIX_FDS);
	say(j, SEEP_REASON_COUNT_FDS, SEEP_NO_SUSPECT, j->around.fds.now, j->around.fds.half);
	say_heap(j);
	j->v->nr_suspects = 0;
	return true;
}

/* Mappings that the recorder did not see, or too few of them to tell. */
static bool judge_mappings(struct judge *j)
{
	const struct around *a = &j->around;
	double virtual_growth = a->virtual_bytes.now - a->virtual_bytes.half;
	double heap_growth = j->heap.inuse_bytes - site_inuse_at(&j->heap, 0.5);

	if (!a->mappings_grow || !(virtual_growth >= RULE_BYTES_STEP) || heap_growth > virtual_growth / 2)
		return false;
	decide(j, SEEP_VERDICT_MAPPINGS, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_RECORD_FINER);
	for (size_t i = 0; i < j->v->nr_suspects; i++)
		if (j->v->suspects[i].kind == SEEP_EVIDENCE_MMAP) {
			put_first(j, i);
			say_suspect(j);
			break;
		}
	say(j, SEEP_REASON_COUNT_MAPPINGS, SEEP_NO_SUSPECT, a->mappings.now, a->mappings.half);
	say_heap(j);
	return true;
}

/* ---- memory that is not the heap's ---- */

static bool judge_tmpfs(struct judge *j)
{
	if (!j->around.shmem_grows)
		return false;
	decide(j, SEEP_VERDICT_TMPFS, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_TMPFS);
	say(j, SEEP_REASON_CGROUP_SHMEM, SEEP_NO_SUSPECT, j->around.shmem.now, j->around.shmem.start);
	say_heap(j);
	j->v->nr_suspects = 0;
	return true;
}

static bool heap_grows(const struct judge *j)
{
	return j->heap.pattern == SEEP_PATTERN_RISING || j->heap.pattern == SEEP_PATTERN_YOUNG ||
	       site_is_leak(&j->heap);
}

/* The anonymous RSS is far above what is live: freed but not given back, or never seen by the recorder. */
static bool judge_slack(struct judge *j)
{
	const struct around *a = &j->around;
	double share = a->slack_bytes / a->rss_anon.now, peak = 0;
	bool was_live;

	if (!(a->slack_bytes >= RULE_BYTES_STEP) || share < RULE_SLACK_SHARE || heap_grows(j))
		return false;
	for (size_t i = 0; i < j->e->nr_totals; i++)
		peak = fmax(peak, j->e->totals[i].inuse_bytes);
	was_live = peak >= 0.6 * a->rss_anon.now;
	if (was_live && j->heap.pattern == SEEP_PATTERN_SAWTOOTH)
		return false; /* it will be needed again at the next rise */
	if (was_live || !(a->rss_grows || j->e->is_blind))
		decide(j, SEEP_VERDICT_FRAGMENTATION, was_live ? SEEP_CONFIDENCE_HIGH : SEEP_CONFIDENCE_LOW,
		       SEEP_NEXT_TRIM);
	else
		decide(j, SEEP_VERDICT_OFF_HEAP, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_LOOK_OFF_HEAP);
	say(j, SEEP_REASON_SLACK, SEEP_NO_SUSPECT, a->slack_bytes, share);
	say_heap(j);
	if (was_live)
		say(j, SEEP_REASON_PEAK, SEEP_NO_SUSPECT, peak, NAN);
	j->v->growth_bytes_per_s = a->rss_grows ? (a->rss_anon.now - a->rss_anon.half) / (j->life_s / 2) : 0;
	return true;
}

/* ---- honest words ---- */

/*
 * Growth that goes on to the end: then nobody knows where it would have ended, and use cannot be called honest. What
 * the OOM killer ended had been held up at its limit before, so there the end of the life does not count.
 */
static bool grows_to_the_end(const struct judge *j)
{
	const struct site *s = &j->heap;
	double growth = s->inuse_bytes - site_inuse_at(s, 0.5), late = s->inuse_bytes - site_inuse_at(s, RULE_LATE);
	double rss = j->around.rss_anon.now, rss_late = rss - course_rss_anon(j->e, RULE_LATE);

	if (!s->has_history || growth < 2 * site_change_stderr(s, 0.5) || growth < RULE_FLAT_SHARE * s->inuse_bytes)
		return false;
	if (j->e->end == SEEP_END_OOM)
		return true;
	if (s->follows_rss && !isnan(rss_late))
		return rss_late > RULE_LATE_GROWTH * rss;
	return late > 2 * site_change_stderr(s, RULE_LATE) && late > RULE_LATE_GROWTH * s->inuse_bytes;
}

static bool judge_limit(struct judge *j)
{
	if (!j->around.is_near_limit || j->heap.pattern == SEEP_PATTERN_RISING || j->heap.pattern == SEEP_PATTERN_FEW ||
	    site_is_leak(&j->heap))
		return false;
	if (grows_to_the_end(j)) {
		decide(j, SEEP_VERDICT_GROWING, SEEP_CONFIDENCE_LOW, SEEP_NEXT_RECORD_LONGER);
		j->v->growth_bytes_per_s = (j->heap.inuse_bytes - site_inuse_at(&j->heap, 0.5)) / (j->life_s / 2);
	} else {
		decide(j, SEEP_VERDICT_LIMIT, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_RAISE_LIMIT);
	}
	if (j->e->end == SEEP_END_OOM)
		say(j, SEEP_REASON_OOM, SEEP_NO_SUSPECT, 1, NAN);
	say(j, SEEP_REASON_LIMIT, SEEP_NO_SUSPECT, j->around.usage.peak, j->around.limit_bytes);
	say_heap(j);
	say_suspect(j);
	return true;
}

static bool judge_growth(struct judge *j)
{
	bool is_load = j->heap.pattern == SEEP_PATTERN_YOUNG;

	if (!heap_grows(j))
		return false;
	if (is_load)
		decide(j, SEEP_VERDICT_LOAD,
		       j->heap.nr_blocks >= RULE_MANY_SAMPLES ? SEEP_CONFIDENCE_HIGH : SEEP_CONFIDENCE_MEDIUM,
		       SEEP_NEXT_SIZE_FOR_LOAD);
	else
		decide(j, SEEP_VERDICT_GROWING, SEEP_CONFIDENCE_LOW,
		       j->heap.nr_blocks < RULE_MIN_SAMPLES ? SEEP_NEXT_RECORD_FINER : SEEP_NEXT_RECORD_LONGER);
	say_heap(j);
	if (is_load)
		say(j, SEEP_REASON_RATE, SEEP_NO_SUSPECT, j->heap.rate_change, NAN);
	say_suspect(j);
	j->v->growth_bytes_per_s = (j->heap.inuse_bytes - site_inuse_at(&j->heap, 0.5)) / (j->life_s / 2);
	return true;
}

static bool judge_page_cache(struct judge *j)
{
	const struct around *a = &j->around;

	if (!a->file_grows || a->file.now - a->file.start < 2 * fmax(0, a->rss_anon.now - a->rss_anon.start))
		return false;
	decide(j, SEEP_VERDICT_PAGE_CACHE, SEEP_CONFIDENCE_HIGH, SEEP_NEXT_PAGE_CACHE);
	say(j, SEEP_REASON_CGROUP_FILE, SEEP_NO_SUSPECT, a->file.now, a->file.start);
	say_heap(j);
	return true;
}

/* Growth of the anonymous RSS that neither heap nor mappings explain. */
static bool judge_rss(struct judge *j)
{
	double growth = j->around.rss_anon.now - j->around.rss_anon.half;
	double heap_growth = j->heap.inuse_bytes - site_inuse_at(&j->heap, 0.5);
	double mapped_growth = j->mappings.inuse_bytes - site_inuse_at(&j->mappings, 0.5);

	if (!j->around.rss_grows || growth - fmax(0, heap_growth) - fmax(0, mapped_growth) < RULE_BYTES_STEP)
		return false;
	decide(j, j->e->is_blind ? SEEP_VERDICT_OFF_HEAP : SEEP_VERDICT_GROWING, SEEP_CONFIDENCE_LOW,
	       SEEP_NEXT_LOOK_OFF_HEAP);
	say_heap(j);
	j->v->growth_bytes_per_s = growth / (j->life_s / 2);
	return true;
}

static bool judge_shape(struct judge *j)
{
	enum seep_confidence c = j->heap.nr_blocks >= RULE_MANY_SAMPLES ? SEEP_CONFIDENCE_HIGH : SEEP_CONFIDENCE_MEDIUM;
	bool is_exact = j->heap.inuse_var < 0.01 * j->heap.inuse_bytes * j->heap.inuse_bytes;

	if (j->heap.nr_blocks < RULE_MIN_SAMPLES && !is_exact && j->heap.pattern != SEEP_PATTERN_PEAK &&
	    j->heap.pattern != SEEP_PATTERN_SAWTOOTH)
		return false;
	switch (j->heap.pattern) {
	case SEEP_PATTERN_PEAK:
		decide(j, SEEP_VERDICT_LOAD, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_SIZE_FOR_LOAD);
		say(j, SEEP_REASON_PEAK, SEEP_NO_SUSPECT, j->heap.peak_bytes, NAN);
		break;
	case SEEP_PATTERN_OLD: decide(j, SEEP_VERDICT_WARM_UP, c, SEEP_NEXT_NOTHING); break;
	case SEEP_PATTERN_SAWTOOTH:
		decide(j, SEEP_VERDICT_STEADY, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_NOTHING);
		say(j, SEEP_REASON_RELEASES, SEEP_NO_SUSPECT, j->heap.nr_releases, j->heap.peak_bytes);
		break;
	case SEEP_PATTERN_FLAT: decide(j, SEEP_VERDICT_STEADY, c, SEEP_NEXT_NOTHING); break;
	case SEEP_PATTERN_FEW:
	case SEEP_PATTERN_YOUNG:
	case SEEP_PATTERN_RISING:
	case SEEP_PATTERN_KEPT:
	case SEEP_PATTERN_BUFFER:
	case SEEP_PATTERN_BACKLOG:
	case SEEP_NR_PATTERNS:
	default: return false;
	}
	say_heap(j);
	say_suspect(j);
	return true;
}

/* Hardly a sample, but the system saw the process stay as it was: there is nothing to explain. */
static bool judge_nothing(struct judge *j)
{
	const struct course *rss = &j->around.rss_anon;

	if (!j->around.is_known || j->e->is_blind || rss->now > 1.1 * rss->half + RULE_BYTES_STEP / 16)
		return false;
	decide(j, SEEP_VERDICT_STEADY, SEEP_CONFIDENCE_MEDIUM, SEEP_NEXT_NOTHING);
	say_heap(j);
	return true;
}

static bool judge_unknown(struct judge *j)
{
	decide(j, SEEP_VERDICT_UNKNOWN, SEEP_CONFIDENCE_LOW,
	       j->life_s < RULE_SHORT_S ? SEEP_NEXT_RECORD_LONGER : SEEP_NEXT_RECORD_FINER);
	say(j, SEEP_REASON_SAMPLES, SEEP_NO_SUSPECT, (double)j->heap.nr_blocks, j->life_s);
	say_heap(j);
	return true;
}

/* Of what is live only a part is there: nothing can be concluded from what is not. */
static bool judge_cut(struct judge *j)
{
	return j->e->is_cut && judge_unknown(j);
}

/* Asked in this order; the first that decides is the verdict: what a program does wrong comes before what it needs. */
static bool (*const rules[])(struct judge *) = {
	judge_threads, judge_leak,   judge_fds,        judge_mappings, judge_tmpfs, judge_cut,     judge_limit,
	judge_slack,   judge_growth, judge_page_cache, judge_rss,      judge_shape, judge_nothing, judge_unknown,
};

/* ---- what could not be decided ---- */

static void cannot(struct judge *j, enum seep_verdict_word word, enum seep_missing missing)
{
	if (j->v->nr_cannot_tell < MAX_CANNOT && j->v->word != word)
		j->v->cannot_tell[j->v->nr_cannot_tell++] = (struct seep_cannot_tell){ word, missing };
}

static void list_what_is_missing(struct judge *j)
{
	static const enum seep_verdict_word of_system[] = { SEEP_VERDICT_FRAGMENTATION, SEEP_VERDICT_THREADS,
		                                            SEEP_VERDICT_FDS, SEEP_VERDICT_OFF_HEAP };
	static const enum seep_verdict_word of_cgroup[] = { SEEP_VERDICT_LIMIT, SEEP_VERDICT_PAGE_CACHE,
		                                            SEEP_VERDICT_TMPFS };

	for (size_t i = 0; i < ARRAY_SIZE(of_system) && !j->around.is_known; i++)
		cannot(j, of_system[i], SEEP_MISSING_SYSTEM);
	for (size_t i = 0; i < ARRAY_SIZE(of_cgroup) && !j->around.is_own_cgroup; i++)
		cannot(j, of_cgroup[i], j->around.is_known ? SEEP_MISSING_CGROUP : SEEP_MISSING_SYSTEM);
	if (!j->e->has_mmap)
		cannot(j, SEEP_VERDICT_MAPPINGS, SEEP_MISSING_MMAP);
	if (j->e->is_cut)
		cannot(j, SEEP_VERDICT_LEAK, SEEP_MISSING_PARTS);
	else if (j->e->is_blind)
		cannot(j, SEEP_VERDICT_LEAK, SEEP_MISSING_SIGHT);
	else if (!j->heap.has_history)
		cannot(j, SEEP_VERDICT_LEAK, SEEP_MISSING_HISTORY);
	else if (j->life_s < RULE_SHORT_S)
		cannot(j, SEEP_VERDICT_LEAK, SEEP_MISSING_TIME);
	else if (j->heap.nr_blocks < RULE_MIN_SAMPLES)
		cannot(j, SEEP_VERDICT_LEAK, SEEP_MISSING_SAMPLES);
	if (j->e->has_runtime && !j->e->is_blind)
		cannot(j, SEEP_VERDICT_LEAK, SEEP_MISSING_RUNTIME);
	if (!j->e->is_now_certain)
		cannot(j, SEEP_VERDICT_WARM_UP, SEEP_MISSING_END);
}

/* ---- putting it together ---- */

static bool all_of_kind(struct judge *j, enum seep_evidence_kind kind, struct site *out)
{
	uint32_t *stacks = seep_arena_alloc(&j->v->arena, j->e->nr_stacks + 1, sizeof(*stacks));
	size_t nr = 0;

	if (!stacks)
		return false;
	for (size_t i = 0; i < j->e->nr_stacks; i++)
		if (j->e->stacks[i].kind == kind)
			stacks[nr++] = (uint32_t)i;
	return site_init(out, &j->v->arena, j->e, kind, stacks, nr);
}

/* In-use at the time of the last RSS: figures of one instant must not be compared with those of another. */
static double inuse_with_rss(const struct site *s)
{
	double share = around_rss_share(s->e);

	return s->has_history && !isnan(share) ? site_inuse_at(s, share) : s->inuse_bytes;
}

static bool prepare(struct judge *j)
{
	struct seep_arena *arena = &j->v->arena;

	j->v->reasons = seep_arena_alloc(arena, MAX_REASONS, sizeof(*j->v->reasons));
	j->v->cannot_tell = seep_arena_alloc(arena, MAX_CANNOT, sizeof(*j->v->cannot_tell));
	j->v->suspects = seep_arena_alloc(arena, MAX_SUSPECTS, sizeof(*j->v->suspects));
	if (!j->v->reasons || !j->v->cannot_tell || !j->v->suspects)
		return false;
	if (!blame_all(&j->blames, arena, j->e) || !all_of_kind(j, SEEP_EVIDENCE_HEAP, &j->heap) ||
	    !all_of_kind(j, SEEP_EVIDENCE_MMAP, &j->mappings))
		return false;
	for (size_t i = 0; i < j->blames.nr && i < MAX_SUSPECTS; i++)
		j->v->suspects[j->v->nr_suspects++] = j->blames.list[i].suspect;
	around_init(&j->around, j->e, inuse_with_rss(&j->heap), inuse_with_rss(&j->mappings));
	return true;
}

enum seep_status seep_verdict_of(const struct seep_evidence *e, struct seep_verdict **out, struct seep_error *err)
{
	struct seep_verdict *v = calloc(1, sizeof(*v));
	struct judge j = { .e = e, .v = v, .life_s = e->now_s - e->start_s };

	if (!v)
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	seep_arena_init(&v->arena);
	v->evidence = e;
	if (!prepare(&j)) {
		seep_verdict_free(v);
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < ARRAY_SIZE(rules) && !rules[i](&j); i++)
		;
	if (e->end == SEEP_END_OOM && v->word != SEEP_VERDICT_LIMIT)
		say(&j, SEEP_REASON_OOM, SEEP_NO_SUSPECT, 1, NAN);
	if (e->nr_lost)
		say(&j, SEEP_REASON_LOST, SEEP_NO_SUSPECT, (double)e->nr_lost, NAN);
	if (j.life_s < RULE_SHORT_S)
		v->confidence = at_most(v->confidence, SEEP_CONFIDENCE_LOW);
	list_what_is_missing(&j);
	*out = v;
	return SEEP_OK;
}

void seep_verdict_free(struct seep_verdict *v)
{
	if (!v)
		return;
	seep_arena_release(&v->arena);
	free(v);
}

static int weight_of(enum seep_verdict_word word)
{
	switch (word) {
	case SEEP_VERDICT_LEAK:
	case SEEP_VERDICT_MAPPINGS:
	case SEEP_VERDICT_THREADS: return 5;
	case SEEP_VERDICT_FDS:
	case SEEP_VERDICT_GROWING:
	case SEEP_VERDICT_OFF_HEAP:
	case SEEP_VERDICT_TMPFS: return 4;
	case SEEP_VERDICT_LIMIT:
	case SEEP_VERDICT_CONFIGURATION:
	case SEEP_VERDICT_FRAGMENTATION:
	case SEEP_VERDICT_RUNTIME_SLACK: return 3;
	case SEEP_VERDICT_LOAD:
	case SEEP_VERDICT_WARM_UP:
	case SEEP_VERDICT_PAGE_CACHE: return 2;
	case SEEP_VERDICT_STEADY: return 1;
	case SEEP_VERDICT_UNKNOWN:
	case SEEP_NR_VERDICTS:
	default: return 0;
	}
}

size_t seep_verdict_worst(const struct seep_verdict *const *verdicts, size_t nr)
{
	size_t worst = 0;

	for (size_t i = 1; i < nr; i++) {
		int a = weight_of(verdicts[i]->word), b = weight_of(verdicts[worst]->word);

		if (a > b || (a == b && verdicts[i]->growth_bytes_per_s > verdicts[worst]->growth_bytes_per_s))
			worst = i;
	}
	return worst;
}
