#include "view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RADIX_BITS 11
#define RADIX (1u << RADIX_BITS)
#define NR_PASSES 3 /* 33 bits hold a float's 32 */
#define OUTLIVED_DEFAULT_S 60.0

struct by_age {
	uint32_t key; /* the float's bits: their order is that of the ages, which are never negative */
	uint32_t sample;
};

/* Least significant digit first; `spare` is as long. The result ends in `a` or `spare`: it is returned. */
static struct by_age *radix_sort(struct by_age *a, struct by_age *spare, size_t nr)
{
	for (unsigned pass = 0; pass < NR_PASSES; pass++) {
		size_t start[RADIX + 1] = { 0 };
		struct by_age *sorted = spare;

		for (size_t i = 0; i < nr; i++)
			start[(a[i].key >> pass * RADIX_BITS & (RADIX - 1)) + 1]++;
		for (unsigned d = 0; d < RADIX; d++)
			start[d + 1] += start[d];
		for (size_t i = 0; i < nr; i++)
			sorted[start[a[i].key >> pass * RADIX_BITS & (RADIX - 1)]++] = a[i];
		spare = a;
		a = sorted;
	}
	return a;
}

static size_t collect(const struct view *v, struct by_age *out)
{
	const struct seep_samples *s = &v->p->samples;
	size_t nr = 0;

	for (size_t i = 0; i < s->nr; i++) {
		float age;

		if (isnan(s->age_s[i]) || s->stack[i] >= v->p->nr_stacks)
			continue;
		age = s->age_s[i] > 0 ? s->age_s[i] : 0;
		memcpy(&out[nr].key, &age, sizeof(age));
		out[nr++].sample = (uint32_t)i;
	}
	return nr;
}

struct sweep {
	const struct view *v;
	struct view_ages *ages;
	double *total, *seen; /* by group: bytes in all, bytes up to the sample at hand */
	double outlived_s;
};

static void sweep_sample(struct sweep *w, uint32_t sample, uint32_t group)
{
	const struct seep_samples *s = &w->v->p->samples;
	double bytes = fabs(s->values[w->v->live_type * s->cap + sample]);
	double age = s->age_s[sample] > 0 ? (double)s->age_s[sample] : 0;

	w->seen[group] += bytes;
	if (isnan(w->ages->median[group]) && w->seen[group] * 2 >= w->total[group])
		w->ages->median[group] = age;
	if (age > w->outlived_s)
		w->ages->outlived[group] += bytes;
}

static void sweep(struct sweep *w, const struct by_age *order, size_t nr, const struct view_range *ranges,
                  const uint32_t *groups, size_t nr_groups)
{
	for (size_t i = 0; i < nr; i++) {
		const struct view_range *range = &ranges[w->v->p->samples.stack[order[i].sample]];

		for (uint32_t g = 0; g < range->nr; g++)
			sweep_sample(w, order[i].sample, groups[range->first + g]);
	}
	for (size_t g = 0; g < nr_groups; g++)
		w->ages->outlived[g] = w->total[g] > 0 ? w->ages->outlived[g] / w->total[g] : NAN;
}

bool view_ages_init(struct view_ages *a, const struct view *v, const struct view_range *ranges, const uint32_t *groups,
                    size_t nr_groups)
{
	size_t nr_samples = v->p->samples.age_s ? v->p->samples.nr : 0;
	struct by_age *keys = calloc(nr_samples + 1, 2 * sizeof(*keys));
	struct sweep w = { .v = v,
		           .ages = a,
		           .outlived_s = v->o->outlived_s > 0 ? v->o->outlived_s : OUTLIVED_DEFAULT_S };
	bool ok;

	a->median = calloc(nr_groups + 1, sizeof(*a->median));
	a->outlived = calloc(nr_groups + 1, sizeof(*a->outlived));
	w.total = calloc(nr_groups + 1, sizeof(*w.total));
	w.seen = calloc(nr_groups + 1, sizeof(*w.seen));
	ok = keys && a->median && a->outlived && w.total && w.seen;
	if (ok) {
		size_t nr = nr_samples ? collect(v, keys) : 0;

		for (size_t g = 0; g < nr_groups; g++)
			a->median[g] = NAN;
		for (size_t s = 0; s < v->p->nr_stacks; s++)
			for (uint32_t i = 0; i < ranges[s].nr; i++)
				w.total[groups[ranges[s].first + i]] += v->live[s];
		sweep(&w, radix_sort(keys, keys + nr, nr), nr, ranges, groups, nr_groups);
	}
	free(keys);
	free(w.total);
	free(w.seen);
	return ok;
}

void view_ages_release(struct view_ages *a)
{
	free(a->median);
	free(a->outlived);
}
