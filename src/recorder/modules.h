/*
 * Which loaded object holds an address, by generation.
 *
 * Objects that were there when the program started are never unloaded: they are found in a sorted table without a
 * check. Any other object is looked up again in every walk (_dl_find_object, or the table of the debugger interface
 * where the C library has none) and recognised by its identity, read from its own memory: size and build id, whatever
 * its address, since frames and rules are offsets. Another object at the same range has another identity and gets
 * another index; so rules cached by index are never used for it.
 *
 * An index is claimed by one compare-and-swap of the identity. Whoever loses to the same identity has the same
 * index and the same facts, so nobody waits; whoever sees an entry that is claimed and not yet filled fills it too
 * (also in a child forked in between, or in a signal handler).
 */
#ifndef SEEP_RECORDER_MODULES_H
#define SEEP_RECORDER_MODULES_H

#include "recorder/cfi.h"

struct module_place {
	struct cfi_object object;
	uint32_t index; /* 0: there is no room in the table */
	bool is_permanent;
};

/* What one walk has already looked up. Zeroed at its start. */
#define MODULES_MEMO 4
struct module_memo {
	struct module_place places[MODULES_MEMO];
	uint32_t nr;
};

/* Per index of a permanent object: index << 48 minus start, so that pc + adjust is the frame. */
extern uint64_t *modules_adjust __attribute__((visibility("hidden")));
/* The same for the first 255, and for return addresses, which are one more. */
extern uint64_t modules_adjust_return[256] __attribute__((visibility("hidden")));

void modules_init(const struct seep_modules_config *config);
/* The object that holds pc now. NULL: none, or unknown. Stays valid until the memo is used four times more. */
const struct module_place *modules_find(struct module_memo *memo, uint64_t pc);
/* True for code of the recorder, as far as it is an object of its own. */
bool modules_is_recorder(uint64_t pc);
bool modules_has_find_object(void);
uint32_t modules_nr(void);
uint64_t modules_bytes(void);
/* For tests: forgets _dl_find_object. */
void seep_modules_use_table(void);

#endif
