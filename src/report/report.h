/*
 * Results drawn as text and JSON to a FILE *: tables, trees, neighbours. Draws, never computes.
 *
 * Text is UTF-8 whatever the locale. On a terminal it fits the width: columns that matter least are left out (and
 * named below the table), long names are cut in the middle. Elsewhere nothing is cut. What is read from files is
 * cleaned of control characters. Nothing here checks for write errors: the caller asks ferror() once at the end.
 * Threads: no globals; one stream belongs to one thread at a time.
 */
#ifndef SEEP_REPORT_H
#define SEEP_REPORT_H

#include "analyse/analyse.h"
#include "base/base.h"
#include "verdict/verdict.h"

/* ---- how text is drawn (style.c) ---- */

struct seep_style {
	unsigned width;  /* columns of the terminal; 0: no limit, nothing is cut or left out */
	unsigned height; /* its lines; 0: no terminal */
	bool is_coloured;
};

/* Of a terminal: its size (COLUMNS and LINES go first), colour unless NO_COLOR or TERM=dumb. `wide`: no limit. */
void seep_style_init(struct seep_style *s, FILE *out, bool wide);

enum seep_colour { SEEP_PLAIN, SEEP_BOLD, SEEP_DIM, SEEP_WARN };
/* The escape sequence that starts a colour, "" without colour; SEEP_PLAIN ends it. */
const char *seep_style_colour(const struct seep_style *s, enum seep_colour colour);

/* ---- tables of text (table.c) ---- */

enum {
	SEEP_COLUMN_RIGHT = 1,    /* aligned right */
	SEEP_COLUMN_CUT = 2,      /* may be cut in the middle */
	SEEP_COLUMN_CUT_START = 4 /* may be cut at its start */
};
struct seep_column {
	const char *title;
	unsigned flags;     /* SEEP_COLUMN_… */
	unsigned min_width; /* of a column that may be cut */
	unsigned drop;      /* 0: always shown; the highest goes first when the line is too narrow */
};

struct seep_text_table;
/* `columns` must outlive the table. NULL when memory is out. */
struct seep_text_table *seep_text_table_new(const struct seep_column *columns, size_t nr_columns);
void seep_text_table_free(struct seep_text_table *t);
/* The next cell, row by row. Control characters and invalid UTF-8 are replaced. */
void seep_text_table_add(struct seep_text_table *t, const char *fmt, ...) SEEP_PRINTF(2, 3);
/* The same with a prefix (a tree's indentation) that is cut only when nothing else is left to cut. */
void seep_text_table_add_indented(struct seep_text_table *t, const char *indent, const char *text);
/* A separating line below the rows so far. */
void seep_text_table_add_rule(struct seep_text_table *t);
/* Writes titles and rows, and which columns were left out, if any. SEEP_ERR_NOMEM when some cell could not be kept. */
SEEP_NODISCARD enum seep_status seep_text_table_write(const struct seep_text_table *t, const struct seep_style *s,
                                                      FILE *out);

/* Columns that UTF-8 text takes: its code points. */
size_t seep_text_width(const char *text);

/* ---- what stands above every report (head.c) ---- */

/* A moment that figures are of. */
struct seep_when {
	const char *text;        /* "16:04:32 UTC, 9m28s ago (asked for: 10m ago; moments kept there are 1m4s apart)" */
	const char *asked, *how; /* the user's words; "now" "start" "peak" "mark" "trail" */
	const char *utc;         /* "2026-11-24T16:04:32Z" */
	double time_s, asked_s, spacing_s; /* since the recording's epoch */
};

struct seep_source {                  /* one process whose memory was read; unknown texts are "" */
	const char *name, *path, *id; /* `id`: one word for the state: running exited killed oom unknown */
	const char *state;            /* "running", "exited 0 (seen by seep run)" */
	uint64_t pid;
	double age_s;             /* from its start to its last event */
	uint64_t period;          /* mean bytes between samples now; 1 every allocation; 0 unknown */
	bool is_off;              /* recording is switched off now */
	bool is_profile;          /* a profile of another tool: neither times nor errors are known */
	double estimated_since_s; /* seconds since its start; NaN: every figure is exact */
	double inuse_bytes, inuse_bytes_stderr;
	struct seep_when from, to; /* of a report about a moment: `to`; about a change: both; else text "" */
};

struct seep_loss {
	const char *id, *text; /* "samples", "sampled blocks found no free slot" */
	double count;          /* never 0 */
	bool is_bytes;
};

struct seep_head {
	const char *verb;
	const char *heap; /* which: "malloc", "mmap", an arena's name; "" several, each for itself: there is no total */
	const struct seep_source *sources;
	size_t nr_sources;
	const struct seep_loss *losses;
	size_t nr_losses;
	const char *const *warnings;
	size_t nr_warnings;
};

/* ---- reports ---- */

#define SEEP_ROWS_DEFAULT SIZE_MAX

struct seep_report_options {
	struct seep_style style;
	uint32_t type; /* index in the profile's types, as given to analyse */
	enum seep_granularity by;
	const char *pivot;         /* what rows are instead of functions: "thread", "heap"; NULL functions */
	size_t nr_rows;            /* 0: all; SEEP_ROWS_DEFAULT: 20, or what the terminal has room for */
	bool with_errors;          /* 95 % intervals */
	double outlived_s, period; /* as given to analyse; the mean bytes between samples, for empty intervals; NaN:
	                              errors are not known */
	double min_value;          /* as given to analyse */
	double min_share;          /* tree: calls with less of the total are hidden and counted */
};

/* As text. `p` gives the names of types and must be what was analysed. */
SEEP_NODISCARD enum seep_status seep_report_top(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                                                const struct seep_table *t, const struct seep_report_options *o);
SEEP_NODISCARD enum seep_status seep_report_tree(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                                                 const struct seep_tree *t, const struct seep_report_options *o);
SEEP_NODISCARD enum seep_status seep_report_peek(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                                                 const struct seep_peeks *k, const struct seep_report_options *o);

/* As JSON, one object: {"schema":1,"verb":…,"target":…,"total":…,"rows":[…],"lost":…,"warnings":[…]}, a newline. */
void seep_report_top_json(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                          const struct seep_table *t, const struct seep_report_options *o);
void seep_report_tree_json(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                           const struct seep_tree *t, const struct seep_report_options *o);
void seep_report_peek_json(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                           const struct seep_peeks *k, const struct seep_report_options *o);

/*
 * Verdicts: one for each of head->sources; `worst` is told in full, in text the others in a line each. The first word
 * of the text is the verdict.
 */
void seep_report_why(FILE *out, const struct seep_head *head, const struct seep_verdict *const *verdicts, size_t worst,
                     const struct seep_style *style);
void seep_report_why_json(FILE *out, const struct seep_head *head, const struct seep_verdict *const *verdicts,
                          size_t worst);

#endif
