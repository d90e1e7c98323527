#include "cli/cli.h"
#include "cli/completion.h"

#include <string.h>

static const struct {
	const char *name;
	void (*write)(FILE *out);
} shells[] = { { "bash", completion_bash }, { "zsh", completion_zsh }, { "fish", completion_fish } };

static int run(const void *options, int nr_operands, char **operands)
{
	(void)options;
	if (nr_operands != 1)
		return cli_usage("completion",
		                 nr_operands ? "one shell at a time" : "a shell is missing: bash, zsh or fish");
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (!strcmp(shells[i].name, operands[0])) {
			shells[i].write(stdout);
			return CLI_OK;
		}
	return cli_usage("completion", "'%s' is none of: bash, zsh, fish", operands[0]);
}

const struct cli_verb cli_verb_completion = {
	.name = "completion",
	.arguments = "SHELL",
	.summary = "write the script that completes seep's words in bash, zsh or fish",
	.details = "  bash: source <(seep completion bash)\n"
		   "  zsh:  seep completion zsh >\"${fpath[1]}/_seep\"\n"
		   "  fish: seep completion fish >~/.config/fish/completions/seep.fish\n",
	.run = run,
};
