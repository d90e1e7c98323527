/* What compare.c counts, in a file of 4096 bytes that processes share and compare.sh prints. */
#ifndef SEEP_TESTS_UNWIND_COMPARE_H
#define SEEP_TESTS_UNWIND_COMPARE_H

#include <stdint.h>

/* Complete: to the entry of the program, or of a thread. */
enum compare_class {
	COMPARE_EQUAL,            /* and complete */
	COMPARE_EQUAL_INCOMPLETE, /* both stop at the same frame */
	COMPARE_OURS_COMPLETE,    /* theirs is not, and differs */
	COMPARE_THEIRS_COMPLETE,
	COMPARE_BOTH_COMPLETE, /* and differ */
	COMPARE_NEITHER_COMPLETE,
	COMPARE_DEEP, /* more frames than are kept; those are equal */
	COMPARE_DEEP_DIFFERENT,
	COMPARE_CLASSES
};

static const char *const compare_names[COMPARE_CLASSES] = {
	"equal", "equal-incomplete", "only-ours-complete", "only-theirs-complete", "both-complete", "neither-complete",
	"deep",  "deep-different"
};

struct compare_counts {
	uint64_t nr[COMPARE_CLASSES];
	uint64_t nr_frames, nr_remembered;
	uint64_t nr_texts[COMPARE_CLASSES];
};

#endif
