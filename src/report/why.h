/* What the drawing of verdicts shares with its sentences. Private to this folder. */
#ifndef SEEP_REPORT_WHY_H
#define SEEP_REPORT_WHY_H

#include "report/draw.h"
#include "verdict/verdict.h"

#define WHY_PLACE_MAX 512
#define WHY_SENTENCE_MAX 1024

struct why_missing {
	const char *id, *words;
};
extern const struct why_missing why_missing[SEEP_NR_MISSING];
extern const char *const why_reason_ids[SEEP_NR_REASONS];

/* "SessionMap::add (server.cc:41)", cleaned of control characters; NULL: words for an unknown place. */
char *why_place(char out[WHY_PLACE_MAX], const struct seep_evidence_frame *f);
/* What stands behind the verdict's word in the first line. */
void why_headline(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v);
/* One reason as a sentence; "" for one that has none. */
void why_sentence(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v, const struct seep_reason *r);
/* What to do next. */
void why_next(char out[WHY_SENTENCE_MAX], const struct seep_verdict *v);

#endif
