/*
 * Rules: how to get from one frame to its caller, packed in eight bytes, and the cache of them.
 *
 * The key of a rule is the address itself in an object that is never unloaded (it determines the object), and module
 * index and offset in any other. An entry holds two words: the rule, and its key and module mixed with the rule.
 * Writers do not wait for each other and readers not for writers: a torn or half-written entry does not fit together
 * and is not found.
 */
#ifndef SEEP_RECORDER_RULES_H
#define SEEP_RECORDER_RULES_H

#include "recorder/cfi.h"

enum {
	RULE_NONE = 0,
	RULE_SP = 1,       /* CFA = sp + offset; saved registers at fixed offsets from it */
	RULE_FP = 2,       /* CFA = fp + offset */
	RULE_ENTRY = 4,    /* execute the FDE whose offset in the module is the payload */
	RULE_END = 5,      /* the outermost frame */
	RULE_NO_ENTRY = 6, /* no call frame information covers it */
	RULE_BROKEN = 7    /* there is, and it makes no sense */
};
#define RULE_KIND(rule) ((uint32_t)(rule)&7)
#define RULE_IS_SIMPLE(rule) (((uint32_t)(rule)&4) == 0) /* SP or FP */

#define RULE_PAYLOAD(rule) ((rule) >> 16)

#if defined(__x86_64__)
/*
 * Bits 4–9 rbp, 10–15 rbx, 16–21 r12, 22–27 r13, 28–33 r14, 34–39 r15: saved at CFA − 8 × n, 0 not saved;
 * 40–63 offset of the CFA, signed. The return address is at CFA − 8.
 */
#define RULE_CFA_OFFSET(rule) ((uint64_t)((int64_t)(rule) >> 40))
#define RULE_FP_AT(rule) ((rule) >> 1 & 0x1f8)
#define RULE_RA_AT(rule) 8
#define RULE_NR_OTHERS 5
#define RULE_OTHER_REGS           \
	{                         \
		3, 12, 13, 14, 15 \
	}
#define RULE_HAS_OTHERS(rule) (((rule)&0xfffffffc00ull) != 0)
static inline uint64_t rule_other_at(uint64_t rule, int i)
{
	return (rule >> (10 + 6 * i) & 63) * 8;
}
#else
/*
 * Bits 4–15 fp, 16–27 return address: saved at CFA − 8 × n, 0 not saved; 28–37 which of x19–x28 are saved, 38–49 where
 * the first of them is, 50 set: the next ones are below; 51–63 offset of the CFA in units of 16, signed.
 */
#define RULE_CFA_OFFSET(rule) ((uint64_t)((int64_t)(rule) >> 51) * 16)
#define RULE_FP_AT(rule) ((rule) >> 1 & 0x7ff8)
#define RULE_RA_AT(rule) ((rule) >> 13 & 0x7ff8)
#define RULE_NR_OTHERS 10
#define RULE_OTHER_REGS                                \
	{                                              \
		19, 20, 21, 22, 23, 24, 25, 26, 27, 28 \
	}
#define RULE_HAS_OTHERS(rule) (((rule) >> 28 & 0x3ff) != 0)
static inline uint64_t rule_other_at(uint64_t rule, int i)
{
	uint64_t mask = rule >> 28 & 0x3ff, first = (rule >> 38 & 0xfff) * 8;
	uint64_t before = 8 * (uint64_t)__builtin_popcountll(mask & (BIT(i) - 1));

	if (!(mask >> i & 1))
		return 0;
	return rule >> 50 & 1 ? first + before : first - before;
}
#endif

/*
 * The rule for pc in an object. What a simple rule reads lies between the register that it starts from and the CFA,
 * which is at most 8 MiB above it; but for registers other than the frame pointer in rules that start from that.
 */
uint64_t rule_make(const struct cfi_object *o, uint64_t pc);

#define RULES_BITS 13
struct rule_entry {
	uint64_t check, rule;
};
extern struct rule_entry rules_cache[1u << RULES_BITS] __attribute__((visibility("hidden")));

#define RULES_MIX 0x9e3779b97f4a7c15ull
static inline uint32_t rules_slot(uint64_t key)
{
	return (uint32_t)(key * RULES_MIX >> (64 - RULES_BITS));
}

/* Offsets of 2 GiB and more do not fit and have no key: 0. Addresses of programs have bit 47 clear. */
static inline uint64_t rules_key(uint32_t index, uint64_t offset)
{
	return offset >> 31 ? 0 : BIT(47) | (uint64_t)index << 31 | offset;
}

static inline bool rules_fit(const struct rule_entry *e, uint64_t key, uint32_t *index, uint64_t *rule)
{
	uint64_t word;

	*rule = __atomic_load_n(&e->rule, __ATOMIC_RELAXED);
	word = __atomic_load_n(&e->check, __ATOMIC_RELAXED) ^ *rule * RULES_MIX;
	*index = (uint32_t)(word & 0xffff);
	return __builtin_expect(word >> 16 == key, 1);
}

/* The rule of a key and its module; false if it is not known. */
static inline bool rules_get(uint64_t key, uint32_t *index, uint64_t *rule)
{
	uint32_t slot = rules_slot(key);

	return rules_fit(&rules_cache[slot], key, index, rule) || rules_fit(&rules_cache[slot ^ 1], key, index, rule);
}
void rules_put(uint64_t key, uint32_t index, uint64_t rule);

/*
 * Short rules: simple rules of objects that are never unloaded, as far as pc, sp and the frame pointer go, in one word
 * with their key. The key is the return address (pc + 1). It is mixed so that no two of its 48 bits get lost: 13 bits
 * of the product are the place, the other 35 stand in the entry, xored with the rule in the low 29. What is left when
 * the product is xored out again is the rule if nothing else is left. An entry is one word: it cannot be torn.
 *
 * Bits 0–7 index of the module; 13 FP: the CFA is computed from the frame pointer; 14 MOVED: in the place beside its
 * own; 28 NOT_PLAIN: FP, MOVED or the outermost frame, which has no CFA; the others by machine.
 */
#define SHORT_BITS 13
#define SHORT_RULE_BITS 29
#define SHORT_MODULE(rule) ((rule)&0xff)
#define SHORT_FP BIT(13)
#define SHORT_MOVED BIT(14)
#define SHORT_NOT_PLAIN BIT(28)
#if defined(__x86_64__)
/* 8–12 frame pointer saved at CFA − 8 × n, 0 not saved; 15–27 offset of the CFA in units of 8. Return address at CFA
 * − 8.
 */
#define SHORT_CFA_OFFSET(rule) (((rule) >> 15 & 0x1fff) * 8)
#define SHORT_FP_AT(rule) ((rule) >> 5 & 0xf8)
#define SHORT_SAVES_FP(rule) ((rule)&0x1f00)
#define SHORT_RA_AT(rule) 8
#else
/* 8 the frame pointer is saved below the return address; 9–12 and 15–18 where that is: CFA − 8 × n; 19–27 offset of the
 * CFA in units of 16. */
#define SHORT_CFA_OFFSET(rule) (((rule) >> 19 & 0x1ff) * 16)
#define SHORT_RA_AT(rule) ((((rule) >> 9 & 15) | ((rule) >> 11 & 0xf0)) * 8)
#define SHORT_SAVES_FP(rule) ((rule)&0x100)
#define SHORT_FP_AT(rule) (SHORT_SAVES_FP(rule) ? SHORT_RA_AT(rule) + 8 : 0)
#endif
#define SHORT_IS_END(rule) ((rule)&SHORT_NOT_PLAIN && SHORT_CFA_OFFSET(rule) == 0)
extern uint64_t rules_short[1u << SHORT_BITS] __attribute__((visibility("hidden")));

#define SHORT_MIXED(ra) ((ra) * (RULES_MIX << 16))
#define SHORT_PLACE(mixed) ((mixed) >> (64 - SHORT_BITS))
#define SHORT_KEY(mixed) ((mixed) << SHORT_BITS)
/*
 * The rule behind a return address if that is below NOT_PLAIN; else rules_short_find knows better. A key of which the
 * entry would hold nothing but zeros is never put, and looks as if it had rule 0 where the place is empty: whoever
 * follows rules must see that 0 is none (it leads to itself again).
 */
static inline uint64_t rules_short_get(uint64_t mixed)
{
	return __atomic_load_n(&rules_short[SHORT_PLACE(mixed)], __ATOMIC_RELAXED) ^ SHORT_KEY(mixed);
}
/* Any rule of a key, with its flags; 0: not known. */
uint64_t rules_short_find(uint64_t mixed);
/* Notes a rule if it is one that can be short. */
void rules_short_put(uint64_t ra, uint32_t index, uint64_t rule);

#endif
