#include "figure.h"

#include <math.h>
#include <string.h>

/* The column of the same blocks, "inuse_objects" for "inuse_space" and back: SEEP_NO_ID when there is none. */
static uint32_t sibling_of(const struct seep_profile *p, const char *type, const char *what)
{
	size_t len = strcspn(type, "_");

	for (uint32_t t = 0; t < p->nr_types; t++) {
		const char *other = seep_profile_str(p, p->types[t].type);

		if (!strncmp(other, type, len) && other[len] == '_' && !strcmp(other + len + 1, what))
			return t;
	}
	return SEEP_NO_ID;
}

struct row_type row_type_of(const struct seep_profile *p, uint32_t type, double longest_period)
{
	const struct seep_samples *s = &p->samples;
	const char *name = seep_profile_str(p, p->types[type].type);
	uint32_t objects = sibling_of(p, name, "objects"), bytes = sibling_of(p, name, "space");
	struct row_type t = { .samples = s,
		              .values = s->values + type * s->cap,
		              .variances = s->variances ? s->variances + type * s->cap : NULL,
		              .counts = !strncmp(name, "alloc", 5) ? s->nr_alloc_samples : s->nr_blocks,
		              .period = longest_period };

	t.is_bytes = !strcmp(seep_profile_str(p, p->types[type].unit), "bytes");
	if (objects != SEEP_NO_ID)
		t.objects = s->values + objects * s->cap;
	if (bytes != SEEP_NO_ID)
		t.bytes = s->values + bytes * s->cap;
	if (bytes != SEEP_NO_ID && s->variances)
		t.bytes_variances = s->variances + bytes * s->cap;
	return t;
}

/* Mean size of the row's blocks; 0 unknown. */
static double size_of(const struct row_type *t, size_t row, const struct seep_figure *f)
{
	/* one sample of value s / p has the variance s² (1 − p) / p² */
	if (t->is_bytes && f->nr == 1)
		return fmax(f->value - f->variance / f->value, 0);
	if (!t->objects || !t->bytes || !(t->objects[row] != 0))
		return 0;
	return fabs(t->bytes[row] / t->objects[row]);
}

static double chance(double size, double period)
{
	return -expm1(-fmax(size, 1) / period);
}

/* Had the row's blocks been sampled at the longest period. */
static void reach_out(const struct row_type *t, size_t row, struct seep_figure *f)
{
	double size = size_of(t, row, f), p, one, deviation;

	if (!(t->period > 1) || (!t->is_bytes && size <= 0))
		return;
	p = chance(size, t->period);
	one = t->is_bytes ? fmax(size, 1) : 1;
	deviation = one * sqrt(1 - p) / p;
	f->spread.reach_variance = f->value * one * (1 - p) / p;
	f->spread.reach_cubes = f->spread.reach_variance * deviation;
}

/*
 * Of sums the single samples are not known. Were all of the mean size, one that was recorded at the longest period
 * would bring this variance: as many as bring all of it count, and the others are too light to.
 */
static double nr_uncertain(const struct row_type *t, size_t row, const struct seep_figure *f)
{
	double size = size_of(t, row, f), weight;

	if (!(t->period > 1) || !t->bytes_variances || size <= 0)
		return (double)f->nr;
	weight = size / chance(size, t->period);
	return fmin((double)f->nr, t->bytes_variances[row] / (weight * weight));
}

static void spread_out(const struct row_type *t, size_t row, struct seep_figure *f)
{
	if (f->nr == 1) {
		f->spread.certain = f->value - f->variance / f->value;
		f->spread.cubes = f->variance * sqrt(f->variance);
		return;
	}
	f->spread.certain = t->is_bytes ? 0 : (double)f->nr;
	if (f->variance > 0 && f->value > f->spread.certain) {
		f->spread.cubes = f->variance * f->variance / (f->value - f->spread.certain);
		f->spread.nr = nr_uncertain(t, row, f);
	}
}

static void take_off(struct seep_figure *one)
{
	one->taken = one->value;
	one->taken_variance = one->variance;
	one->taken_nr = one->nr;
	one->taken_largest = one->largest;
	one->taken_spread = one->spread;
	one->value = -one->value;
	one->largest = 0;
	one->spread = (struct seep_spread){ .cubes = 0 };
}

struct seep_figure figure_of_row(const struct row_type *t, size_t row)
{
	struct seep_figure one = { .value = t->values[row] };
	bool is_taken = one.value < 0;

	one.value = fabs(one.value);
	if (t->variances && one.value > 0) {
		one.variance = t->variances[row];
		one.nr = t->counts ? t->counts[row] : 0;
		one.largest = one.nr == 1 ? sqrt(one.variance) : 0;
		spread_out(t, row, &one);
	}
	if (one.value > 0)
		reach_out(t, row, &one);
	/* A negative row is what was taken off. */
	if (is_taken)
		take_off(&one);
	return one;
}
