/*
 * Which place in the code carries the growth: stacks grouped by their user frames, leaf first, and the frame to name.
 * Private to this folder.
 */
#ifndef SEEP_VERDICT_BLAME_H
#define SEEP_VERDICT_BLAME_H

#include "verdict/site.h"

struct blame {
	struct site site;
	struct seep_suspect suspect;
};

struct blames {
	struct blame *list; /* leaks first, by growth; then by in-use */
	size_t nr, cap;     /* cap in elements; storage in the arena */
};

/* Groups all stacks of the evidence and judges each group; false when memory is out. */
SEEP_NODISCARD bool blame_all(struct blames *out, struct seep_arena *arena, const struct seep_evidence *e);

#endif
