/* What the reports of this folder share: figures as text, names of rows. */
#ifndef SEEP_REPORT_DRAW_H
#define SEEP_REPORT_DRAW_H

#include "report/report.h"

#define DRAW_MAX 96
#define DRAW_NAME_MAX 64

/* A value of one of the profile's types, in its unit: "63.1MB", "12,345". */
char *draw_value(char out[DRAW_MAX], const struct seep_profile *p, uint32_t type, double value);
/* True for the types of what changed between two moments. */
bool draw_is_change(const struct seep_profile *p, uint32_t type);
/*
 * A figure as draw_value does, but a change with its sign: "+63.1MB", "-4kB"; one within its error is called none:
 * "0±2MB".
 */
char *draw_figure(char out[DRAW_MAX], const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                  double period);
/* Its 95 % interval: "±1.2MB" where it is symmetric, else "512kB..4MB"; "<=1.5MB" without a sample, "exact". */
char *draw_error(char out[DRAW_MAX], const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                 double period);
/* pprof's: "65.52%", " 0.1%", "100%"; "" when the total is 0. */
char *draw_share(char out[DRAW_MAX], double value, double total);
/* "2h3m"; "" when not known. */
char *draw_age(char out[DRAW_MAX], double seconds);
/* "98%"; "" when not known. */
char *draw_portion(char out[DRAW_MAX], double share);

/* Key of a type in JSON: "inuse_bytes", "alloc_objects"; other types keep their name. */
const char *draw_type_key(const struct seep_profile *p, uint32_t type);
/* Words for people: "in use", "allocated"; other types keep their name. */
const char *draw_type_words(const struct seep_profile *p, uint32_t type);

/* malloc'ed: the function with its address and "(inline)"; NULL when memory is out. */
char *draw_function(const struct seep_row *row, enum seep_granularity by);
/* malloc'ed: "file.c:12", else "[module]"; only the last part of paths when `is_short`. */
char *draw_place(const struct seep_row *row, bool is_short);

/* Lines above the table; `total` is indexed as the profile's types. Returns how many lines there were. */
unsigned draw_head(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                   const struct seep_figure *total, const struct seep_report_options *o);
/* Rows to show of `nr_rows`, when `nr_lines` of the terminal are taken by other text. */
size_t draw_nr_rows(const struct seep_report_options *o, size_t nr_rows, unsigned nr_lines);

/* The value type that goes with `type`: alloc_space for inuse_space and so on; SEEP_NO_ID without one. */
uint32_t draw_other_type(const struct seep_profile *p, uint32_t type);

#endif
