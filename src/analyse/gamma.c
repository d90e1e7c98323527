#include "gamma.h"

#include <float.h>
#include <math.h>

/* Above this shape the Wilson-Hilferty transform is nearer than any interval is printed. */
#define LARGE_SHAPE 1e4

/* e^-x x^a / Gamma(a): what both expansions are multiplied by. */
static double factor(double a, double x)
{
	return exp(a * log(x) - x - lgamma(a));
}

/* Series of P(a, x), converges fast for x < a + 1 (Abramowitz and Stegun 6.5.29). */
static double by_series(double a, double x)
{
	double term = 1 / a, sum = term;

	for (double n = a + 1; term > sum * DBL_EPSILON / 2; n++) {
		term *= x / n;
		sum += term;
	}
	return sum * factor(a, x);
}

/* Continued fraction of 1 - P(a, x) for x >= a + 1 (Abramowitz and Stegun 6.5.31), evaluated by Lentz's method. */
static double by_fraction(double a, double x)
{
	double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / b, h = d;

	for (int i = 1; i < 10000; i++) {
		double an = -i * (i - a), delta;

		b += 2;
		d = an * d + b;
		c = b + an / c;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		delta = d * c;
		h *= delta;
		if (fabs(delta - 1) < DBL_EPSILON)
			break;
	}
	return h * factor(a, x);
}

double gamma_p(double a, double x)
{
	if (x <= 0)
		return 0;
	return x < a + 1 ? by_series(a, x) : 1 - by_fraction(a, x);
}

/* Quantile of the standard normal: Abramowitz and Stegun 26.2.23, |error| < 4.5e-4; a start, not a result. */
static double normal_quantile_roughly(double p)
{
	double tail = p < 0.5 ? p : 1 - p, t = sqrt(-2 * log(tail));
	double z =
		t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));

	return p < 0.5 ? -z : z;
}

/* The same to full precision, by Newton's method on erfc. */
static double normal_quantile(double p)
{
	double z = normal_quantile_roughly(p);

	for (int i = 0; i < 4; i++)
		z -= (0.5 * erfc(-z / sqrt(2)) - p) / (exp(-z * z / 2) / sqrt(2 * M_PI));
	return z;
}

static double wilson_hilferty(double a, double p)
{
	double root = 1 - 1 / (9 * a) + normal_quantile(p) / (3 * sqrt(a));

	return root > 0 ? a * root * root * root : 0;
}

/* For small shapes or probabilities: P(a, x) is near x^a / Gamma(a + 1). */
static double start(double a, double p)
{
	double x = wilson_hilferty(a, p);
	double small = exp((log(p) + lgamma(a + 1)) / a);

	return a < 1 || x <= small ? small : x;
}

double gamma_p_inverse(double a, double p)
{
	double low = 0, high = INFINITY, x;

	if (a > LARGE_SHAPE)
		return wilson_hilferty(a, p);
	x = start(a, p);
	for (int i = 0; i < 200; i++) {
		double error = gamma_p(a, x) - p, density = factor(a, x) / x, next;

		if (error == 0)
			break;
		if (error > 0)
			high = x;
		else
			low = x;
		next = density > 0 ? x - error / density : -1;
		/* Newton's step where it stays between the bounds that are known, else halve (or double). */
		if (!(next > low && next < high))
			next = isinf(high) ? 2 * x : (low + high) / 2;
		if (fabs(next - x) <= 1e-13 * x)
			break;
		x = next;
	}
	return x;
}
