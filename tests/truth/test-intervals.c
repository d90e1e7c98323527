/*
 * Do printed intervals hold the exact value as often as they say? Blocks of mixed sizes are sampled at
 * one period. Every case is a stack with its four figures.
 *
 * A stack belongs to "20 samples or more" by the number it is expected to have, which is known here: choosing by the
 * number that was seen would pick stacks whose luck was good, and call their error a bias.
 */
#include "blocks.h"
#include "tap.h"

#define NR_CASES 600 /* for each mix */

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

/* Allocates until the blocks still live are expected to have `nr_expected` samples; two in three are freed. */
static void simulate(const struct mix *m, double nr_expected, struct random *r, struct blocks *b)
{
	double nr = 0;

	blocks_init(b);
	while (nr < nr_expected) {
		uint64_t size = draw_size(m, r);
		double p = block_chance(size, m->period);
		bool is_live = uniform(r) < 1.0 / 3;

		blocks_add(b, size, m->period, is_live, uniform(r) < p);
		nr += is_live ? p : 0;
	}
}

struct tally {
	unsigned nr, nr_held;
	double error; /* sum of estimate / exact − 1 */
};

static void judge(struct tally *t, double exact, const struct seep_figure *f, uint64_t period)
{
	double low, high;

	if (exact == 0)
		return;
	seep_interval(f, (double)period, &low, &high);
	t->nr++;
	t->nr_held += low <= exact * (1 + 1e-9) && exact <= high * (1 + 1e-9);
	t->error += f->value / exact - 1;
}

/* Expected samples spread evenly by ratio between the bounds. */
static struct tally run(const struct mix *m, double fewest, double most, uint64_t seed, unsigned first, unsigned step)
{
	struct random r = { seed };
	struct tally t = { 0, 0, 0 };

	for (unsigned i = 0; i < NR_CASES; i++) {
		struct seep_figure figures[SEEP_NR_HEAP_VALUES];
		struct blocks b;

		simulate(m, fewest * pow(most / fewest, uniform(&r)), &r, &b);
		blocks_estimate(&b, m->period, figures);
		for (unsigned f = first; f < SEEP_NR_HEAP_VALUES; f += step)
			judge(&t, b.exact[f], &figures[f], m->period);
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
	struct tally many = run(&decades, 20, 200, 0x5eed2001, SEEP_ALLOC_SPACE, 2);
	struct tally few = run(&decades, 0.5, 20, 0x5eed2002, SEEP_ALLOC_SPACE, 2);

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
