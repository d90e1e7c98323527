#include "format/format.h"
#include "tap.h"

#include <stdlib.h>

static struct seep_profile *heap_profile(void)
{
	static const char *const types[4][2] = { { "alloc_objects", "count" },
		                                 { "alloc_space", "bytes" },
		                                 { "inuse_objects", "count" },
		                                 { "inuse_space", "bytes" } };
	struct seep_profile *p = NULL;

	if (seep_profile_new(&p, NULL) != SEEP_OK)
		abort();
	for (int i = 0; i < 4; i++)
		seep_profile_add_type(p, types[i][0], types[i][1]);
	p->default_type = SEEP_INUSE_SPACE;
	p->period_type =
		(struct seep_value_type){ seep_profile_intern_z(p, "space"), seep_profile_intern_z(p, "bytes") };
	p->period = 524288;
	p->time_ns = 1700000000000000000;
	p->duration_ns = 60000000000;
	p->drop_frames = seep_profile_intern_z(p, "malloc");
	seep_profile_add_comment(p, "a comment");
	return p;
}

/* main → serve (inlined into it: handle) → a frame without a name. */
struct sample_profile {
	struct seep_profile *p;
	uint32_t named, bare, stack, other;
};

static struct sample_profile sample_profile(void)
{
	struct sample_profile s = { .p = heap_profile() };
	struct seep_mapping m = { .start = 0x400000, .limit = 0x500000, .bias = 0x400000 };
	struct seep_line lines[2];
	uint32_t mapping, root, frames[3];

	m.file = seep_profile_intern_z(s.p, "/usr/bin/server");
	m.build_id = seep_profile_intern_z(s.p, "0123abcd");
	mapping = seep_profile_add_mapping(s.p, &m);
	s.bare = seep_profile_add_location(s.p, 0x400123, mapping);
	s.named = seep_profile_add_location(s.p, 0x400200, mapping);
	root = seep_profile_add_location(s.p, 0x400300, mapping);
	lines[0] = (struct seep_line){ seep_profile_add_function(s.p, "handle;it", "_handle", "s.c", 10), 12 };
	lines[1] = (struct seep_line){ seep_profile_add_function(s.p, "serve", "serve", "s.c", 20), 25 };
	OK(seep_profile_set_lines(s.p, s.named, lines, 2));
	lines[0] = (struct seep_line){ seep_profile_add_function(s.p, "main", "main", "s.c", 1), 3 };
	OK(seep_profile_set_lines(s.p, root, lines, 1));
	frames[0] = s.bare;
	frames[1] = s.named;
	frames[2] = root;
	s.stack = seep_profile_add_stack(s.p, frames, 3, 0);
	s.other = seep_profile_add_stack(s.p, frames + 1, 2, SEEP_STACK_CUT);
	return s;
}

static void add(struct seep_profile *p, uint32_t stack, double objects, double bytes, const char *thread)
{
	double values[4] = { 2 * objects, 2 * bytes, objects, bytes };
	uint32_t row = seep_profile_add_sample(p, stack, values, NULL);

	if (!thread)
		return;
	OK(seep_profile_add_columns(p, SEEP_COLUMN_THREAD));
	p->samples.thread[row] = seep_profile_intern_z(p, thread);
}

struct text {
	char *p;
	size_t len;
};

enum what { PPROF, FOLDED, JSON };

static struct text written(const struct seep_profile *p, enum what what)
{
	struct text t = { 0 };
	FILE *out = open_memstream(&t.p, &t.len);
	enum seep_status status;

	if (what == PPROF)
		status = seep_pprof_write(p, out, NULL);
	else if (what == FOLDED)
		status = seep_folded_write(p, SEEP_INUSE_SPACE, out, NULL);
	else
		status = seep_json_profile_write(p, out, NULL);
	EQ_U(status, SEEP_OK);
	fclose(out);
	return t;
}

static struct seep_profile *round_trip(const struct seep_profile *p)
{
	struct text t = written(p, PPROF);
	struct seep_profile *back = NULL;
	struct seep_error err = { 0 };

	OK(seep_pprof_is(t.p, t.len));
	if (seep_pprof_read("x", t.p, t.len, &back, &err) != SEEP_OK) {
		printf("# %s\n", err.what);
		abort();
	}
	free(t.p);
	return back;
}

static void pprof_is_read_as_it_was_written(void)
{
	struct sample_profile s = sample_profile();
	struct seep_profile *back;
	const struct seep_location *leaf, *named;
	const struct seep_stack *stack;

	add(s.p, s.stack, 3, 3000, "worker/7");
	add(s.p, s.other, 1, 100, NULL);
	back = round_trip(s.p);
	EQ_U(back->samples.nr, 2);
	NEAR(seep_profile_total(back, SEEP_INUSE_SPACE), 3100, 0);
	NEAR(seep_profile_total(back, SEEP_ALLOC_OBJECTS), 8, 0);
	EQ_U(back->default_type, SEEP_INUSE_SPACE);
	EQ_U(back->period, 524288);
	EQ_U(back->time_ns, s.p->time_ns);
	EQ_U(back->duration_ns, s.p->duration_ns);
	EQ_S(seep_profile_str(back, back->drop_frames), "malloc");
	EQ_S(seep_profile_str(back, back->comments[0]), "a comment");
	EQ_S(seep_profile_str(back, back->mappings[0].build_id), "0123abcd");
	OK(back->mappings[0].is_symbolised);
	stack = &back->stacks[back->samples.stack[0]];
	EQ_U(stack->nr, 3);
	EQ_S(seep_profile_str(back, back->samples.thread[0]), "worker/7");
	EQ_U(back->stacks[back->samples.stack[1]].flags, SEEP_STACK_CUT);
	leaf = &back->locations[back->frames[stack->first]];
	EQ_U(leaf->addr, 0x400123);
	EQ_U(leaf->nr_lines, 0);
	named = &back->locations[back->frames[stack->first + 1]];
	EQ_U(named->nr_lines, 2);
	EQ_S(seep_profile_str(back, back->functions[back->lines[named->first_line].function].name), "handle;it");
	EQ_U(back->lines[named->first_line + 1].line, 25);
	EQ_U(back->functions[back->lines[named->first_line].function].start_line, 10);
	seep_profile_free(back);
	seep_profile_free(s.p);
}

static void equal_profiles_give_equal_bytes(void)
{
	struct sample_profile s = sample_profile();
	struct text a, b;

	add(s.p, s.stack, 3, 3000, NULL);
	a = written(s.p, PPROF);
	b = written(s.p, PPROF);
	OK(a.len == b.len && !memcmp(a.p, b.p, a.len));
	free(a.p);
	free(b.p);
	seep_profile_free(s.p);
}

static void rounding_keeps_totals_over_any_stretch(void)
{
	struct seep_profile *p = heap_profile(), *back;
	double largest_error = 0, sum = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t location = seep_profile_add_location(p, 0x1000 + i, SEEP_NO_ID);

		add(p, seep_profile_add_stack(p, &location, 1, 0), 1.58, 0.4, NULL);
	}
	back = round_trip(p);
	NEAR(seep_profile_total(back, SEEP_INUSE_OBJECTS), 1580, 0.5);
	NEAR(seep_profile_total(back, SEEP_INUSE_SPACE), 400, 0.5);
	for (size_t i = 0; i < back->samples.nr; i++) {
		double value = back->samples.values[SEEP_INUSE_OBJECTS * back->samples.cap + i];

		sum += value;
		largest_error = fmax(largest_error, fabs(value - 1.58));
		largest_error = fmax(largest_error, fabs(sum - 1.58 * (double)(i + 1)));
	}
	OK(largest_error < 1);
	seep_profile_free(back);
	seep_profile_free(p);
}

static void rows_of_one_stack_are_added_up(void)
{
	struct sample_profile s = sample_profile();
	struct seep_profile *back;

	for (int i = 0; i < 100; i++)
		add(s.p, s.stack, 1, 10, i % 2 ? "a" : "b");
	back = round_trip(s.p);
	EQ_U(back->samples.nr, 2);
	NEAR(back->samples.values[SEEP_INUSE_SPACE * back->samples.cap], 500, 0);
	seep_profile_free(back);
	seep_profile_free(s.p);
}

static void processes_are_labelled(void)
{
	struct sample_profile a = sample_profile(), b = sample_profile();
	struct seep_process process = { .name = seep_profile_intern_z(a.p, "one"), .pid = 1 };
	struct text t;

	seep_profile_add_process(a.p, &process);
	process.name = seep_profile_intern_z(b.p, "two");
	process.pid = 2;
	seep_profile_add_process(b.p, &process);
	add(a.p, a.other, 1, 1000, NULL);
	add(b.p, b.other, 1, 20, NULL);
	EQ_U(seep_profile_merge(a.p, b.p, NULL), SEEP_OK);
	t = written(a.p, FOLDED);
	EQ_S(t.p, "one[1];[cut];main;serve;handle:it 1000\ntwo[2];[cut];main;serve;handle:it 20\n");
	free(t.p);
	seep_profile_free(a.p);
	seep_profile_free(b.p);
}

static void folded_lines_are_root_first_and_added_up(void)
{
	struct sample_profile s = sample_profile();
	struct text t;

	add(s.p, s.stack, 1, 30, "a");
	add(s.p, s.stack, 1, 12, "b");
	add(s.p, seep_profile_add_stack(s.p, NULL, 0, 0), 1, 5, NULL);
	add(s.p, s.other, 1, 0, NULL);
	t = written(s.p, FOLDED);
	EQ_S(t.p, "[unknown] 5\nmain;serve;handle:it;server+0x123 42\n");
	free(t.p);
	EQ_U(seep_folded_write(s.p, 77, stdout, NULL), SEEP_ERR_USAGE);
	seep_profile_free(s.p);
}

static void json_holds_frames_and_figures(void)
{
	struct sample_profile s = sample_profile();
	struct text t;

	add(s.p, s.stack, 1, 30, "w");
	OK(seep_profile_add_columns(s.p, SEEP_COLUMN_AGE));
	s.p->samples.age_s[0] = 7;
	t = written(s.p, JSON);
	OK(strstr(t.p, "\"schema\": 1") && strstr(t.p, "\"inuse_bytes\": 30") && strstr(t.p, "\"age_median_s\": 7"));
	OK(strstr(t.p, "\"function\": \"server+0x123\"") && strstr(t.p, "\"thread\": \"w\""));
	OK(strstr(t.p, "\"function\": \"handle;it\"") && strstr(t.p, "\"line\": 12"));
	free(t.p);
	seep_profile_free(s.p);
}

/* ---- bad input ---- */

static enum seep_status status_of(const char *bytes, size_t len, struct seep_error *err)
{
	struct seep_profile *p = NULL;
	enum seep_status status;

	seep_error_clear(err);
	status = seep_pprof_read("x", bytes, len, &p, err);
	seep_profile_free(p);
	return status;
}

static void every_prefix_of_a_profile_is_refused(void)
{
	struct sample_profile s = sample_profile();
	struct text t;
	size_t nr_wrong = 0;

	add(s.p, s.stack, 3, 3000, "worker/7");
	t = written(s.p, PPROF);
	for (size_t cut = 0; cut < t.len; cut++) {
		struct seep_error err;
		char *copy = malloc(cut ? cut : 1);
		enum seep_status status;

		memcpy(copy, t.p, cut);
		status = status_of(copy, cut, &err);
		nr_wrong += status != (cut < 2 ? status : SEEP_ERR_TRUNCATED) || status == SEEP_OK || !err.what[0];
		free(copy);
	}
	EQ_U(nr_wrong, 0);
	free(t.p);
	seep_profile_free(s.p);
}

static void malformed_profiles_are_refused(void)
{
	/* Bare messages: a sample type, then what is wrong. Strings: "", inuse_space, bytes. */
	static const char type[] = "\x0a\x04\x08\x01\x10\x02", strings[] = "\x32\x00\x32\x0binuse_space\x32\x05"
									   "bytes";
	static const struct {
		const char *bytes;
		size_t len;
		enum seep_status status;
		const char *what;
	} bad[] = {
		{ "\x12\x02\x08\x09", 4, SEEP_ERR_FORMAT,
		  "cannot read 'x': a sample refers to a location that is not there" },
		{ "\x12\x02\x12\x00", 4, SEEP_ERR_FORMAT,
		  "cannot read 'x': a sample has another number of values than there are types" },
		{ "\x22\x02\x18\x01", 4, SEEP_ERR_FORMAT, "cannot read 'x': a location has no id" },
		{ "\x38\x63", 2, SEEP_ERR_FORMAT, "cannot read 'x': it refers to a string that is not there" },
		{ "\x12\xff\xff\xff\xff\x0f", 6, SEEP_ERR_TRUNCATED,
		  "cannot read 'x': a field of the profile is cut or malformed" },
		{ "\x0b", 1, SEEP_ERR_TRUNCATED, "cannot read 'x': a field of the profile is cut or malformed" },
		{ "\x1a\x02\x08\x01\x1a\x02\x08\x01", 8, SEEP_ERR_FORMAT,
		  "cannot read 'x': two mappings have the same id" },
		{ "\x48\x05", 2, SEEP_OK, "" },
	};
	struct seep_error err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char bytes[128];
		size_t len = 0;

		memcpy(bytes, type, sizeof(type) - 1);
		len += sizeof(type) - 1;
		memcpy(bytes + len, strings, sizeof(strings) - 1);
		len += sizeof(strings) - 1;
		memcpy(bytes + len, bad[i].bytes, bad[i].len);
		EQ_U(status_of(bytes, len + bad[i].len, &err), bad[i].status);
		EQ_S(err.what, bad[i].what);
	}
	EQ_U(status_of("", 0, &err), SEEP_ERR_FORMAT);
	EQ_S(err.what, "cannot read 'x': not a pprof profile: it has no sample types");
	EQ_U(status_of("\x1f\x8b\x08\x00garbage!", 12, &err), SEEP_ERR_TRUNCATED);
	EQ_U(status_of("\x0a\x00", 2, &err), SEEP_ERR_UNSUPPORTED);
}

int main(void)
{
	pprof_is_read_as_it_was_written();
	equal_profiles_give_equal_bytes();
	rounding_keeps_totals_over_any_stretch();
	rows_of_one_stack_are_added_up();
	processes_are_labelled();
	folded_lines_are_root_first_and_added_up();
	json_holds_frames_and_figures();
	every_prefix_of_a_profile_is_refused();
	malformed_profiles_are_refused();
	return tap_done();
}
