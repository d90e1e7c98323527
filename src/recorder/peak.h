/*
 * The peak of the heap in use and the marks: what every stack had in use at them (docs/recording-format.md §13).
 *
 * One word, the era, holds the numbers of both: the recording's word `mark` in the upper half, `peak` in the lower. A
 * stack remembers the era it was last touched in; who finds another one saves what the stack has in use before changing
 * it. So nothing is copied when a peak or mark comes, however many stacks there are.
 */
#ifndef SEEP_RECORDER_PEAK_H
#define SEEP_RECORDER_PEAK_H

#include "recorder/recorder.h"

/* A block of the heap is about to go: if the heap is at its highest, the peak ends here. Before anything changes. */
void seep_peak_end(void);
/* So many bytes more, or less, are in use; after the block is booked, in the file too. */
void seep_peak_add(int64_t by, uint64_t now_us);
/* Saves what `stack` has in use for the present era; the first that comes does, the others go on. */
void seep_snap_save(uint32_t stack);
/* Writes the words into a new file, and the snaps of the first `nr` stacks. */
void seep_peak_mirror_all(uint32_t nr_stacks);
/* Begins a new mark unless the last one was noticed under the same count of the control word. */
void seep_mark_asked(uint32_t count);
void seep_marks_mirror_all(void);

/* First thing before a stack changes, and before its sample is emptied. */
static inline void seep_before_change(uint32_t stack, uint8_t kind, bool is_free)
{
	uint64_t era = load_acquire(&seep.era);

	if (is_free && unlikely(!(era & SEEP_REC_PEAK_FALLEN)) && kind == SEEP_REC_KIND_HEAP) {
		seep_peak_end();
		era = load_acquire(&seep.era);
	}
	if (unlikely(load_relaxed(&seep.truths[stack].era) != era))
		seep_snap_save(stack);
}

#endif
