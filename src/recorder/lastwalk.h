/*
 * What the last walks of a thread have seen: of each frame where it was, and the return address that led to the next.
 *
 * A frame in an object that is never unloaded, entered with the same address and stack pointer as one of an earlier
 * walk, leads to the same callers as long as the words that were read then have not changed: so it is enough to compare
 * them, which needs no rule and waits for none of the loads before. Where one differs, or a frame is met that was not
 * remembered, rules are followed as ever (rules.h, "short rules").
 *
 * Only frames found by short rules on the thread's own stack are remembered: where a word lies is kept as its distance
 * from the top of that stack, so that all that is compared lies between the frame at hand and the top, which is live.
 *
 * There are SLOTS memories, taken by the first threads that walk (memory in thread-local storage would be cleared at
 * every thread start); later threads share them, by a lock that is only tried. Not used: the walk costs a little more.
 */
#ifndef SEEP_RECORDER_LASTWALK_H
#define SEEP_RECORDER_LASTWALK_H

#include "recorder/machine.h"

/* One frame: its return address (where it was called from: pc + 1 where it was interrupted), its stack pointer as
 * distance from the top, negative, and its short rule. */
struct walk_step {
	uint64_t ra;
	int32_t at;
	uint32_t rule;
};

enum walk_end {
	WALK_OPEN,  /* went on in ways that are not remembered */
	WALK_WHOLE, /* the frames are all there are, or all but the outermost */
	WALK_DEEP   /* there are more than there is room for */
};

/* Frame `by` has a rule that needs the frame pointer, which frame `saver` saved; 255: it was that of the first frame.
 */
struct walk_use {
	uint8_t by, saver;
};

#define WALK_MARKS 4 /* steps beyond the last, whose `at` is beyond all */

/* One walk. Frames first … nr − 1 are remembered; steps[nr] is the frame behind them. */
struct walk_side {
	struct walk_step steps[SEEP_REC_MAX_FRAMES + 1 + WALK_MARKS];
	uint64_t frames[SEEP_REC_MAX_FRAMES];
	uint64_t high; /* the top that `at` is measured from */
	uint64_t serial;
	uint32_t first, nr, nr_uses,
		nr_frames; /* nr_frames: one more than nr if the outermost frame has no rule to go on by */
	uint8_t end;       /* enum walk_end */
	struct walk_use uses[SEEP_REC_MAX_FRAMES];
};

#define LASTWALK_WAYS 4
struct lastwalk {
	uint64_t owner, serial;
	uint64_t key;                 /* of the first frame of the walk under way */
	uint64_t keys[LASTWALK_WAYS]; /* of the walks that are remembered; 0: none */
	uint8_t ways[LASTWALK_WAYS];  /* their sides */
	uint8_t way;                  /* the one that the walk under way will replace, LASTWALK_WAYS: not known yet */
	uint8_t next_way;             /* the oldest */
	uint8_t spare;                /* the side that is being written */
	uint8_t recent;               /* the side of the last walk */
	struct walk_side sides[LASTWALK_WAYS + 1];
};

/* The registers that matter, of the frame to come. */
struct walk_state {
	uint64_t ra, sp, fp;
	uint64_t high;     /* sp and all that is read lie below, in readable memory */
	bool is_own_stack; /* the thread's, as known from the start of the walk */
};

void lastwalk_init(void);
/* The memory of a thread, NULL if there is none to be had. `here`: an address in a live frame. */
struct lastwalk *lastwalk_begin(struct seep_walk_thread *thread, uint64_t here);
/*
 * First, and the most frequent case: a walk from *regs has the same frames as one of the last ones. Then *out has them,
 * and the memory is given back. False: *out is untouched, and the walk begins.
 */
bool lastwalk_repeat(struct lastwalk *m, const struct seep_walk_thread *thread, const struct seep_regs *regs,
                     struct seep_walk *out);
/* Where the frames of the walk under way are to be written. */
static inline uint64_t *lastwalk_frames(struct lastwalk *m)
{
	return m->sides[m->spare].frames;
}
/*
 * Follows short rules, or what is remembered, from frame *nr on; *s is then the frame where neither helps, *nr its
 * number. True: that was the whole walk, of *nr frames.
 */
bool lastwalk_run(struct lastwalk *m, struct walk_state *s, uint32_t *nr);
static inline bool lastwalk_is_deep(const struct lastwalk *m)
{
	return m->sides[m->spare].end == WALK_DEEP;
}
/* Hands out->nr frames over to *out, remembers the walk and gives the memory back. */
void lastwalk_end(struct lastwalk *m, struct seep_walk_thread *thread, struct seep_walk *out);
/* Gives it back as if the walk had not been. */
void lastwalk_cancel(const struct seep_walk_thread *thread);
void lastwalk_after_fork(void);
uint64_t lastwalk_bytes(void);

#endif
