#include "recorder/rules.h"

struct rule_entry rules_cache[1u << RULES_BITS] __attribute__((aligned(64)));

/* ---- packing ---- */

static bool is_saved(const struct cfi_row *row, int reg)
{
	return row->how[reg] == CFI_OFFSET;
}

/*
 * Saved at CFA − 8 × n with n in 1 … max gives n; kept gives 0; anything else fails. What is read in every walk must
 * not lie below the register that the CFA is computed from; others may lie below a frame pointer.
 */
static bool slot_of(const struct cfi_row *row, int reg, uint64_t max, uint64_t *slot)
{
	int64_t value = row->value[reg];

	*slot = 0;
	if (row->how[reg] == CFI_UNSPECIFIED || row->how[reg] == CFI_SAME)
		return true;
	if (!is_saved(row, reg) || value >= 0 || value % 8 != 0 || (uint64_t)(-value) / 8 > max)
		return false;
	if (-value > row->cfa_value && (row->cfa_reg == REG_SP || reg == REG_FP || reg == REG_RA))
		return false;
	*slot = (uint64_t)(-value) / 8;
	return true;
}

/* Registers that no simple rule can give must not have one of their own. */
static bool has_plain_rest(const struct cfi_row *row)
{
	for (int reg = 0; reg < NR_REGS; reg++)
		if (!(PRESERVED_REGS >> reg & 1) && reg != REG_RA && row->how[reg] != CFI_UNSPECIFIED &&
		    row->how[reg] != CFI_UNDEFINED && row->how[reg] != CFI_SAME)
			return false;
	return row->how[REG_SP] == CFI_UNSPECIFIED;
}

#if defined(__x86_64__)
static bool pack_saved(const struct cfi_row *row, uint64_t *rule)
{
	static const uint8_t regs[] = { REG_FP, 3, 12, 13, 14, 15 };
	uint64_t slot;

	if (!is_saved(row, REG_RA) || row->value[REG_RA] != -8)
		return false;
	for (int i = 0; i < 6; i++) {
		if (!slot_of(row, regs[i], 63, &slot))
			return false;
		*rule |= slot << (4 + 6 * i);
	}
	return true;
}

static bool pack_offset(int64_t offset, uint64_t *rule)
{
	*rule |= (uint64_t)offset << 40;
	return offset >= 8 && offset < 1 << 23;
}
#else
/* Compilers put x19 … x28, as many as they save, side by side, upwards (gcc) or downwards (clang). */
static bool pack_others(const struct cfi_row *row, uint64_t *rule)
{
	uint64_t slot, first = 0, previous = 0;
	bool is_down = false;
	int nr = 0;

	for (int i = 0; i < 10; i++) {
		if (!slot_of(row, REG_X19 + i, 4095, &slot))
			return false;
		if (!slot)
			continue;
		if (nr == 0)
			first = slot;
		else if (nr == 1)
			is_down = slot > previous;
		if (nr && slot != (is_down ? previous + 1 : previous - 1))
			return false;
		previous = slot;
		nr++;
		*rule |= BIT(28 + i);
	}
	*rule |= first << 38 | (uint64_t)is_down << 50;
	return true;
}

static bool pack_saved(const struct cfi_row *row, uint64_t *rule)
{
	uint64_t fp, ra;

	if (!slot_of(row, REG_FP, 4095, &fp) || !slot_of(row, REG_RA, 4095, &ra) || !ra)
		return false;
	*rule |= fp << 4 | ra << 16;
	return pack_others(row, rule);
}

static bool pack_offset(int64_t offset, uint64_t *rule)
{
	*rule |= (uint64_t)(offset / 16) << 51;
	return offset % 16 == 0 && offset > 0 && offset / 16 < 4096;
}
#endif

static bool pack(const struct cfi_row *row, uint64_t *rule)
{
	*rule = row->cfa_reg == REG_SP ? RULE_SP : RULE_FP;
	return !row->cfa_is_expression && (row->cfa_reg == REG_SP || row->cfa_reg == REG_FP) && has_plain_rest(row) &&
	       pack_offset(row->cfa_value, rule) && pack_saved(row, rule);
}

/* A return to a function's very first byte, which no call makes: put there by hand (makecontext). */
static bool is_before_function(const struct cfi_object *o, uint64_t pc)
{
	struct cfi_fde fde;

	return cfi_find(o, pc + 1, &fde) && fde.pc_begin == pc + 1;
}

uint64_t rule_make(const struct cfi_object *o, uint64_t pc)
{
	struct cfi_fde fde;
	struct cfi_row row;
	uint64_t rule;

	if (!cfi_find(o, pc, &fde))
		return is_before_function(o, pc) ? RULE_END : RULE_NO_ENTRY;
#if defined(__aarch64__)
	/* Older kernels describe their signal frame so that the interrupted address is skipped: its layout is known
	 * better. */
	if (fde.is_signal)
		return RULE_NO_ENTRY;
#endif
	if (!cfi_row(o, &fde, pc, &row))
		return RULE_BROKEN;
	if (row.how[REG_RA] == CFI_UNDEFINED)
		return RULE_END;
	if (!fde.is_signal && pack(&row, &rule))
		return rule;
	return RULE_ENTRY | (fde.address - o->start) << 16;
}

/* ---- cache ---- */

static void put_at(uint32_t slot, uint64_t word, uint64_t rule)
{
	/* The order does not matter: only the two together are found. */
	__atomic_store_n(&rules_cache[slot].rule, rule, __ATOMIC_RELAXED);
	__atomic_store_n(&rules_cache[slot].check, word ^ rule * RULES_MIX, __ATOMIC_RELAXED);
}

/* The newest goes first, what was there second. */
void rules_put(uint64_t key, uint32_t index, uint64_t rule)
{
	uint32_t slot = rules_slot(key);
	uint64_t old = __atomic_load_n(&rules_cache[slot].rule, __ATOMIC_RELAXED);
	uint64_t old_word = __atomic_load_n(&rules_cache[slot].check, __ATOMIC_RELAXED) ^ old * RULES_MIX;

	if (!key || key >> 48)
		return;
	if (old && old_word >> 16 != key)
		put_at(slot ^ 1, old_word, old);
	put_at(slot, key << 16 | index, rule);
}

/* ---- short rules ---- */

uint64_t rules_short[1u << SHORT_BITS] __attribute__((aligned(64)));

uint64_t rules_short_find(uint64_t mixed)
{
	uint64_t rule = rules_short_get(mixed);

	if (rule >> SHORT_RULE_BITS == 0 && !(rule & SHORT_MOVED))
		return rule;
	rule = __atomic_load_n(&rules_short[SHORT_PLACE(mixed) ^ 1], __ATOMIC_RELAXED) ^ SHORT_KEY(mixed);
	return rule >> SHORT_RULE_BITS == 0 && rule & SHORT_MOVED ? rule : 0;
}

#if defined(__x86_64__)
static bool shorten(uint64_t rule, uint64_t *to)
{
	*to = RULE_FP_AT(rule) << 5 | RULE_CFA_OFFSET(rule) << 12;
	return RULE_FP_AT(rule) <= 0xf8 && RULE_CFA_OFFSET(rule) % 8 == 0 && RULE_CFA_OFFSET(rule) < 8ull << 13;
}
#else
static bool shorten(uint64_t rule, uint64_t *to)
{
	uint64_t ra = RULE_RA_AT(rule) / 8, fp = RULE_FP_AT(rule) / 8;

	*to = (ra & 15) << 9 | (ra & 0xf0) << 11 | RULE_CFA_OFFSET(rule) << 15 | (fp ? BIT(8) : 0);
	return ra < 256 && (!fp || fp == ra + 1) && RULE_CFA_OFFSET(rule) < 16ull << 9;
}
#endif

/* The newest goes first; what was there beside it, unless it is from there itself. */
void rules_short_put(uint64_t ra, uint32_t index, uint64_t rule)
{
	uint64_t mixed = SHORT_MIXED(ra), *place = &rules_short[SHORT_PLACE(mixed)], *beside, old, to;

	if (index > 0xff || ra >> 48 || !SHORT_KEY(mixed))
		return;
	if (RULE_KIND(rule) == RULE_END)
		to = SHORT_NOT_PLAIN;
	else if (!RULE_IS_SIMPLE(rule) || !shorten(rule, &to))
		return;
	to |= index | (RULE_KIND(rule) == RULE_FP ? SHORT_FP | SHORT_NOT_PLAIN : 0);
	old = __atomic_load_n(place, __ATOMIC_RELAXED);
	beside = &rules_short[SHORT_PLACE(mixed) ^ 1];
	if (old && !(old & SHORT_MOVED) && old >> SHORT_RULE_BITS != SHORT_KEY(mixed) >> SHORT_RULE_BITS)
		__atomic_store_n(beside, old | SHORT_MOVED | SHORT_NOT_PLAIN, __ATOMIC_RELAXED);
	__atomic_store_n(place, SHORT_KEY(mixed) ^ to, __ATOMIC_RELAXED);
}
