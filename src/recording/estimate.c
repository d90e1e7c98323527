#include <math.h>

#include "recording/private.h"

struct seep_weight seep_weight_of(uint64_t size, uint64_t period)
{
	double bytes = (double)size, p;

	if (period <= 1)
		return (struct seep_weight){ .objects = 1, .bytes = bytes };
	p = -expm1(-(size ? bytes : 1.0) / (double)period);
	return (struct seep_weight){
		.objects = 1 / p,
		.bytes = bytes / p,
		.objects_var = (1 - p) / (p * p),
		.bytes_var = bytes * bytes * (1 - p) / (p * p),
	};
}

void estimate_add(struct seep_estimate *e, const struct seep_rec_sample *s)
{
	struct seep_weight w = seep_weight_of(s->size, s->period);

	e->objects += w.objects;
	e->bytes += w.bytes;
	e->objects_var += w.objects_var;
	e->bytes_var += w.bytes_var;
	e->nr_samples++;
}

struct seep_estimate seep_recording_inuse(const struct seep_recording *r, uint8_t kind)
{
	struct seep_estimate e = { 0 };

	for (size_t i = 0; i < r->nr_samples; i++)
		if (r->samples[i].kind == kind)
			estimate_add(&e, &r->samples[i]);
	return e;
}

struct seep_estimate seep_recording_alloc(const struct seep_recording *r, uint8_t kind)
{
	struct seep_estimate e = { 0 };

	for (size_t i = 0; i < r->nr_stacks; i++) {
		const struct seep_rec_counters *c = &r->counters[i].c;

		if (r->stacks[i].kind != kind)
			continue;
		e.objects += c->alloc_objects;
		e.bytes += c->alloc_bytes;
		e.objects_var += c->alloc_objects_var;
		e.bytes_var += c->alloc_bytes_var;
		e.nr_samples += c->nr_alloc;
	}
	return e;
}

void seep_recording_booked(const struct seep_recording *r, uint8_t kind, double *bytes, double *objects)
{
	*bytes = *objects = 0;
	for (size_t i = 0; i < r->nr_stacks; i++) {
		const struct seep_rec_counters *c = &r->counters[i].c;

		if (r->stacks[i].kind != kind)
			continue;
		*bytes += c->alloc_bytes - c->freed_bytes;
		*objects += c->alloc_objects - c->freed_objects;
	}
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The heartbeat has no checksum: beyond what any clock reaches it says nothing. */
double seep_recording_last_s(const struct seep_recording *r)
{
	uint64_t last = r->words.heartbeat_us <= 1ull << 52 ? r->words.heartbeat_us : 0;

	last = later(last, r->status.time_us);
	last = later(last, r->status.exit_us);
	last = later(last, r->ended.time_us);
	if (r->nr_ring)
		last = later(last, r->ring[r->nr_ring - 1].time_us);
	if (r->nr_system)
		last = later(last, r->system[r->nr_system - 1].time_us);
	return (double)last / 1e6;
}

double seep_recording_now_s(const struct seep_recording *r, uint64_t now_ns)
{
	uint64_t epoch = r->header.epoch_monotonic_ns;

	return now_ns > epoch ? (double)(now_ns - epoch) / 1e9 : 0;
}
