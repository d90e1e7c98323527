/*
 * The walk itself.
 *
 * Most frames are gone through in lastwalk.c: by short rules, or by what the last walks saw. Where a thread has no
 * memory of walks, and in objects that may be unloaded, run() follows cached simple rules. Both carry pc, sp and the
 * frame pointer alone: nearly every CFA is computed from one of the two. A rule that needs another register (found out
 * at the first one) starts the walk again with all preserved registers carried. Everything else (rules to be made,
 * unknown modules, signal frames, expressions, the edge of the known stack) is in step().
 */
#include "recorder/climb.h"
#include "recorder/expression.h"
#include "recorder/lastwalk.h"
#include "recorder/modules.h"
#include "recorder/root.h"
#include "recorder/rules.h"
#include "recorder/stackmem.h"

#define NEAR_CODE (64ull << 20)
#define MAX_PLAIN_FRAME (1u << 20)
#define MAX_CHAIN_FRAME (16u << 20)

#define unlikely(x) __builtin_expect(!!(x), 0)

enum outcome { STEPPED, ENDED, CUT, REGISTER_MISSING };

struct walker {
	struct machine m;
	uint64_t pc; /* where the frame is: inside the call, or at the interrupted instruction */
	struct stackmem stack;
	struct module_memo memo;
	struct lastwalk *last; /* NULL: none */
	uint64_t *frames;      /* where they are noted */
	uint32_t nr_misses;
};

/* ---- one frame by its FDE ---- */

static bool evaluate(struct walker *w, const struct cfi_object *o, int32_t place, const uint64_t *cfa, uint64_t *result,
                     enum outcome *outcome)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)(o->start + (uint32_t)place);
	uint64_t length = 0;
	uint32_t shift = 0;
	struct expression e = { .machine = &w->m, .stack = &w->stack, .pc = w->pc, .has_initial = cfa != NULL };

	/* Its place was found by a bounded reader that went over length and operations. */
	do {
		length |= (uint64_t)(*p & 0x7f) << shift;
		shift += 7;
	} while (*p++ & 0x80);
	e.p = p;
	e.end = p + length;
	e.initial = cfa ? *cfa : 0;
	if (expression_evaluate(&e, result))
		return true;
	*outcome = e.is_register_missing ? REGISTER_MISSING : CUT;
	return false;
}

static bool find_cfa(struct walker *w, const struct cfi_object *o, const struct cfi_row *row, uint64_t *cfa,
                     enum outcome *outcome)
{
	*outcome = CUT;
	if (row->cfa_is_expression)
		return evaluate(w, o, row->cfa_value, NULL, cfa, outcome);
	if (!(w->m.valid & BIT(row->cfa_reg))) {
		*outcome = REGISTER_MISSING;
		return false;
	}
	*cfa = w->m.reg[row->cfa_reg] + (uint64_t)(int64_t)row->cfa_value;
	return true;
}

/* Value of one register in the caller. False: not known. */
static bool recover(struct walker *w, const struct cfi_object *o, const struct cfi_row *row, int reg, uint64_t cfa,
                    uint64_t *value, enum outcome *outcome)
{
	int32_t v = row->value[reg];
	uint64_t at;

	*outcome = CUT;
	switch ((enum cfi_how)row->how[reg]) {
	case CFI_OFFSET: return stackmem_read(&w->stack, cfa + (uint64_t)(int64_t)v, value);
	case CFI_VAL_OFFSET: *value = cfa + (uint64_t)(int64_t)v; return true;
	case CFI_EXPRESSION: return evaluate(w, o, v, &cfa, &at, outcome) && stackmem_read(&w->stack, at, value);
	case CFI_VAL_EXPRESSION: return evaluate(w, o, v, &cfa, value, outcome);
	case CFI_REGISTER: reg = v < NR_REGS ? v : REG_SP; break;
	case CFI_UNDEFINED: return false;
	case CFI_UNSPECIFIED:
		if (!(PRESERVED_REGS >> reg & 1) && reg != REG_RA)
			return false;
		break;
	case CFI_SAME: break;
	}
	if (!(w->m.valid & BIT(reg))) {
		*outcome = REGISTER_MISSING;
		return false;
	}
	*value = w->m.reg[reg];
	return true;
}

/* The caller's frame is at `ra`; `is_call`: it called, so the call lies before. */
static enum outcome arrive(struct walker *w, uint64_t ra, bool is_call)
{
	ra = machine_strip(ra);
	if (!ra)
		return is_call ? ENDED : CUT;
	w->pc = ra - is_call;
	return STEPPED;
}

static enum outcome step_row(struct walker *w, const struct cfi_object *o, const struct cfi_row *row, bool is_signal)
{
	struct machine to = { .valid = 0 };
	uint64_t cfa, old_sp = w->m.reg[REG_SP], old_pc = w->pc, value;
	enum outcome outcome, why;

	if (!find_cfa(w, o, row, &cfa, &outcome))
		return outcome;
	for (int reg = 0; reg < NR_REGS; reg++) {
		if (reg == REG_SP && row->how[reg] == CFI_UNSPECIFIED)
			value = cfa;
		else if (!recover(w, o, row, reg, cfa, &value, &why)) {
			if (reg == REG_RA)
				return why;
			continue;
		}
		to.reg[reg] = value;
		to.valid |= BIT(reg);
	}
	if (!(to.valid & BIT(REG_SP)))
		return CUT;
	w->m = to;
	outcome = arrive(w, to.reg[REG_RA], !is_signal);
	if (outcome == STEPPED && !is_signal &&
	    (to.reg[REG_SP] < old_sp || (to.reg[REG_SP] == old_sp && w->pc == old_pc)))
		return CUT;
	return outcome;
}

static enum outcome step_entry(struct walker *w, const struct cfi_object *o, uint64_t address)
{
	struct cfi_fde fde;
	struct cfi_row row;

	if (!cfi_parse(o, address, &fde) || !cfi_row(o, &fde, w->pc, &row))
		return CUT;
	return step_row(w, o, &row, fde.is_signal);
}

/* ---- one frame by a simple rule ---- */

static bool recover_others(struct walker *w, uint64_t rule, uint64_t cfa)
{
	static const uint8_t regs[RULE_NR_OTHERS] = RULE_OTHER_REGS;

	if (!RULE_HAS_OTHERS(rule))
		return true;
	for (int i = 0; i < RULE_NR_OTHERS; i++) {
		uint64_t at = rule_other_at(rule, i);

		if (at && !stackmem_read(&w->stack, cfa - at, &w->m.reg[regs[i]]))
			return false;
		if (at)
			w->m.valid |= BIT(regs[i]);
	}
	return true;
}

static enum outcome step_simple(struct walker *w, uint64_t rule)
{
	uint64_t sp = w->m.reg[REG_SP], ra;
	uint64_t cfa = (RULE_KIND(rule) == RULE_SP ? sp : w->m.reg[REG_FP]) + RULE_CFA_OFFSET(rule);
	uint64_t fp_at = RULE_FP_AT(rule);

	if (RULE_KIND(rule) == RULE_FP && !(w->m.valid & BIT(REG_FP)))
		return CUT;
	if (cfa <= sp || !stackmem_read(&w->stack, cfa - RULE_RA_AT(rule), &ra))
		return CUT;
	if (fp_at && !stackmem_read(&w->stack, cfa - fp_at, &w->m.reg[REG_FP]))
		return CUT;
	if (!recover_others(w, rule, cfa))
		return CUT;
	w->m.valid = (w->m.valid & PRESERVED_REGS) | BIT(REG_SP) | (fp_at ? BIT(REG_FP) : 0);
	w->m.reg[REG_SP] = cfa;
	return arrive(w, ra, true);
}

/* ---- one frame without call frame information ---- */

static const uint8_t signal_code[] = SIGNAL_CODE;
static const uint16_t signal_reg_offsets[] = SIGNAL_REG_OFFSETS;

/* The restorer of a signal handler, told by its code; it starts at the return address. */
static bool is_signal_frame(struct walker *w)
{
	uint64_t word;

	if (!stackmem_read(&w->stack, w->m.reg[REG_SP] + SIGNAL_PLAIN_OFFSET, &word) || !SIGNAL_IS_PLAIN(word))
		return false;
	for (uint32_t i = 0; i < sizeof(signal_code); i++)
		if (!stackmem_peek(&w->stack, w->pc + 1 + i, 1, &word) || word != signal_code[i])
			return false;
	return true;
}

static enum outcome step_signal(struct walker *w)
{
	uint64_t sp = w->m.reg[REG_SP], pc;

	for (uint32_t reg = 0; reg < sizeof(signal_reg_offsets) / sizeof(signal_reg_offsets[0]); reg++) {
		if (!stackmem_read(&w->stack, sp + signal_reg_offsets[reg], &w->m.reg[reg]))
			return CUT;
		w->m.valid |= BIT(reg);
	}
	if (!stackmem_read(&w->stack, sp + SIGNAL_PC_OFFSET, &pc))
		return CUT;
	return arrive(w, pc, false);
}

/* The instruction before ra is a call. It lies in memory that is asked for first: generated code may have gone. */
static bool is_after_call(const struct walker *w, uint64_t ra)
{
	uint64_t code;

#if defined(__x86_64__)
	if (!stackmem_peek(&w->stack, ra - 8, 8, &code))
		return false;
	if ((code >> 24 & 0xff) == 0xe8)
		return true;
	/* ff /2 with no to five bytes of address behind */
	for (int at = 8; at <= 48; at += 8)
		if ((code >> at & 0x38ff) == 0x10ff)
			return true;
	return false;
#else
	/* bl, blr and its signed forms */
	return stackmem_peek(&w->stack, ra - 4, 4, &code) &&
	       ((code & 0xfc000000) == 0x94000000 || (code & 0xfefff000) == 0xd63f0000);
#endif
}

static bool is_near_generated(struct walker *w, uint64_t ra)
{
	return (ra > w->pc ? ra - w->pc : w->pc - ra) < NEAR_CODE && !modules_find(&w->memo, w->pc);
}

/*
 * A frame pointer is followed only where it can hardly be anything else: aligned, above sp and near, and the return
 * address beside it lies in code that call frame information covers; or it is part of a chain, and the return address
 * is behind a call, or in generated code near this one (an interpreter's are not always behind calls).
 */
static bool is_return_address(struct walker *w, uint64_t ra, uint64_t fp, uint64_t next)
{
	const struct module_place *place = modules_find(&w->memo, ra - 1);
	bool is_chain = !next || (next > fp && next - fp < MAX_CHAIN_FRAME && next % 8 == 0);
	struct cfi_fde fde;

	if (place && cfi_find(&place->object, ra - 1, &fde))
		return true;
	return is_chain && (is_after_call(w, ra) || (!place && is_near_generated(w, ra)));
}

static enum outcome step_frame_pointer(struct walker *w)
{
	uint64_t fp = w->m.reg[REG_FP], sp = w->m.reg[REG_SP], next, ra;

	if (!(w->m.valid & BIT(REG_FP)))
		return CUT;
	if (!fp)
		return ENDED;
	if (fp % 8 != 0 || fp < sp || fp - sp > MAX_PLAIN_FRAME || !stackmem_read(&w->stack, fp, &next) ||
	    !stackmem_read(&w->stack, fp + 8, &ra))
		return CUT;
	ra = machine_strip(ra);
	if (!ra)
		return next ? CUT : ENDED;
	if (!is_return_address(w, ra, fp, next))
		return CUT;
	w->m.reg[REG_FP] = next;
	w->m.reg[REG_SP] = fp + 16;
	w->m.valid = BIT(REG_FP) | BIT(REG_SP);
	return arrive(w, ra, true);
}

/* ---- any frame ---- */

static uint64_t rule_for(struct walker *w, const struct module_place *place)
{
	uint64_t key = place->is_permanent ? w->pc : rules_key(place->index, w->pc - place->object.start), rule;
	uint32_t index;

	if (rules_get(key, &index, &rule) && index == place->index)
		return rule;
	w->nr_misses++;
	rule = rule_make(&place->object, w->pc);
	if (place->index)
		rules_put(key, place->index, rule);
	return rule;
}

static enum outcome follow(struct walker *w, const struct module_place *place)
{
	uint64_t rule = place ? rule_for(w, place) : RULE_NO_ENTRY;

	if (place && place->is_permanent && w->last)
		rules_short_put(w->pc + 1, place->index, rule);
	switch (RULE_KIND(rule)) {
	case RULE_SP:
	case RULE_FP: return step_simple(w, rule);
	case RULE_ENTRY: return step_entry(w, &place->object, place->object.start + RULE_PAYLOAD(rule));
	case RULE_END: return ENDED;
	case RULE_NO_ENTRY:
		if (place && root_is_reached(&place->object, w->m.reg[REG_SP]))
			return ENDED;
		return is_signal_frame(w) ? step_signal(w) : step_frame_pointer(w);
	default: return CUT;
	}
}

static void note_frame(const struct walker *w, const struct module_place *place, struct seep_walk *out)
{
	uint64_t frame = SEEP_REC_FRAME(0, SEEP_REC_FRAME_OFFSET(w->pc));

	if (place && place->index)
		frame = SEEP_REC_FRAME(place->index, w->pc - place->object.start);
	out->module_lost |= place && !place->index;
	w->frames[out->nr++] = frame;
}

/* Notes the frame at w->pc and goes to its caller. */
static __attribute__((noinline)) enum outcome step(struct walker *w, struct seep_walk *out,
                                                   const struct module_place *place)
{
	note_frame(w, place, out);
	return follow(w, place);
}

/* False, and nothing may be believed: one lies below sp. */
static inline __attribute__((always_inline)) bool carry_others(struct walker *w, uint64_t rule, uint64_t sp,
                                                               uint64_t cfa)
{
	static const uint8_t others[RULE_NR_OTHERS] = RULE_OTHER_REGS;

	for (int i = 0; i < RULE_NR_OTHERS; i++) {
		uint64_t at = rule_other_at(rule, i);

		if (at > cfa - sp)
			return false;
		if (at)
			w->m.reg[others[i]] = machine_word(cfa - at);
	}
	return true;
}

/*
 * Follows simple rules while they are known, inside the known stack: those of permanent objects, or inside `place`
 * those of an object that is not. True: to the end.
 *
 * Every read lies in [low, high): rules are simple only if what they read lies between the register they start from and
 * the CFA; that register is checked to be at or above sp, and the CFA to be at or below high. Other registers, which
 * may lie lower, are checked each.
 */
static inline __attribute__((always_inline)) bool run(struct walker *w, struct seep_walk *out, bool carry_all,
                                                      const struct module_place *place)
{
	uint64_t pc = w->pc, sp = w->m.reg[REG_SP], fp = w->m.reg[REG_FP];
	uint64_t high = w->stack.high, cfa, rule;
	uint64_t start = place ? place->object.start : 0, size = place ? place->object.end - start : 0;
	uint64_t base = place ? SEEP_REC_FRAME(place->index, 0) - start : 0;
	const uint64_t *adjust = modules_adjust;
	uint64_t *frame = w->frames + out->nr, *end = w->frames + SEEP_REC_MAX_FRAMES;
	bool is_end = false;
	uint32_t index;

	while (frame != end && (!place || pc - start < size)) {
		if (!rules_get(place ? rules_key(place->index, pc - start) : pc, &index, &rule))
			break;
		if (unlikely(!RULE_IS_SIMPLE(rule))) {
			is_end = RULE_KIND(rule) == RULE_END;
			if (is_end)
				*frame++ = pc + (place ? base : adjust[index]);
			break;
		}
		cfa = sp;
		if (!(rule & RULE_SP)) {
			if (fp < sp || fp > high || !(rule & RULE_FP))
				break;
			cfa = fp;
		}
		cfa += RULE_CFA_OFFSET(rule);
		if (unlikely(cfa > high) || (carry_all && !carry_others(w, rule, sp, cfa)))
			break;
		*frame++ = pc + (place ? base : adjust[index]);
		pc = machine_strip(machine_word(cfa - RULE_RA_AT(rule))) - 1;
		if (RULE_FP_AT(rule))
			fp = machine_word(cfa - RULE_FP_AT(rule));
		sp = cfa;
	}
	if (sp != w->m.reg[REG_SP])
		w->m.valid &= (carry_all ? PRESERVED_REGS : BIT(REG_FP)) | BIT(REG_SP);
	w->pc = pc;
	w->m.reg[REG_SP] = sp;
	w->m.reg[REG_FP] = fp;
	out->nr = (uint32_t)(frame - w->frames);
	return is_end;
}

static void begin(struct walker *w, const struct seep_regs *regs, struct seep_walk_thread *thread)
{
	w->memo.nr = 0;
	w->nr_misses = 0;
	w->pc = machine_strip(regs->pc) - 1;
	machine_from_regs(&w->m, regs);
	stackmem_begin(&w->stack, thread, regs->sp, (uint64_t)(uintptr_t)w);
}

static bool may_run(const struct walker *w)
{
	return w->m.valid & BIT(REG_FP) && w->m.reg[REG_SP] >= w->stack.low && w->m.reg[REG_SP] < w->stack.high;
}

/* The same as run(), in permanent objects, with the memory of the last walks. */
static bool run_remembering(struct walker *w, struct seep_walk *out)
{
	struct walk_state s = { .ra = w->pc + 1,
		                .sp = w->m.reg[REG_SP],
		                .fp = w->m.reg[REG_FP],
		                .high = w->stack.high,
		                .is_own_stack = w->stack.high == w->stack.thread->stack_high };

	if (lastwalk_run(w->last, &s, &out->nr))
		return true;
	if (s.sp != w->m.reg[REG_SP])
		w->m.valid &= BIT(REG_FP) | BIT(REG_SP);
	w->pc = s.ra - 1;
	w->m.reg[REG_SP] = s.sp;
	w->m.reg[REG_FP] = s.fp;
	return false;
}

static inline bool run_permanent(struct walker *w, struct seep_walk *out, bool carry_all)
{
	if (!may_run(w))
		return false;
	if (w->last && w->stack.high - w->m.reg[REG_SP] <= INT32_MAX)
		return run_remembering(w, out);
	return run(w, out, carry_all, NULL);
}

/* No more frames, or no more room. */
static enum outcome run_out(const struct walker *w, struct seep_walk *out)
{
	if (w->pc != UINT64_MAX)
		out->flags |= SEEP_REC_STACK_DEEP;
	return ENDED;
}

static inline __attribute__((always_inline)) enum outcome walk(struct walker *w, struct seep_walk *out, bool carry_all)
{
	enum outcome outcome = STEPPED;

	while (outcome == STEPPED) {
		const struct module_place *place;
		uint32_t nr;

		if (run_permanent(w, out, carry_all))
			return ENDED;
		if (w->pc == UINT64_MAX)
			return run_out(w, out);
		nr = out->nr;
		place = modules_find(&w->memo, w->pc);
		if (place && place->index && !place->is_permanent && may_run(w) && run(w, out, carry_all, place))
			return ENDED;
		if (out->nr == SEEP_REC_MAX_FRAMES)
			return run_out(w, out);
		if (out->nr == nr)
			outcome = step(w, out, place);
	}
	return outcome;
}

/* Once more, with all registers that calls preserve. */
static __attribute__((noinline)) enum outcome walk_carrying_all(struct walker *w, const struct seep_regs *regs,
                                                                struct seep_walk *out)
{
	if (w->last)
		lastwalk_cancel(w->stack.thread);
	w->last = NULL;
	w->frames = out->frames;
	out->nr = 0;
	w->pc = machine_strip(regs->pc) - 1;
	machine_from_regs(&w->m, regs);
	stackmem_begin(&w->stack, w->stack.thread, regs->sp, (uint64_t)(uintptr_t)w);
	return walk(w, out, true);
}

static void end(struct walker *w, struct seep_walk_thread *thread, struct seep_walk *out)
{
	out->nr_misses = w->nr_misses;
	if (w->stack.low != thread->stack_low)
		stackmem_end(&w->stack);
	if (!w->last) {
		out->serial = 0;
		return;
	}
	if (lastwalk_is_deep(w->last))
		out->flags |= SEEP_REC_STACK_DEEP;
	lastwalk_end(w->last, thread, out);
}

static __attribute__((noinline)) void walk_from(const struct seep_regs *regs, struct seep_walk_thread *thread,
                                                struct lastwalk *last, struct seep_walk *out)
{
	enum outcome outcome;
	struct walker w;

	out->nr = 0;
	begin(&w, regs, thread);
	w.last = last;
	w.frames = last ? lastwalk_frames(last) : out->frames;
	outcome = walk(&w, out, false);
	if (outcome == REGISTER_MISSING)
		outcome = walk_carrying_all(&w, regs, out);
	if (outcome != ENDED)
		out->flags |= SEEP_REC_STACK_CUT;
	end(&w, thread, out);
}

void seep_unwind(const struct seep_regs *regs, struct seep_walk_thread *thread, struct seep_walk *out)
{
	struct lastwalk *last = lastwalk_begin(thread, (uint64_t)(uintptr_t)__builtin_frame_address(0));

	out->flags = 0;
	out->module_lost = false;
	out->nr_misses = 0;
	if (!last || !lastwalk_repeat(last, thread, regs, out))
		walk_from(regs, thread, last, out);
}

bool unwind_climb(struct seep_regs *regs)
{
	struct walker w;

	begin(&w, regs, NULL);
	w.last = NULL;
	if (follow(&w, modules_find(&w.memo, w.pc)) != STEPPED)
		return false;
	machine_to_regs(&w.m, w.pc + 1, regs);
	return true;
}

void seep_unwind_init(const struct seep_modules_config *config)
{
	stackmem_init();
	lastwalk_init();
	modules_init(config);
	root_init();
}

/* All other state is lock-free and complete at every instant. */
void seep_unwind_after_fork(void)
{
	lastwalk_after_fork();
}

void seep_unwind_ask_no_more(void)
{
	stackmem_ask_no_more();
}
bool seep_unwind_has_find_object(void)
{
	return modules_has_find_object();
}
uint32_t seep_unwind_nr_modules(void)
{
	return modules_nr();
}
uint64_t seep_unwind_private_bytes(void)
{
	return modules_bytes() + sizeof(rules_cache) + sizeof(rules_short) + lastwalk_bytes();
}

uint32_t seep_unwind_module_of(uint64_t pc)
{
	struct module_memo memo = { .nr = 0 };
	const struct module_place *place = modules_find(&memo, pc);

	return place ? place->index : 0;
}
