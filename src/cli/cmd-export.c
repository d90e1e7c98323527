#include "cli/reading.h"

#include <unistd.h>

#include "format/format.h"

enum { FORMAT_PPROF, FORMAT_FOLDED, FORMAT_JSON };

static const struct cli_word format_words[] = {
	{ "pprof", FORMAT_PPROF }, { "folded", FORMAT_FOLDED }, { "json", FORMAT_JSON }, { NULL, 0 }
};

static const struct cli_option export_options[] = {
	CLI_WORD('f', "format", struct reading_options, format, format_words, "FORMAT",
	         "pprof: profile.proto, gzipped (default); folded: a line per\nstack for flame graphs; json"),
	CLI_WORD('s', "sort", struct reading_options, type, reading_sort_words, "VALUE",
	         "the value of folded stacks: inuse_space (default),\ninuse_objects, alloc_space or alloc_objects"),
	READING_ROWS_CHOICE,
	READING_ROW_OUTPUT,
	CLI_TARGET_ROWS(struct reading_options, target),
	CLI_END
};

static bool is_to_terminal(const struct reading_options *o)
{
	return (!o->output || (o->output[0] == '-' && !o->output[1])) && isatty(STDOUT_FILENO);
}

static enum seep_status write_profile(struct reading *r, struct seep_error *err)
{
	switch (r->options->format) {
	case FORMAT_FOLDED: return seep_folded_write(r->profile, r->type, r->out.stream, err);
	case FORMAT_JSON: return seep_json_profile_write(r->profile, r->out.stream, err);
	default: return seep_pprof_write(r->profile, r->out.stream, err);
	}
}

static int run(const void *options, int nr_operands, char **operands)
{
	const struct reading_options *o = options;
	struct seep_error err = { 0 };
	struct reading r;
	int rc;

	if (o->format == FORMAT_PPROF && is_to_terminal(o))
		return cli_usage("export", "a gzipped profile is not for a terminal: give -o FILE");
	rc = reading_open(&r, "export", o, true, nr_operands, operands);
	if (rc == CLI_OK)
		rc = reading_begin_output(&r);
	if (rc == CLI_OK)
		rc = reading_end_output(&r, write_profile(&r, &err));
	reading_release(&r);
	return rc;
}

const struct cli_verb cli_verb_export = {
	.name = "export",
	.arguments = "[TARGET…]",
	.summary = "write a profile for pprof and other tools",
	.options = export_options,
	.options_bytes = sizeof(struct reading_options),
	.defaults = &reading_defaults,
	.run = run,
};
