/*
 * The command line's machinery: the table of verbs, option tables, messages, exit codes.
 *
 * One file per verb (cmd-NAME.c) defines one `struct cli_verb`, which main.c lists. One row per option gives its
 * parsing, its line in --help, its completion, and is what the man pages are checked against: nothing about an option
 * is written twice. Rows name fields of the verb's options struct, so the tables are constant and nothing here is
 * global. The command line may die of want of memory (cli_alloc and friends); nothing below it may.
 */
#ifndef SEEP_CLI_H
#define SEEP_CLI_H

#include <stdarg.h>

#include "base/base.h"

/* ---- exit codes (seep run has those of env(1) beside) ---- */

enum cli_exit {
	CLI_OK = 0,
	CLI_EXCEEDED = 1, /* a gate or threshold was exceeded */
	CLI_USAGE = 2,
	CLI_INPUT = 3, /* unreadable or corrupt */
	CLI_SYSTEM = 4,
	CLI_OWN_FAILURE = 125 /* of verbs that run a command and pass its status on */
};
int cli_exit_of(enum seep_status status);

/* ---- options ---- */

enum cli_option_kind {
	CLI_KIND_END,
	CLI_KIND_FLAG,    /* bool, set to true */
	CLI_KIND_SWITCH,  /* int, set to the row's `number`: --on and --off are two rows of one field */
	CLI_KIND_TEXT,    /* const char *, borrowed from argv */
	CLI_KIND_LIST,    /* struct cli_list, one more text each time */
	CLI_KIND_BYTES,   /* uint64_t: 512K, 4M */
	CLI_KIND_SECONDS, /* double: 30s, 10m */
	CLI_KIND_COUNT,   /* uint64_t, decimal */
	CLI_KIND_WORD     /* int, one of `words` */
};

struct cli_list {
	const char **items;
	size_t nr, cap;
};

struct cli_word {
	const char *word;
	int value;
};

struct cli_option {
	enum cli_option_kind kind;
	char letter; /* 0: no short form */
	const char *name;
	size_t field;                 /* offset in the verb's options */
	int number;                   /* CLI_KIND_SWITCH */
	const struct cli_word *words; /* CLI_KIND_WORD, ended by a NULL word */
	const char *argument;         /* "SIZE" as --help shows it; NULL where none is taken */
	const char *help;             /* one line; a newline continues it below */
};

/* Offset of a field that must have this type: another one does not compile. */
#define CLI_FIELD(type, options, field) (offsetof(options, field) + 0 * sizeof((type *)0 == &((options *)0)->field))
/* clang-format off */
#define CLI_FLAG(letter, name, options, field, help) \
	{ CLI_KIND_FLAG, letter, name, CLI_FIELD(bool, options, field), 0, NULL, NULL, help }
#define CLI_SWITCH(letter, name, options, field, number, help) \
	{ CLI_KIND_SWITCH, letter, name, CLI_FIELD(int, options, field), number, NULL, NULL, help }
#define CLI_TEXT(letter, name, options, field, argument, help) \
	{ CLI_KIND_TEXT, letter, name, CLI_FIELD(const char *, options, field), 0, NULL, argument, help }
#define CLI_LIST(letter, name, options, field, argument, help) \
	{ CLI_KIND_LIST, letter, name, CLI_FIELD(struct cli_list, options, field), 0, NULL, argument, help }
#define CLI_BYTES(letter, name, options, field, argument, help) \
	{ CLI_KIND_BYTES, letter, name, CLI_FIELD(uint64_t, options, field), 0, NULL, argument, help }
#define CLI_SECONDS(letter, name, options, field, argument, help) \
	{ CLI_KIND_SECONDS, letter, name, CLI_FIELD(double, options, field), 0, NULL, argument, help }
#define CLI_COUNT(letter, name, options, field, argument, help) \
	{ CLI_KIND_COUNT, letter, name, CLI_FIELD(uint64_t, options, field), 0, NULL, argument, help }
#define CLI_WORD(letter, name, options, field, words, argument, help) \
	{ CLI_KIND_WORD, letter, name, CLI_FIELD(int, options, field), 0, words, argument, help }
#define CLI_END \
	{ CLI_KIND_END, 0, NULL, 0, 0, NULL, NULL, NULL }
/* clang-format on */

/* ---- verbs ---- */

#define CLI_OPTIONS_MAX 512 /* bytes of the largest options struct */

struct cli_verb {
	const char *name;
	const char *arguments;            /* "[TARGET…]" as --help shows it; "" none */
	const char *summary;              /* "what holds the memory, by function": no capital, no full stop */
	const char *details;              /* more lines for --help, ended by a newline; NULL none */
	const struct cli_option *options; /* ended by CLI_END; --help is everybody's and not in it */
	size_t options_bytes;             /* sizeof of the verb's options struct */
	const void *defaults;             /* one of them; NULL: all zero */
	bool is_command_line;             /* operands begin a command whose own options are not ours */
	/* Gets the parsed options and the operands; returns the exit code. */
	int (*run)(const void *options, int nr_operands, char **operands);
};

extern const struct cli_verb cli_verb_run, cli_verb_recordings, cli_verb_info, cli_verb_set, cli_verb_clean;
extern const struct cli_verb cli_verb_why, cli_verb_top, cli_verb_tree, cli_verb_peek, cli_verb_export,
	cli_verb_completion;

/* The table of verbs (main.c), in the order of --help. */
const struct cli_verb *const *cli_verbs(size_t *nr);
const struct cli_verb *cli_verb_find(const char *name);

/*
 * Parses argv[1…] into `options` (verb->options_bytes, already holding the defaults). Returns true to go on, with the
 * operands; false with *exit_code when --help was printed or the words were wrong (and said so).
 */
bool cli_options_parse(const struct cli_verb *verb, int argc, char **argv, void *options, int *nr_operands,
                       char ***operands, int *exit_code);
/* Frees what lists in the options hold. */
void cli_options_release(const struct cli_verb *verb, void *options);
void cli_help_print(const struct cli_verb *verb, FILE *stream);

/* ---- messages: one write each to standard error, control characters replaced ---- */

void cli_error(const char *fmt, ...) SEEP_PRINTF(1, 2);   /* seep: … */
void cli_warning(const char *fmt, ...) SEEP_PRINTF(1, 2); /* seep: warning: … */
void cli_note(const char *fmt, ...) SEEP_PRINTF(1, 2);    /* seep: … , for what is no trouble */
void cli_hint(const char *fmt, ...) SEEP_PRINTF(1, 2);    /* hint: … */
/* "SUBJECT: what *err says", with the subject said once; malloc'ed. `subject` may be NULL. */
char *cli_error_text(const char *subject, const struct seep_error *err);
/* Says that as an error; returns the exit code. */
int cli_fail(const char *subject, const struct seep_error *err);
/* Wrong words: says so, points at --help, returns CLI_USAGE. */
int cli_usage(const char *verb, const char *fmt, ...) SEEP_PRINTF(2, 3);

/* ---- memory, or death ---- */

void *cli_alloc(size_t nmemb, size_t size); /* zeroed */
void cli_grow(void *array_ptr, size_t *nr_alloc, size_t want, size_t size);
char *cli_strdup(const char *s);
char *cli_printf(const char *fmt, ...) SEEP_PRINTF(1, 2);
char *cli_vprintf(const char *fmt, va_list args) SEEP_PRINTF(1, 0);
void cli_list_add(struct cli_list *list, const char *item);

#endif
