#include "cli/completion.h"

#include <string.h>

#include "cli/cli.h"

typedef void visit_option(FILE *out, const struct cli_verb *verb, const struct cli_option *o);

static const struct cli_option help_option = {
	.kind = CLI_KIND_FLAG, .letter = 'h', .name = "help", .help = "print help"
};

static void each_option(FILE *out, const struct cli_verb *verb, visit_option *visit)
{
	for (const struct cli_option *o = verb->options; o && o->kind != CLI_KIND_END; o++)
		visit(out, verb, o);
	visit(out, verb, &help_option);
}

static bool takes_file(const struct cli_option *o)
{
	return o->argument && !strcmp(o->argument, "FILE");
}

static bool takes_directory(const struct cli_option *o)
{
	return o->argument && !strcmp(o->argument, "DIR");
}

static void write_words(FILE *out, const struct cli_option *o)
{
	for (const struct cli_word *w = o->words; w && w->word; w++)
		fprintf(out, "%s%s", w == o->words ? "" : " ", w->word);
}

/* Help as one line without what a shell's quotes would end at. */
static void write_help(FILE *out, const char *help, const char *escaped)
{
	for (const char *c = help; *c; c++) {
		if (*c == '\n')
			fputc(' ', out);
		else if (*c == '\'')
			fputs("'\\''", out);
		else if (strchr(escaped, *c))
			fprintf(out, "\\%c", *c);
		else
			fputc(*c, out);
	}
}

/* ---- bash ---- */

static void bash_name(FILE *out, const struct cli_verb *verb, const struct cli_option *o)
{
	(void)verb;
	fprintf(out, " --%s%s", o->name, o->argument ? "=" : "");
}

static void bash_value(FILE *out, const struct cli_verb *verb, const struct cli_option *o)
{
	if (!o->argument)
		return;
	fprintf(out, "\t%s:--%s) ", verb->name, o->name);
	if (o->words) {
		fputs("words='", out);
		write_words(out, o);
		fputs("' ;;\n", out);
	} else {
		fprintf(out, "%s ;;\n", takes_directory(o) ? "kind=-d" : takes_file(o) ? "kind=-f" : "kind=none");
	}
}

static void bash_tables(FILE *out)
{
	size_t nr;
	const struct cli_verb *const *verbs = cli_verbs(&nr);

	fputs("_seep_options() {\n\tcase $1 in\n", out);
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "\t%s) words='", verbs[i]->name);
		each_option(out, verbs[i], bash_name);
		fputs("' ;;\n", out);
	}
	fputs("\tesac\n}\n\n_seep_value() {\n\tcase $1:$2 in\n", out);
	for (size_t i = 0; i < nr; i++)
		each_option(out, verbs[i], bash_value);
	fputs("\tesac\n}\n\n", out);
}

/* "--sort=in" comes as three words, because bash breaks words at "=". */
static const char bash_rest[] =
	"_seep() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
	"\tlocal words= kind= option=\n"
	"\tCOMPREPLY=()\n"
	"\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$_seep_verbs --help --version\" -- \"$cur\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tif [ \"$cur\" = = ]; then\n"
	"\t\toption=$prev cur=\n"
	"\telif [ \"$prev\" = = ]; then\n"
	"\t\toption=${COMP_WORDS[COMP_CWORD-2]}\n"
	"\tfi\n"
	"\tif [ -n \"$option\" ]; then\n"
	"\t\t_seep_value \"$verb\" \"$option\"\n"
	"\telif [ \"${cur#-}\" != \"$cur\" ]; then\n"
	"\t\t_seep_options \"$verb\"\n"
	"\telif [ \"$verb\" = completion ]; then\n"
	"\t\twords='bash zsh fish'\n"
	"\telif [ \"$verb\" = help ]; then\n"
	"\t\twords=$_seep_verbs\n"
	"\telse\n"
	"\t\tkind=-f\n"
	"\tfi\n"
	"\tif [ -n \"$words\" ]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	"\telif [ -n \"$kind\" ] && [ \"$kind\" != none ]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen \"$kind\" -- \"$cur\")\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\tfi\n"
	"\tcase ${COMPREPLY[0]-} in\n"
	"\t--*=) compopt -o nospace 2>/dev/null ;;\n"
	"\tesac\n"
	"}\n"
	"complete -F _seep seep\n";

void completion_bash(FILE *out)
{
	size_t nr;
	const struct cli_verb *const *verbs = cli_verbs(&nr);

	fputs("# bash completion of seep; made by: seep completion bash\n_seep_verbs='", out);
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "%s ", verbs[i]->name);
	fputs("help'\n\n", out);
	bash_tables(out);
	fputs(bash_rest, out);
}

/* ---- zsh ---- */

static void zsh_argument(FILE *out, const struct cli_option *o)
{
	if (!o->argument)
		return;
	fprintf(out, ":%s:", o->argument);
	if (o->words) {
		fputc('(', out);
		write_words(out, o);
		fputc(')', out);
	} else if (takes_directory(o)) {
		fputs("_files -/", out);
	} else if (takes_file(o)) {
		fputs("_files", out);
	}
}

static void zsh_form(FILE *out, const struct cli_option *o, bool is_letter)
{
	fprintf(out, " \\\n\t\t\t'%s", o->kind == CLI_KIND_LIST ? "*" : "");
	if (is_letter)
		fprintf(out, "-%c%s[", o->letter, o->argument ? "+" : "");
	else
		fprintf(out, "--%s%s[", o->name, o->argument ? "=" : "");
	write_help(out, o->help, "[]:\\");
	fputc(']', out);
	zsh_argument(out, o);
	fputc('\'', out);
}

static void zsh_option(FILE *out, const struct cli_verb *verb, const struct cli_option *o)
{
	(void)verb;
	zsh_form(out, o, false);
	if (o->letter)
		zsh_form(out, o, true);
}

static void zsh_verb(FILE *out, const struct cli_verb *verb)
{
	bool is_regex_first = !strncmp(verb->arguments ? verb->arguments : "", "REGEX", 5);

	fprintf(out, "\t%s)\n\t\t_arguments", verb->name);
	each_option(out, verb, zsh_option);
	if (!strcmp(verb->name, "completion"))
		fputs(" \\\n\t\t\t'1:shell:(bash zsh fish)'", out);
	else if (verb->is_command_line)
		fputs(" \\\n\t\t\t'*::command:_normal'", out);
	else
		fprintf(out, "%s \\\n\t\t\t'*:target:_files'",
		        is_regex_first ? " \\\n\t\t\t'1:regular expression:'" : "");
	fputs("\n\t\t;;\n", out);
}

void completion_zsh(FILE *out)
{
	size_t nr;
	const struct cli_verb *const *verbs = cli_verbs(&nr);

	fputs("#compdef seep\n# zsh completion of seep; made by: seep completion zsh\n\n_seep() {\n"
	      "\tlocal -a verbs=(\n",
	      out);
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "\t\t'%s:", verbs[i]->name);
		write_help(out, verbs[i]->summary, ":\\");
		fputs("'\n", out);
	}
	fputs("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n"
	      "\tlocal verb=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $verb in\n",
	      out);
	for (size_t i = 0; i < nr; i++)
		zsh_verb(out, verbs[i]);
	fputs("\tesac\n}\n\nif [ \"$funcstack[1]\" = _seep ]; then\n\t_seep \"$@\"\nelse\n\tcompdef _seep seep\nfi\n",
	      out);
}

/* ---- fish ---- */

static void fish_option(FILE *out, const struct cli_verb *verb, const struct cli_option *o)
{
	fprintf(out, "complete -c seep -n '__fish_seen_subcommand_from %s' -l %s", verb->name, o->name);
	if (o->letter)
		fprintf(out, " -s %c", o->letter);
	if (o->words) {
		fputs(" -x -a '", out);
		write_words(out, o);
		fputc('\'', out);
	} else if (takes_directory(o)) {
		fputs(" -x -a '(__fish_complete_directories)'", out);
	} else if (o->argument) {
		fputs(takes_file(o) ? " -r -F" : " -x", out);
	}
	fputs(" -d '", out);
	write_help(out, o->help, "\\");
	fputs("'\n", out);
}

void completion_fish(FILE *out)
{
	size_t nr;
	const struct cli_verb *const *verbs = cli_verbs(&nr);

	fputs("# fish completion of seep; made by: seep completion fish\n", out);
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "complete -c seep -n __fish_use_subcommand -f -a %s -d '", verbs[i]->name);
		write_help(out, verbs[i]->summary, "\\");
		fputs("'\n", out);
		each_option(out, verbs[i], fish_option);
	}
	fputs("complete -c seep -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n", out);
}
