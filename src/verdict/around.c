#include "verdict/around.h"

#include <math.h>
#include <stddef.h>

static double field_of(const struct seep_evidence_system *s, size_t offset)
{
	return *(const double *)(const void *)((const char *)s + offset);
}

/* The field at a time, on a line between the entries that know it; beyond them the nearest; NaN unknown. */
static double field_at(const struct seep_evidence *e, size_t offset, double time_s)
{
	double before_s = NAN, before = NAN;

	for (size_t i = 0; i < e->nr_system; i++) {
		double v = field_of(&e->system[i], offset), at_s = e->system[i].time_s;

		if (isnan(v))
			continue;
		if (at_s >= time_s)
			return isnan(before) || at_s <= before_s
			               ? v
			               : before + (v - before) * (time_s - before_s) / (at_s - before_s);
		before_s = at_s;
		before = v;
	}
	return before;
}

/* Of a long life the first days are not kept: then the part that is stands for it. */
static double kept_since(const struct seep_evidence *e)
{
	double first_s = e->nr_system ? e->system[0].time_s : e->start_s;

	return first_s - e->start_s > 0.2 * (e->now_s - e->start_s) ? first_s : e->start_s;
}

static struct course course_of(const struct seep_evidence *e, size_t offset)
{
	double start_s = kept_since(e), life_s = e->now_s - start_s;
	struct course c = { .peak = NAN };

	/* The first entry may show the process before it has set itself up. */
	c.start = field_at(e, offset, start_s + fmin(0.1 * life_s, 1.5));
	c.quarter = field_at(e, offset, start_s + 0.25 * life_s);
	c.half = field_at(e, offset, start_s + 0.5 * life_s);
	c.late = field_at(e, offset, start_s + 0.75 * life_s);
	c.now = field_at(e, offset, e->now_s);
	for (size_t i = 0; i < e->nr_system; i++)
		c.peak = fmax(c.peak, field_of(&e->system[i], offset));
	return c;
}

/* Grows all along: from quarter to half, to three quarters, to now. NaN never grows. */
static bool grows(const struct course *c, double step)
{
	double per_quarter = step / 2;

	return c->now >= RULE_COUNT_FACTOR * c->half && c->now - c->half >= step &&
	       c->now - c->late >= 0.3 * per_quarter && c->late - c->half >= 0.3 * per_quarter && c->half > c->quarter;
}

static bool bytes_grow(const struct course *c)
{
	return c->now - c->half >= RULE_BYTES_STEP && c->now >= (1 + RULE_FLAT_SHARE) * c->half && c->now > c->late &&
	       c->now >= 0.9 * c->peak;
}

static double limit_of(const struct seep_evidence *e)
{
	double limit = field_at(e, offsetof(struct seep_evidence_system, cgroup_limit), e->now_s);

	return limit > 0 && limit < 1e15 ? limit : NAN;
}

double around_rss_share(const struct seep_evidence *e)
{
	for (size_t i = e->nr_system; i > 0; i--)
		if (!isnan(e->system[i - 1].rss_anon))
			return (e->system[i - 1].time_s - e->start_s) / (e->now_s - e->start_s);
	return NAN;
}

void around_init(struct around *a, const struct seep_evidence *e, double live_bytes, double mmap_bytes)
{
	double life_s = e->now_s - e->start_s, last_s = e->nr_system ? e->system[e->nr_system - 1].time_s : 0;

#define COURSE(field) course_of(e, offsetof(struct seep_evidence_system, field))
	*a = (struct around){ .rss_anon = COURSE(rss_anon),
		              .threads = COURSE(nr_threads),
		              .fds = COURSE(nr_fds),
		              .mappings = COURSE(nr_mappings),
		              .file = COURSE(cgroup_file),
		              .shmem = COURSE(cgroup_shmem),
		              .usage = COURSE(cgroup_usage),
		              .virtual_bytes = COURSE(virtual_bytes),
		              .limit_bytes = limit_of(e) };
#undef COURSE
	a->is_known = e->nr_system >= 3 && life_s > 0 && last_s - e->start_s >= 0.6 * life_s;
	a->stacks_bytes = field_at(e, offsetof(struct seep_evidence_system, stacks_bytes), e->now_s);
	if (isnan(a->stacks_bytes))
		a->stacks_bytes = 0;
	a->slack_bytes = a->rss_anon.now - live_bytes - e->overhead_bytes - mmap_bytes - a->stacks_bytes;
	if (a->slack_bytes < 0)
		a->slack_bytes = 0;
	/* Page cache fills any limit and is taken back: it does not count. */
	a->is_near_limit =
		a->usage.peak - (isnan(a->file.now) ? 0 : a->file.now) >= RULE_LIMIT_SHARE * a->limit_bytes ||
		e->end == SEEP_END_OOM;
	a->is_own_cgroup = !isnan(a->limit_bytes);
	if (!a->is_known)
		return;
	a->threads_grow = grows(&a->threads, RULE_THREADS_STEP);
	a->fds_grow = grows(&a->fds, RULE_FDS_STEP);
	a->mappings_grow = grows(&a->mappings, RULE_MAPPINGS_STEP);
	a->rss_grows = bytes_grow(&a->rss_anon);
	a->file_grows =
		a->is_own_cgroup && a->file.now - a->file.start >= RULE_BYTES_STEP && a->file.now > a->file.half;
	a->shmem_grows = a->is_own_cgroup && bytes_grow(&a->shmem);
}
