/* The sample columns: growing them together, and the neutral value of each. */
#include "profile/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Moves nr_types columns apart so that each has room for `cap` rows. */
static bool grow_matrix(double **matrix, uint32_t nr_types, size_t nr, size_t old_cap, size_t cap)
{
	size_t nr_cells;
	double *grown;

	if (__builtin_mul_overflow(cap, (size_t)nr_types, &nr_cells) || nr_cells > SIZE_MAX / sizeof(double))
		return false;
	grown = calloc(nr_cells ? nr_cells : 1, sizeof(double));
	if (!grown)
		return false;
	for (uint32_t t = 0; *matrix && nr && t < nr_types; t++)
		memcpy(grown + t * cap, *matrix + t * old_cap, nr * sizeof(double));
	free(*matrix);
	*matrix = grown;
	return true;
}

static bool grow_column(void *column_ptr, size_t cap, size_t size)
{
	void *column;

	memcpy(&column, column_ptr, sizeof(column));
	if (cap > SIZE_MAX / size)
		return false;
	column = realloc(column, cap * size);
	if (!column)
		return false;
	memcpy(column_ptr, &column, sizeof(column));
	return true;
}

/* The matrices last: they depend on `cap`, which changes only when everything has grown. */
static bool grow_rows(struct seep_profile *p)
{
	struct seep_samples *s = &p->samples;
	size_t cap = s->cap ? s->cap * 2 : 64;
	double *values = NULL, *variances = NULL;

	if (cap > SEEP_NO_ID || !grow_column(&s->stack, cap, sizeof(*s->stack)) ||
	    !grow_column(&s->nr_blocks, cap, sizeof(*s->nr_blocks)) ||
	    (s->age_s && !grow_column(&s->age_s, cap, sizeof(*s->age_s))) ||
	    (s->thread && !grow_column(&s->thread, cap, sizeof(*s->thread))) ||
	    (s->tid && !grow_column(&s->tid, cap, sizeof(*s->tid))) ||
	    (s->heap && !grow_column(&s->heap, cap, sizeof(*s->heap))) ||
	    (s->process && !grow_column(&s->process, cap, sizeof(*s->process))) ||
	    (s->nr_alloc_samples && !grow_column(&s->nr_alloc_samples, cap, sizeof(*s->nr_alloc_samples))))
		return false;
	if (!grow_matrix(&values, p->nr_types, 0, 0, cap) ||
	    (s->variances && !grow_matrix(&variances, p->nr_types, 0, 0, cap))) {
		free(values);
		return false;
	}
	for (uint32_t t = 0; s->nr && t < p->nr_types; t++) {
		memcpy(values + t * cap, s->values + t * s->cap, s->nr * sizeof(double));
		if (variances)
			memcpy(variances + t * cap, s->variances + t * s->cap, s->nr * sizeof(double));
	}
	free(s->values);
	free(s->variances);
	s->values = values;
	s->variances = variances;
	s->cap = cap;
	return true;
}

static bool add_u32_column(uint32_t **column, size_t cap)
{
	if (!*column)
		*column = calloc(cap, sizeof(**column));
	return *column;
}

static bool add_ages(struct seep_samples *s)
{
	if (s->age_s)
		return true;
	s->age_s = malloc(s->cap * sizeof(*s->age_s));
	for (size_t i = 0; s->age_s && i < s->nr; i++)
		s->age_s[i] = NAN;
	return s->age_s;
}

bool seep_profile_add_columns(struct seep_profile *p, unsigned columns)
{
	struct seep_samples *s = &p->samples;

	if (!s->cap && !grow_rows(p))
		return false;
	if (columns & SEEP_COLUMN_VARIANCES && !s->variances && !grow_matrix(&s->variances, p->nr_types, 0, 0, s->cap))
		return false;
	if (columns & SEEP_COLUMN_AGE && !add_ages(s))
		return false;
	return (!(columns & SEEP_COLUMN_THREAD) ||
	        (add_u32_column(&s->thread, s->cap) && add_u32_column(&s->tid, s->cap))) &&
	       (!(columns & SEEP_COLUMN_HEAP) || add_u32_column(&s->heap, s->cap)) &&
	       (!(columns & SEEP_COLUMN_PROCESS) || add_u32_column(&s->process, s->cap)) &&
	       (!(columns & SEEP_COLUMN_ALLOC_SAMPLES) || add_u32_column(&s->nr_alloc_samples, s->cap));
}

uint32_t seep_profile_add_sample(struct seep_profile *p, uint32_t stack, const double *values, const double *variances)
{
	struct seep_samples *s = &p->samples;
	size_t row = s->nr;

	if (row == s->cap && !grow_rows(p))
		return SEEP_NO_ID;
	if (variances && !seep_profile_add_columns(p, SEEP_COLUMN_VARIANCES))
		return SEEP_NO_ID;
	for (uint32_t t = 0; t < p->nr_types; t++) {
		s->values[t * s->cap + row] = values[t];
		if (s->variances)
			s->variances[t * s->cap + row] = variances ? variances[t] : 0;
	}
	s->stack[row] = stack;
	s->nr_blocks[row] = 0;
	if (s->age_s)
		s->age_s[row] = NAN;
	if (s->thread)
		s->thread[row] = 0;
	if (s->tid)
		s->tid[row] = 0;
	if (s->heap)
		s->heap[row] = 0;
	if (s->process)
		s->process[row] = 0;
	if (s->nr_alloc_samples)
		s->nr_alloc_samples[row] = 0;
	s->nr++;
	return (uint32_t)row;
}
