#include "cli/reading.h"

#define LEAST_SHARE 0.005

static const struct cli_option tree_options[] = {
	READING_ROWS,
	READING_ROW_MIN("hide calls with less than SIZE in cum (default: 0.5 % of\nthe total); 0 shows all"),
	CLI_TARGET_ROWS(struct reading_options, target), CLI_END
};

static int draw(struct reading *r)
{
	struct seep_error err = { 0 };
	struct seep_tree *tree = NULL;
	enum seep_status status = SEEP_OK;
	int rc;

	r->analyse.only_changes = false;
	r->analyse.min_value = 0; /* small calls are counted where they are hidden */
	r->report.min_share = r->options->min_value == READING_MIN_UNSET ? LEAST_SHARE : 0;
	if (seep_analyse_tree(r->profile, &r->analyse, &tree, &err) != SEEP_OK)
		return cli_fail(NULL, &err);
	rc = reading_begin_output(r);
	if (rc == CLI_OK) {
		if (r->options->json)
			seep_report_tree_json(r->out.stream, &r->head, r->profile, tree, &r->report);
		else
			status = seep_report_tree(r->out.stream, &r->head, r->profile, tree, &r->report);
		rc = reading_end_output(r, status);
	}
	seep_tree_free(tree);
	return rc;
}

static int run(const void *options, int nr_operands, char **operands)
{
	struct reading r;
	int rc = reading_open(&r, "tree", options, true, nr_operands, operands);

	if (rc == CLI_OK)
		rc = draw(&r);
	reading_release(&r);
	return rc;
}

const struct cli_verb cli_verb_tree = {
	.name = "tree",
	.arguments = "[TARGET…]",
	.summary = "show the calls that lead to the memory",
	.options = tree_options,
	.options_bytes = sizeof(struct reading_options),
	.defaults = &reading_defaults,
	.run = run,
};
