#include "analyse.h"

#include "gamma.h"

#include <math.h>
#include <stdbool.h>

#define Z95 1.959963984540054
#define ENOUGH_SAMPLES 20
/* Beyond, a few heavy samples say that more is unknown than any interval tells: it only grew, and held no more
 * often. */
#define MAX_VARIATION 4.0

/*
 * Errors are those of a weighted Poisson sum: a gamma distribution of the same variance, shifted to the same mean,
 * whose scale is the weight of the samples that make the error. What is certain, or nearly, only shifts it. All weights
 * equal, that is the exact interval of a Poisson count.
 *
 * Two scales, because the heavy samples that were not seen are missing from the variance too: `seen` of those that
 * were, `above` ≥ seen is what the upper bound reckons with. Where the weights of single samples are not known, they
 * are taken from the mean; simulated over mixes of sizes (tests/truth/test-intervals.c), twice the squared variation of
 * the weights restores the coverage above.
 */
struct shape {
	double seen, above;
};

static double reach_of(const struct seep_spread *s)
{
	return s->reach_variance > 0 ? s->reach_cubes / s->reach_variance : 0;
}

static struct shape shape_of(const struct seep_figure *f)
{
	bool is_known = f->spread.cubes > 0;
	struct shape s = { .seen = is_known ? f->spread.cubes / f->variance : f->variance / f->value };
	double nr = is_known ? f->spread.nr : (double)f->nr, variation = nr * s.seen * s.seen / f->variance - 1;

	s.above = s.seen * (1 + 2 * fmin(fmax(variation, 0), MAX_VARIATION));
	s.above = fmax(fmax(s.above, f->largest), reach_of(&f->spread));
	return s;
}

static void score_interval(const struct seep_figure *f, const struct shape *s, double *low, double *high)
{
	double below = s->seen * Z95 / 2, above = s->above * Z95 / 2;

	*low = f->value + Z95 * (below - sqrt(f->variance + below * below));
	*high = f->value + Z95 * (above + sqrt(f->variance + above * above));
}

/*
 * Bytes, not counts: no sample stands for less than the period. Then neither does what was not seen, however certain
 * the blocks that were.
 */
static bool is_in_bytes(const struct seep_figure *f, double period)
{
	return f->value >= (double)f->nr * period;
}

static double shifted_gamma(double mean, double variance, double scale, double share)
{
	double n = variance / (scale * scale);

	return mean + scale * (gamma_p_inverse(n, share) - n);
}

/*
 * Above as if one sample more had been seen, as in Fay and Feuer, "Confidence intervals for directly standardized
 * rates", Statistics in Medicine 16 (1997).
 */
static void gamma_interval(const struct seep_figure *f, const struct shape *s, double period, double *low, double *high)
{
	double unseen = is_in_bytes(f, period) ? fmax(s->above, period) : s->above;
	double variance = f->variance + unseen * unseen;
	double scale = (f->variance * s->seen + unseen * unseen * unseen) / variance;

	double certain = fmin(f->spread.certain, f->value), block = f->nr ? certain / (double)f->nr : 0;

	/* Of blocks that are seen more often than not whole ones are missing, and likely none at all. */
	*low = shifted_gamma(f->value, f->variance, s->seen, 0.025) - block * certain / f->value;
	*low = fmax(*low, certain);
	*high = shifted_gamma(f->value + unseen, variance, scale, 0.975);
}

/* Nothing is uncertain of what was seen, if anything was. */
static void certain_interval(const struct seep_figure *f, double period, double *low, double *high)
{
	bool is_nothing = f->nr == 0 && f->value == 0 && f->variance <= 0;

	*low = *high = f->value;
	if (period > 1 && f->value >= 0)
		*high += 3 * (is_nothing ? period : reach_of(&f->spread));
}

static void sum_interval(const struct seep_figure *f, double period, double *low, double *high)
{
	struct shape s;

	if (f->variance <= 0) {
		certain_interval(f, period, low, high);
	} else if (f->value <= 0) {
		*low = f->value - Z95 * sqrt(f->variance);
		*high = f->value + Z95 * sqrt(f->variance);
	} else {
		s = shape_of(f);
		if (f->variance < ENOUGH_SAMPLES * s.above * s.above)
			gamma_interval(f, &s, period, low, high);
		else
			score_interval(f, &s, low, high);
	}
}

static double square(double v)
{
	return v * v;
}

static void difference_interval(const struct seep_figure *f, double period, double *low, double *high)
{
	struct seep_figure given = { .value = f->value + f->taken,
		                     .variance = fmax(f->variance - f->taken_variance, 0),
		                     .nr = f->nr > f->taken_nr ? f->nr - f->taken_nr : 0,
		                     .largest = f->largest,
		                     .spread = f->spread };
	const struct seep_figure taken = { .value = f->taken,
		                           .variance = f->taken_variance,
		                           .nr = f->taken_nr,
		                           .largest = f->taken_largest,
		                           .spread = f->taken_spread };
	double given_low, given_high, taken_low, taken_high;

	if (!given.nr && f->variance > 0) /* what is left is rounding */
		given.value = given.variance = 0;
	sum_interval(&given, period, &given_low, &given_high);
	sum_interval(&taken, period, &taken_low, &taken_high);
	*low = f->value - sqrt(square(given.value - given_low) + square(taken_high - taken.value));
	*high = f->value + sqrt(square(given_high - given.value) + square(taken.value - taken_low));
}

void seep_interval(const struct seep_figure *f, double period, double *low, double *high)
{
	if (f->taken > 0)
		difference_interval(f, period, low, high);
	else
		sum_interval(f, period, low, high);
}

bool seep_is_change(const struct seep_figure *f, double period)
{
	double low, high;

	if (isnan(period))
		return f->value != 0;
	seep_interval(f, period, &low, &high);
	return low > 0 || high < 0;
}

static void add_spread(struct seep_spread *sum, const struct seep_spread *s)
{
	sum->certain += s->certain;
	sum->cubes += s->cubes;
	sum->nr += s->nr;
	sum->reach_variance += s->reach_variance;
	sum->reach_cubes += s->reach_cubes;
}

void seep_figure_add(struct seep_figure *sum, const struct seep_figure *f)
{
	sum->value += f->value;
	sum->variance += f->variance;
	sum->nr += f->nr;
	if (f->largest > sum->largest)
		sum->largest = f->largest;
	sum->taken += f->taken;
	sum->taken_variance += f->taken_variance;
	sum->taken_nr += f->taken_nr;
	if (f->taken_largest > sum->taken_largest)
		sum->taken_largest = f->taken_largest;
	add_spread(&sum->spread, &f->spread);
	add_spread(&sum->taken_spread, &f->taken_spread);
}
