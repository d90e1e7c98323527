#include "recorder/climb.h"

#include "recorder/modules.h"
#include "recorder/rules.h"

#define MAX_CLIMB 8

/* By a simple rule that is known; our own frames need no bounds. In seep_regs the frame pointer and
 * the other preserved registers stand in the order of RULE_OTHER_REGS. */
static inline bool climb_simply(struct seep_regs *regs)
{
	uint64_t *saved = (uint64_t *)regs + 2, rule, cfa;
	uint32_t index;

	_Static_assert(sizeof(*regs) == (3 + RULE_NR_OTHERS) * sizeof(*saved), "pc, sp, frame pointer and the others");
	if (!rules_get(regs->pc - 1, &index, &rule) || !RULE_IS_SIMPLE(rule))
		return false;
	cfa = (RULE_KIND(rule) == RULE_SP ? regs->sp : saved[0]) + RULE_CFA_OFFSET(rule);
	if (RULE_FP_AT(rule))
		saved[0] = machine_word(cfa - RULE_FP_AT(rule));
	for (int i = 0; RULE_HAS_OTHERS(rule) && i < RULE_NR_OTHERS; i++)
		if (rule_other_at(rule, i))
			saved[1 + i] = machine_word(cfa - rule_other_at(rule, i));
	regs->pc = machine_strip(machine_word(cfa - RULE_RA_AT(rule)));
	regs->sp = cfa;
	return true;
}

void seep_regs_climb(struct seep_regs *regs)
{
	for (int i = 0; i < MAX_CLIMB && (i == 0 || modules_is_recorder(regs->pc - 1)); i++)
		if (!climb_simply(regs) && !unwind_climb(regs))
			return;
}
