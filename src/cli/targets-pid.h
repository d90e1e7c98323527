/*
 * The targets that are looked up: pids and containers. For targets.c only.
 */
#ifndef SEEP_CLI_TARGETS_PID_H
#define SEEP_CLI_TARGETS_PID_H

#include "cli/targets.h"

/* Loads one file; CLI_OK, or an exit code with *err set and nothing said. */
int cli_load_recording(struct cli_targets *t, const char *path, struct seep_error *err);
void cli_targets_warn_of(struct cli_targets *t, const char *subject, const struct seep_error *err);
/* The newest recording of the running process, or of the one that had this pid. Says what is wrong. */
int cli_load_pid(struct cli_targets *t, uint32_t pid);
/* All recordings of the running processes of a container, by name or id. `is_named`: the user said that it is a
 * container. */
int cli_load_container(struct cli_targets *t, const char *name, bool is_named);

#endif
