#include "analyse/analyse.h"
#include "analyse/gamma.h"
#include "tap.h"

#define T 524288.0

static void gamma_quantiles_are_those_of_chi_square_tables(void)
{
	/* Quantiles of chi-square with k degrees of freedom are 2 x, a = k / 2 (NIST handbook, table 1.3.6.7.4). */
	NEAR(2 * gamma_p_inverse(0.5, 0.95), 3.841, 5e-4);
	NEAR(2 * gamma_p_inverse(0.5, 0.975), 5.024, 5e-4);
	NEAR(2 * gamma_p_inverse(1, 0.025), 0.051, 5e-4);
	NEAR(2 * gamma_p_inverse(2.5, 0.975), 12.833, 5e-4);
	NEAR(2 * gamma_p_inverse(5, 0.025), 3.247, 5e-4);
	NEAR(2 * gamma_p_inverse(10, 0.975), 34.170, 5e-4);
	NEAR(2 * gamma_p_inverse(20, 0.025), 24.433, 5e-4);
	NEAR(2 * gamma_p_inverse(50, 0.975), 129.561, 5e-4);
}

static void gamma_inverse_is_the_inverse(void)
{
	static const double shapes[] = { 0.05, 0.5, 1, 2, 7.5, 19.5, 100, 3000, 9999 };
	static const double shares[] = { 1e-6, 0.025, 0.3, 0.5, 0.975, 0.999999 };

	for (size_t a = 0; a < ARRAY_SIZE(shapes); a++)
		for (size_t p = 0; p < ARRAY_SIZE(shares); p++)
			NEAR(gamma_p(shapes[a], gamma_p_inverse(shapes[a], shares[p])) / shares[p], 1, 1e-9);
	NEAR(gamma_p(20000, gamma_p_inverse(20000, 0.975)), 0.975, 1e-5);
	NEAR(gamma_p(3, 0), 0, 0);
	NEAR(gamma_p(1, 2), 1 - exp(-2), 1e-15);
}

static void exact_figures_have_no_interval(void)
{
	struct seep_figure exact = { .value = 12345 };
	struct seep_figure certain = { .value = 3e9, .nr = 1 };
	double low, high;

	seep_interval(&exact, T, &low, &high);
	NEAR(low, 12345, 0);
	NEAR(high, 12345, 0);
	seep_interval(&certain, T, &low, &high);
	NEAR(low, 3e9, 0);
	NEAR(high, 3e9, 0);
}

static void nothing_seen_is_at_most_three_periods(void)
{
	struct seep_figure nothing = { .value = 0 };
	double low, high;

	seep_interval(&nothing, T, &low, &high);
	NEAR(low, 0, 0);
	NEAR(high, 3 * T, 0);
	seep_interval(&nothing, 1, &low, &high);
	NEAR(high, 0, 0);
}

/* n samples of tiny blocks stand for T bytes each. */
static struct seep_figure poisson(uint64_t n)
{
	return (struct seep_figure){ .value = (double)n * T, .variance = (double)n * T * T, .nr = n, .largest = T };
}

static void few_samples_have_the_exact_poisson_interval(void)
{
	/* Garwood's limits for 3 and 10 events. */
	struct seep_figure three = poisson(3), ten = poisson(10);
	double low, high;

	seep_interval(&three, T, &low, &high);
	NEAR(low / T, 0.6187, 1e-4);
	NEAR(high / T, 8.7673, 1e-4);
	seep_interval(&ten, T, &low, &high);
	NEAR(low / T, 4.7954, 1e-4);
	NEAR(high / T, 18.3904, 1e-4);
}

static void many_samples_have_the_normal_interval(void)
{
	struct seep_figure many = poisson(10000);
	double low, high;

	seep_interval(&many, T, &low, &high);
	NEAR(low / T, 10000 - 196, 3);
	NEAR(high / T, 10000 + 196, 3);
}

static void a_few_heavy_samples_among_many_are_not_taken_for_many(void)
{
	/* 100 blocks nearly certain to be seen, and one sample that stands for as much again. */
	struct seep_figure f = { .value = 200 * T, .variance = 1e4 * T * T, .nr = 101, .largest = 100 * T };
	double low, high;

	seep_interval(&f, T, &low, &high);
	OK(low < 60 * T);
	OK(high > 500 * T);
	OK(low >= 0);
}

static void the_upper_bound_stays_of_the_order_of_the_figure(void)
{
	/* Counts: 3,500 blocks of 1,000 bytes, and 35 samples of 6 bytes that stand for 2,730 each. */
	struct seep_figure f = { .value = 151550, .variance = 2.6e8 };
	double low, high;

	f.nr = 3535;
	seep_interval(&f, T, &low, &high);
	OK(low > 100000);
	OK(high > 151550 + 1.96 * sqrt(2.6e8));
	OK(high < 2 * 151550);
}

static void negative_figures_keep_the_symmetric_interval(void)
{
	struct seep_figure f = { .value = -10 * T, .variance = 4 * T * T, .nr = 50 };
	double low, high;

	seep_interval(&f, T, &low, &high);
	NEAR(low / T, -13.92, 0.01);
	NEAR(high / T, -6.08, 0.01);
}

int main(void)
{
	gamma_quantiles_are_those_of_chi_square_tables();
	gamma_inverse_is_the_inverse();
	exact_figures_have_no_interval();
	nothing_seen_is_at_most_three_periods();
	few_samples_have_the_exact_poisson_interval();
	many_samples_have_the_normal_interval();
	a_few_heavy_samples_among_many_are_not_taken_for_many();
	the_upper_bound_stays_of_the_order_of_the_figure();
	negative_figures_keep_the_symmetric_interval();
	return tap_done();
}
