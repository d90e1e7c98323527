#include "cli/cli.h"
#include "cli/info.h"

struct info_options {
	struct cli_target_options target;
	bool json;
};

static const struct cli_option info_options[] = {
	CLI_FLAG('j', "json", struct info_options, json, "write JSON, one object for each recording"),
	CLI_LIST(0, "dir", struct info_options, target.dirs, "DIR", "look for recordings in DIR (may be given again)"),
	CLI_TEXT(0, "sysroot", struct info_options, target.sysroot, "DIR", "read files and /proc below DIR"), CLI_END
};

static int run(const void *options, int nr_operands, char **operands)
{
	const struct info_options *o = options;
	struct cli_end_sources sources = { .sysroot = o->target.sysroot };
	struct cli_targets targets;
	int rc = cli_targets_resolve("info", &o->target, nr_operands, operands, &targets);

	if (rc != CLI_OK)
		return rc;
	for (size_t i = 0; i < targets.nr; i++) {
		struct info info;

		if (!targets.items[i].recording) {
			cli_error("%s: is a profile, not a recording", targets.items[i].path);
			rc = CLI_INPUT;
			continue;
		}
		info_collect(&sources, &targets.items[i], &info);
		if (o->json)
			info_json(&info, &targets, stdout);
		else
			info_text(&info, stdout);
	}
	cli_end_sources_release(&sources);
	cli_targets_release(&targets);
	return rc;
}

const struct cli_verb cli_verb_info = {
	.name = "info",
	.arguments = "[RECORDING…]",
	.summary = "all about a recording: how its process ended, what it held, what was lost, what it cost",
	.options = info_options,
	.options_bytes = sizeof(struct info_options),
	.run = run,
};
