#include "recorder/cfi.h"

#include "recorder/cursor.h"

#define MAX_REMEMBERED 6
#define NO_REG 0xff /* a register that is not tracked */

static const uint8_t *bytes_at(uint64_t address)
{
	return (const uint8_t *)(uintptr_t)address;
}
static uint64_t address_of(const uint8_t *p)
{
	return (uint64_t)(uintptr_t)p;
}

static struct cursor cursor_at(const struct cfi_object *o, uint64_t address)
{
	bool is_inside = address >= o->start && address < o->end;

	return (struct cursor){ .p = bytes_at(address),
		                .end = bytes_at(is_inside ? o->end : address),
		                .failed = !is_inside };
}

/* ---- pointers ---- */

enum { PE_OMIT = 0xff, PE_PCREL = 0x10, PE_DATAREL = 0x30, PE_INDIRECT = 0x80 };

static uint64_t read_pointer_value(struct cursor *c, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c: return cursor_u64(c);
	case 0x01: return cursor_uleb(c);
	case 0x02: return cursor_u16(c);
	case 0x03: return cursor_u32(c);
	case 0x09: return (uint64_t)cursor_sleb(c);
	case 0x0a: return (uint64_t)(int16_t)cursor_u16(c);
	case 0x0b: return (uint64_t)(int32_t)cursor_u32(c);
	default: c->failed = true; return 0;
	}
}

/* An indirect one is left as it is: only personalities are, and nobody calls them. */
static uint64_t read_pointer(struct cursor *c, uint8_t encoding, uint64_t data_base)
{
	uint64_t at = address_of(c->p);
	uint64_t v = read_pointer_value(c, encoding);

	switch (encoding & 0x70) {
	case 0: return v;
	case PE_PCREL: return v + at;
	case PE_DATAREL: return v + data_base;
	default: c->failed = true; return 0;
	}
}

/* ---- entries ---- */

/* Reads the length; *c ends where the entry ends. 0 is the terminator. */
static bool read_length(struct cursor *c)
{
	uint64_t length = cursor_u32(c);

	if (length == 0xffffffff)
		length = cursor_u64(c);
	if (c->failed || !length || length > (uint64_t)(c->end - c->p))
		return false;
	c->end = c->p + length;
	return true;
}

struct cie {
	uint8_t pointer_encoding;
	bool has_length; /* augmentation z: FDEs have a length of their own augmentation */
};

static void read_augmentation(struct cursor *c, const uint8_t *letters, struct cie *cie, struct cfi_fde *out)
{
	for (; *letters && !c->failed; letters++) {
		if (*letters == 'R')
			cie->pointer_encoding = cursor_u8(c);
		else if (*letters == 'P')
			(void)read_pointer_value(c, cursor_u8(c));
		else if (*letters == 'L')
			(void)cursor_u8(c);
		else if (*letters == 'S')
			out->is_signal = true;
		/* 'B', 'G': how return addresses are signed, tagged frames: nothing to read */
	}
}

static bool parse_cie(struct cursor c, struct cie *cie, struct cfi_fde *out)
{
	const uint8_t *letters;
	uint8_t version;
	uint64_t ra;

	if (!read_length(&c) || cursor_u32(&c) != 0)
		return false;
	version = cursor_u8(&c);
	letters = c.p;
	while (cursor_u8(&c))
		;
	if (c.failed || (version != 1 && version != 3))
		return false;
	if (letters[0] == 'e' && letters[1] == 'h')
		(void)cursor_u64(&c);
	out->code_align = cursor_uleb(&c);
	out->data_align = cursor_sleb(&c);
	ra = version == 1 ? cursor_u8(&c) : cursor_uleb(&c);
	cie->has_length = letters[0] == 'z';
	if (cie->has_length) {
		uint64_t length = cursor_uleb(&c);
		struct cursor augmentation = c;

		cursor_skip(&c, length);
		augmentation.end = c.p;
		read_augmentation(&augmentation, letters + 1, cie, out);
		c.failed |= augmentation.failed;
	}
	out->cie_code = c.p;
	out->cie_code_end = c.end;
	return !c.failed && ra == REG_RA;
}

/* `c` stands at an entry that is not the terminator. */
static bool parse_fde(const struct cfi_object *o, struct cursor c, struct cfi_fde *out)
{
	struct cie cie = { 0 };
	uint64_t at, to_cie;

	*out = (struct cfi_fde){ .address = address_of(c.p) };
	if (!read_length(&c))
		return false;
	at = address_of(c.p);
	to_cie = cursor_u32(&c);
	if (!to_cie || to_cie > at - o->start || !parse_cie(cursor_at(o, at - to_cie), &cie, out))
		return false;
	out->pc_begin = read_pointer(&c, cie.pointer_encoding, 0);
	out->pc_end = out->pc_begin + read_pointer_value(&c, cie.pointer_encoding);
	if (cie.has_length)
		cursor_skip(&c, cursor_uleb(&c));
	out->code = c.p;
	out->code_end = c.end;
	return !c.failed;
}

bool cfi_parse(const struct cfi_object *o, uint64_t address, struct cfi_fde *out)
{
	return parse_fde(o, cursor_at(o, address), out);
}

/* ---- search ---- */

static int32_t table_word(const uint8_t *table, uint64_t i)
{
	int32_t v;

	__builtin_memcpy(&v, table + i * 4, 4);
	return v;
}

/* Pairs of (first pc, entry), both relative to the header, sorted. */
static uint64_t search_table(const struct cfi_object *o, struct cursor c, uint64_t nr, uint64_t pc)
{
	uint64_t low = 0, high = nr;

	if (nr > (uint64_t)(c.end - c.p) / 8)
		return 0;
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (o->header + (uint64_t)(int64_t)table_word(c.p, middle * 2) <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? o->header + (uint64_t)(int64_t)table_word(c.p, (low - 1) * 2 + 1) : 0;
}

static bool search_entries(const struct cfi_object *o, uint64_t address, uint64_t pc, struct cfi_fde *out)
{
	struct cursor c = cursor_at(o, address);

	while (!c.failed) {
		struct cursor next = c;

		if (!read_length(&next))
			return false;
		if (parse_fde(o, c, out) && pc >= out->pc_begin && pc < out->pc_end)
			return true;
		c.p = next.end;
	}
	return false;
}

bool cfi_find(const struct cfi_object *o, uint64_t pc, struct cfi_fde *out)
{
	struct cursor c = cursor_at(o, o->header);
	uint8_t version, frame_encoding, count_encoding, table_encoding;
	uint64_t frames, nr, address;

	if (!o->header)
		return false;
	version = cursor_u8(&c);
	frame_encoding = cursor_u8(&c);
	count_encoding = cursor_u8(&c);
	table_encoding = cursor_u8(&c);
	frames = read_pointer(&c, frame_encoding, o->header);
	if (c.failed || version != 1 || frame_encoding == PE_OMIT)
		return false;
	if (count_encoding == PE_OMIT || table_encoding != 0x3b /* sdata4, relative to the header */)
		return search_entries(o, frames, pc, out);
	nr = read_pointer(&c, count_encoding, o->header);
	address = c.failed ? 0 : search_table(o, c, nr, pc);
	return address && cfi_parse(o, address, out) && pc >= out->pc_begin && pc < out->pc_end;
}

/* ---- programs ---- */

struct program {
	const struct cfi_object *object;
	const struct cfi_fde *fde;
	struct cursor c;
	uint64_t location;
	struct cfi_row *row;
	const struct cfi_row *initial; /* NULL while the common part runs */
	struct cfi_row remembered[MAX_REMEMBERED];
	uint32_t nr_remembered;
};

static void set(struct program *p, uint64_t reg, enum cfi_how how, int64_t value)
{
	if (reg >= NR_REGS)
		return;
	if (value != (int32_t)value)
		p->c.failed = true;
	p->row->how[reg] = (uint8_t)how;
	p->row->value[reg] = (int32_t)value;
}

static void set_cfa(struct program *p, uint64_t reg, int64_t offset)
{
	if (reg >= NR_REGS || offset != (int32_t)offset)
		p->c.failed = true;
	p->row->cfa_reg = (uint8_t)reg;
	p->row->cfa_value = (int32_t)offset;
	p->row->cfa_is_expression = false;
}

/* Place of the expression that comes next. */
static int64_t skip_expression(struct program *p)
{
	uint64_t place = address_of(p->c.p) - p->object->start;

	cursor_skip(&p->c, cursor_uleb(&p->c));
	return (int64_t)place;
}

static void restore(struct program *p, uint64_t reg)
{
	if (reg >= NR_REGS || !p->initial)
		return;
	p->row->how[reg] = p->initial->how[reg];
	p->row->value[reg] = p->initial->value[reg];
}

static int64_t factored(struct program *p, uint64_t offset)
{
	return (int64_t)offset * p->fde->data_align;
}
static int64_t factored_sleb(struct program *p)
{
	return cursor_sleb(&p->c) * p->fde->data_align;
}
static void advance(struct program *p, uint64_t delta)
{
	p->location += delta * p->fde->code_align;
}

static void remember(struct program *p)
{
	if (p->nr_remembered == MAX_REMEMBERED)
		p->c.failed = true;
	else
		p->remembered[p->nr_remembered++] = *p->row;
}

static void recall(struct program *p)
{
	if (!p->nr_remembered)
		p->c.failed = true;
	else
		*p->row = p->remembered[--p->nr_remembered];
}

enum {
	OP_NOP = 0x00,
	OP_SET_LOC,
	OP_ADVANCE1,
	OP_ADVANCE2,
	OP_ADVANCE4,
	OP_OFFSET_EXTENDED,
	OP_RESTORE_EXTENDED,
	OP_UNDEFINED,
	OP_SAME_VALUE,
	OP_REGISTER,
	OP_REMEMBER,
	OP_RECALL,
	OP_DEF_CFA,
	OP_DEF_CFA_REGISTER,
	OP_DEF_CFA_OFFSET,
	OP_DEF_CFA_EXPRESSION,
	OP_EXPRESSION,
	OP_OFFSET_EXTENDED_SF,
	OP_DEF_CFA_SF,
	OP_DEF_CFA_OFFSET_SF,
	OP_VAL_OFFSET,
	OP_VAL_OFFSET_SF,
	OP_VAL_EXPRESSION,
	OP_NEGATE_RA_STATE = 0x2d,
	OP_ARGS_SIZE = 0x2e,
	OP_NEGATIVE_OFFSET_EXTENDED = 0x2f,
	OP_ADVANCE = 0x40,
	OP_OFFSET = 0x80,
	OP_RESTORE = 0xc0 /* the low six bits are an operand */
};

/* Rules of registers. False: not one of them. */
static bool step_register(struct program *p, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case OP_OFFSET_EXTENDED:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_OFFSET, factored(p, cursor_uleb(&p->c)));
		return true;
	case OP_OFFSET_EXTENDED_SF:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_OFFSET, factored_sleb(p));
		return true;
	case OP_NEGATIVE_OFFSET_EXTENDED:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_OFFSET, -factored(p, cursor_uleb(&p->c)));
		return true;
	case OP_VAL_OFFSET:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_VAL_OFFSET, factored(p, cursor_uleb(&p->c)));
		return true;
	case OP_VAL_OFFSET_SF:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_VAL_OFFSET, factored_sleb(p));
		return true;
	case OP_REGISTER:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_REGISTER, (int64_t)cursor_uleb(&p->c));
		return true;
	case OP_EXPRESSION:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_EXPRESSION, skip_expression(p));
		return true;
	case OP_VAL_EXPRESSION:
		reg = cursor_uleb(&p->c);
		set(p, reg, CFI_VAL_EXPRESSION, skip_expression(p));
		return true;
	case OP_UNDEFINED: set(p, cursor_uleb(&p->c), CFI_UNDEFINED, 0); return true;
	case OP_SAME_VALUE: set(p, cursor_uleb(&p->c), CFI_SAME, 0); return true;
	case OP_RESTORE_EXTENDED: restore(p, cursor_uleb(&p->c)); return true;
	default: return false;
	}
}

/* Rules of the CFA, and all that is left. */
static void step_other(struct program *p, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case OP_NOP:
	case OP_NEGATE_RA_STATE: break;
	case OP_ARGS_SIZE: (void)cursor_uleb(&p->c); break;
	case OP_REMEMBER: remember(p); break;
	case OP_RECALL: recall(p); break;
	case OP_DEF_CFA:
		reg = cursor_uleb(&p->c);
		set_cfa(p, reg, (int64_t)cursor_uleb(&p->c));
		break;
	case OP_DEF_CFA_SF:
		reg = cursor_uleb(&p->c);
		set_cfa(p, reg, factored_sleb(p));
		break;
	case OP_DEF_CFA_REGISTER: set_cfa(p, cursor_uleb(&p->c), p->row->cfa_value); break;
	case OP_DEF_CFA_OFFSET: set_cfa(p, p->row->cfa_reg, (int64_t)cursor_uleb(&p->c)); break;
	case OP_DEF_CFA_OFFSET_SF: set_cfa(p, p->row->cfa_reg, factored_sleb(p)); break;
	case OP_DEF_CFA_EXPRESSION:
		p->row->cfa_is_expression = true;
		p->row->cfa_value = (int32_t)skip_expression(p);
		break;
	default: p->c.failed = true;
	}
}

static bool step_location(struct program *p, uint8_t op)
{
	switch (op) {
	case OP_SET_LOC:
		/* No compiler writes it into .eh_frame, where it would need a relocation. */
		p->c.failed = true;
		return true;
	case OP_ADVANCE1: advance(p, cursor_u8(&p->c)); return true;
	case OP_ADVANCE2: advance(p, cursor_u16(&p->c)); return true;
	case OP_ADVANCE4: advance(p, cursor_u32(&p->c)); return true;
	default:
		if ((op & 0xc0) != OP_ADVANCE)
			return false;
		advance(p, op & 0x3f);
		return true;
	}
}

static bool execute(struct program *p, const uint8_t *code, const uint8_t *end, uint64_t pc)
{
	p->c = (struct cursor){ .p = code, .end = end, .failed = false };
	while (p->c.p < p->c.end && !p->c.failed) {
		uint8_t op = cursor_u8(&p->c);

		if (step_location(p, op)) {
			if (p->location > pc)
				break;
		} else if ((op & 0xc0) == OP_OFFSET) {
			set(p, op & 0x3f, CFI_OFFSET, factored(p, cursor_uleb(&p->c)));
		} else if ((op & 0xc0) == OP_RESTORE) {
			restore(p, op & 0x3f);
		} else if (!step_register(p, op)) {
			step_other(p, op);
		}
	}
	return !p->c.failed;
}

bool cfi_row(const struct cfi_object *o, const struct cfi_fde *fde, uint64_t pc, struct cfi_row *row)
{
	struct cfi_row initial;
	struct program p;

	__builtin_memset(row, 0, sizeof(*row));
	row->cfa_reg = NO_REG;
	p.object = o;
	p.fde = fde;
	p.location = fde->pc_begin;
	p.row = row;
	p.initial = NULL;
	p.nr_remembered = 0;
	if (!execute(&p, fde->cie_code, fde->cie_code_end, UINT64_MAX))
		return false;
	initial = *row;
	p.initial = &initial;
	p.location = fde->pc_begin;
	if (!execute(&p, fde->code, fde->code_end, pc))
		return false;
	return row->cfa_is_expression || row->cfa_reg < NR_REGS;
}
