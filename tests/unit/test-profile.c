#include "profile/profile.h"
#include "tap.h"

#include <stdlib.h>

static struct seep_profile *heap_profile(void)
{
	struct seep_profile *p = NULL;

	if (seep_profile_new(&p, NULL) != SEEP_OK)
		abort();
	seep_profile_add_type(p, "alloc_objects", "count");
	seep_profile_add_type(p, "alloc_space", "bytes");
	seep_profile_add_type(p, "inuse_objects", "count");
	seep_profile_add_type(p, "inuse_space", "bytes");
	return p;
}

static void equal_text_has_equal_id(void)
{
	struct seep_profile *p = heap_profile();
	uint32_t a = seep_profile_intern_z(p, "abc");
	char name[16];

	EQ_U(seep_profile_intern_z(p, ""), 0);
	EQ_U(seep_profile_intern(p, "abcdef", 3), a);
	OK(seep_profile_intern_z(p, "abd") != a);
	EQ_S(seep_profile_str(p, a), "abc");
	EQ_S(seep_profile_str(p, SEEP_NO_ID), "");
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		seep_profile_intern_z(p, name);
	}
	EQ_U(seep_profile_intern_z(p, "abc"), a);
	EQ_S(seep_profile_str(p, seep_profile_intern_z(p, "n4999")), "n4999");
	seep_profile_free(p);
}

static void bad_bytes_are_replaced_on_the_way_in(void)
{
	struct seep_profile *p = heap_profile();

	EQ_S(seep_profile_str(p, seep_profile_intern(p, "a\xff\n", 3)), "a\xef\xbf\xbd\xef\xbf\xbd");
	EQ_S(seep_profile_str(p, seep_profile_intern_z(p, "\xc3\xa9")), "\xc3\xa9");
	seep_profile_free(p);
}

static void equal_functions_and_locations_share(void)
{
	struct seep_profile *p = heap_profile();
	uint32_t f = seep_profile_add_function(p, "f", "_f", "f.c", 1),
		 l = seep_profile_add_location(p, 16, SEEP_NO_ID);

	EQ_U(seep_profile_add_function(p, "f", "_f", "f.c", 1), f);
	OK(seep_profile_add_function(p, "f", "_f", "f.c", 2) != f);
	EQ_U(seep_profile_add_location(p, 16, SEEP_NO_ID), l);
	OK(seep_profile_add_location(p, 16, 0) != l);
	OK(seep_profile_add_location(p, 0, SEEP_NO_ID) != seep_profile_add_location(p, 0, SEEP_NO_ID));
	seep_profile_free(p);
}

static void rows_survive_growth_and_late_columns(void)
{
	struct seep_profile *p = heap_profile();
	uint32_t stack = seep_profile_add_stack(p, NULL, 0, 0);
	bool all_right = true;

	for (int i = 0; i < 1000; i++) {
		double values[4] = { i, 2.0 * i, 3.0 * i, 4.0 * i }, variances[4] = { 0.5, 0, 0, i };

		seep_profile_add_sample(p, stack, values, i < 100 ? NULL : variances);
		if (i == 500)
			OK(seep_profile_add_columns(p, SEEP_COLUMN_AGE | SEEP_COLUMN_THREAD));
	}
	for (size_t i = 0; i < 1000; i++)
		for (uint32_t t = 0; t < 4; t++)
			all_right = all_right && p->samples.values[t * p->samples.cap + i] == (double)(i * (t + 1)) &&
			            p->samples.variances[t * p->samples.cap + i] == (i < 100  ? 0
			                                                             : t == 0 ? 0.5
			                                                             : t == 3 ? (double)i
			                                                                      : 0) &&
			            isnan(p->samples.age_s[i]) && !p->samples.thread[i];
	OK(all_right);
	NEAR(seep_profile_total(p, 1), 999000, 0);
	NEAR(seep_profile_total_variance(p, 0), 450, 0);
	NEAR(seep_profile_total(p, 9), 0, 0);
	EQ_U(seep_profile_add_type(p, "late", "count"), SEEP_NO_ID);
	EQ_U(seep_profile_find_type(p, "inuse_space"), SEEP_INUSE_SPACE);
	EQ_U(seep_profile_find_type(p, "cpu"), SEEP_NO_ID);
	seep_profile_free(p);
}

/* One process, one mapping, one function, one row of `bytes` in use. */
static struct seep_profile *small_profile(const char *process, const char *function, double bytes)
{
	struct seep_profile *p = heap_profile();
	struct seep_mapping m = { .start = 0x1000, .limit = 0x2000, .file = seep_profile_intern_z(p, "/bin/x") };
	struct seep_process of = { .name = seep_profile_intern_z(p, process), .pid = 7, .now_s = 60 };
	double values[4] = { 0, 0, 1, bytes }, variances[4] = { 0, 0, 0, 1 };
	struct seep_line line = { seep_profile_add_function(p, function, function, "x.c", 1), 3 };
	uint32_t location, row;

	seep_profile_add_process(p, &of);
	location = seep_profile_add_location(p, 0x1010, seep_profile_add_mapping(p, &m));
	OK(seep_profile_set_lines(p, location, &line, 1));
	row = seep_profile_add_sample(p, seep_profile_add_stack(p, &location, 1, SEEP_STACK_CUT), values, variances);
	OK(seep_profile_add_columns(p, SEEP_COLUMN_AGE));
	p->samples.age_s[row] = 12;
	p->samples.nr_blocks[row] = 1;
	return p;
}

static const char *leaf_name(const struct seep_profile *p, size_t row)
{
	const struct seep_stack *stack = &p->stacks[p->samples.stack[row]];
	const struct seep_location *l = &p->locations[p->frames[stack->first]];

	return seep_profile_str(p, p->functions[p->lines[l->first_line].function].name);
}

static void merging_keeps_processes_apart(void)
{
	struct seep_profile *a = small_profile("a", "fa", 100), *b = small_profile("b", "fb", 23);

	EQ_U(seep_profile_merge(a, b, NULL), SEEP_OK);
	EQ_U(a->samples.nr, 2);
	EQ_U(a->samples.process[0], 0);
	EQ_U(a->samples.process[1], 1);
	EQ_S(leaf_name(a, 0), "fa");
	EQ_S(leaf_name(a, 1), "fb");
	EQ_U(a->mappings[1].process, 1);
	EQ_S(seep_profile_str(a, a->processes[1].name), "b");
	NEAR(a->samples.age_s[1], 12, 0);
	EQ_U(a->stacks[1].flags, SEEP_STACK_CUT);
	NEAR(seep_profile_total(a, SEEP_INUSE_SPACE), 123, 0);
	NEAR(seep_profile_total_variance(a, SEEP_INUSE_SPACE), 2, 0);
	seep_profile_free(a);
	seep_profile_free(b);
}

static void merging_refuses_other_types(void)
{
	struct seep_profile *a = small_profile("a", "fa", 100), *b = NULL;
	struct seep_error err = { 0 };

	EQ_U(seep_profile_new(&b, NULL), SEEP_OK);
	seep_profile_add_type(b, "cpu", "nanoseconds");
	EQ_U(seep_profile_merge(a, b, &err), SEEP_ERR_USAGE);
	EQ_S(err.what, "profiles have different sample types");
	seep_profile_free(a);
	seep_profile_free(b);
}

static void totals_do_not_drift(void)
{
	struct seep_profile *p = heap_profile();
	uint32_t stack = seep_profile_add_stack(p, NULL, 0, 0);

	for (int i = 0; i < 100001; i++) {
		double values[4] = { 0, 0, 0, i ? 0.1 : 1e15 };

		seep_profile_add_sample(p, stack, values, NULL);
	}
	NEAR(seep_profile_total(p, SEEP_INUSE_SPACE), 1e15 + 10000, 0.125);
	seep_profile_free(p);
}

int main(void)
{
	equal_text_has_equal_id();
	bad_bytes_are_replaced_on_the_way_in();
	equal_functions_and_locations_share();
	rows_survive_growth_and_late_columns();
	merging_keeps_processes_apart();
	merging_refuses_other_types();
	totals_do_not_drift();
	return tap_done();
}
