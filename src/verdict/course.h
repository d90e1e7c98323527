/* The process's totals and RSS over its life, whichever place they belong to. Private to this folder. */
#ifndef SEEP_VERDICT_COURSE_H
#define SEEP_VERDICT_COURSE_H

#include "verdict/verdict.h"

/* Bytes allocated in [from, to] shares of the life; NaN when the totals are too few to tell. */
double course_allocated(const struct seep_evidence *e, double from, double to);
/* Bytes of the heap alive now, and allocated since the start; NaN unknown. */
double course_live(const struct seep_evidence *e);
double course_allocated_ever(const struct seep_evidence *e);
/* Anonymous RSS at a share of the life, between the entries of the system ring on a line; NaN unknown. */
double course_rss_anon(const struct seep_evidence *e, double share);

#endif
