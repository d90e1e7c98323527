/*
 * seep VERB [OPTION…] [ARGUMENT…]: the table of verbs and what stands before one.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct cli_verb *const verbs[] = {
	&cli_verb_run, &cli_verb_recordings, &cli_verb_info, &cli_verb_set,    &cli_verb_clean,      &cli_verb_why,
	&cli_verb_top, &cli_verb_tree,       &cli_verb_peek, &cli_verb_export, &cli_verb_completion,
};

const struct cli_verb *const *cli_verbs(size_t *nr)
{
	*nr = ARRAY_SIZE(verbs);
	return verbs;
}

const struct cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static void print_overview(FILE *stream)
{
	fprintf(stream,
	        "Usage: seep VERB [OPTION…] [TARGET…]\n\n"
	        "Finds out why a program's memory grows: records its heap, survives its OOM kill, names the code.\n\n"
	        "Verbs:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(stream, "  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
	fprintf(stream, "\nStart with:\n"
	                "  seep run -- CMD…       run a program recorded\n"
	                "  seep why               say why the newest recording's memory grew\n\n"
	                "A TARGET is a recording, a directory of them, a pid, or nothing for the newest recording.\n"
	                "'seep VERB --help' tells more; so do the man pages seep(1), seep-VERB(1).\n");
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
	_Alignas(max_align_t) char options[CLI_OPTIONS_MAX] = { 0 };
	char **operands = NULL;
	int nr = 0, rc = CLI_OK;

	if (verb->defaults)
		memcpy(options, verb->defaults, verb->options_bytes);
	if (cli_options_parse(verb, argc, argv, options, &nr, &operands, &rc))
		rc = verb->run(options, nr, operands);
	else if (rc == CLI_USAGE && verb->is_command_line)
		rc = CLI_OWN_FAILURE;
	cli_options_release(verb, options);
	return rc;
}

static int help(int argc, char **argv)
{
	const struct cli_verb *verb = argc > 2 ? cli_verb_find(argv[2]) : NULL;

	if (argc > 2 && !verb)
		return cli_usage(NULL, "there is no verb '%s'", argv[2]);
	if (verb)
		cli_help_print(verb, stdout);
	else
		print_overview(stdout);
	return CLI_OK;
}

static int dispatch(int argc, char **argv)
{
	const struct cli_verb *verb;

	if (argc < 2) {
		print_overview(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("seep " SEEP_VERSION "\n");
		return CLI_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(argc, argv);
	verb = cli_verb_find(argv[1]);
	if (!verb)
		return cli_usage(NULL, argv[1][0] == '-' ? "unknown option '%s'" : "there is no verb '%s'", argv[1]);
	return run_verb(verb, argc - 1, argv + 1);
}

/* A report that could not be written is a failure, however well it was made. */
static int finish(int rc)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	cli_error("cannot write to standard output");
	return rc ? rc : CLI_SYSTEM;
}

int main(int argc, char **argv)
{
	return finish(dispatch(argc, argv));
}
