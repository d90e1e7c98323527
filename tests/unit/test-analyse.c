#include "analyse/analyse.h"
#include "tap.h"

#include <stdlib.h>

/* A heap of one program: names become locations at need, a stack is a list of them, leaf first, ended by NULL. */
static struct seep_profile *new_heap(void)
{
	struct seep_profile *p = NULL;
	struct seep_mapping program = { .start = 0x10000, .limit = 0x90000, .bias = 0x10000 };
	struct seep_mapping libc = { .start = 0x100000, .limit = 0x200000, .bias = 0x100000 };

	if (seep_profile_new(&p, NULL) != SEEP_OK)
		exit(1);
	seep_profile_add_type(p, "alloc_objects", "count");
	seep_profile_add_type(p, "alloc_space", "bytes");
	seep_profile_add_type(p, "inuse_objects", "count");
	seep_profile_add_type(p, "inuse_space", "bytes");
	p->default_type = SEEP_INUSE_SPACE;
	program.file = seep_profile_intern_z(p, "/usr/bin/prog");
	program.build_id = seep_profile_intern_z(p, "abcd");
	libc.file = seep_profile_intern_z(p, "/lib/libc.so.6");
	seep_profile_add_mapping(p, &program);
	seep_profile_add_mapping(p, &libc);
	return p;
}

/* "name" or "outer|inlined|…": one location; "@1234" is nameless code of the program, "@c34" of libc. */
static uint32_t location(struct seep_profile *p, const char *text)
{
	struct seep_line lines[8];
	char names[256], *rest = NULL;
	uint32_t nr = 0, id;

	if (*text == '@') {
		bool is_libc = text[1] == 'c';

		return seep_profile_add_location(p,
		                                 (is_libc ? 0x100000 : 0x10000) + strtoul(text + 1 + is_libc, NULL, 16),
		                                 is_libc);
	}
	snprintf(names, sizeof(names), "%s", text);
	for (char *name = strtok_r(names, "|", &rest); name; name = strtok_r(NULL, "|", &rest)) {
		char *line = strchr(name, '!');

		if (line)
			*line++ = '\0';
		memmove(lines + 1, lines, nr++ * sizeof(lines[0]));
		lines[0].function = seep_profile_add_function(p, name, name, "/src/prog.cc", 1);
		lines[0].line = line ? (uint32_t)atoi(line) : 10;
	}
	id = seep_profile_add_location(p, 0x20000 + seep_profile_intern_z(p, text), 0);
	if (!seep_profile_set_lines(p, id, lines, nr))
		exit(1);
	return id;
}

static uint32_t stack(struct seep_profile *p, const char *const *names)
{
	uint32_t locations[32], nr = 0;

	while (names[nr]) {
		locations[nr] = location(p, names[nr]);
		nr++;
	}
	return seep_profile_add_stack(p, locations, nr, 0);
}
#define STACK(p, ...) stack(p, (const char *const[]){ __VA_ARGS__, NULL })

static void live(struct seep_profile *p, uint32_t stack_id, double bytes, float age_s)
{
	double values[SEEP_NR_HEAP_VALUES] = { 0, 0, 1, bytes };
	uint32_t row;

	row = seep_profile_add_sample(p, stack_id, values, NULL);
	if (!seep_profile_add_columns(p, SEEP_COLUMN_AGE))
		exit(1);
	p->samples.age_s[row] = age_s;
	p->samples.nr_blocks[row] = 1;
}

static struct seep_table *top(const struct seep_profile *p, struct seep_analyse_options o)
{
	struct seep_table *t = NULL;

	if (seep_analyse_top(p, &o, &t, NULL) != SEEP_OK)
		exit(1);
	return t;
}

static const struct seep_row *row(const struct seep_table *t, const char *function)
{
	static const struct seep_row none = { .function = "none" };

	for (size_t i = 0; i < t->nr_rows; i++)
		if (!strcmp(t->rows[i].function, function))
			return &t->rows[i];
	return &none;
}

static const struct seep_analyse_options by_inuse = { .type = SEEP_INUSE_SPACE };
#define FLAT(t, name) row(t, name)->flat[SEEP_INUSE_SPACE].value
#define CUM(t, name) row(t, name)->cum[SEEP_INUSE_SPACE].value

static void leaf_frames_fold_into_the_first_user_frame(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p,
	     STACK(p, "operator new(unsigned long)", "std::vector<int>::push_back(int const&)", "Cache::insert(int)",
	           "main"),
	     100, 1);
	live(p, STACK(p, "Cache::insert(int)", "main"), 11, 1);
	t = top(p, by_inuse);
	EQ_U(t->nr_rows, 2);
	EQ_S(t->rows[0].function, "Cache::insert(int)");
	EQ_S(t->rows[0].module, "/usr/bin/prog");
	EQ_S(t->rows[0].build_id, "abcd");
	NEAR(FLAT(t, "Cache::insert(int)"), 111, 0);
	NEAR(CUM(t, "main"), 111, 0);
	NEAR(FLAT(t, "main"), 0, 0);
	NEAR(t->total[SEEP_INUSE_SPACE].value, 111, 0);
	seep_table_free(t);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_INUSE_SPACE, .all_frames = true });
	EQ_U(t->nr_rows, 4);
	NEAR(FLAT(t, "operator new(unsigned long)"), 100, 0);
	NEAR(FLAT(t, "Cache::insert(int)"), 11, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void library_frames_above_a_user_frame_stay(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p,
	     STACK(p, "malloc", "main::{lambda(int)#1}::operator()(int) const", "std::for_each<int*>(int*, int*)",
	           "main"),
	     8, 1);
	t = top(p, by_inuse);
	NEAR(FLAT(t, "main::{lambda(int)#1}::operator()(int) const"), 8, 0);
	NEAR(CUM(t, "std::for_each<int*>(int*, int*)"), 8, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void what_starts_a_thread_is_left_out_at_the_root(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "malloc", "serve", "std::__invoke<void (*)()>(void (*&&)())", "@c2000", "start_thread"), 8, 1);
	t = top(p, by_inuse);
	EQ_U(t->nr_rows, 1);
	NEAR(FLAT(t, "serve"), 8, 0);
	seep_table_free(t);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_INUSE_SPACE, .all_frames = true });
	EQ_U(t->nr_rows, 5);
	seep_table_free(t);
	seep_profile_free(p);
}

static void what_starts_the_program_is_left_out(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "work", "main", "__libc_start_call_main", "_start"), 8, 1);
	live(p, STACK(p, "app::run", "core::ops::function::FnOnce::call_once", "std::rt::lang_start", "main", "_start"),
	     9, 1);
	live(p, STACK(p, "app::load", "_dl_open", "main", "_start"), 1, 1);
	t = top(p, by_inuse);
	EQ_U(t->nr_rows, 5);
	NEAR(CUM(t, "main"), 9, 0);
	NEAR(FLAT(t, "app::run"), 9, 0);
	NEAR(CUM(t, "_dl_open"), 1, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void nameless_frames_follow_their_neighbours(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p,
	     STACK(p, "malloc", "@1000", "@2000", "sqlite3Malloc", "@3000", "run", "@4000", "__libc_start_main",
	           "@5000"),
	     8, 1);
	live(p, STACK(p, "malloc", "@6000", "run", "@7000"), 3, 1);
	t = top(p, by_inuse);
	NEAR(FLAT(t, "prog+0x3000"), 8, 0);
	NEAR(FLAT(t, "prog+0x6000"), 3, 0);
	NEAR(CUM(t, "prog+0x4000"), 8, 0);
	NEAR(CUM(t, "prog+0x7000"), 3, 0);
	NEAR(CUM(t, "prog+0x5000"), 0, 0);
	EQ_U(t->nr_rows, 5);
	seep_table_free(t);
	seep_profile_free(p);
}

static void no_byte_is_lost_where_no_frame_is_the_users(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "malloc", "@c1000", "@c2000", "__libc_start_main", "_start"), 5, 1);
	live(p, STACK(p, "_start"), 3, 1);
	live(p, seep_profile_add_stack(p, NULL, 0, 0), 2, 1);
	t = top(p, by_inuse);
	NEAR(FLAT(t, "libc.so.6+0x2000"), 5, 0);
	NEAR(FLAT(t, "_start"), 3, 0);
	NEAR(FLAT(t, "[unknown]"), 2, 0);
	NEAR(t->total[SEEP_INUSE_SPACE].value, 10, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void inlined_frames_count_as_frames(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "handle|store|std::string::assign(char const*)", "main"), 64, 1);
	t = top(p, by_inuse);
	NEAR(FLAT(t, "store"), 64, 0);
	NEAR(CUM(t, "handle"), 64, 0);
	OK(row(t, "store")->is_inlined);
	OK(!row(t, "handle")->is_inlined);
	seep_table_free(t);
	seep_profile_free(p);
}

static void recursion_counts_once(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "walk", "walk", "walk", "main"), 7, 1);
	t = top(p, by_inuse);
	NEAR(FLAT(t, "walk"), 7, 0);
	NEAR(CUM(t, "walk"), 7, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void lines_and_addresses_are_rows_of_their_own(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "store!12", "main"), 10, 1);
	live(p, STACK(p, "store!20", "main"), 20, 1);
	live(p, STACK(p, "@1234", "main"), 5, 1);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_INUSE_SPACE, .by = SEEP_BY_LINE });
	EQ_U(t->nr_rows, 4);
	EQ_U(t->rows[0].line, 20);
	EQ_U(t->rows[1].line, 12);
	EQ_S(t->rows[0].file, "/src/prog.cc");
	seep_table_free(t);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_INUSE_SPACE, .by = SEEP_BY_ADDRESS });
	EQ_U(row(t, "prog+0x1234")->addr, 0x1234);
	seep_table_free(t);
	t = top(p, by_inuse);
	NEAR(FLAT(t, "store"), 30, 0);
	EQ_U(row(t, "store")->line, 20);
	seep_table_free(t);
	seep_profile_free(p);
}

static void ages_weigh_bytes(void)
{
	struct seep_profile *p = new_heap();
	uint32_t a = STACK(p, "a", "main"), b = STACK(p, "b", "main");
	struct seep_table *t;

	live(p, a, 10, 5);
	live(p, a, 10, 1000);
	live(p, a, 100, 70);
	live(p, b, 1000, 0.25f);
	t = top(p, by_inuse);
	NEAR(row(t, "a")->age_median_s, 70, 0);
	NEAR(row(t, "a")->outlived_share, 110.0 / 120, 1e-12);
	NEAR(row(t, "b")->age_median_s, 0.25, 0);
	NEAR(row(t, "b")->outlived_share, 0, 0);
	NEAR(row(t, "main")->age_median_s, 0.25, 0);
	NEAR(t->age_median_s, 0.25, 0);
	NEAR(t->outlived_share, 110.0 / 1120, 1e-12);
	seep_table_free(t);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_INUSE_SPACE, .outlived_s = 500 });
	NEAR(row(t, "a")->outlived_share, 10.0 / 120, 1e-12);
	seep_table_free(t);
	seep_profile_free(p);
}

static void ages_that_are_not_known_are_not_zero(void)
{
	struct seep_profile *p = new_heap();
	double totals[SEEP_NR_HEAP_VALUES] = { 4, 400, 0, 0 };
	struct seep_table *t;

	seep_profile_add_sample(p, STACK(p, "a", "main"), totals, NULL);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_ALLOC_SPACE });
	OK(isnan(row(t, "a")->age_median_s));
	OK(isnan(t->outlived_share));
	NEAR(row(t, "a")->flat[SEEP_ALLOC_SPACE].value, 400, 0);
	seep_table_free(t);
	t = top(p, by_inuse);
	EQ_U(t->nr_rows, 0);
	EQ_U(t->nr_hidden, 2);
	seep_table_free(t);
	seep_profile_free(p);
}

static void errors_add_up(void)
{
	struct seep_profile *p = new_heap();
	double values[SEEP_NR_HEAP_VALUES] = { 0, 0, 10, 1000 }, variances[SEEP_NR_HEAP_VALUES] = { 0, 0, 90, 900 };
	uint32_t s = STACK(p, "a", "main");
	struct seep_table *t;

	for (int i = 0; i < 3; i++) {
		uint32_t one = seep_profile_add_sample(p, s, values, variances);

		p->samples.nr_blocks[one] = 1;
	}
	t = top(p, by_inuse);
	NEAR(row(t, "a")->flat[SEEP_INUSE_SPACE].value, 3000, 0);
	NEAR(row(t, "a")->flat[SEEP_INUSE_SPACE].variance, 2700, 0);
	NEAR(row(t, "a")->flat[SEEP_INUSE_SPACE].largest, 30, 1e-12);
	EQ_U(row(t, "a")->flat[SEEP_INUSE_SPACE].nr, 3);
	EQ_U(row(t, "a")->flat[SEEP_ALLOC_SPACE].nr, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void small_rows_are_hidden_and_counted(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;

	live(p, STACK(p, "big", "main"), 1000, 1);
	live(p, STACK(p, "small", "main"), 1, 1);
	t = top(p, (struct seep_analyse_options){ .type = SEEP_INUSE_SPACE, .min_value = 10 });
	EQ_U(t->nr_rows, 2);
	EQ_U(t->nr_hidden, 1);
	NEAR(t->total[SEEP_INUSE_SPACE].value, 1001, 0);
	seep_table_free(t);
	seep_profile_free(p);
}

static void an_empty_profile_is_an_empty_table(void)
{
	struct seep_profile *p = new_heap();
	struct seep_analyse_options o = { .type = 4 };
	struct seep_error err = { 0 };
	struct seep_table *t = top(p, by_inuse);
	struct seep_tree *tree = NULL;

	EQ_U(t->nr_rows, 0);
	OK(isnan(t->age_median_s));
	EQ_U(seep_analyse_top(p, &o, &t, &err), SEEP_ERR_USAGE);
	EQ_U(seep_analyse_tree(p, &by_inuse, &tree, NULL), SEEP_OK);
	EQ_U(tree->nr_nodes, 1);
	seep_tree_free(tree);
	seep_table_free(t);
	seep_profile_free(p);
}

static void the_tree_is_breadth_first_and_sorted(void)
{
	struct seep_profile *p = new_heap();
	struct seep_tree *t = NULL;

	live(p, STACK(p, "malloc", "small", "main"), 10, 5);
	live(p, STACK(p, "big", "main"), 100, 50);
	live(p, STACK(p, "big", "big", "main"), 50, 500);
	EQ_U(seep_analyse_tree(p, &by_inuse, &t, NULL), SEEP_OK);
	EQ_U(t->nr_nodes, 5);
	OK(!t->nodes[0].row);
	NEAR(t->nodes[0].cum.value, 160, 0);
	EQ_S(t->nodes[1].row->function, "main");
	EQ_U(t->nodes[0].first_child, 1);
	EQ_S(t->nodes[2].row->function, "big");
	NEAR(t->nodes[2].cum.value, 150, 0);
	NEAR(t->nodes[2].flat.value, 100, 0);
	NEAR(t->nodes[2].age_median_s, 50, 0);
	EQ_U(t->nodes[2].next_sibling, 3);
	EQ_S(t->nodes[3].row->function, "small");
	EQ_U(t->nodes[3].next_sibling, SEEP_NO_ID);
	EQ_U(t->nodes[4].parent, 2);
	EQ_U(t->nodes[4].depth, 3);
	NEAR(t->nodes[2].row->flat[SEEP_INUSE_SPACE].value, 150, 0);
	seep_tree_free(t);
	seep_profile_free(p);
}

static void small_branches_are_cut(void)
{
	struct seep_profile *p = new_heap();
	struct seep_analyse_options o = { .type = SEEP_INUSE_SPACE, .min_value = 50 };
	struct seep_tree *t = NULL;

	live(p, STACK(p, "small", "main"), 10, 5);
	live(p, STACK(p, "big", "main"), 100, 50);
	EQ_U(seep_analyse_tree(p, &o, &t, NULL), SEEP_OK);
	EQ_U(t->nr_nodes, 3);
	EQ_S(t->nodes[2].row->function, "big");
	NEAR(t->nodes[1].cum.value, 110, 0);
	seep_tree_free(t);
	seep_profile_free(p);
}

static bool is_name(const char *function, void *data)
{
	return !strcmp(function, data);
}

static void peek_shows_callers_and_callees(void)
{
	struct seep_profile *p = new_heap();
	struct seep_peeks *k = NULL;
	char name[] = "store";

	live(p, STACK(p, "store", "read", "main"), 10, 5);
	live(p, STACK(p, "store", "write", "main"), 30, 5);
	live(p, STACK(p, "pack", "store", "store", "read", "main"), 5, 5);
	EQ_U(seep_analyse_peek(p, &by_inuse, is_name, name, &k, NULL), SEEP_OK);
	EQ_U(k->nr_peeks, 1);
	EQ_U(k->peeks[0].nr_callers, 3);
	EQ_S(k->peeks[0].callers[0].other->function, "write");
	NEAR(k->peeks[0].callers[0].value.value, 30, 0);
	EQ_S(k->peeks[0].callers[1].other->function, "read");
	NEAR(k->peeks[0].callers[1].value.value, 15, 0);
	EQ_S(k->peeks[0].callers[2].other->function, "store");
	EQ_U(k->peeks[0].nr_callees, 2);
	NEAR(k->peeks[0].callees[0].value.value, 5, 0);
	NEAR(k->peeks[0].row->cum[SEEP_INUSE_SPACE].value, 45, 0);
	seep_peeks_free(k);
	seep_profile_free(p);
}

static void a_thousand_stacks_add_up(void)
{
	struct seep_profile *p = new_heap();
	struct seep_table *t;
	double sum = 0;

	for (unsigned i = 0; i < 20000; i++) {
		char a[16], b[16];

		snprintf(a, sizeof(a), "f%u", i % 97);
		snprintf(b, sizeof(b), "g%u", i % 1009);
		live(p, STACK(p, "malloc", a, b, "main"), i, (float)(i % 500));
		sum += i;
	}
	t = top(p, by_inuse);
	EQ_U(t->nr_rows, 97 + 1009 + 1);
	NEAR(CUM(t, "main"), sum, 0);
	NEAR(t->total[SEEP_INUSE_SPACE].value, sum, 0);
	OK(t->rows[0].flat[SEEP_INUSE_SPACE].value >= t->rows[96].flat[SEEP_INUSE_SPACE].value);
	seep_table_free(t);
	seep_profile_free(p);
}

int main(void)
{
	leaf_frames_fold_into_the_first_user_frame();
	what_starts_a_thread_is_left_out_at_the_root();
	nameless_frames_follow_their_neighbours();
	library_frames_above_a_user_frame_stay();
	what_starts_the_program_is_left_out();
	no_byte_is_lost_where_no_frame_is_the_users();
	inlined_frames_count_as_frames();
	recursion_counts_once();
	lines_and_addresses_are_rows_of_their_own();
	ages_weigh_bytes();
	ages_that_are_not_known_are_not_zero();
	errors_add_up();
	small_rows_are_hidden_and_counted();
	an_empty_profile_is_an_empty_table();
	the_tree_is_breadth_first_and_sorted();
	small_branches_are_cut();
	peek_shows_callers_and_callees();
	a_thousand_stacks_add_up();
	return tap_done();
}
