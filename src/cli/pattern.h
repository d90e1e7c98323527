/*
 * Regular expressions that users type: PCRE2 restricted to what RE2 (and so pprof) takes, with a limit on the work of a
 * match. Unanchored, case-sensitive, UTF-8. One pattern belongs to one thread at a time.
 */
#ifndef SEEP_CLI_PATTERN_H
#define SEEP_CLI_PATTERN_H

#include "base/base.h"

struct pattern;

/*
 * Compiles `text`. SEEP_ERR_USAGE with what is wrong and the offset where: bad syntax, or what RE2 refuses too
 * (back-references, lookaround, possessive quantifiers, atomic groups, conditions, recursion).
 */
SEEP_NODISCARD enum seep_status pattern_compile(const char *text, struct pattern **out, struct seep_error *err);
void pattern_free(struct pattern *p);
/* `data` is a struct pattern *: the shape that seep_analyse_peek() asks for. */
bool pattern_match(const char *text, void *data);
/* True when some match was given up because of the limit. */
bool pattern_gave_up(const struct pattern *p);

#endif
