/* The numbers of the rules, each once. docs/verdicts.md says them in words. Private to this folder. */
#ifndef SEEP_VERDICT_RULES_H
#define SEEP_VERDICT_RULES_H

/* Points in a process's life at which in-use is compared: 0 is its start, RULE_GRID is now. */
#define RULE_GRID 24

/* Samples that a leak must stand on; below it says `growing` at most. */
#define RULE_MIN_SAMPLES 20
/* Samples below which a place is not judged at all, unless each block is known exactly. */
#define RULE_FEW_SAMPLES 8
/* Samples from which a leak is said with high confidence. */
#define RULE_MANY_SAMPLES 60

/* KEPT: of what reached the settling age, at most this share was freed … */
#define RULE_KEPT_FREED 0.10
/* … and the settling age is at most this share of the life. */
#define RULE_KEPT_SETTLED 0.25
/* KEPT: births of survivors fall in at least so many tenths of the life. */
#define RULE_KEPT_TENTHS 4
/* KEPT: of what was born in a late part of the life and is kept, in-use must have grown by at least these shares. */
#define RULE_KEPT_NET_HALF 0.5
#define RULE_KEPT_NET_LATE 0.35
/* KEPT: births in the last third against the mean third before. */
#define RULE_KEPT_CONTINUES 0.5

/* BUFFER: at most so many blocks; now against a quarter of the life, and against a little less than half of it. */
#define RULE_BUFFER_BLOCKS 8
#define RULE_BUFFER_SINCE_QUARTER 1.7
#define RULE_BUFFER_FACTOR 1.3
#define RULE_BUFFER_STEPS 3
/* BUFFER: points of the grid that may fall into the copying of a buffer into its successor. */
#define RULE_BUFFER_COPIES 6
#define RULE_BUFFER_REALLOCS 6

/* BACKLOG and YOUNG: growth from half-time to now at least by this factor. */
#define RULE_RISE_FACTOR 1.3
/* … which must stand out of the noise against half-time, and against a quarter. */
#define RULE_RISE_ERRORS_HALF 2.0
#define RULE_RISE_ERRORS_QUARTER 2.9
/*
 * In-use over rate of allocation (the mean stay of a block), at the end of the life against its first third. About 3
 * where something grows from nothing at an unchanged rate, 1 where it follows the rate. Above, blocks stay longer …
 */
#define RULE_STAY_LONGER 1.7
/* … where the rate itself rises by more than RULE_RISE_FACTOR, only above this: there honest growth is likely. */
#define RULE_STAY_LONGER_UNDER_LOAD 2.2
/* BACKLOG: growth at the very end against that of the middle, and blocks freed early against an even spread of
 * waits. */
#define RULE_BACKLOG_CONTINUES 0.3
#define RULE_BACKLOG_EARLY 0.4

/* Flat: changes below this share. */
#define RULE_FLAT_SHARE 0.15
/* A fall by this share of the peak, and by so many standard errors, is a release; so is a rise by that share after
 * it. */
#define RULE_RELEASE_SHARE 0.4
#define RULE_RELEASE_ERRORS 3.5
/* OLD: at most this share of the bytes was born in the last quarter of the life. */
#define RULE_OLD_NEW_SHARE 0.1

/* Blame: a caller is named instead of the function when it holds this share of what is kept. */
#define RULE_BLAME_SHARE 0.8
#define RULE_BLAME_DEPTH 8

/* The RSS stands for a place that holds this share of the live heap, when they differ by no more than so many
 * errors. */
#define RULE_RSS_SHARE 0.7
#define RULE_RSS_ERRORS 2.5

/* The system's figures: growth from half-time to now at least by the factor and by the number. */
#define RULE_COUNT_FACTOR 1.3
#define RULE_THREADS_STEP 8.0
#define RULE_FDS_STEP 16.0
#define RULE_MAPPINGS_STEP 16.0
#define RULE_BYTES_STEP (8.0 * 1024 * 1024)
/* Slack of the allocator that is worth a word: this share of the anonymous RSS. */
#define RULE_SLACK_SHARE 0.4
/* Used share of a limit from which the limit is the cause of trouble. */
#define RULE_LIMIT_SHARE 0.9
/* Growth after this share of the life, by more than this share of what is there, goes on to the end. */
#define RULE_LATE 0.8
#define RULE_LATE_GROWTH 0.03
/* A recording shorter than this, in seconds, is judged as far as possible but says so. */
#define RULE_SHORT_S 3.0

#endif
