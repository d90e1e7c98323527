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
 * A figure is a·N: N samples of equal weight would have its value and variance. Unequal weights make the true upper
 * side wider, because the heavy ones not seen are missing from the variance too: `skew` ≥ a is the weight that the
 * upper bound reckons with. Simulated over mixes of sizes (tests/truth/test-intervals.c): twice the squared variation
 * of the weights restores the coverage where the size of single samples is not known.
 */
struct shape {
	double a, n, skew;
};

static struct shape shape_of(const struct seep_figure *f)
{
	struct shape s = { .a = f->variance / f->value };
	double variation = f->variance * (double)f->nr / (f->value * f->value) - 1;

	s.n = f->value / s.a;
	s.skew = fmax(s.a * (1 + 2 * fmin(fmax(variation, 0), MAX_VARIATION)), f->largest);
	return s;
}

static void score_interval(const struct seep_figure *f, double *low, double *high)
{
	struct shape s = shape_of(f);
	double below = s.a * Z95 / 2, above = s.skew * Z95 / 2;

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

/* Fay and Feuer, "Confidence intervals for directly standardized rates", Statistics in Medicine 16 (1997). */
static void gamma_interval(const struct seep_figure *f, double period, double *low, double *high)
{
	struct shape s = shape_of(f);
	double unseen = is_in_bytes(f, period) ? fmax(s.skew, period) : s.skew;
	double value = f->value + unseen, variance = f->variance + unseen * unseen;

	*low = s.a * gamma_p_inverse(s.n, 0.025);
	*high = variance / value * gamma_p_inverse(value * value / variance, 0.975);
}

static void sum_interval(const struct seep_figure *f, double period, double *low, double *high)
{
	double half = Z95 * sqrt(fmax(f->variance, 0));

	*low = f->value - half;
	*high = f->value + half;
	if (f->variance <= 0 || f->value <= 0) {
		if (f->nr == 0 && f->value == 0 && f->variance <= 0 && period > 1)
			*high = 3 * period;
		return;
	}
	if (f->nr < ENOUGH_SAMPLES || f->value * f->value < ENOUGH_SAMPLES * f->variance)
		gamma_interval(f, period, low, high);
	else
		score_interval(f, low, high);
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
		                     .largest = f->largest };
	const struct seep_figure taken = {
		.value = f->taken, .variance = f->taken_variance, .nr = f->taken_nr, .largest = f->taken_largest
	};
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
}
