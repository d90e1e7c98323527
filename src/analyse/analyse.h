/*
 * Reports as data: flat and cumulative figures by function, line or address; callers and callees; trees; intervals.
 * Computes, never prints. Results borrow strings from their profile and live in their own arena.
 */
#ifndef SEEP_ANALYSE_H
#define SEEP_ANALYSE_H

#include "profile/profile.h"

enum seep_granularity { SEEP_BY_FUNCTION, SEEP_BY_LINE, SEEP_BY_ADDRESS };

struct seep_analyse_options {
	uint32_t type; /* index of the sort value in the profile's types */
	enum seep_granularity by;
	bool all_frames;   /* false: allocator, container and runtime frames at the leaf fold into the first user frame,
	                      and   those at the root are left out */
	double outlived_s; /* threshold of the "outlived" share; 0: 60 */
	double period;     /* mean bytes between samples: what rows without a sample may hide */
	bool only_changes; /* rows whose change in `type` is within its error are hidden and counted */
	double min_value;  /* rows with |cum| below are hidden and counted, as are rows of 0 */
};

/*
 * How an error is made up of those of single blocks, by sums of their deviations (roots of variance); all 0: not known.
 * `reach` is what they would be, had all the blocks that the figure stands for been sampled at the longest period: with
 * such weights come those that no sample shows.
 */
struct seep_spread {
	double certain; /* the blocks that were sampled themselves: the figure is no less */
	double cubes;   /* of the deviations of the samples, whose squares are the variance */
	double nr;      /* samples that count as uncertain; 0: the cubes are not guessed */
	double reach_variance, reach_cubes;
};

/* One figure with its error. */
struct seep_figure {
	double value, variance;
	uint64_t nr;    /* samples it stands on; 0 with variance 0: exact */
	double largest; /* largest deviation (root of variance) that one of them brings; 0 unknown */
	/* Of a difference, the part that was taken off: value, variance and nr are of both, these are of it. */
	double taken, taken_variance, taken_largest;
	uint64_t taken_nr;
	struct seep_spread spread, taken_spread; /* of what was added, and of what was taken off */
};
/*
 * 95 % interval of a figure; [value, value] when exact. Nothing seen (value, variance and nr 0) at `period` > 1: [0, 3
 * T].
 *
 * From 20 samples on the normal interval in its score form: 1.96 standard errors of the value that each bound supposes,
 * not of the estimate; the symmetric form misses above too often (it holds in 93 % at 20 samples, where this one holds
 * in 95 %). Both become ± 1.96 √variance as nr grows. Below 20 samples, or where few of many samples bring the
 * variance, the exact Poisson interval, for weighted sums in Fay and Feuer's form; for bytes it leaves room for a small
 * block that was not seen, even where those seen were certain to be. How many bring the variance is told by the spread,
 * not by nr: samples that were certain, or of a shorter period, only shift the interval. Above it reckons with blocks
 * like those known that went unseen at the longest period: of a figure without any error [value, value + 3 of their
 * deviations].
 * The interval of a difference is made of those of its two parts, each with its own shape (Zou and Donner,
 * "Construction of confidence limits about effect measures", Statistics in Medicine 27 (2008): the squares of distances
 * add up). What no sample shows no interval covers: counts of a stack that mixes sizes over decades can be far off,
 * since a 16-byte block stands for 256 times as many as a 4 KiB one and is seen as rarely. Its bytes are not affected.
 */
void seep_interval(const struct seep_figure *f, double period, double *low, double *high);
/*
 * True when the interval of a difference leaves out 0: a change that is larger than its error. An exact one is, unless
 * it is 0.
 */
bool seep_is_change(const struct seep_figure *f, double period);
/* *sum += *f. */
void seep_figure_add(struct seep_figure *sum, const struct seep_figure *f);

struct seep_row {
	const char *function, *file, *module, *build_id; /* "" unknown; function falls back to module+0xoffset */
	uint32_t line; /* by function: of its lines the one that holds the most; 0 unknown */
	uint64_t addr; /* address in the ELF file, for SEEP_BY_ADDRESS */
	bool is_inlined;
	bool is_label; /* no code: a thread or a heap, as seep_profile_pivot() made it */
	uint32_t tid;  /* of a thread's; 0 unknown or several */
	struct seep_figure flat[SEEP_PROFILE_MAX_VALUES], cum[SEEP_PROFILE_MAX_VALUES];
	double age_median_s;   /* byte-weighted median age of its survivors (flat; cum when it has no flat); NaN
	                          unknown */
	double outlived_share; /* share of those bytes older than outlived_s; NaN unknown */
};

struct seep_table {
	struct seep_arena arena;
	struct seep_row *rows; /* sorted by |flat| of `type`, then |cum|, then name */
	size_t nr_rows, nr_hidden;
	struct seep_figure total[SEEP_PROFILE_MAX_VALUES];
	double age_median_s, outlived_share; /* of all */
};
SEEP_NODISCARD enum seep_status seep_analyse_top(const struct seep_profile *p, const struct seep_analyse_options *o,
                                                 struct seep_table **out, struct seep_error *err);
void seep_table_free(struct seep_table *t);

/* Call tree, root first; node 0 is the root of all. Breadth first: parents before children, siblings side by side. */
struct seep_node {
	const struct seep_row *row;   /* NULL for node 0. flat/cum in row are the whole function's; the node's own: */
	struct seep_figure flat, cum; /* of `type` */
	double age_median_s;
	uint32_t parent, first_child, next_sibling; /* SEEP_NO_ID none; siblings sorted by |cum| */
	uint32_t depth;
};
struct seep_tree {
	struct seep_table *table;
	struct seep_arena arena;
	struct seep_node *nodes;
	size_t nr_nodes;
};
SEEP_NODISCARD enum seep_status seep_analyse_tree(const struct seep_profile *p, const struct seep_analyse_options *o,
                                                  struct seep_tree **out, struct seep_error *err);
void seep_tree_free(struct seep_tree *t);

/* Callers and callees of every function whose name matches; `match` is asked once per row. */
struct seep_edge {
	const struct seep_row *other;
	struct seep_figure value;
};
struct seep_peek {
	const struct seep_row *row;
	struct seep_edge *callers, *callees; /* sorted by value */
	size_t nr_callers, nr_callees;
};
struct seep_peeks {
	struct seep_table *table;
	struct seep_arena arena;
	struct seep_peek *peeks;
	size_t nr_peeks;
};
SEEP_NODISCARD enum seep_status seep_analyse_peek(const struct seep_profile *p, const struct seep_analyse_options *o,
                                                  bool (*match)(const char *function, void *data), void *data,
                                                  struct seep_peeks **out, struct seep_error *err);
void seep_peeks_free(struct seep_peeks *k);

#endif
