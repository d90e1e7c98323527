/* Figures of single rows, with all that is known of their errors. */
#ifndef SEEP_ANALYSE_FIGURE_H
#define SEEP_ANALYSE_FIGURE_H

#include "analyse.h"

/* One column of a profile, with what tells of its rows. */
struct row_type {
	const struct seep_samples *samples;
	const double *values, *variances;                /* the latter NULL: exact */
	const double *objects, *bytes, *bytes_variances; /* of the same blocks; NULL unknown */
	const uint32_t *counts;                          /* samples behind a row; NULL: nothing counts them */
	double period;                                   /* the longest; 1 or less, or NaN: none is known */
	bool is_bytes;
};
struct row_type row_type_of(const struct seep_profile *p, uint32_t type, double longest_period);

struct seep_figure figure_of_row(const struct row_type *t, size_t row);

#endif
