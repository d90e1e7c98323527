#include "recording/recording.h"
#include "synth.h"
#include "tap.h"

#define S 1000000ull

/* A stack with a block of 1 MiB born at 10 s and one at 40 s; more was in use between. 60 s are over. */
struct two {
	struct synth *s;
	uint32_t stack;
};

static struct two two_new(void)
{
	struct two t = { .s = synth_new(NULL) };
	float points[SEEP_REC_NR_TRAIL] = { 0 };

	t.stack = synth_stack(t.s, SEEP_REC_KIND_HEAP, 1, SEEP_REC_FRAME(0, 0x1000));
	synth_blocks(t.s, t.stack, 1, 1 << 20, 1, 10 * S, 10 * S);
	synth_blocks(t.s, t.stack, 1, 1 << 20, 1, 40 * S, 40 * S);
	synth_freed(t.s, t.stack, 3, 1 << 20, 1, 5 * S, 45 * S);
	for (int i = 0; i < SEEP_REC_NR_TRAIL; i++)
		points[i] = 4 << 20;
	synth_trail(t.s, t.stack, 45, 1, points);
	synth_event(t.s, 60 * S);
	return t;
}

static struct seep_recording *parse(struct synth *s)
{
	struct seep_recording *r = NULL;
	size_t len;
	const uint8_t *bytes = synth_bytes(s, &len);

	if (seep_recording_parse("x.seep", bytes, len, &r, NULL) != SEEP_OK)
		abort();
	return r;
}

static struct seep_moment found(const struct seep_recording *r, struct seep_moment m)
{
	if (seep_moment_find(r, 60, &m, NULL) != SEEP_OK)
		abort();
	return m;
}

static struct seep_moment at(const struct seep_recording *r, double time_s)
{
	return found(r, (struct seep_moment){ .kind = SEEP_MOMENT_TIME, .time_s = time_s });
}

static struct seep_gone gone(const struct seep_recording *r, struct seep_moment from, struct seep_moment to,
                             uint32_t stack)
{
	struct seep_gone *all = seep_recording_gone(r, &from, &to), one = all[stack];

	free(all);
	return one;
}

static void the_nearest_point_is_used_and_told(void)
{
	struct two t = two_new();
	struct seep_recording *r = parse(t.s);

	NEAR(at(r, 59.1).used_s, 59, 0);
	NEAR(at(r, 59.1).spacing_s, 1, 0);
	NEAR(at(r, 53).used_s, 52, 0);
	NEAR(at(r, 53).spacing_s, 4, 0);
	NEAR(at(r, 30).used_s, 32, 0);
	NEAR(at(r, 30).spacing_s, 16, 0);
	NEAR(at(r, 1).used_s, 0, 0); /* the start is nearer than 16 s */
	EQ_U(at(r, 1).source, SEEP_MOMENT_OF_NOTHING);
	EQ_U(at(r, -5).source, SEEP_MOMENT_OF_NOTHING);
	NEAR(at(r, 59.9).used_s, 60, 0);
	EQ_U(at(r, 1e9).source, SEEP_MOMENT_OF_SAMPLES);
	EQ_U(at(r, NAN).source, SEEP_MOMENT_OF_NOTHING);
	OK(!at(r, 30).has_objects && at(r, 1e9).has_objects);
	seep_recording_free(r);
	synth_free(t.s);
}

static void what_lives_is_taken_off(void)
{
	struct two t = two_new();
	struct seep_recording *r = parse(t.s);
	struct seep_gone g = gone(r, at(r, 32), at(r, 1e9), t.stack);

	NEAR(g.from.bytes, 3 << 20, 1); /* 4 were in use, one of them lives */
	NEAR(g.from.objects, 3, 1e-6);
	NEAR(g.to.bytes, 0, 0);
	g = gone(r, at(r, 32), at(r, 52), t.stack); /* it has not changed since 45 s */
	NEAR(g.to.bytes, 0, 0);
	g = gone(r, at(r, 0), at(r, 32), t.stack);
	NEAR(g.from.bytes, 0, 0);
	NEAR(g.to.bytes, 3 << 20, 1);
	seep_recording_free(r);
	synth_free(t.s);
}

static void a_peak_is_now_or_saved(void)
{
	struct two t = two_new();
	struct seep_moment peak = { .kind = SEEP_MOMENT_PEAK };
	struct seep_recording *r = parse(t.s);

	EQ_U(found(r, peak).source, SEEP_MOMENT_OF_SAMPLES);
	seep_recording_free(r);
	t.s->words.peak = 7 << 1 | SEEP_REC_PEAK_FALLEN;
	t.s->words.peak_us = 20 * S;
	synth_snap(t.s, t.stack, SYNTH_PEAK, (struct seep_rec_snap){ .number = 7, .bytes = 9 << 20, .objects = 5 });
	r = parse(t.s);
	EQ_U(found(r, peak).source, SEEP_MOMENT_OF_PEAK);
	NEAR(found(r, peak).used_s, 20, 0);
	NEAR(gone(r, found(r, peak), found(r, peak), t.stack).to.bytes, 8 << 20, 0);
	NEAR(gone(r, found(r, peak), found(r, peak), t.stack).to.objects, 4, 0);
	r->words.peak = 8 << 1 | SEEP_REC_PEAK_FALLEN; /* the snap is of an older one: unchanged since */
	NEAR(gone(r, found(r, peak), found(r, peak), t.stack).to.bytes, 0, 0);
	r->words.peak_us = UINT64_MAX;
	EQ_U(seep_moment_find(r, 60, &peak, NULL), SEEP_ERR_FORMAT);
	seep_recording_free(r);
	synth_free(t.s);
}

static void the_last_mark_is_saved_others_are_near(void)
{
	struct two t = two_new();
	struct seep_moment first = { .kind = SEEP_MOMENT_MARK, .mark = "first" };
	struct seep_moment last = { .kind = SEEP_MOMENT_MARK, .mark = "last" };
	struct seep_moment none = { .kind = SEEP_MOMENT_MARK, .mark = "none" };
	struct seep_error err = { 0 };
	struct seep_recording *r;

	synth_mark(t.s, 50 * S, SEEP_REC_MARK_BY_TOOL, "last");
	synth_mark(t.s, 31 * S, SEEP_REC_MARK_BY_PROGRAM, "first");
	synth_mark(t.s, 5 * S, SEEP_REC_MARK_BY_TOOL, "first");
	t.s->words.mark = 3 << 8 | 2;
	t.s->words.control |= 2ull << 55;
	synth_snap(t.s, t.stack, SYNTH_MARK, (struct seep_rec_snap){ .number = 3, .bytes = 2 << 20, .objects = 2 });
	r = parse(t.s);
	EQ_U(found(r, last).source, SEEP_MOMENT_OF_MARK);
	EQ_U(found(r, first).source, SEEP_MOMENT_OF_TRAIL); /* the newest of that name */
	NEAR(found(r, first).used_s, 32, 0);
	EQ_U(seep_moment_find(r, 60, &none, &err), SEEP_ERR_NOT_FOUND);
	EQ_S(err.what, "'x.seep' has no mark 'none'; its newest is 'last'");
	r->words.control += 1ull << 55; /* asked for, and nothing has changed since */
	EQ_U(found(r, last).source, SEEP_MOMENT_OF_SAMPLES);
	NEAR(found(r, last).used_s, 50, 0);
	seep_recording_free(r);
	synth_free(t.s);
}

static void a_forked_child_began_with_something(void)
{
	struct two t = two_new();
	struct seep_moment start = { .kind = SEEP_MOMENT_START };
	struct seep_recording *r;

	t.s->header.forked_from = 1;
	t.s->header.start_us = 32 * S;
	r = parse(t.s);
	EQ_U(found(r, start).source, SEEP_MOMENT_OF_TRAIL);
	NEAR(found(r, start).used_s, 32, 0);
	seep_recording_free(r);
	synth_free(t.s);
}

static void heaps_have_names(void)
{
	struct two t = two_new();
	uint8_t pool = synth_heap(t.s, "pool");
	uint32_t stack = synth_stack(t.s, pool, 1, SEEP_REC_FRAME(0, 0x2000));
	char name[SEEP_HEAP_NAME_MAX];
	struct seep_recording *r;

	synth_blocks(t.s, stack, 5, 100, 1, S, 2 * S);
	r = parse(t.s);
	EQ_S(seep_recording_heap_name(r, pool, name), "pool");
	EQ_S(seep_recording_heap_name(r, SEEP_REC_KIND_HEAP, name), "malloc");
	EQ_S(seep_recording_heap_name(r, SEEP_REC_KIND_ALLOCATOR_MMAP, name), "mmap (allocator)");
	EQ_S(seep_recording_heap_name(r, 255, name), "arena 239");
	OK(seep_recording_has_heap(r, pool) && !seep_recording_has_heap(r, (uint8_t)(pool + 1)));
	OK(!seep_recording_has_heap(r, SEEP_REC_KIND_ALLOCATOR_MMAP));
	NEAR(seep_recording_inuse(r, pool).bytes, 500, 0);
	NEAR(seep_recording_inuse(r, SEEP_REC_KIND_HEAP).bytes, 2 << 20, 0);
	seep_recording_free(r);
	synth_free(t.s);
}

static void impossible_content_is_not_taken(void)
{
	struct two t = two_new();
	float points[SEEP_REC_NR_TRAIL] = { NAN };
	struct seep_recording *r;

	synth_trail(t.s, t.stack, 45, 1, points);
	synth_snap(t.s, t.stack, SYNTH_PEAK, (struct seep_rec_snap){ .bytes = INFINITY });
	synth_mark(t.s, 1ull << 60, SEEP_REC_MARK_BY_TOOL, "late");
	r = parse(t.s);
	EQ_U(r->nr_torn_other, 3);
	EQ_U(r->nr_marks, 0);
	EQ_U(r->counters[t.stack].trail.tick_s, 0);
	EQ_U(r->counters[t.stack].peak.checksum, 0);
	seep_recording_free(r);
	points[0] = 0;
	synth_trail(t.s, t.stack, 45, 2, points);
	r = parse(t.s);
	EQ_U(r->nr_torn_other, 3);
	seep_recording_free(r);
	synth_free(t.s);
}

int main(void)
{
	the_nearest_point_is_used_and_told();
	what_lives_is_taken_off();
	a_peak_is_now_or_saved();
	the_last_mark_is_saved_others_are_near();
	a_forked_child_began_with_something();
	heaps_have_names();
	impossible_content_is_not_taken();
	return tap_done();
}
