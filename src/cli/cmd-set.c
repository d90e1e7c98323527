#include <ctype.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/targets.h"

struct set_options {
	struct cli_target_options target;
	uint64_t period;
	int on; /* -1: as it is */
	const char *mark;
};

#define NOT_GIVEN UINT64_MAX

static const struct set_options defaults = { .period = NOT_GIVEN, .on = -1 };

static const struct cli_option set_options[] = {
	CLI_BYTES(0, "period", struct set_options, period, "SIZE",
	          "mean bytes between samples from now on; 1 records every\nallocation"),
	CLI_SWITCH(0, "on", struct set_options, on, 1, "record"),
	CLI_SWITCH(0, "off", struct set_options, on, 0, "stop recording: totals get a hole, which is noted"),
	CLI_TEXT(0, "mark", struct set_options, mark, "NAME",
	         "give this moment a name, for --since=mark:NAME; after what\nelse is set"),
	CLI_LIST(0, "dir", struct set_options, target.dirs, "DIR", "look for recordings in DIR (may be given again)"),
	CLI_END
};

static void say_done(const struct set_options *o, const struct cli_target *t)
{
	char period[SEEP_UNIT_MAX];

	if (o->period == NOT_GIVEN && o->on < 0)
		return;
	if (o->on == 0)
		cli_note("%s: recording is off from now on", t->label);
	else if (o->period == NOT_GIVEN)
		cli_note("%s: recording is on from now on", t->label);
	else if (o->period == 1)
		cli_note("%s: every allocation is recorded from now on", t->label);
	else
		cli_note("%s: one sample every %s on average from now on", t->label,
		         seep_format_bytes(period, (double)o->period));
}

static int set_mark(const struct set_options *o, const struct cli_target *t)
{
	struct seep_error err = { .status = SEEP_OK };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (seep_recording_mark(t->path, o->mark, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, &err) !=
	    SEEP_OK)
		return cli_fail(t->path, &err);
	cli_note("%s: this moment is marked '%s'", t->label, o->mark);
	return CLI_OK;
}

static int set_one(const struct set_options *o, const struct cli_target *t)
{
	struct seep_error err = { .status = SEEP_OK };

	if (!t->is_alive) {
		cli_error("%s: its process has ended, there is nothing to set", t->path);
		return CLI_INPUT;
	}
	if (seep_recording_control(t->path, o->period == NOT_GIVEN ? 0 : o->period, o->on, &err) != SEEP_OK)
		return cli_fail(t->path, &err);
	say_done(o, t);
	return o->mark ? set_mark(o, t) : CLI_OK;
}

/* What a name must be to be typed again behind "mark:". */
static bool is_mark_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c) || *c == ',')
			return false;
	return len && len <= sizeof(((struct seep_rec_mark *)0)->name);
}

static int run(const void *options, int nr_operands, char **operands)
{
	const struct set_options *o = options;
	struct cli_targets targets;
	int rc;

	if (!nr_operands)
		return cli_usage("set", "which process? Give its pid or its recording");
	if (o->period == NOT_GIVEN && o->on < 0 && !o->mark)
		return cli_usage("set", "nothing to set: give --period, --on, --off or --mark");
	if (o->mark && !is_mark_name(o->mark))
		return cli_usage("set", "--mark: a name has 1 to %zu bytes, none of them a comma",
		                 sizeof(((struct seep_rec_mark *)0)->name));
	if (o->period != NOT_GIVEN && (!o->period || o->period > SEEP_REC_MAX_PERIOD))
		return cli_usage("set", "--period: between 1 and %llu bytes", (unsigned long long)SEEP_REC_MAX_PERIOD);
	rc = cli_targets_resolve("set", &o->target, nr_operands, operands, &targets);
	if (rc != CLI_OK)
		return rc;
	for (size_t i = 0; i < targets.nr && rc == CLI_OK; i++)
		rc = set_one(o, &targets.items[i]);
	cli_targets_release(&targets);
	return rc;
}

const struct cli_verb cli_verb_set = {
	.name = "set",
	.arguments = "PID|RECORDING…",
	.summary = "change the period of a running recording, switch it off and on, or mark a moment",
	.details =
		"No signal, no restart: the program notices at its next sample, at the latest after 16 MiB a thread.\n",
	.options = set_options,
	.options_bytes = sizeof(struct set_options),
	.defaults = &defaults,
	.run = run,
};
