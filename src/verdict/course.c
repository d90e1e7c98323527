#include "verdict/course.h"

#include <math.h>

static double time_at(const struct seep_evidence *e, double share)
{
	return e->start_s + share * (e->now_s - e->start_s);
}

static double allocated_at(const struct seep_evidence *e, double time_s)
{
	double before_s = 0, before = 0;

	for (size_t i = 0; i < e->nr_totals; i++) {
		const struct seep_evidence_total *t = &e->totals[i];

		if (t->time_s >= time_s) {
			double span = t->time_s - before_s;

			return span > 0 ? before + (t->alloc_bytes - before) * (time_s - before_s) / span
			                : t->alloc_bytes;
		}
		before_s = t->time_s;
		before = t->alloc_bytes;
	}
	return before;
}

double course_allocated(const struct seep_evidence *e, double from, double to)
{
	if (e->nr_totals < 4)
		return NAN;
	return allocated_at(e, time_at(e, to)) - allocated_at(e, time_at(e, from));
}

double course_live(const struct seep_evidence *e)
{
	return e->nr_totals ? e->totals[e->nr_totals - 1].inuse_bytes : NAN;
}

double course_allocated_ever(const struct seep_evidence *e)
{
	return e->nr_totals ? e->totals[e->nr_totals - 1].alloc_bytes : NAN;
}

double course_rss_anon(const struct seep_evidence *e, double share)
{
	double time_s = time_at(e, share), before_s = NAN, before = NAN;

	for (size_t i = 0; i < e->nr_system; i++) {
		const struct seep_evidence_system *s = &e->system[i];

		if (isnan(s->rss_anon))
			continue;
		if (s->time_s >= time_s) {
			if (isnan(before) || s->time_s <= before_s)
				return s->rss_anon;
			return before + (s->rss_anon - before) * (time_s - before_s) / (s->time_s - before_s);
		}
		before_s = s->time_s;
		before = s->rss_anon;
	}
	return before;
}
