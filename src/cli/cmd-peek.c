#include "cli/pattern.h"
#include "cli/reading.h"

static const struct cli_option peek_options[] = { READING_ROWS, CLI_TARGET_ROWS(struct reading_options, target),
	                                          CLI_END };

static int write_peeks(struct reading *r, const struct seep_peeks *peeks)
{
	enum seep_status status = SEEP_OK;
	int rc = reading_begin_output(r);

	if (rc != CLI_OK)
		return rc;
	if (r->options->json)
		seep_report_peek_json(r->out.stream, &r->head, r->profile, peeks, &r->report);
	else
		status = seep_report_peek(r->out.stream, &r->head, r->profile, peeks, &r->report);
	return reading_end_output(r, status);
}

static int draw(struct reading *r, const char *regex, struct pattern *pattern)
{
	struct seep_error err = { 0 };
	struct seep_peeks *peeks = NULL;
	int rc;

	r->analyse.min_value = 0;
	r->analyse.only_changes = false;
	if (seep_analyse_peek(r->profile, &r->analyse, pattern_match, pattern, &peeks, &err) != SEEP_OK)
		return cli_fail(NULL, &err);
	if (pattern_gave_up(pattern))
		cli_warning("regular expression '%s': some names took too long to match and are left out", regex);
	rc = peeks->nr_peeks ? write_peeks(r, peeks) : CLI_USAGE;
	if (!peeks->nr_peeks)
		cli_error("no function matches '%s'", regex);
	seep_peeks_free(peeks);
	return rc;
}

static int run(const void *options, int nr_operands, char **operands)
{
	struct seep_error err = { 0 };
	struct pattern *pattern = NULL;
	struct reading r;
	int rc;

	if (!nr_operands)
		return cli_usage("peek", "a REGEX is missing");
	if (pattern_compile(operands[0], &pattern, &err) != SEEP_OK)
		return cli_fail(NULL, &err);
	rc = reading_open(&r, "peek", options, true, nr_operands - 1, operands + 1);
	if (rc == CLI_OK)
		rc = draw(&r, operands[0], pattern);
	reading_release(&r);
	pattern_free(pattern);
	return rc;
}

const struct cli_verb cli_verb_peek = {
	.name = "peek",
	.arguments = "REGEX [TARGET…]",
	.summary = "show who calls the functions that match, and what they call",
	.details = "REGEX is looked for anywhere in function names, in RE2's syntax: no back-references, no\n"
		   "lookaround.\n",
	.options = peek_options,
	.options_bytes = sizeof(struct reading_options),
	.defaults = &reading_defaults,
	.run = run,
};
