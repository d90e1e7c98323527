/*
 * What the allocator under test counts of itself, in a page it shares with a file: exact, and there after SIGKILL.
 * Each thread writes its own part only. `in_flight` is set before an operation and cleared after its counting, so a
 * reader knows which counters may differ by one operation.
 */
#ifndef SEEP_FAULTS_EXACT_H
#define SEEP_FAULTS_EXACT_H

#include <stdint.h>

#define EXACT_MAGIC 0x54434158454a5553ull
#define EXACT_SITES 16
#define EXACT_THREADS 8

struct exact_site {
	uint64_t live_objects, live_bytes, alloc_objects, alloc_bytes;
	/* Sums over blocks of the chance to be sampled and of the variance of their estimates, at the period given. */
	double live_expected, live_objects_var, live_bytes_var;
	double alloc_expected, alloc_objects_var, alloc_bytes_var;
};

enum { EXACT_IDLE, EXACT_ALLOC, EXACT_FREE };

struct exact_thread {
	uint64_t operation, site, size; /* in flight */
	struct exact_site sites[EXACT_SITES];
};

struct exact_page {
	uint64_t magic;
	uint64_t period;
	uint64_t site_addr[EXACT_SITES]; /* of the function that allocates */
	uint64_t nr_operations;          /* of the first thread: did it run at all? */
	struct exact_thread threads[EXACT_THREADS];
};

#endif
