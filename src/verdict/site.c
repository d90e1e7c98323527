#include "verdict/site.h"

#include <math.h>
#include <stdlib.h>

#include "verdict/course.h"

/* In-use of one stack at a time since the start of the recording; *known is cleared where nothing tells. */
static double stack_inuse_at(const struct seep_evidence_stack *k, double now_bytes, double time_s, bool *known)
{
	double at, low, high;
	size_t i;

	if (!(k->interval_s > 0)) {
		*known = false;
		return now_bytes;
	}
	at = time_s / k->interval_s; /* point i stands at i + 1; at 0 nothing was in use */
	if (at >= (double)k->nr_points + 1)
		return now_bytes;
	if (at <= 0)
		return 0;
	i = (size_t)at;
	low = i == 0 ? 0 : i <= k->nr_points ? (double)k->inuse_bytes[i - 1] : now_bytes;
	high = i < k->nr_points ? (double)k->inuse_bytes[i] : now_bytes;
	return low + (high - low) * (at - (double)i);
}

static int compare_births(const void *a, const void *b)
{
	const struct site_block *x = a, *y = b;

	return (x->birth_s > y->birth_s) - (x->birth_s < y->birth_s);
}

static double clamp(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

static double add_blocks(struct site *s, const struct seep_evidence_stack *k)
{
	double bytes = 0;

	for (size_t i = 0; i < k->nr_blocks; i++) {
		const struct seep_evidence_block *b = &k->blocks[i];
		struct site_block *to = &s->blocks[s->nr_blocks++];

		to->age_s = clamp(b->first_age_s, 0, s->life_s);
		to->birth_s = s->life_s - to->age_s;
		to->bytes = b->bytes;
		to->bytes_var = b->bytes_var;
		to->nr_reallocs = b->nr_reallocs;
		to->thread = b->thread;
		bytes += b->bytes;
		s->inuse_var += b->bytes_var;
	}
	s->inuse_bytes += bytes;
	return bytes;
}

static void add_stack(struct site *s, const struct seep_evidence_stack *k)
{
	double now_bytes = add_blocks(s, k);

	s->alloc_bytes += k->alloc_bytes;
	s->nr_alloc += k->nr_alloc;
	s->nr_freed += k->nr_freed;
	if (k->last_alloc_s > s->last_alloc_s)
		s->last_alloc_s = k->last_alloc_s;
	for (int i = 0; i < SEEP_EVIDENCE_LIFETIMES; i++)
		s->lifetimes[i] += k->lifetimes[i];
	for (int j = 0; j <= RULE_GRID; j++) {
		double time_s = s->e->start_s + s->life_s * j / RULE_GRID;

		s->inuse_at[j] += j == RULE_GRID ? now_bytes : stack_inuse_at(k, now_bytes, time_s, &s->has_history);
	}
}

double site_inuse_at(const struct site *s, double share)
{
	double at = clamp(share, 0, 1) * RULE_GRID;
	int i = at >= RULE_GRID ? RULE_GRID - 1 : (int)at;

	if (!s->has_history)
		return NAN;
	return s->inuse_at[i] + (s->inuse_at[i + 1] - s->inuse_at[i]) * (at - i);
}

/* Survivors born in (from, to] shares of the life and older than min_age: their bytes, and their number. */
static double survivors(const struct site *s, double from, double to, double min_age_s, size_t *nr)
{
	double bytes = 0;
	size_t n = 0;

	for (size_t i = 0; i < s->nr_blocks; i++) {
		const struct site_block *b = &s->blocks[i];

		if (b->birth_s > from * s->life_s && b->birth_s <= to * s->life_s && b->age_s >= min_age_s) {
			bytes += b->bytes;
			n++;
		}
	}
	if (nr)
		*nr = n;
	return bytes;
}

double site_change_stderr(const struct site *s, double share)
{
	double mean_var = s->nr_blocks ? s->inuse_var / (s->inuse_bytes > 0 ? s->inuse_bytes : 1) : s->e->period_bytes;
	double common = survivors(s, -1, share, 0, NULL);
	double then = site_inuse_at(s, share), differs;

	/* Blocks alive at both times carry the same error and cancel; variance is proportional to bytes. */
	differs = s->inuse_bytes - common + (then > common ? then - common : 0);
	return sqrt(mean_var * (differs > 0 ? differs : 0));
}

double site_age_median(const struct site *s)
{
	double seen = 0;

	for (size_t i = s->nr_blocks; i > 0; i--) {
		seen += s->blocks[i - 1].bytes;
		if (seen >= s->inuse_bytes / 2)
			return s->blocks[i - 1].age_s;
	}
	return NAN;
}

bool site_is_leak(const struct site *s)
{
	return s->pattern == SEEP_PATTERN_KEPT || s->pattern == SEEP_PATTERN_BUFFER ||
	       s->pattern == SEEP_PATTERN_BACKLOG;
}

/* ---- KEPT ---- */

/*
 * The lowest age from which hardly anything is freed any more: of the samples that reached it, the share that was freed
 * afterwards is at most RULE_KEPT_FREED. False when there is none early enough in the life.
 */
static bool find_settling_age(struct site *s)
{
	double freed_later = 0;

	for (int i = 0; i < SEEP_EVIDENCE_LIFETIMES; i++)
		freed_later += s->lifetimes[i];
	for (int i = 0; i < SEEP_EVIDENCE_LIFETIMES; i++) {
		double age_s = i ? s->e->lifetime_bounds_s[i - 1] : 0;
		size_t nr_old;

		if (age_s > RULE_KEPT_SETTLED * s->life_s)
			return false;
		survivors(s, -1, 1, age_s, &nr_old);
		if (nr_old < RULE_FEW_SAMPLES)
			return false;
		s->freed_share = freed_later / (freed_later + (double)nr_old);
		if (s->freed_share <= RULE_KEPT_FREED) {
			s->settled_s = age_s;
			s->nr_old = nr_old;
			return true;
		}
		freed_later -= s->lifetimes[i];
	}
	return false;
}

/* Survivors of all ages: births over the whole of the time in which they could have settled, up to its end. */
static bool births_are_spread(const struct site *s)
{
	double span = 1 - s->settled_s / s->life_s;
	size_t tenth[10], nr_tenths = 0, first_two_thirds, last_third, expected;

	for (int i = 0; i < 10; i++) {
		survivors(s, i ? span * i / 10 : -1, span * (i + 1) / 10, s->settled_s, &tenth[i]);
		nr_tenths += tenth[i] > 0;
	}
	survivors(s, -1, span * 2 / 3, s->settled_s, &first_two_thirds);
	survivors(s, span * 2 / 3, span, s->settled_s, &last_third);
	expected = s->nr_old / 5;
	return nr_tenths >= RULE_KEPT_TENTHS && tenth[8] + tenth[9] >= (expected >= 10 ? expected * 2 / 5 : 1) &&
	       (double)last_third >= RULE_KEPT_CONTINUES * (double)first_two_thirds / 2;
}

/* In-use has grown by what was born in the last part of the life and kept: nothing else was let go for it. */
static bool grows_by_what_it_keeps(const struct site *s, double since, double share, size_t min_samples)
{
	size_t nr;
	double kept = survivors(s, since, 1, s->settled_s, &nr);
	double growth = s->inuse_bytes - site_inuse_at(s, since);

	if (nr < min_samples)
		return true;
	return growth >= share * kept;
}

static double mean_over(const struct site *s, double from, double to, double (*at)(const struct site *, double))
{
	double sum = 0;
	int nr = 0;

	for (double share = from; share <= to + 1e-9; share += (to - from) / 8, nr++)
		sum += at(s, share);
	return sum / nr;
}

static double rss_at(const struct site *s, double share)
{
	return course_rss_anon(s->e, share);
}

/*
 * The RSS is exact where in-use is an estimate. It stands for a place that holds most of the live heap, when it is
 * about as large as that heap and the samples agree with it all along.
 */
static bool follows_rss(const struct site *s)
{
	double rss_now = rss_at(s, 1), var_per_byte = s->inuse_bytes > 0 ? s->inuse_var / s->inuse_bytes : 0;

	if (!s->has_history || !(s->inuse_bytes >= RULE_RSS_SHARE * course_live(s->e)) ||
	    !(rss_now > RULE_BYTES_STEP) || s->kind != SEEP_EVIDENCE_HEAP)
		return false;
	for (double share = 0.25; share <= 1; share += 0.25) {
		double inuse = site_inuse_at(s, share), rss = rss_at(s, share);
		double allowed = RULE_RSS_ERRORS * sqrt(var_per_byte * inuse) + 0.1 * rss + RULE_BYTES_STEP / 2;

		if (!(fabs(rss - inuse) <= allowed))
			return false;
	}
	return true;
}

/* Mean in-use over [from, to] shares of the life, by the RSS where that is the better measure. */
static double mean_inuse(const struct site *s, double from, double to)
{
	return mean_over(s, from, to, s->follows_rss ? rss_at : site_inuse_at);
}

/*
 * How long a block stays on the average is in-use over rate of allocation (Little's law). Its change from early in the
 * life to its end tells growth that follows the load (none) from growth that does not. The rate is the process's, and
 * estimated: it rises only when the rise stands out of its error.
 */
static void measure_stay(struct site *s)
{
	double late = course_allocated(s->e, 0.8, 1) / 0.2, early = course_allocated(s->e, 0.2, 0.4) / 0.2;
	double mean = course_allocated(s->e, 0, 1), then = mean_inuse(s, 0.2, 0.4), now = mean_inuse(s, 0.8, 1);
	double error = sqrt(s->e->period_bytes / (late > 0 ? late * 0.2 : 1));

	s->rate_change = mean > 0 ? late / mean : NAN;
	s->rate_rises = s->rate_change > RULE_RISE_FACTOR + 2 * s->rate_change * error;
	s->stay_change = late > 0 && early > 0 && then > 0 ? now / then / (late / early) : NAN;
}

static bool is_kept(struct site *s)
{
	if (!find_settling_age(s) || !births_are_spread(s))
		return false;
	if (s->has_history) {
		double growth = s->inuse_bytes - site_inuse_at(s, 0.5);

		if (!grows_by_what_it_keeps(s, 0.5, RULE_KEPT_NET_HALF, 0) ||
		    !grows_by_what_it_keeps(s, 0.75, RULE_KEPT_NET_LATE, 6) ||
		    !grows_by_what_it_keeps(s, 0.875, RULE_KEPT_NET_LATE, 8))
			return false;
		if (growth < 2 * site_change_stderr(s, 0.5))
			return false;
		/* Kept for as long as we look, but in step with the load: connections that stay, not a leak. */
		if (s->rate_rises && s->stay_change < RULE_STAY_LONGER)
			return false;
	}
	s->kept_bytes = survivors(s, -1, 1, s->settled_s, NULL);
	return true;
}

/* ---- BUFFER ---- */

/*
 * In-use without the moments at which a buffer is copied and both copies are alive: the lowest of what came later.
 * False when it falls for longer than that.
 */
static bool floor_of(const struct site *s, double floor[RULE_GRID + 1])
{
	int nr_above = 0;

	floor[RULE_GRID] = s->inuse_at[RULE_GRID];
	for (int j = RULE_GRID - 1; j >= 0; j--) {
		floor[j] = fmin(s->inuse_at[j], floor[j + 1]);
		nr_above += s->inuse_at[j] > 1.1 * floor[j];
	}
	return nr_above <= RULE_BUFFER_COPIES;
}

/* Steps up by a tenth or more between neighbours of the grid. */
static int count_steps(const double floor[RULE_GRID + 1])
{
	double last = floor[0];
	int nr = 0;

	for (int j = 1; j <= RULE_GRID; j++)
		if (floor[j] > 1.1 * last && floor[j] > 0.01 * floor[RULE_GRID]) {
			nr++;
			last = floor[j];
		}
	return nr;
}

/* A capacity that doubles stands still for up to half of the life: growth is looked for over longer parts of it. */
static bool has_grown_all_along(const double floor[RULE_GRID + 1])
{
	double now = floor[RULE_GRID];

	return now >= RULE_BUFFER_SINCE_QUARTER * floor[RULE_GRID / 4] &&
	       now >= RULE_BUFFER_FACTOR * floor[RULE_GRID * 45 / 100];
}

/* Where the RSS is known, the buffer must still be filled: a capacity does not show it. Not known: yes. */
static bool rss_still_grows(const struct site *s)
{
	double late = rss_at(s, 0.75), now = rss_at(s, 1);

	return isnan(late) || now >= 1.05 * late;
}

/*
 * Few large blocks, each known exactly, whose total never falls: one block that realloc grows, or that is copied into
 * ever larger ones.
 */
static bool is_buffer(struct site *s)
{
	double floor[RULE_GRID + 1];
	uint64_t nr_reallocs = 0;

	if (!s->has_history || !s->nr_blocks || s->nr_blocks > RULE_BUFFER_BLOCKS)
		return false;
	for (size_t i = 0; i < s->nr_blocks; i++)
		nr_reallocs += s->blocks[i].nr_reallocs;
	if (s->inuse_var > 0.01 * s->inuse_bytes * s->inuse_bytes || s->inuse_bytes < 2 * s->e->period_bytes)
		return false;
	if (!floor_of(s, floor) || !has_grown_all_along(floor) || !rss_still_grows(s))
		return false;
	if (nr_reallocs < RULE_BUFFER_REALLOCS && count_steps(floor) < RULE_BUFFER_STEPS)
		return false;
	s->kept_bytes = s->inuse_bytes;
	return true;
}

/* ---- the honest ones, and the backlog ---- */

/* Falls by RULE_RELEASE_SHARE of the peak before them that sampling cannot explain, each after a rise. */
static void count_releases(struct site *s)
{
	double var_per_byte = s->inuse_bytes > 0 ? s->inuse_var / s->inuse_bytes : s->e->period_bytes;
	double peak = 0, trough = 0;
	bool is_falling = false;

	s->nr_releases = 0;
	s->peak_bytes = 0;
	for (int j = 0; j <= RULE_GRID; j++) {
		double at = s->inuse_at[j], error = sqrt(var_per_byte * (peak + at));

		s->peak_bytes = fmax(s->peak_bytes, at);
		if (is_falling) {
			trough = fmin(trough, at);
			is_falling = at - trough < RULE_RELEASE_SHARE * peak;
			peak = is_falling ? peak : at;
		} else if (peak - at > RULE_RELEASE_SHARE * peak && peak - at > RULE_RELEASE_ERRORS * error) {
			s->nr_releases++;
			is_falling = true;
			trough = at;
		}
		peak = fmax(peak, at);
	}
}

/* Grows from quarter to half, to three quarters, to now, and by more than sampling explains. */
static bool is_rising(const struct site *s)
{
	double quarter = mean_inuse(s, 0.15, 0.35), half = mean_inuse(s, 0.4, 0.6), late = mean_inuse(s, 0.65, 0.85);
	double now = mean_inuse(s, 0.9, 1);

	if (now < RULE_RISE_FACTOR * half || now <= late || late <= half || half <= quarter)
		return false;
	return s->follows_rss ||
	       (s->inuse_bytes >= 0.75 * s->peak_bytes &&
	        now - site_inuse_at(s, 0.5) > RULE_RISE_ERRORS_HALF * site_change_stderr(s, 0.5) &&
	        now - site_inuse_at(s, 0.25) > RULE_RISE_ERRORS_QUARTER * site_change_stderr(s, 0.25));
}

/* The process's rate of allocation stands for the place's own only where the place makes most of it. */
static bool makes_the_rate(const struct site *s)
{
	return s->alloc_bytes >= 0.5 * course_allocated_ever(s->e);
}

/* Rises to the very end: a cache that has just been filled does not. */
static bool rises_to_the_end(const struct site *s)
{
	double before = mean_inuse(s, 0.65, 0.75) - mean_inuse(s, 0.25, 0.35);
	double last = mean_inuse(s, 0.95, 1) - mean_inuse(s, 0.8, 0.85);

	return last / 0.15 >= RULE_BACKLOG_CONTINUES * before / 0.4;
}

/*
 * In a queue that grows, blocks were freed at all ages up to the present wait; where a cache evicts or a session ends,
 * at an age of its own. Looked at are those freed at less than half of the oldest survivor's age: were waits even from
 * none to that, a share of bound / oldest would have been.
 */
static bool was_freed_early(const struct site *s)
{
	double oldest_s = s->nr_blocks ? s->blocks[s->nr_blocks / 20].age_s : 0, early = 0, bound_s = 0;

	for (int i = 0; i < SEEP_EVIDENCE_LIFETIMES - 1 && s->e->lifetime_bounds_s[i] <= oldest_s / 2; i++) {
		early += s->lifetimes[i];
		bound_s = s->e->lifetime_bounds_s[i];
	}
	return early >= 3 && early >= RULE_BACKLOG_EARLY * (double)s->nr_freed * bound_s / oldest_s;
}

static enum seep_pattern pattern_of_rise(const struct site *s)
{
	double oldest_s = s->nr_blocks ? s->blocks[0].age_s : 0;
	/* In doubt it is no leak: to call a rising load one is worse than not to tell. */
	bool stays_longer =
		s->stay_change >= (s->rate_change > RULE_RISE_FACTOR ? RULE_STAY_LONGER_UNDER_LOAD : RULE_STAY_LONGER);

	if (stays_longer && s->nr_blocks >= RULE_MIN_SAMPLES && makes_the_rate(s) && rises_to_the_end(s) &&
	    was_freed_early(s))
		return SEEP_PATTERN_BACKLOG;
	if (!stays_longer && s->rate_change > 1.1 && oldest_s < 0.6 * s->life_s)
		return SEEP_PATTERN_YOUNG;
	return SEEP_PATTERN_RISING;
}

/* Neither rises nor has been released: how old is what it holds? */
static enum seep_pattern pattern_of_rest(const struct site *s)
{
	double half = site_inuse_at(s, 0.5), late = site_inuse_at(s, 0.75), fall = half - s->inuse_bytes;
	double new = survivors(s, 0.75, 1, 0, NULL);

	if (fall > RULE_FLAT_SHARE * half && fall > RULE_RELEASE_ERRORS * site_change_stderr(s, 0.5))
		return SEEP_PATTERN_PEAK;
	if (new <= RULE_OLD_NEW_SHARE * s->inuse_bytes &&fabs(s->inuse_bytes - late) <=
	    RULE_FLAT_SHARE * s->inuse_bytes)
		return SEEP_PATTERN_OLD;
	return SEEP_PATTERN_FLAT;
}

static enum seep_pattern honest_pattern(struct site *s)
{
	count_releases(s);
	if (s->nr_releases == 1 && s->inuse_bytes < (1 - RULE_RELEASE_SHARE) * s->peak_bytes)
		return SEEP_PATTERN_PEAK;
	if (s->nr_releases)
		return SEEP_PATTERN_SAWTOOTH;
	return is_rising(s) ? pattern_of_rise(s) : pattern_of_rest(s);
}

static enum seep_pattern classify(struct site *s)
{
	if (!s->nr_blocks && !s->nr_alloc)
		return SEEP_PATTERN_FEW;
	s->follows_rss = follows_rss(s);
	measure_stay(s);
	if (is_kept(s))
		return s->nr_old >= RULE_MIN_SAMPLES ? SEEP_PATTERN_KEPT : SEEP_PATTERN_RISING;
	if (is_buffer(s))
		return SEEP_PATTERN_BUFFER;
	if (!s->has_history)
		return SEEP_PATTERN_FEW;
	s->pattern = honest_pattern(s);
	if (s->pattern == SEEP_PATTERN_BACKLOG)
		s->kept_bytes = s->inuse_bytes - site_inuse_at(s, 0.25);
	if (s->nr_blocks < RULE_FEW_SAMPLES && s->inuse_var > 0.01 * s->inuse_bytes * s->inuse_bytes &&
	    s->nr_alloc < RULE_MIN_SAMPLES)
		return SEEP_PATTERN_FEW;
	return s->pattern;
}

bool site_init(struct site *s, struct seep_arena *arena, const struct seep_evidence *e, enum seep_evidence_kind kind,
               const uint32_t *stacks, size_t nr)
{
	size_t nr_blocks = 0;

	*s = (struct site){ .e = e,
		            .kind = kind,
		            .life_s = e->now_s - e->start_s,
		            .has_history = true,
		            .stay_change = NAN,
		            .rate_change = NAN };
	for (size_t i = 0; i < nr; i++)
		nr_blocks += e->stacks[stacks[i]].nr_blocks;
	s->blocks = seep_arena_alloc(arena, nr_blocks ? nr_blocks : 1, sizeof(*s->blocks));
	if (!s->blocks)
		return false;
	if (!(s->life_s > 0))
		return true;
	for (size_t i = 0; i < nr; i++)
		add_stack(s, &e->stacks[stacks[i]]);
	qsort(s->blocks, s->nr_blocks, sizeof(*s->blocks), compare_births);
	s->pattern = classify(s);
	return true;
}
