/*
 * Profiles in the formats of other programs: pprof's profile.proto (written and read), folded stacks, JSON.
 *
 * Format of pprof: github.com/google/pprof proto/profile.proto. All writers first add up rows of equal stacks. Where a
 * format holds integers, sums are rounded so that the total of what is written is the rounded total (aggregate.c says
 * how); figures that are integers already stay what they are. Threads: no globals.
 */
#ifndef SEEP_FORMAT_H
#define SEEP_FORMAT_H

#include <stdio.h>

#include "profile/profile.h"

/*
 * gzip'ed profile.proto: all value types, mappings with build ids, functions and lines where there are names, labels
 * "thread" and, for several processes, "process" and "pid". Write errors are found by the owner of `out`.
 */
SEEP_NODISCARD enum seep_status seep_pprof_write(const struct seep_profile *p, FILE *out, struct seep_error *err);

/* True for gzip, and for what may begin a bare profile.proto: its first field is a sample type. */
bool seep_pprof_is(const void *bytes, size_t len);
/*
 * Reads a heap profile in profile.proto, gzip'ed or not. The four heap values come first, in seep's order (one that the
 * file does not have is 0 in every row); further types follow. `name` is used in messages.
 * SEEP_ERR_UNSUPPORTED: a profile without inuse_space (or space). SEEP_ERR_TRUNCATED: the gzip stream or a message ends
 * early; *out is not set, for a profile without its string table, which may be last, means nothing.
 */
SEEP_NODISCARD enum seep_status seep_pprof_read(const char *name, const void *bytes, size_t len,
                                                struct seep_profile **out, struct seep_error *err);

/*
 * Brendan Gregg's folded stacks: "root;…;leaf VALUE", sorted by text, of one value type. Without a name a frame is
 * module+0xADDRESS; ';' in a name becomes ':'. Rows of 0 are left out.
 */
SEEP_NODISCARD enum seep_status seep_folded_write(const struct seep_profile *p, uint32_t type, FILE *out,
                                                  struct seep_error *err);

/* One JSON object: totals with standard errors, and a row per stack and thread with its frames, root last. */
SEEP_NODISCARD enum seep_status seep_json_profile_write(const struct seep_profile *p, FILE *out,
                                                        struct seep_error *err);

#endif
