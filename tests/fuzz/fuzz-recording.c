/*
 * Reads a recording and makes profiles of it. The first byte says what is done: bit 0 repairs all checksums (a fuzzer
 * never guesses them); the others choose what the profile is written as in fuzz-export.c, which is this file again.
 */
#include <math.h>
#include <string.h>

#include "fuzz.h"
#include "recording/recording.h"
#ifdef FUZZ_EXPORT
#include "analyse/analyse.h"
#include "format/format.h"
#endif

enum { REPAIR = 1, PPROF = 2, FOLDED = 4, JSON = 8, TOP = 16 };

static void repair_slot(uint8_t *file, uint64_t at, size_t nr_bytes, uint64_t salt)
{
	uint64_t sum;

	memcpy(&sum, file + at + nr_bytes - 8, 8);
	if (!sum)
		return;
	sum = seep_rec_checksum(file + at, nr_bytes - 8, salt, at);
	memcpy(file + at + nr_bytes - 8, &sum, 8);
}

static void repair_section(uint8_t *file, size_t size, const struct seep_rec_section *s, uint64_t salt)
{
	size_t step = s->kind == SEEP_REC_SEC_COUNTERS ? s->entry_bytes / 2 : s->entry_bytes;
	uint64_t nr = s->kind == SEEP_REC_SEC_COUNTERS ? s->count * 2 : s->count;

	if (s->kind == SEEP_REC_SEC_FRAMES || step < 16 || step % 8 || s->offset < sizeof(struct seep_rec_header))
		return;
	for (uint64_t i = 0, at = s->offset; i < nr && at < size && step <= size - at; i++, at += step)
		repair_slot(file, at, step, salt);
}

/* The frames of a stack have a checksum of their own. */
static void repair_frames(uint8_t *file, size_t size, const struct seep_rec_section *stacks,
                          const struct seep_rec_section *frames, uint64_t salt)
{
	for (uint64_t i = 0; i < stacks->count && i < size; i++) {
		uint64_t at = stacks->offset + i * sizeof(struct seep_rec_stack), where;
		struct seep_rec_stack s;

		if (at >= size || sizeof(s) > size - at)
			return;
		memcpy(&s, file + at, sizeof(s));
		where = frames->offset + 8ull * s.first_frame;
		if (!s.checksum || s.nr_frames > SEEP_REC_MAX_FRAMES || where >= size ||
		    8u * s.nr_frames > size - where)
			continue;
		s.frames_checksum = seep_rec_checksum(file + where, 8u * s.nr_frames, salt, where);
		memcpy(file + at, &s, sizeof(s));
	}
}

static void repair(uint8_t *file, size_t size)
{
	struct seep_rec_header h;
	const struct seep_rec_section *stacks = NULL, *frames = NULL;

	if (size < sizeof(h))
		return;
	memcpy(&h, file, sizeof(h));
	for (size_t i = 0; i < SEEP_REC_NR_SECTIONS && h.sections[i].kind; i++) {
		stacks = h.sections[i].kind == SEEP_REC_SEC_STACKS ? &h.sections[i] : stacks;
		frames = h.sections[i].kind == SEEP_REC_SEC_FRAMES ? &h.sections[i] : frames;
	}
	if (stacks && frames && frames->offset < size)
		repair_frames(file, size, stacks, frames, h.salt);
	for (size_t i = 0; i < SEEP_REC_NR_SECTIONS && h.sections[i].kind; i++)
		repair_section(file, size, &h.sections[i], h.salt);
	repair_slot(file, 0, sizeof(h), h.salt);
}

#ifdef FUZZ_EXPORT
static void walk_profile(const struct seep_profile *p, uint8_t what)
{
	const struct seep_analyse_options o = { .type = p->default_type, .by = SEEP_BY_LINE };
	struct seep_table *t = NULL;

	for (uint32_t i = 0; i < p->nr_types; i++)
		MUST(isfinite(seep_profile_total(p, i)) && seep_profile_total_variance(p, i) >= 0);
	if (what & PPROF)
		MUST(seep_pprof_write(p, fuzz_nowhere(), NULL) == SEEP_OK);
	if (what & FOLDED)
		MUST(seep_folded_write(p, 1 % p->nr_types, fuzz_nowhere(), NULL) == SEEP_OK);
	if (what & JSON)
		MUST(seep_json_profile_write(p, fuzz_nowhere(), NULL) == SEEP_OK);
	if (what & TOP && seep_analyse_top(p, &o, &t, NULL) == SEEP_OK)
		seep_table_free(t);
}
#endif

/* What changed between any two moments is finite, and a part of what was there. */
static void walk_moments(const struct seep_recording *r, double now_s, uint8_t what)
{
	struct seep_moment moments[] = {
		{ .kind = SEEP_MOMENT_START },
		{ .kind = SEEP_MOMENT_TIME, .time_s = now_s / 2 },
		{ .kind = SEEP_MOMENT_PEAK },
		{ .kind = SEEP_MOMENT_MARK, .mark = r->nr_marks ? r->marks[0].name : "" },
		{ .kind = SEEP_MOMENT_NOW },
	};
	size_t nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++)
		if (seep_moment_find(r, now_s, &moments[i], NULL) == SEEP_OK)
			moments[nr++] = moments[i];
	for (size_t i = 0; i + 1 < nr; i++) {
		struct seep_choice c = { .from = &moments[i], .to = &moments[i + 1], .with_objects = what & 1 };
		struct seep_profile *p = NULL;

		memset(c.kinds, 1, sizeof(c.kinds));
		MUST(seep_recording_profile_of(r, &c, now_s, &p, NULL) == SEEP_OK);
		for (uint32_t t = 0; t < p->nr_types; t++)
			MUST(isfinite(seep_profile_total(p, t)) && seep_profile_total_variance(p, t) >= 0);
		MUST(seep_profile_pivot(p, what & 1 ? SEEP_BY_THREAD : SEEP_BY_HEAP, what & 2, NULL) == SEEP_OK);
#ifdef FUZZ_EXPORT
		walk_profile(p, what);
#endif
		seep_profile_free(p);
	}
}

static void walk_recording(const struct seep_recording *r, uint8_t what)
{
	double bytes, objects;

	for (uint8_t kind = SEEP_REC_KIND_HEAP; kind <= SEEP_REC_KIND_MMAP; kind++) {
		struct seep_estimate e = seep_recording_inuse(r, kind), a = seep_recording_alloc(r, kind);
		struct seep_profile *p = NULL;

		seep_recording_booked(r, kind, &bytes, &objects);
		MUST(isfinite(e.bytes_var) && isfinite(a.objects) && isfinite(bytes) && isfinite(objects));
		MUST(seep_recording_profile(r, kind, seep_recording_last_s(r), &p, NULL) == SEEP_OK);
		MUST(fabs(seep_profile_total(p, SEEP_INUSE_SPACE) - e.bytes) <= e.bytes * 1e-9);
#ifdef FUZZ_EXPORT
		walk_profile(p, what);
#endif
		seep_profile_free(p);
	}
	walk_moments(r, seep_recording_last_s(r), what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_recording *r = NULL;
	struct seep_error err = { 0 };
	enum seep_status status;
	uint8_t *file;

	if (!size)
		return 0;
	file = malloc(size > 1 ? size - 1 : 1);
	MUST(file);
	memcpy(file, data + 1, size - 1);
	if (data[0] & REPAIR)
		repair(file, size - 1);
	status = seep_recording_parse("input", file, size - 1, &r, &err);
	MUST(status == err.status && (r != NULL) == (status == SEEP_OK || status == SEEP_ERR_TRUNCATED));
	if (r)
		walk_recording(r, data[0]);
	seep_recording_free(r);
	free(file);
	return 0;
}
