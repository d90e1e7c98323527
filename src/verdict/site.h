/*
 * One place in the code: the merged evidence of some stacks, and how it behaves over the life of the process.
 * Private to this folder. Memory: the arena given to site_init.
 */
#ifndef SEEP_VERDICT_SITE_H
#define SEEP_VERDICT_SITE_H

#include "verdict/rules.h"
#include "verdict/verdict.h"

struct site_block {
	double birth_s; /* of the first birth, since the process's start; blocks inherited by fork: 0 */
	double age_s;   /* since the first birth */
	double bytes, bytes_var;
	uint32_t nr_reallocs, thread;
};

struct site {
	const struct seep_evidence *e;
	enum seep_evidence_kind kind;
	double life_s;
	struct site_block *blocks; /* sorted by birth */
	size_t nr_blocks;
	double inuse_bytes, inuse_var;
	double alloc_bytes, last_alloc_s;
	uint64_t nr_alloc, nr_freed;
	double lifetimes[SEEP_EVIDENCE_LIFETIMES];
	bool has_history;
	double inuse_at[RULE_GRID + 1]; /* in-use bytes over the life */
	/* What classification found. */
	enum seep_pattern pattern;
	double settled_s, freed_share; /* KEPT */
	uint64_t nr_old;
	double stay_change, rate_change; /* NaN unknown */
	bool rate_rises, follows_rss;
	uint32_t nr_releases;
	double peak_bytes;
	double kept_bytes; /* what the pattern says is lost; 0 unless a leak */
};

/* Rate of allocation of the whole process, in bytes per second, mean over [from, to] shares of the life; NaN
 * unknown. */
double site_total_rate(const struct seep_evidence *e, double from, double to);

/* Merges `nr` stacks and classifies; false when memory is out. nr 0 gives an empty site of pattern FEW. */
SEEP_NODISCARD bool site_init(struct site *s, struct seep_arena *arena, const struct seep_evidence *e,
                              enum seep_evidence_kind kind, const uint32_t *stacks, size_t nr);

/* True for the patterns that mean a leak. */
bool site_is_leak(const struct site *s);

/* In-use bytes at a share of the life, 0 … 1; NaN without history. */
double site_inuse_at(const struct site *s, double share);
/* Standard error of in-use now minus in-use at a share of the life. */
double site_change_stderr(const struct site *s, double share);
/* Byte-weighted median age of the survivors; NaN when there are none. */
double site_age_median(const struct site *s);

#endif
