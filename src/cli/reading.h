/*
 * What the verbs that read profiles share: their options, and targets made into a profile with what stands above a
 * report.
 */
#ifndef SEEP_CLI_READING_H
#define SEEP_CLI_READING_H

#include "analyse/analyse.h"
#include "cli/cli.h"
#include "cli/targets.h"
#include "cli/window.h"
#include "report/report.h"

#define READING_MIN_UNSET UINT64_MAX
enum { READING_BY_THREAD = 16, READING_BY_HEAP };

struct reading_options {
	struct cli_target_options target;
	int type; /* SEEP_INUSE_SPACE … */
	int by;   /* enum seep_granularity, or a READING_BY_… */
	int all_frames;
	struct window_options window;
	const char *heap, *thread; /* a heap's name, a REGEX; NULL: not given */
	double outlived_s;
	uint64_t min_value, nr_rows;
	bool with_errors, wide, json;
	const char *output;
	int format; /* of export */
};

extern const struct cli_word reading_sort_words[], reading_by_words[], reading_frames_words[];
extern const struct reading_options reading_defaults;

/* Rows of the option tables: the same words in every verb. */
#define READING_ROWS_CHOICE                                                            \
	WINDOW_ROWS(struct reading_options, window),                                   \
		CLI_TEXT(0, "heap", struct reading_options, heap, "NAME",              \
	                 "malloc (default); mmap: the program's own mappings, which\n" \
	                 "are no part of malloc's heap; or an arena's name"),          \
		CLI_TEXT(0, "thread", struct reading_options, thread, "REGEX",         \
	                 "only what threads allocated whose NAME/TID matches")
#define READING_ROW_OUTPUT \
	CLI_TEXT('o', "output", struct reading_options, output, "FILE", "write to FILE, which appears when it is whole")
#define READING_ROW_MIN(help) CLI_BYTES(0, "min", struct reading_options, min_value, "SIZE", help)
#define READING_ROWS                                                                                                   \
	CLI_WORD('s', "sort", struct reading_options, type, reading_sort_words, "VALUE",                               \
	         "inuse_space (default), inuse_objects, alloc_space or\nalloc_objects"),                               \
		CLI_WORD(0, "by", struct reading_options, by, reading_by_words, "WHAT",                                \
	                 "function (default), line or address; thread or heap"),                                       \
		CLI_WORD(0, "frames", struct reading_options, all_frames, reading_frames_words, "WHICH",               \
	                 "user: what allocators, containers and runtimes hold counts\n"                                \
	                 "for the code that called them (default); all: show them"),                                   \
		READING_ROWS_CHOICE,                                                                                   \
		CLI_COUNT('n', "nr", struct reading_options, nr_rows, "ROWS", "show at most ROWS rows; 0 shows all"),  \
		CLI_FLAG('e', "error", struct reading_options, with_errors, "show the 95 % interval of every figure"), \
		CLI_FLAG('w', "wide", struct reading_options, wide, "cut nothing to fit the terminal"),                \
		CLI_FLAG('j', "json", struct reading_options, json, "write JSON"), READING_ROW_OUTPUT

struct reading {
	const struct reading_options *options;
	struct cli_targets targets;
	struct seep_profile *profile; /* of `targets` */
	struct window window;
	struct seep_arena arena; /* texts of `sources` */
	struct cli_end_sources ends;
	struct seep_head head;
	struct seep_source *sources;
	struct seep_loss *losses;
	struct seep_out out;
	uint32_t type; /* of the profile, that --sort means */
	struct seep_analyse_options analyse;
	struct seep_report_options report;
};

/*
 * Resolves, loads, symbolises. `with_frames`: where rows are threads or heaps, the code stays above them. CLI_OK or an
 * exit code after one clear line; release in both cases.
 */
SEEP_NODISCARD int reading_open(struct reading *r, const char *verb, const struct reading_options *o, bool with_frames,
                                int nr_words, char **words);
/* Opens the output and sets how text is drawn there. */
SEEP_NODISCARD int reading_begin_output(struct reading *r);
/* Ends the output as `status` (of the report) says: whole, or not at all. */
SEEP_NODISCARD int reading_end_output(struct reading *r, enum seep_status status);
void reading_release(struct reading *r);

#endif
