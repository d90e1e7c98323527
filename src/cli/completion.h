/* Scripts for shells that complete verbs, options and their words; made from the tables that parse them. */
#ifndef SEEP_CLI_COMPLETION_H
#define SEEP_CLI_COMPLETION_H

#include <stdio.h>

void completion_bash(FILE *out);
void completion_zsh(FILE *out);
void completion_fish(FILE *out);

#endif
