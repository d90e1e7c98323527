#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { HELP_COLUMN = 26, MAX_OPTIONS = 64, FIRST_LONG = 256 };

static size_t count_options(const struct cli_verb *verb)
{
	size_t nr = 0;

	while (verb->options && verb->options[nr].kind != CLI_KIND_END)
		nr++;
	return nr;
}

/* ---- help ---- */

static void print_head(const struct cli_option *o, char *out, size_t cap)
{
	char letter[8] = "    ", argument[32] = "";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	if (o->argument)
		snprintf(argument, sizeof(argument), "=%s", o->argument);
	snprintf(out, cap, "  %s--%s%s", letter, o->name, argument);
}

static void print_option(const struct cli_option *o, FILE *stream)
{
	char head[96];

	print_head(o, head, sizeof(head));
	if (strlen(head) + 2 > HELP_COLUMN)
		fprintf(stream, "%s\n%*s", head, HELP_COLUMN, "");
	else
		fprintf(stream, "%-*s", HELP_COLUMN, head);
	for (const char *c = o->help; *c; c++)
		if (*c == '\n')
			fprintf(stream, "\n%*s", HELP_COLUMN, "");
		else
			fputc(*c, stream);
	fputc('\n', stream);
}

static const struct cli_option help_option = { CLI_KIND_END, 'h', "help", 0, 0, NULL, NULL, "print this" };

void cli_help_print(const struct cli_verb *verb, FILE *stream)
{
	fprintf(stream, "Usage: seep %s [OPTION…]%s%s\n\n", verb->name, *verb->arguments ? " " : "", verb->arguments);
	fprintf(stream, "%c%s.\n", toupper((unsigned char)verb->summary[0]), verb->summary + 1);
	if (verb->details)
		fprintf(stream, "\n%s", verb->details);
	fprintf(stream, "\nOptions:\n");
	for (size_t i = 0; i < count_options(verb); i++)
		print_option(&verb->options[i], stream);
	print_option(&help_option, stream);
}

/* ---- values ---- */

static void word_choices(const struct cli_word *words, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = 0;
	for (; words->word && len < cap; words++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? ", " : "", words->word);
}

static bool parse_word(const struct cli_verb *verb, const struct cli_option *o, const char *text, int *out)
{
	char choices[256];

	for (const struct cli_word *w = o->words; w->word; w++)
		if (!strcmp(w->word, text)) {
			*out = w->value;
			return true;
		}
	word_choices(o->words, choices, sizeof(choices));
	cli_usage(verb->name, "--%s: '%s' is none of: %s", o->name, text, choices);
	return false;
}

static bool parse_count(const char *text, uint64_t *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno;
}

static bool refuse_value(const struct cli_verb *verb, const struct cli_option *o, const char *text, const char *want)
{
	cli_usage(verb->name, "--%s: '%s' is not %s", o->name, text, want);
	return false;
}

static bool set_option(const struct cli_verb *verb, const struct cli_option *o, char *options, const char *text)
{
	void *field = options + o->field;

	switch (o->kind) {
	case CLI_KIND_FLAG: *(bool *)field = true; return true;
	case CLI_KIND_SWITCH: *(int *)field = o->number; return true;
	case CLI_KIND_TEXT: *(const char **)field = text; return true;
	case CLI_KIND_LIST: cli_list_add(field, text); return true;
	case CLI_KIND_BYTES:
		return seep_parse_bytes(text, field) || refuse_value(verb, o, text, "a size such as 512K or 4M");
	case CLI_KIND_SECONDS:
		return seep_parse_seconds(text, field) || refuse_value(verb, o, text, "a time such as 30s or 10m");
	case CLI_KIND_COUNT: return parse_count(text, field) || refuse_value(verb, o, text, "a number");
	case CLI_KIND_WORD: return parse_word(verb, o, text, field);
	case CLI_KIND_END: break;
	}
	return false;
}

/* ---- parsing ---- */

/* getopt's view of the table; val is FIRST_LONG + row, or 'h'. */
struct view {
	struct option longs[MAX_OPTIONS + 2];
	char shorts[2 * MAX_OPTIONS + 8];
};

static void make_view(const struct cli_verb *verb, struct view *v)
{
	size_t nr = count_options(verb), len = 0;

	memset(v, 0, sizeof(*v));
	if (verb->is_command_line)
		v->shorts[len++] = '+';
	v->shorts[len++] = ':';
	v->shorts[len++] = 'h';
	for (size_t i = 0; i < nr && i < MAX_OPTIONS; i++) {
		const struct cli_option *o = &verb->options[i];

		v->longs[i] = (struct option){ o->name, o->argument ? required_argument : no_argument, NULL,
			                       FIRST_LONG + (int)i };
		if (!o->letter)
			continue;
		v->shorts[len++] = o->letter;
		if (o->argument)
			v->shorts[len++] = ':';
	}
	v->longs[nr] = (struct option){ "help", no_argument, NULL, 'h' };
}

static const struct cli_option *find_row(const struct cli_verb *verb, int c)
{
	size_t nr = count_options(verb);

	if (c >= FIRST_LONG)
		return &verb->options[c - FIRST_LONG];
	for (size_t i = 0; i < nr; i++)
		if (verb->options[i].letter == c)
			return &verb->options[i];
	return NULL;
}

/* getopt tells what was wrong in three ways: ':' without argument, '?' with optopt, '?' with a word at optind - 1. */
static void complain(const struct cli_verb *verb, int c, char **argv)
{
	const char *word = argv[optind - 1];

	if (c == ':')
		cli_usage(verb->name, "%s needs a value", word);
	else if (optopt >= FIRST_LONG || optopt == 'h')
		cli_usage(verb->name, "'%s': this option takes no value", word);
	else if (optopt)
		cli_usage(verb->name, "unknown option '-%c'", optopt);
	else
		cli_usage(verb->name, "unknown option '%s'", word);
}

bool cli_options_parse(const struct cli_verb *verb, int argc, char **argv, void *options, int *nr_operands,
                       char ***operands, int *exit_code)
{
	struct view view;
	int c;

	make_view(verb, &view);
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, view.shorts, view.longs, NULL)) != -1) {
		const struct cli_option *row;

		if (c == 'h') {
			cli_help_print(verb, stdout);
			*exit_code = CLI_OK;
			return false;
		}
		row = c == '?' || c == ':' ? NULL : find_row(verb, c);
		if (!row)
			complain(verb, c, argv);
		if (!row || !set_option(verb, row, options, optarg)) {
			*exit_code = CLI_USAGE;
			return false;
		}
	}
	*nr_operands = argc - optind;
	*operands = argv + optind;
	return true;
}

void cli_options_release(const struct cli_verb *verb, void *options)
{
	for (size_t i = 0; i < count_options(verb); i++)
		if (verb->options[i].kind == CLI_KIND_LIST) {
			struct cli_list *list = (struct cli_list *)(void *)((char *)options + verb->options[i].field);

			free(list->items);
			*list = (struct cli_list){ NULL, 0, 0 };
		}
}
