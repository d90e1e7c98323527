/*
 * Verdicts: why the memory of one process grows, from evidence that may come from anywhere. Pure computation: reads
 * nothing, prints nothing, knows no file format. docs/verdicts.md explains the rules to users; rules.h has their
 * numbers.
 *
 * Ownership: the evidence borrows all it points to from its maker and must outlive the verdict, which borrows names
 * from it; the verdict owns the rest, free it once. Threads: no globals.
 * Times are seconds since the start of the recording; sizes are bytes. NaN is "not known", never 0.
 */
#ifndef SEEP_VERDICT_H
#define SEEP_VERDICT_H

#include "base/base.h"

/* ---- evidence ---- */

#define SEEP_EVIDENCE_LIFETIMES 12

/* A line of code; equal functions share `function_id`, whatever the line. */
struct seep_evidence_frame {
	uint32_t function_id;
	uint32_t line;                        /* 0 unknown */
	const char *function, *file, *module; /* "" unknown */
	bool is_user;                         /* code the user can change: neither allocator, container nor runtime */
};

/* One sampled block that is alive, with what it stands for. */
struct seep_evidence_block {
	double age_s;
	double first_age_s;      /* of the block that realloc moved or grew into this one; else age_s */
	double bytes, bytes_var; /* un-biased estimate and its variance */
	uint32_t nr_reallocs;
	uint32_t thread;
};

enum seep_evidence_kind { SEEP_EVIDENCE_HEAP, SEEP_EVIDENCE_MMAP };

struct seep_evidence_stack {
	enum seep_evidence_kind kind;
	const uint32_t *frames; /* indices in evidence.frames, leaf first */
	size_t nr_frames;
	double alloc_bytes;                          /* since the start */
	uint64_t nr_alloc, nr_freed;                 /* samples */
	uint32_t lifetimes[SEEP_EVIDENCE_LIFETIMES]; /* freed samples by age at their free */
	double last_alloc_s;
	const struct seep_evidence_block *blocks;
	size_t nr_blocks;
	/* In-use bytes at (i + 1) * interval_s; from nr_points on the value is that of now. interval_s 0: not known. */
	double interval_s;
	const float *inuse_bytes;
	size_t nr_points;
};

/* Totals of the heap over time, sorted by time. */
struct seep_evidence_total {
	double time_s, inuse_bytes, alloc_bytes, mmap_bytes;
};

/* What the system said, sorted by time; NaN unknown. */
struct seep_evidence_system {
	double time_s;
	double rss, rss_anon, rss_file, rss_shmem, swap;
	double cgroup_usage, cgroup_limit, cgroup_anon, cgroup_file, cgroup_shmem, cgroup_kernel, cgroup_failcnt;
	double nr_threads, nr_mappings, nr_fds, nr_pids, virtual_bytes, stacks_bytes;
};

enum seep_evidence_end { SEEP_END_ALIVE, SEEP_END_EXITED, SEEP_END_KILLED, SEEP_END_OOM, SEEP_END_UNKNOWN };

struct seep_evidence {
	const char *process; /* name */
	uint64_t pid;
	double start_s;      /* when this process began: 0, or the time of its fork */
	double now_s;        /* the instant that the evidence is of */
	bool is_now_certain; /* false: dead, and nobody saw when; it may have idled on after now_s */
	enum seep_evidence_end end;
	double period_bytes;   /* mean bytes between samples; 1 exact */
	double overhead_bytes; /* what the allocator adds to the live heap blocks: headers and rounding; 0 unknown */
	uint64_t nr_lost;      /* samples that could not be kept */
	bool has_mmap;         /* the program's own mappings were sampled */
	bool is_blind;         /* the program's allocator cannot be seen, or hardly */
	bool has_runtime;      /* something in it keeps objects in memory that it maps: Java, JavaScript, Go … */
	bool is_cut;           /* part of the recording is missing: what is live is not known */
	const struct seep_evidence_frame *frames;
	size_t nr_frames;
	const struct seep_evidence_stack *stacks;
	size_t nr_stacks;
	const double *lifetime_bounds_s; /* upper bounds of the first SEEP_EVIDENCE_LIFETIMES - 1 buckets */
	const struct seep_evidence_total *totals;
	size_t nr_totals;
	const struct seep_evidence_system *system;
	size_t nr_system;
};

/* ---- verdict ---- */

enum seep_verdict_word {
	SEEP_VERDICT_UNKNOWN,
	SEEP_VERDICT_LEAK,
	SEEP_VERDICT_GROWING,
	SEEP_VERDICT_WARM_UP,
	SEEP_VERDICT_LOAD,
	SEEP_VERDICT_LIMIT,
	SEEP_VERDICT_FRAGMENTATION,
	SEEP_VERDICT_MAPPINGS,
	SEEP_VERDICT_THREADS,
	SEEP_VERDICT_FDS,
	SEEP_VERDICT_OFF_HEAP,
	SEEP_VERDICT_RUNTIME_SLACK,
	SEEP_VERDICT_PAGE_CACHE,
	SEEP_VERDICT_TMPFS,
	SEEP_VERDICT_CONFIGURATION,
	SEEP_VERDICT_STEADY,
	SEEP_NR_VERDICTS
};
/* "leak", "warm-up", …: the same in text and JSON. */
const char *seep_verdict_word(enum seep_verdict_word word);

enum seep_confidence { SEEP_CONFIDENCE_LOW, SEEP_CONFIDENCE_MEDIUM, SEEP_CONFIDENCE_HIGH };
const char *seep_confidence_word(enum seep_confidence confidence);

/* How the blocks of one place behave over time. */
enum seep_pattern {
	SEEP_PATTERN_FEW,      /* too few samples to say */
	SEEP_PATTERN_FLAT,     /* neither grows nor shrinks, and turns over */
	SEEP_PATTERN_OLD,      /* grew early, then no more: survivors are old */
	SEEP_PATTERN_YOUNG,    /* follows the rate of allocation: survivors are young */
	SEEP_PATTERN_PEAK,     /* was far higher than now */
	SEEP_PATTERN_SAWTOOTH, /* rises and is released, again and again */
	SEEP_PATTERN_RISING,   /* grows, but what kind of growth cannot be told */
	SEEP_PATTERN_KEPT,     /* leak: survivors of all ages, and what has reached some age is not freed any more */
	SEEP_PATTERN_BUFFER,   /* leak: few blocks that only realloc (or copying into larger ones) makes grow */
	SEEP_PATTERN_BACKLOG,  /* leak: all is freed in the end, but later and later at an unchanged rate of
	                          allocation */
	SEEP_NR_PATTERNS
};
/* "kept", "backlog", …: ids in JSON. */
const char *seep_pattern_word(enum seep_pattern pattern);

/* A place in the code and what it holds. */
struct seep_suspect {
	const struct seep_evidence_frame *frame; /* the one to look at; NULL: unknown stack */
	const struct seep_evidence_frame
		*site; /* where the allocation itself stands, when `frame` is its caller; else NULL */
	const struct seep_evidence_frame *caller; /* the user's function that calls `frame`; NULL unknown */
	enum seep_evidence_kind kind;
	enum seep_pattern pattern;
	double inuse_bytes, inuse_stderr;
	uint64_t nr_samples;       /* alive */
	uint64_t nr_old;           /* of them older than settled_s */
	double growth_bytes_per_s; /* over the second half of the process's life */
	double growth_stderr;
	double age_median_s, age_oldest_s; /* byte-weighted; of the first birth where realloc moved blocks */
	double settled_s;                  /* KEPT: age after which nothing more is freed; 0: nothing ever is */
	double freed_share;                /* of the samples that reached that age: how many were freed after all */
	double rate_change;                /* the process's rate of allocation now against its mean; NaN unknown */
	uint32_t nr_releases;              /* SAWTOOTH: falls seen */
	double peak_bytes;
};

/* A fact that a verdict stands on; `value` and `other` in the unit that the id implies. */
enum seep_reason_id {
	SEEP_REASON_HOLDS,     /* suspect holds value of other bytes (live heap, or mappings) */
	SEEP_REASON_AGES,      /* suspect's survivors: median and oldest age */
	SEEP_REASON_NOT_FREED, /* suspect: of what reached settled_s, freed_share was freed */
	SEEP_REASON_GROWTH,    /* suspect grows by growth_bytes_per_s */
	SEEP_REASON_REALLOC,   /* suspect: value blocks, grown by realloc other times */
	SEEP_REASON_WAITS,     /* suspect: blocks wait value seconds now, other at half-time */
	SEEP_REASON_RATE,      /* rate of allocation is value times its mean */
	SEEP_REASON_RELEASES,  /* suspect was released value times from peak other */
	SEEP_REASON_PEAK,      /* heap peaked at value bytes, other seconds before the end */
	SEEP_REASON_LIVE,      /* live heap is value bytes now, other at half-time */
	SEEP_REASON_RSS,       /* anonymous RSS is value bytes, other at half-time */
	SEEP_REASON_SLACK,     /* of the anonymous RSS value bytes are neither live heap, mappings nor stacks; other the
	                          share */
	SEEP_REASON_COUNT_THREADS, /* value now, other at half-time */
	SEEP_REASON_COUNT_FDS,
	SEEP_REASON_COUNT_MAPPINGS,
	SEEP_REASON_CGROUP_FILE, /* page cache of the cgroup: value now, other at the start */
	SEEP_REASON_CGROUP_SHMEM,
	SEEP_REASON_LIMIT,   /* value used of a limit of other bytes */
	SEEP_REASON_OOM,     /* killed by the OOM killer */
	SEEP_REASON_SAMPLES, /* value samples alive, over other seconds */
	SEEP_REASON_LOST,    /* value samples were lost */
	SEEP_NR_REASONS
};

#define SEEP_NO_SUSPECT UINT32_MAX
struct seep_reason {
	enum seep_reason_id id;
	uint32_t suspect; /* index in suspects[], SEEP_NO_SUSPECT */
	double value, other;
};

/* What could not be decided, and for want of which evidence. */
enum seep_missing {
	SEEP_MISSING_SYSTEM,  /* nobody wrote what the system said */
	SEEP_MISSING_CGROUP,  /* no figures of a cgroup with a limit of its own */
	SEEP_MISSING_MMAP,    /* the program's mappings were not sampled */
	SEEP_MISSING_SAMPLES, /* too few samples */
	SEEP_MISSING_TIME,    /* recorded too shortly */
	SEEP_MISSING_HISTORY, /* no in-use over time */
	SEEP_MISSING_SIGHT,   /* the program's allocator cannot be seen */
	SEEP_MISSING_RUNTIME, /* a runtime in it keeps objects that are not seen */
	SEEP_MISSING_END,     /* nobody saw when it ended */
	SEEP_MISSING_PARTS,   /* part of the recording is missing */
	SEEP_NR_MISSING
};
struct seep_cannot_tell {
	enum seep_verdict_word word;
	enum seep_missing missing;
};

/* What to do next: the renderer has the words. */
enum seep_next {
	SEEP_NEXT_FIX_SUSPECT, /* read the code of suspect 0: who should free or bound it */
	SEEP_NEXT_FIX_BACKLOG, /* bound the queue or speed the consumer up */
	SEEP_NEXT_FIX_THREADS,
	SEEP_NEXT_FIX_FDS,
	SEEP_NEXT_RECORD_LONGER,
	SEEP_NEXT_RECORD_FINER, /* a smaller period */
	SEEP_NEXT_RAISE_LIMIT,
	SEEP_NEXT_TRIM, /* let the allocator give memory back */
	SEEP_NEXT_LOOK_OFF_HEAP,
	SEEP_NEXT_PAGE_CACHE, /* nothing: the kernel takes it back */
	SEEP_NEXT_TMPFS,
	SEEP_NEXT_NOTHING,
	SEEP_NEXT_SIZE_FOR_LOAD,
	SEEP_NR_NEXTS
};

struct seep_verdict {
	struct seep_arena arena;
	const struct seep_evidence *evidence;
	enum seep_verdict_word word;
	enum seep_confidence confidence;
	struct seep_reason *reasons;
	size_t nr_reasons;
	struct seep_suspect *suspects; /* the first carries the verdict, when it names code */
	size_t nr_suspects;
	struct seep_cannot_tell *cannot_tell;
	size_t nr_cannot_tell;
	enum seep_next next;
	double growth_bytes_per_s; /* of what the word is about; 0 when nothing grows: ranks processes */
};

/* Judges one process. SEEP_ERR_NOMEM only. */
SEEP_NODISCARD enum seep_status seep_verdict_of(const struct seep_evidence *e, struct seep_verdict **out,
                                                struct seep_error *err);
void seep_verdict_free(struct seep_verdict *v);

/*
 * The one of `nr` verdicts that explains the group of processes best: growth before limits before honest words, the
 * fastest growth first. Returns its index; nr > 0.
 */
size_t seep_verdict_worst(const struct seep_verdict *const *verdicts, size_t nr);

#endif
