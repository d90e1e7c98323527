/*
 * The evidence that a recording holds, for verdict/: survivors and counters per stack, in-use over time, the system
 * ring, with its frames named.
 */
#ifndef SEEP_CLI_EVIDENCE_H
#define SEEP_CLI_EVIDENCE_H

#include "cli/targets.h"
#include "verdict/verdict.h"

struct cli_evidence {
	struct seep_evidence e;
	struct seep_arena arena; /* what `e` points to */
	struct cli_end end;
};

/*
 * Makes the evidence of target `i`, which must be a recording. It borrows from `t`, which must outlive it.
 * CLI_OK, or an exit code after printing why.
 */
SEEP_NODISCARD int cli_evidence_of(struct cli_targets *t, size_t i, struct cli_end_sources *ends,
                                   struct cli_evidence *out);
void cli_evidence_release(struct cli_evidence *ev);

#endif
