/*
 * Do printed intervals hold the exact value as often as they say? Blocks of mixed sizes are sampled as
 * recording/layout.h describes: one of s bytes with p = 1 − e^(−s/T). Every case is a stack with its four figures.
 *
 * A stack belongs to "20 samples or more" by the number it is expected to have, which is known here: choosing by the
 * number that was seen would pick stacks whose luck was good, and call their error a bias.
 */
#include "analyse/analyse.h"
#include "recording/recording.h"
#include "tap.h"

#define NR_CASES 600 /* for each mix */

/* xorshift64*: the same cases in every run, on every machine. */
struct random {
	uint64_t state;
};

static double uniform(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return ((double)((r->state * 0x2545f4914f6cdd1dull) >> 11) + 0.5) / 9007199254740992.0;
}

/* What one stack allocates. */
struct mix {
	const char *name;
	uint64_t period;
	double smallest, largest;
	bool by_decade; /* every power of ten as often as the next, else every size */
};

static const struct mix mixes[] = {
	{ "one size", 16384, 64, 64, false },
	{ "16 B to 1 KiB", 16384, 16, 1024, false },
	{ "256 B to 4 KiB", 16384, 256, 4096, false },
	{ "half to double, logarithmic", 65536, 512, 2048, true },
	{ "around the period", 16384, 2048, 65536, false },
	{ "above the period", 4096, 4096, 40960, false },
};

static const struct mix decades = { "16 B to 1 MiB, logarithmic", 65536, 16, 1048576, true };

static uint64_t draw_size(const struct mix *m, struct random *r)
{
	if (m->by_decade)
		return (uint64_t)(m->smallest * exp(uniform(r) * log(m->largest / m->smallest)));
	return (uint64_t)(m->smallest + uniform(r) * (m->largest - m->smallest + 1));
}

enum { ALLOC_OBJECTS, ALLOC_BYTES, INUSE_OBJECTS, INUSE_BYTES, NR_FIGURES };

struct stack {
	double exact[NR_FIGURES];
	struct seep_figure estimate[NR_FIGURES];
};

static void add(struct seep_figure *sum, double value, double variance, double largest)
{
	const struct seep_figure one = { .value = value, .variance = variance, .nr = 1, .largest = largest };

	seep_figure_add(sum, &one);
}

static void count_block(struct stack *s, uint64_t size, bool is_live, bool is_sampled, uint64_t period)
{
	struct seep_weight w = seep_weight_of(size, period);

	s->exact[ALLOC_OBJECTS]++;
	s->exact[ALLOC_BYTES] += (double)size;
	if (is_live) {
		s->exact[INUSE_OBJECTS]++;
		s->exact[INUSE_BYTES] += (double)size;
	}
	if (!is_sampled)
		return;
	/* Totals of what was allocated are kept as sums: the size of single samples is lost. */
	add(&s->estimate[ALLOC_OBJECTS], w.objects, w.objects_var, 0);
	add(&s->estimate[ALLOC_BYTES], w.bytes, w.bytes_var, 0);
	if (!is_live)
		return;
	add(&s->estimate[INUSE_OBJECTS], w.objects, w.objects_var, sqrt(w.objects_var));
	add(&s->estimate[INUSE_BYTES], w.bytes, w.bytes_var, sqrt(w.bytes_var));
}

/* Allocates until the blocks still live are expected to have `nr_expected` samples; two in three are freed. */
static struct stack simulate(const struct mix *m, double nr_expected, struct random *r)
{
	struct stack s = { .exact = { 0 } };
	double nr = 0;

	while (nr < nr_expected) {
		uint64_t size = draw_size(m, r);
		double p = -expm1(-(double)size / (double)m->period);
		bool is_live = uniform(r) < 1.0 / 3;

		count_block(&s, size, is_live, uniform(r) < p, m->period);
		nr += is_live ? p : 0;
	}
	return s;
}

struct tally {
	unsigned nr, nr_held;
	double error; /* sum of estimate / exact − 1 */
};

static void judge(struct tally *t, const struct stack *s, unsigned figure, uint64_t period)
{
	double low, high;

	if (s->exact[figure] == 0)
		return;
	seep_interval(&s->estimate[figure], (double)period, &low, &high);
	t->nr++;
	t->nr_held += low <= s->exact[figure] && s->exact[figure] <= high;
	t->error += s->estimate[figure].value / s->exact[figure] - 1;
}

/* Expected samples spread evenly by ratio between the bounds. */
static struct tally run(const struct mix *m, double fewest, double most, uint64_t seed, unsigned first, unsigned step)
{
	struct random r = { seed };
	struct tally t = { 0, 0, 0 };

	for (unsigned i = 0; i < NR_CASES; i++) {
		struct stack s = simulate(m, fewest * pow(most / fewest, uniform(&r)), &r);

		for (unsigned f = first; f < NR_FIGURES; f += step)
			judge(&t, &s, f, m->period);
	}
	return t;
}

static void say(const char *what, const char *name, const struct tally *t)
{
	printf("# %s, %s: %u cases, mean error %+.2f %%, held %.2f %%\n", what, name, t->nr, 100 * t->error / t->nr,
	       100.0 * t->nr_held / t->nr);
}

static void from_twenty_samples_on_95_percent_hold(void)
{
	struct tally all = { 0, 0, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(mixes); i++) {
		struct tally t = run(&mixes[i], 20, 200, 0x5eed0001 + i, 0, 1);

		say("20 samples and more", mixes[i].name, &t);
		all.nr += t.nr;
		all.nr_held += t.nr_held;
		all.error += t.error;
	}
	say("20 samples and more", "all", &all);
	OK(all.nr >= 2000);
	NEAR(all.error / all.nr, 0, 0.01);
	NEAR((double)all.nr_held / all.nr, 0.95, 0.02);
}

static void below_twenty_samples_93_percent_hold(void)
{
	struct tally all = { 0, 0, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(mixes); i++) {
		struct tally t = run(&mixes[i], 0.5, 20, 0x5eed1001 + i, 0, 1);

		say("fewer than 20", mixes[i].name, &t);
		all.nr += t.nr;
		all.nr_held += t.nr_held;
		all.error += t.error;
	}
	say("fewer than 20", "all", &all);
	OK(all.nr >= 2000);
	OK(all.nr_held >= 0.93 * all.nr);
}

/* Counts cannot hold there: what no sample shows is most of the blocks. Bytes must. */
static void bytes_hold_over_five_decades_of_sizes(void)
{
	struct tally many = run(&decades, 20, 200, 0x5eed2001, ALLOC_BYTES, 2);
	struct tally few = run(&decades, 0.5, 20, 0x5eed2002, ALLOC_BYTES, 2);

	say("bytes, 20 samples and more", decades.name, &many);
	say("bytes, fewer than 20", decades.name, &few);
	NEAR((double)many.nr_held / many.nr, 0.955, 0.025);
	OK(few.nr_held >= 0.93 * few.nr);
}

static void three_periods_bound_what_no_sample_shows(void)
{
	struct random r = { 0x5eed3001 };
	unsigned nr_silent = 0, nr = 20000;

	/* Three periods in small blocks go unseen in e^-3 of all cases: "at most 3 T" holds in 95 %. */
	for (unsigned i = 0; i < nr; i++) {
		bool is_seen = false;

		for (unsigned b = 0; b < 30 && !is_seen; b++)
			is_seen = uniform(&r) < -expm1(-0.1);
		nr_silent += !is_seen;
	}
	NEAR((double)nr_silent / nr, exp(-3), 0.005);
}

int main(void)
{
	from_twenty_samples_on_95_percent_hold();
	below_twenty_samples_93_percent_hold();
	bytes_hold_over_five_decades_of_sizes();
	three_periods_bound_what_no_sample_shows();
	return tap_done();
}
