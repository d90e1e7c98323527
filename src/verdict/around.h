/* What the system's figures say about a process, beside its heap. Private to this folder. */
#ifndef SEEP_VERDICT_AROUND_H
#define SEEP_VERDICT_AROUND_H

#include "verdict/rules.h"
#include "verdict/verdict.h"

/* One figure over the life; NaN where not known. */
struct course {
	double start, quarter, half, late, now, peak; /* late: at three quarters */
};

struct around {
	bool is_known; /* the system ring covers most of the life */
	struct course rss_anon, threads, fds, mappings, file, shmem, usage, virtual_bytes;
	double limit_bytes;  /* NaN: none */
	double stacks_bytes; /* of threads; 0 unknown */
	bool threads_grow, fds_grow, mappings_grow, rss_grows, file_grows, shmem_grows;
	bool is_own_cgroup; /* the cgroup's figures are this process's (and its family's) */
	bool is_near_limit;
	double slack_bytes; /* anonymous RSS that is neither live heap, its overhead, mappings nor stacks; NaN
	                       unknown */
};

/* When the RSS was last seen, as a share of the life; NaN never. */
double around_rss_share(const struct seep_evidence *e);
/* `live_bytes` and `mmap_bytes` are the heap's and the mappings' in-use when the RSS was last seen. */
void around_init(struct around *a, const struct seep_evidence *e, double live_bytes, double mmap_bytes);

#endif
