#include <stdlib.h>

#include "cli/evidence.h"
#include "cli/reading.h"

static const struct cli_option why_options[] = {
	CLI_FLAG('w', "wide", struct reading_options, wide, "cut nothing to fit the terminal"),
	CLI_FLAG('j', "json", struct reading_options, json, "write JSON"), READING_ROW_OUTPUT,
	CLI_TARGET_ROWS(struct reading_options, target), CLI_END
};

struct why {
	struct reading reading;
	struct cli_evidence *evidence;
	struct seep_verdict **verdicts;
	size_t nr;
};

/* A profile without births and history cannot be judged; every target must be a recording. */
static int need_recordings(const struct cli_targets *t)
{
	for (size_t i = 0; i < t->nr; i++)
		if (!t->items[i].recording) {
			cli_error("%s: is a profile without times: a verdict needs a recording", t->items[i].path);
			return CLI_INPUT;
		}
	return CLI_OK;
}

static int judge(struct why *w)
{
	struct cli_targets *t = &w->reading.targets;
	struct seep_error err = { 0 };
	int rc = need_recordings(t);

	w->evidence = cli_alloc(t->nr, sizeof(*w->evidence));
	w->verdicts = cli_alloc(t->nr, sizeof(*w->verdicts));
	while (rc == CLI_OK && w->nr < t->nr) {
		rc = cli_evidence_of(t, w->nr, &w->reading.ends, &w->evidence[w->nr]);
		if (rc == CLI_OK && seep_verdict_of(&w->evidence[w->nr].e, &w->verdicts[w->nr], &err) != SEEP_OK)
			rc = cli_fail(NULL, &err);
		w->nr++;
	}
	return rc;
}

static int draw(struct why *w)
{
	struct reading *r = &w->reading;
	const struct seep_verdict *const *verdicts = (const struct seep_verdict *const *)w->verdicts;
	size_t worst = seep_verdict_worst(verdicts, w->nr);
	int rc = reading_begin_output(r);

	if (rc != CLI_OK)
		return rc;
	r->head.warnings = (const char *const *)r->targets.warnings;
	r->head.nr_warnings = r->targets.nr_warnings;
	if (r->options->json)
		seep_report_why_json(r->out.stream, &r->head, verdicts, worst);
	else
		seep_report_why(r->out.stream, &r->head, verdicts, worst, &r->report.style);
	return reading_end_output(r, SEEP_OK);
}

static int run(const void *options, int nr_operands, char **operands)
{
	struct why w = { 0 };
	int rc = reading_open(&w.reading, "why", options, true, nr_operands, operands);

	if (rc == CLI_OK)
		rc = judge(&w);
	if (rc == CLI_OK)
		rc = draw(&w);
	for (size_t i = 0; i < w.nr; i++) {
		seep_verdict_free(w.verdicts[i]);
		cli_evidence_release(&w.evidence[i]);
	}
	free(w.verdicts);
	free(w.evidence);
	reading_release(&w.reading);
	return rc;
}

const struct cli_verb cli_verb_why = {
	.name = "why",
	.arguments = "[TARGET…]",
	.summary = "say why the memory grows: a leak, load, a limit, …",
	.details = "The first line is the verdict, then come the numbers it rests on, what to do next, and which\n"
		   "verdicts could not be given for want of evidence. Of several processes each is judged.\n",
	.options = why_options,
	.options_bytes = sizeof(struct reading_options),
	.defaults = &reading_defaults,
	.run = run,
};
