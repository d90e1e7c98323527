/*
 * What `seep info` says of one recording: collected here, drawn by info-text.c and info-json.c.
 */
#ifndef SEEP_CLI_INFO_H
#define SEEP_CLI_INFO_H

#include "cli/targets.h"

#define INFO_UNKNOWN SEEP_UNKNOWN

/* RSS and what it is made of, in bytes; INFO_UNKNOWN where not known. */
struct info_memory {
	bool is_known;
	bool is_now;   /* read from /proc; false: the recording's newest system entry */
	double time_s; /* of it, since the recording's start */
	uint64_t rss, anon, file, shmem, swap, stack;
	double heap, mappings; /* live at that time; NaN unknown */
	double rest;           /* anonymous memory that nothing above explains; NaN unknown */
	double untouched;      /* live bytes that are not resident (never touched, or swapped out); NaN unless the sum
	                          exceeds RSS */
	uint64_t cgroup_usage, cgroup_limit, cgroup_failcnt, cgroup_oom_kills;
	uint64_t nr_threads, nr_fds, nr_mappings;
};

struct info_heap {
	char name[SEEP_HEAP_NAME_MAX];
	struct seep_estimate inuse, alloc;
};

struct info {
	const struct cli_target *target;
	const struct seep_recording *r;
	struct cli_end end;
	struct seep_estimate inuse, alloc, mmap_inuse;
	uint64_t samples_live;
	double lifetime_s;
	double cost_share; /* of one CPU; NaN unknown */
	struct info_heap heaps[SEEP_NR_KINDS];
	size_t nr_heaps;
	struct seep_moment peak; /* of it: used_s NaN when nothing was ever allocated */
	double peak_bytes;
	uint64_t file_bytes;
	uint64_t period;          /* 0: off */
	double estimated_since_s; /* NaN: exact all along */
	struct cli_loss losses[CLI_LOSSES_MAX];
	size_t nr_losses;
	struct info_memory memory;
	const struct seep_blind_spot *spots[SEEP_BLIND_SPOTS_MAX]; /* what cannot be seen */
	size_t nr_spots;
	bool is_blind; /* nothing can be seen */
};

void info_collect(struct cli_end_sources *sources, const struct cli_target *target, struct info *out);

/* A sentence for each reason code that is set, in the order of the bits; NULL when `i` is past the last. */
const char *info_reason(const struct seep_recording *r, size_t i);
const char *info_period_cause(uint32_t cause);
/* "2026-11-24T17:00:00Z" of a time in microseconds since the recording's epoch. */
char *info_time(const struct seep_recording *r, uint64_t time_us, char out[32]);

/* "program" or "tool". */
const char *info_mark_by(uint32_t by);

void info_text(const struct info *info, FILE *out);
void info_json(const struct info *info, const struct cli_targets *targets, FILE *out);

#endif
