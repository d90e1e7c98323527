/*
 * A profile made ready for counting: every stack as a list of rows (inlined frames expanded, leaf frames folded), the
 * samples summed by stack. All reports start from it. Private to analyse/.
 */
#ifndef SEEP_ANALYSE_VIEW_H
#define SEEP_ANALYSE_VIEW_H

#include "analyse.h"
#include "map.h"

/* A row to be: who it is, not yet its figures. */
struct view_row {
	uint32_t name, file, module, line; /* string ids; name 0: unknown */
	uint32_t location;                 /* one of its locations, SEEP_NO_ID: the unknown stack */
	bool is_inlined, is_foldable, is_start, is_allocator, is_label;
	bool is_used; /* stands in at least one stack */
};

struct view_range {
	uint32_t first, nr;
};

struct view {
	const struct seep_profile *p;
	const struct seep_analyse_options *o;
	struct view_row *rows;
	size_t nr_rows, cap_rows;
	struct view_range *of_location;           /* in location_rows[], innermost first */
	uint32_t *location_rows, *location_lines; /* side by side */
	size_t nr_location_rows, cap_location_rows, cap_location_lines;
	struct view_range *of_stack;        /* in stack_rows[], leaf first, never empty */
	uint32_t *stack_rows, *stack_lines; /* side by side; line 0: unknown */
	size_t nr_stack_rows, cap_stack_rows, cap_stack_lines;
	struct seep_figure *figures;                                  /* of stack s and type t: [s * nr_types + t] */
	double *live;                                                 /* bytes of stack s whose age is known */
	uint32_t live_type;                                           /* the type those bytes are of */
	struct map files, modules, lines, addresses, places, classes; /* for making rows */
	uint8_t *class_flags;
	size_t cap_class_flags;
	uint32_t unknown_row;
};

/* False when memory is out; release in either case. `p` and `o` must stay. */
bool view_init(struct view *v, const struct seep_profile *p, const struct seep_analyse_options *o);
void view_release(struct view *v);

static inline const struct seep_figure *view_figure(const struct view *v, size_t stack, uint32_t type)
{
	return &v->figures[stack * v->p->nr_types + type];
}

/* A stack that no sample of any type stands on adds nothing and may be passed over. */
bool view_is_empty(const struct view *v, size_t stack);

/*
 * Ages by anything that stacks belong to. Stack s belongs to groups[ranges[s].first …]; gives each of nr_groups groups
 * the byte-weighted median age of its live rows and the share older than o->outlived_s, NaN where nothing is known.
 */
struct view_ages {
	double *median, *outlived;
};
bool view_ages_init(struct view_ages *a, const struct view *v, const struct view_range *ranges, const uint32_t *groups,
                    size_t nr_groups);
void view_ages_release(struct view_ages *a);

/* For every row, the line that holds the most itself, else the one whose calls hold the most; 0 unknown. */
bool view_hot_lines(const struct view *v, uint32_t *lines);

/*
 * The table of all rows. rank[i] is the place in (*out)->rows of v->rows[i], SEEP_NO_ID for unused ones; those behind
 * nr_rows are hidden but there. Caller frees *rank and *out.
 */
bool view_table(struct view *v, struct seep_table **out, uint32_t **rank);

#endif
