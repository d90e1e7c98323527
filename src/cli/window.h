/*
 * What moments a report is about: the words of --since, --between and --at, found in each target.
 */
#ifndef SEEP_CLI_WINDOW_H
#define SEEP_CLI_WINDOW_H

#include "cli/targets.h"
#include "report/report.h"

struct window_options {
	const char *since, *between, *at;
};

/* Rows of the option tables. */
#define WINDOW_ROWS(options, member)                                                                      \
	CLI_TEXT(0, "since", options, member.since, "WHEN",                                               \
	         "what changed since then: 10m (ago), 14:05, 2026-11-24T14:05,\nmark:NAME, peak, start"), \
		CLI_TEXT(0, "between", options, member.between, "WHEN,WHEN",                              \
	                 "what changed from the one to the other; also now"),                             \
		CLI_TEXT(0, "at", options, member.at, "WHEN", "what was in use then")

/* A moment in the user's words. */
struct window_word {
	char *text; /* owned */
	enum seep_moment_kind kind;
	double ago_s;          /* of SEEP_MOMENT_TIME, unless it is of a clock */
	bool is_clock, is_utc; /* hours … seconds; of the day that year … day say, or of the last day that had it */
	bool has_date;
	int year, month, day, hour, minute, second;
};

struct window {
	bool has_from, has_to; /* `to` alone: what was in use; both: what changed; none: now */
	struct window_word from, to;
	struct seep_moment *from_of, *to_of; /* of each target; owned */
	bool with_objects;                   /* blocks are counted at all of them */
};

/* CLI_OK, or CLI_USAGE after one clear line. */
SEEP_NODISCARD int window_parse(const char *verb, const struct window_options *o, struct window *out);
/* Finds the moments in every target. CLI_OK, or an exit code after one clear line. */
SEEP_NODISCARD int window_find(struct window *w, const char *verb, const struct cli_targets *targets);
/* How the report tells them; texts are the arena's or the window's. */
void window_tell(const struct window *w, const struct cli_targets *targets, size_t i, struct seep_arena *arena,
                 struct seep_source *out);
void window_release(struct window *w);

#endif
