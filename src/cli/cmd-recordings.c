#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/targets.h"
#include "report/report.h"

struct recordings_options {
	bool json, wide;
};

static const struct cli_option recordings_options[] = {
	CLI_FLAG('w', "wide", struct recordings_options, wide, "cut nothing to fit the terminal"),
	CLI_FLAG('j', "json", struct recordings_options, json, "write JSON"), CLI_END
};

static const struct seep_column columns[] = {
	{ "PROCESS", SEEP_COLUMN_CUT, 12, 0 },
	{ "PID", SEEP_COLUMN_RIGHT, 0, 0 },
	{ "STARTED", 0, 0, 2 },
	{ "STATE", 0, 0, 0 },
	{ "LIVE", SEEP_COLUMN_RIGHT, 0, 0 },
	{ "SIZE", SEEP_COLUMN_RIGHT, 0, 3 },
	{ "PERIOD", SEEP_COLUMN_RIGHT, 0, 4 },
	{ "RECORDING", SEEP_COLUMN_CUT_START, 24, 0 },
};

/* What a row says of one recording. */
struct row {
	const struct cli_found *found;
	struct cli_end end;
	bool has_live;
	struct seep_estimate live;
	uint64_t period; /* 0: off */
	char started[32];
};

static void put_started(const struct seep_rec_header *h, char out[32])
{
	time_t t = (time_t)(h->epoch_realtime_ns / 1000000000u + h->start_us / 1000000u);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = 0;
}

/* The list needs the live bytes, and these are a sum over the samples: each file is read, one after the other. */
static void fill_row(struct cli_end_sources *sources, const struct cli_found *found, struct row *row)
{
	struct seep_recording *r = NULL;

	*row = (struct row){ .found = found, .period = found->header->status.period };
	if (!(found->header->words.control & SEEP_REC_CONTROL_ON))
		row->period = 0;
	cli_end_of(sources, found->header, &row->end);
	put_started(&found->header->header, row->started);
	if (seep_recording_read(found->path, &r, NULL) != SEEP_OK && !r)
		return;
	row->has_live = true;
	row->live = seep_recording_inuse(r, SEEP_REC_KIND_HEAP);
	seep_recording_free(r);
}

static void add_row(struct seep_text_table *t, const struct row *row)
{
	const struct seep_rec_header *h = &row->found->header->header;
	char unit[SEEP_UNIT_MAX];

	seep_text_table_add(t, "%s", h->name);
	seep_text_table_add(t, "%u", h->pid);
	seep_text_table_add(t, "%s", row->started);
	seep_text_table_add(t, "%s", row->end.text);
	seep_text_table_add(t, "%s", row->has_live ? seep_format_bytes(unit, row->live.bytes) : "?");
	seep_text_table_add(t, "%s", seep_format_bytes(unit, (double)row->found->file_bytes));
	if (row->period == 1)
		seep_text_table_add(t, "exact");
	else
		seep_text_table_add(t, "%s", row->period ? seep_format_bytes(unit, (double)row->period) : "off");
	seep_text_table_add(t, "%s", row->found->path);
}

static int write_text(const struct recordings_options *o, const struct row *rows, size_t nr)
{
	struct seep_text_table *t = seep_text_table_new(columns, ARRAY_SIZE(columns));
	enum seep_status status = SEEP_ERR_NOMEM;
	struct seep_style style;

	seep_style_init(&style, stdout, o->wide);
	for (size_t i = 0; t && i < nr; i++)
		add_row(t, &rows[i]);
	if (t)
		status = seep_text_table_write(t, &style, stdout);
	seep_text_table_free(t);
	if (status == SEEP_OK)
		return CLI_OK;
	cli_error("out of memory");
	return CLI_SYSTEM;
}

static void write_row_json(struct seep_json *j, const struct row *row)
{
	const struct seep_rec_header *h = &row->found->header->header;

	seep_json_object(j, NULL);
	seep_json_str(j, "path", row->found->path);
	seep_json_str(j, "name", h->name);
	seep_json_u64(j, "pid", h->pid);
	seep_json_str(j, "exe", h->exe);
	seep_json_str(j, "started", row->started);
	seep_json_str(j, "ended", row->end.text);
	seep_json_str(j, "ended_how", cli_end_word(row->end.how));
	seep_json_str(j, "ended_by", row->end.by);
	seep_json_u64(j, "size_bytes", row->found->file_bytes);
	seep_json_u64(j, "period_bytes", row->period);
	if (row->has_live) {
		seep_json_double(j, "inuse_bytes", row->live.bytes);
		seep_json_double(j, "inuse_bytes_stderr", sqrt(row->live.bytes_var));
		seep_json_double(j, "inuse_objects", row->live.objects);
		seep_json_u64(j, "samples_live", row->live.nr_samples);
	}
	seep_json_end(j);
}

static void write_json(const struct row *rows, const struct cli_found_list *list)
{
	struct seep_json j;

	seep_json_init(&j, stdout, true);
	seep_json_object(&j, NULL);
	seep_json_u64(&j, "schema", 1);
	seep_json_str(&j, "verb", "recordings");
	seep_json_array(&j, "rows");
	for (size_t i = 0; i < list->nr; i++)
		write_row_json(&j, &rows[i]);
	seep_json_end(&j);
	seep_json_array(&j, "unreadable");
	for (size_t i = 0; i < list->nr_bad; i++)
		seep_json_str(&j, NULL, list->bad[i]);
	seep_json_end(&j);
	seep_json_end(&j);
}

static int show(const struct recordings_options *o, const struct cli_list *dirs, const struct cli_found_list *list)
{
	struct cli_end_sources sources = { .sysroot = NULL };
	struct row *rows = cli_alloc(list->nr, sizeof(*rows));
	int rc = CLI_OK;

	for (size_t i = 0; i < list->nr; i++)
		fill_row(&sources, &list->items[i], &rows[i]);
	cli_end_sources_release(&sources);
	if (o->json)
		write_json(rows, list);
	else if (list->nr)
		rc = write_text(o, rows, list->nr);
	else
		cli_say_no_recordings(dirs->nr ? dirs : NULL);
	free(rows);
	return rc;
}

static int run(const void *options, int nr_operands, char **operands)
{
	struct cli_list dirs = { NULL, 0, 0 };
	struct cli_found_list list;
	int rc;

	for (int i = 0; i < nr_operands; i++)
		cli_list_add(&dirs, operands[i]);
	rc = cli_find_recordings(&dirs, true, &list);
	if (rc == CLI_OK) {
		rc = show(options, &dirs, &list);
		cli_found_release(&list);
	}
	free(dirs.items);
	return rc;
}

const struct cli_verb cli_verb_recordings = {
	.name = "recordings",
	.arguments = "[DIR…]",
	.summary = "list recordings: what runs, what ended and how, and how much it held",
	.details = "Without DIR: in $SEEP_DIR, /dev/shm/seep-UID, /tmp/seep-UID and $XDG_STATE_HOME/seep.\n",
	.options = recordings_options,
	.options_bytes = sizeof(struct recordings_options),
	.run = run,
};
