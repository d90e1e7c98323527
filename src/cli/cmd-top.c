#include "cli/reading.h"

static const struct cli_option top_options[] = {
	READING_ROWS, READING_ROW_MIN("hide rows with less than SIZE in cum"),
	CLI_SECONDS(0, "outlived", struct reading_options, outlived_s, "TIME",
	            "the column >TIME is the share of the bytes in use that are\nolder: 10s, 5m (default 60s)"),
	CLI_TARGET_ROWS(struct reading_options, target), CLI_END
};

static int draw(struct reading *r)
{
	struct seep_error err = { 0 };
	struct seep_table *table = NULL;
	enum seep_status status = SEEP_OK;
	int rc;

	if (seep_analyse_top(r->profile, &r->analyse, &table, &err) != SEEP_OK)
		return cli_fail(NULL, &err);
	rc = reading_begin_output(r);
	if (rc == CLI_OK) {
		if (r->options->json)
			seep_report_top_json(r->out.stream, &r->head, r->profile, table, &r->report);
		else
			status = seep_report_top(r->out.stream, &r->head, r->profile, table, &r->report);
		rc = reading_end_output(r, status);
	}
	seep_table_free(table);
	return rc;
}

static int run(const void *options, int nr_operands, char **operands)
{
	struct reading r;
	int rc = reading_open(&r, "top", options, false, nr_operands, operands);

	if (rc == CLI_OK)
		rc = draw(&r);
	reading_release(&r);
	return rc;
}

const struct cli_verb cli_verb_top = {
	.name = "top",
	.arguments = "[TARGET…]",
	.summary = "show which functions hold the memory",
	.options = top_options,
	.options_bytes = sizeof(struct reading_options),
	.defaults = &reading_defaults,
	.run = run,
};
