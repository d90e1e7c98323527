/*
 * Reading memory that may not be there: the stack above a known address, and what rules point to.
 *
 * What is readable is known in ranges of whole pages. A page is asked for by rt_sigprocmask with a `how` that does not
 * exist: EFAULT where it cannot be read, EINVAL where it can; nothing changes either way.
 *
 * What may be remembered, and why it never faults:
 * - The page below sp holds the frames of those who called us: it is there.
 * - The thread's own stack is there for as long as the thread runs: the range from sp to the thread's anchor (its
 * thread descriptor, which the C libraries keep at the top of the stack they map; for the first thread the random bytes
 * that the kernel put above its stack), once every page between was seen readable. It is kept in seep_walk_thread.
 * - Any other stack (of a coroutine, of a signal) may be unmapped, cut or replaced between two walks without our
 *   knowing. Its pages are asked for again in every walk; within one walk they are those of live frames.
 */
#ifndef SEEP_RECORDER_STACKMEM_H
#define SEEP_RECORDER_STACKMEM_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/unwind.h"

struct stackmem {
	uint64_t low, high; /* known readable, whole pages, in this walk */
	struct seep_walk_thread *thread;
};

void stackmem_init(void);
/* True if the page of addr can be read. One system call, or false after the other. */
bool stackmem_is_readable(uint64_t addr);
void stackmem_ask_no_more(void);
/* Starts at sp; `here` is an address in a live frame of ours, on the same stack or on another; thread NULL: nothing is
 * remembered. */
void stackmem_begin(struct stackmem *s, struct seep_walk_thread *thread, uint64_t sp, uint64_t here);
/* After a walk: tries to remember the range as the thread's own stack. */
void stackmem_end(struct stackmem *s);
/* Makes [addr, addr + 8) part of the range: extends it upwards, or starts another one. */
bool stackmem_reach(struct stackmem *s, uint64_t addr);
/* Reads a word of the stack. */
bool stackmem_read(struct stackmem *s, uint64_t addr, uint64_t *value);
/* Reads 1, 2, 4 or 8 bytes anywhere without changing the range. */
bool stackmem_peek(const struct stackmem *s, uint64_t addr, uint32_t nr_bytes, uint64_t *value);

#endif
