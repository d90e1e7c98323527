/* DWARF expressions of call frame information (DWARF 5 section 2.5): registers, arithmetic, memory, bounded
 * branches. */
#ifndef SEEP_RECORDER_EXPRESSION_H
#define SEEP_RECORDER_EXPRESSION_H

#include "recorder/machine.h"
#include "recorder/stackmem.h"

struct expression {
	const uint8_t *p, *end; /* the operations, without their length */
	const struct machine *machine;
	const struct stackmem *stack;
	uint64_t pc;      /* what the register of the program counter reads as */
	uint64_t initial; /* on the stack at the start (the CFA), if has_initial */
	bool has_initial;
	bool is_register_missing; /* out: it failed because a register is not known */
};

/* False: it cannot be evaluated. */
bool expression_evaluate(struct expression *e, uint64_t *result);

#endif
