#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/targets.h"

struct clean_options {
	bool all, dry_run;
};

static const struct cli_option clean_options[] = {
	CLI_FLAG('a', "all", struct clean_options, all, "also remove *.seep files that are no readable recordings"),
	CLI_FLAG('n', "dry-run", struct clean_options, dry_run, "only say what would be removed"), CLI_END
};

struct tally {
	size_t nr_removed, nr_running, nr_failed;
	uint64_t bytes;
};

/*
 * Unlinked, never truncated: a process that still has it mapped would get SIGBUS. What may belong to a process that
 * cannot be seen from here stays.
 */
static bool may_remove(struct cli_end_sources *sources, const struct seep_recording *r)
{
	struct cli_end end;

	cli_end_of(sources, r, &end);
	return end.how != CLI_END_RUNNING && (end.how != CLI_END_UNKNOWN || end.is_gone);
}

static void remove_file(const struct clean_options *o, const char *path, uint64_t bytes, struct tally *tally)
{
	if (!o->dry_run && unlink(path)) {
		cli_error("%s: %s", path, strerror(errno));
		tally->nr_failed++;
		return;
	}
	printf("%s%s\n", o->dry_run ? "would remove " : "removed ", path);
	tally->nr_removed++;
	tally->bytes += bytes;
}

static void clean_recordings(const struct clean_options *o, const struct cli_found_list *list, struct tally *tally)
{
	struct cli_end_sources sources = { .sysroot = NULL };

	for (size_t i = 0; i < list->nr; i++)
		if (may_remove(&sources, list->items[i].header))
			remove_file(o, list->items[i].path, list->items[i].disk_bytes, tally);
		else
			tally->nr_running++;
	cli_end_sources_release(&sources);
}

static void say_tally(const struct clean_options *o, const struct tally *t)
{
	char bytes[SEEP_UNIT_MAX];

	printf("%zu recordings %s, %s", t->nr_removed, o->dry_run ? "would be removed" : "removed",
	       seep_format_bytes(bytes, (double)t->bytes));
	if (t->nr_running)
		printf("; %zu kept: their processes run, or cannot be seen from here", t->nr_running);
	putchar('\n');
}

static int run(const void *options, int nr_operands, char **operands)
{
	const struct clean_options *o = options;
	struct cli_list dirs = { NULL, 0, 0 };
	struct cli_found_list list;
	struct tally tally = { 0 };
	int rc;

	for (int i = 0; i < nr_operands; i++)
		cli_list_add(&dirs, operands[i]);
	rc = cli_find_recordings(&dirs, !o->all, &list);
	free(dirs.items);
	if (rc != CLI_OK)
		return rc;
	clean_recordings(o, &list, &tally);
	for (size_t i = 0; o->all && i < list.nr_bad; i++)
		remove_file(o, list.bad[i], 0, &tally);
	cli_found_release(&list);
	say_tally(o, &tally);
	return tally.nr_failed ? CLI_SYSTEM : CLI_OK;
}

const struct cli_verb cli_verb_clean = {
	.name = "clean",
	.arguments = "[DIR…]",
	.summary = "remove the recordings of processes that have ended",
	.details = "Without DIR: where 'seep recordings' looks. Recordings of running processes stay.\n",
	.options = clean_options,
	.options_bytes = sizeof(struct clean_options),
	.run = run,
};
