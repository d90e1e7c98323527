/* The incomplete gamma function and its inverse, for exact intervals of Poisson counts. Private to analyse/. */
#ifndef SEEP_ANALYSE_GAMMA_H
#define SEEP_ANALYSE_GAMMA_H

/* Lower incomplete gamma function, regularised: P(a, x) in [0, 1] for a > 0, x >= 0. */
double gamma_p(double a, double x);

/* The x with P(a, x) = p, for a > 0 and 0 < p < 1, to about 1e-10 of x (1e-6 for a above 10,000). */
double gamma_p_inverse(double a, double p);

#endif
