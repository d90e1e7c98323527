#include "recorder/cfi.h"

#include <stddef.h>

#define MAX_REMEMBERED 4
#define MAX_DEPTH 16

/* ---- bytes ---- */

struct bytes {
	const uint8_t *p, *end;
	bool failed;
};

static uint64_t take(struct bytes *b, uint32_t n)
{
	uint64_t v = 0;

	if ((size_t)(b->end - b->p) < n) {
		b->failed = true;
		b->p = b->end;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		v |= (uint64_t)b->p[i] << (8 * i);
	b->p += n;
	return v;
}

static uint64_t uleb(struct bytes *b)
{
	uint64_t v = 0;
	uint32_t shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)take(b, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return v;
}

static int64_t sleb(struct bytes *b)
{
	uint64_t v = 0;
	uint32_t shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)take(b, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (shift < 64 && byte & 0x40)
		v |= ~0ull << shift;
	return (int64_t)v;
}

/* Pointer encodings of the LSB; DW_EH_PE_indirect is followed by no one who only wants addresses of code. */
static uint64_t encoded(struct bytes *b, uint8_t encoding, uint64_t hdr)
{
	uint64_t base = 0, here = (uint64_t)(uintptr_t)b->p, v;

	if (encoding == 0xff)
		return 0;
	switch (encoding & 0x70) {
	case 0x10: base = here; break;
	case 0x30: base = hdr; break;
	default: break;
	}
	switch (encoding & 0x0f) {
	case 0x00: case 0x04: case 0x0c: v = take(b, 8); break;
	case 0x01: v = uleb(b); break;
	case 0x02: v = take(b, 2); break;
	case 0x03: v = take(b, 4); break;
	case 0x09: v = (uint64_t)sleb(b); break;
	case 0x0a: v = (uint64_t)(int64_t)(int16_t)take(b, 2); break;
	case 0x0b: v = (uint64_t)(int64_t)(int32_t)take(b, 4); break;
	default: b->failed = true; v = 0; break;
	}
	return v ? base + v : 0;
}

/* ---- records ---- */

struct record {
	struct bytes body;    /* behind the length */
	uint64_t id_at;       /* address of the CIE pointer */
	uint64_t next;
};

static bool read_record(uint64_t at, uint64_t end, struct record *r)
{
	struct bytes b = { (const uint8_t *)(uintptr_t)at, (const uint8_t *)(uintptr_t)end, false };
	uint64_t len = take(&b, 4);

	if (len == 0xffffffff)
		len = take(&b, 8);
	if (b.failed || !len || len > (uint64_t)(b.end - b.p))
		return false;
	r->id_at = (uint64_t)(uintptr_t)b.p;
	r->body = (struct bytes){ b.p, b.p + len, false };
	r->next = (uint64_t)(uintptr_t)(b.p + len);
	return true;
}

struct cie {
	uint64_t code_align;
	int64_t data_align;
	uint8_t pointer_encoding;
	bool has_augmentation, is_signal;
	uint64_t ra;
	struct bytes program;
};

static void read_augmentation(struct bytes *b, const char *augmentation, struct cie *c)
{
	uint64_t len = uleb(b);
	const uint8_t *end = b->p + len;

	if (len > (uint64_t)(b->end - b->p)) {
		b->failed = true;
		return;
	}
	for (const char *a = augmentation + 1; *a; a++) {
		uint8_t encoding;

		if (*a == 'R') {
			c->pointer_encoding = (uint8_t)take(b, 1);
		} else if (*a == 'L') {
			(void)take(b, 1);
		} else if (*a == 'P') {
			encoding = (uint8_t)take(b, 1);
			(void)encoded(b, encoding & 0x7f, 0);
		} else if (*a == 'S') {
			c->is_signal = true;
		} else if (*a != 'B' && *a != 'G') {
			break; /* the length says where it ends */
		}
	}
	b->p = end;
}

static bool read_cie(uint64_t at, uint64_t end, struct cie *c)
{
	struct record r;
	struct bytes *b = &r.body;
	const char *augmentation;
	uint8_t version;

	*c = (struct cie){ .pointer_encoding = 0 };
	if (!read_record(at, end, &r) || take(b, 4) != 0)
		return false;
	version = (uint8_t)take(b, 1);
	augmentation = (const char *)b->p;
	while (take(b, 1) && !b->failed)
		;
	if (version == 4)
		(void)take(b, 2);
	c->code_align = uleb(b);
	c->data_align = sleb(b);
	c->ra = version == 1 ? take(b, 1) : uleb(b);
	if (augmentation[0] == 'z') {
		c->has_augmentation = true;
		read_augmentation(b, augmentation, c);
	} else if (augmentation[0]) {
		return false;
	}
	c->program = *b;
	return !b->failed && c->ra < CFI_NR_REGS;
}

/* ---- finding the FDE ---- */

struct table {
	uint64_t hdr, eh_frame, nr, first; /* first: address of the binary search table, 0 none */
};

static bool read_hdr(uint64_t hdr, uint64_t end, struct table *t)
{
	struct bytes b = { (const uint8_t *)(uintptr_t)hdr, (const uint8_t *)(uintptr_t)end, false };
	uint8_t version = (uint8_t)take(&b, 1), frame_encoding = (uint8_t)take(&b, 1);
	uint8_t count_encoding = (uint8_t)take(&b, 1), table_encoding = (uint8_t)take(&b, 1);

	*t = (struct table){ .hdr = hdr };
	t->eh_frame = encoded(&b, frame_encoding, hdr);
	t->nr = encoded(&b, count_encoding, hdr);
	if (version != 1 || b.failed)
		return false;
	if (table_encoding == 0x3b && t->nr && t->nr <= (uint64_t)(b.end - b.p) / 8)
		t->first = (uint64_t)(uintptr_t)b.p;
	return true;
}

static int32_t entry_at(const struct table *t, uint64_t i, uint32_t word)
{
	int32_t v;

	__builtin_memcpy(&v, (const void *)(uintptr_t)(t->first + i * 8 + word * 4), 4);
	return v;
}

/* The last entry whose start is not above pc. */
static uint64_t search(const struct table *t, uint64_t pc)
{
	int64_t want = (int64_t)(pc - t->hdr);
	uint64_t low = 0, high = t->nr;

	if (want < entry_at(t, 0, 0))
		return 0;
	while (high - low > 1) {
		uint64_t middle = (low + high) / 2;

		if (entry_at(t, middle, 0) <= want)
			low = middle;
		else
			high = middle;
	}
	return t->hdr + (uint64_t)(int64_t)entry_at(t, low, 1);
}

struct fde {
	uint64_t start, end;
	struct cie cie;
	struct bytes program;
};

static bool read_fde(uint64_t at, uint64_t module_end, uint64_t hdr, struct fde *f)
{
	struct record r;
	uint64_t cie_at;

	if (!read_record(at, module_end, &r))
		return false;
	cie_at = take(&r.body, 4);
	if (!cie_at || !read_cie(r.id_at - cie_at, module_end, &f->cie))
		return false;
	f->start = encoded(&r.body, f->cie.pointer_encoding, hdr);
	f->end = f->start + encoded(&r.body, f->cie.pointer_encoding & 0x0f, hdr);
	if (f->cie.has_augmentation) {
		uint64_t len = uleb(&r.body);

		if (len > (uint64_t)(r.body.end - r.body.p))
			return false;
		r.body.p += len;
	}
	f->program = r.body;
	return !r.body.failed;
}

/* Without a search table: from one record to the next. Such objects are small. */
static bool find_linear(const struct table *t, uint64_t module_end, uint64_t pc, struct fde *f, uint64_t *at)
{
	struct record r;

	for (uint64_t here = t->eh_frame; here && read_record(here, module_end, &r); here = r.next)
		if (read_fde(here, module_end, t->hdr, f) && pc >= f->start && pc < f->end) {
			*at = here;
			return true;
		}
	return false;
}

static bool find_fde(uint64_t hdr, uint64_t module_end, uint64_t pc, struct fde *f, uint64_t *at)
{
	struct table t;

	if (!hdr || !read_hdr(hdr, module_end, &t))
		return false;
	if (!t.first)
		return find_linear(&t, module_end, pc, f, at);
	*at = search(&t, pc);
	return *at && read_fde(*at, module_end, hdr, f) && pc >= f->start && pc < f->end;
}

/* ---- the program ---- */

struct state {
	struct cfi_row row, initial;
	struct cfi_row remembered[MAX_REMEMBERED];
	uint32_t nr_remembered;
	uint64_t pc;
	const struct cie *cie;
};

static void set(struct state *s, uint64_t reg, uint8_t how, int64_t at)
{
	if (reg < CFI_NR_REGS)
		s->row.regs[reg] = (struct cfi_register){ how, (int32_t)at };
}

static int32_t skip_expression(struct state *s, struct bytes *b)
{
	int32_t at = (int32_t)((uint64_t)(uintptr_t)b->p - s->row.fde);
	uint64_t len = uleb(b);

	if (len > (uint64_t)(b->end - b->p))
		b->failed = true;
	else
		b->p += len;
	return at;
}

static void define_cfa(struct state *s, uint64_t reg, int64_t offset)
{
	s->row.cfa_is_expression = false;
	s->row.cfa_reg = reg < CFI_NR_REGS ? (uint8_t)reg : 0xff;
	s->row.cfa_at = (int32_t)offset;
}

/* The instructions with their own opcode byte, except those that move pc. */
static bool execute_one(struct state *s, uint8_t op, struct bytes *b)
{
	int64_t factor = s->cie->data_align;
	uint64_t reg;

	switch (op) {
	case 0x00: return true;                                                                   /* nop */
	case 0x05: reg = uleb(b); set(s, reg, CFI_OFFSET, (int64_t)uleb(b) * factor); return true; /* offset_extended */
	case 0x06: reg = uleb(b);                                                                 /* restore_extended */
		if (reg < CFI_NR_REGS)
			s->row.regs[reg] = s->initial.regs[reg];
		return true;
	case 0x07: set(s, uleb(b), CFI_UNDEFINED, 0); return true;
	case 0x08: set(s, uleb(b), CFI_SAME, 0); return true;
	case 0x09: reg = uleb(b); set(s, reg, CFI_REGISTER, (int64_t)uleb(b)); return true;
	case 0x0a:                                                                                /* remember_state */
		if (s->nr_remembered == MAX_REMEMBERED)
			return false;
		s->remembered[s->nr_remembered++] = s->row;
		return true;
	case 0x0b:                                                                                /* restore_state */
		if (!s->nr_remembered)
			return false;
		s->row = s->remembered[--s->nr_remembered];
		return true;
	case 0x0c: reg = uleb(b); define_cfa(s, reg, (int64_t)uleb(b)); return true;              /* def_cfa */
	case 0x0d: define_cfa(s, uleb(b), s->row.cfa_at); return true;                            /* def_cfa_register */
	case 0x0e: s->row.cfa_at = (int32_t)uleb(b); return true;                                 /* def_cfa_offset */
	case 0x0f: s->row.cfa_at = skip_expression(s, b); s->row.cfa_is_expression = true; return true;
	case 0x10: reg = uleb(b); set(s, reg, CFI_EXPRESSION, skip_expression(s, b)); return true;
	case 0x11: reg = uleb(b); set(s, reg, CFI_OFFSET, sleb(b) * factor); return true;         /* offset_extended_sf */
	case 0x12: reg = uleb(b); define_cfa(s, reg, sleb(b) * factor); return true;              /* def_cfa_sf */
	case 0x13: s->row.cfa_at = (int32_t)(sleb(b) * factor); return true;                      /* def_cfa_offset_sf */
	case 0x14: reg = uleb(b); set(s, reg, CFI_VAL_OFFSET, (int64_t)uleb(b) * factor); return true;
	case 0x15: reg = uleb(b); set(s, reg, CFI_VAL_OFFSET, sleb(b) * factor); return true;
	case 0x16: reg = uleb(b); set(s, reg, CFI_VAL_EXPRESSION, skip_expression(s, b)); return true;
	case 0x2d: return true;                                  /* AArch64: negate_ra_state; addresses are always stripped */
	case 0x2e: (void)uleb(b); return true;                   /* GNU_args_size */
	case 0x2f: reg = uleb(b); set(s, reg, CFI_OFFSET, -(int64_t)uleb(b) * factor); return true;
	default: return false;
	}
}

/* Runs until the row holds for `pc`. */
static bool execute(struct state *s, struct bytes b, uint64_t pc, uint64_t hdr)
{
	while (b.p < b.end && !b.failed) {
		uint8_t op = (uint8_t)take(&b, 1), low = op & 0x3f;
		uint64_t to = s->pc;

		switch (op >> 6) {
		case 1: to = s->pc + low * s->cie->code_align; break;
		case 2: set(s, low, CFI_OFFSET, (int64_t)uleb(&b) * s->cie->data_align); continue;
		case 3:
			if (low < CFI_NR_REGS)
				s->row.regs[low] = s->initial.regs[low];
			continue;
		default:
			if (op == 0x01)
				to = encoded(&b, s->cie->pointer_encoding, hdr);
			else if (op >= 0x02 && op <= 0x04)
				to = s->pc + take(&b, 1u << (op - 2)) * s->cie->code_align;
			else if (execute_one(s, op, &b))
				continue;
			else
				return false;
		}
		if (to > pc)
			break;
		s->pc = to;
	}
	return !b.failed;
}

void cfi_find(uint64_t eh_frame_hdr, uint64_t module_end, uint64_t pc, struct cfi_row *row)
{
	struct fde f;
	struct state s = { .nr_remembered = 0 };
	uint64_t at;

	row->is_valid = row->is_start = false;
	if (!find_fde(eh_frame_hdr, module_end, pc, &f, &at))
		return;
	s.cie = &f.cie;
	s.pc = f.start;
	s.row.fde = at;
	s.row.ra = (uint8_t)f.cie.ra;
	s.row.is_signal = f.cie.is_signal;
	s.row.cfa_reg = 0xff;
	if (!execute(&s, f.cie.program, UINT64_MAX, eh_frame_hdr))
		return;
	s.pc = f.start;
	s.initial = s.row;
	if (!execute(&s, f.program, pc, eh_frame_hdr))
		return;
	*row = s.row;
	row->is_start = pc == f.start;
	row->is_valid = row->cfa_is_expression || row->cfa_reg < CFI_NR_REGS;
}

/* ---- expressions: the stack machine of DWARF 5 section 2.5, as far as unwinding uses it ---- */

struct machine {
	uint64_t stack[MAX_DEPTH];
	uint32_t nr;
	bool failed;
};

static void push(struct machine *m, uint64_t v)
{
	if (m->nr == MAX_DEPTH)
		m->failed = true;
	else
		m->stack[m->nr++] = v;
}

static uint64_t pop(struct machine *m)
{
	if (!m->nr) {
		m->failed = true;
		return 0;
	}
	return m->stack[--m->nr];
}

static bool push_constant(struct machine *m, uint8_t op, struct bytes *b)
{
	switch (op) {
	case 0x03: case 0x0e: push(m, take(b, 8)); return true;
	case 0x08: push(m, take(b, 1)); return true;
	case 0x09: push(m, (uint64_t)(int64_t)(int8_t)take(b, 1)); return true;
	case 0x0a: push(m, take(b, 2)); return true;
	case 0x0b: push(m, (uint64_t)(int64_t)(int16_t)take(b, 2)); return true;
	case 0x0c: push(m, take(b, 4)); return true;
	case 0x0d: push(m, (uint64_t)(int64_t)(int32_t)take(b, 4)); return true;
	case 0x10: push(m, uleb(b)); return true;
	case 0x11: push(m, (uint64_t)sleb(b)); return true;
	default: return false;
	}
}

static bool compute_two(struct machine *m, uint8_t op)
{
	uint64_t b = pop(m), a = pop(m);

	switch (op) {
	case 0x1a: push(m, a & b); return true;
	case 0x1c: push(m, a - b); return true;
	case 0x1e: push(m, a * b); return true;
	case 0x21: push(m, a | b); return true;
	case 0x22: push(m, a + b); return true;
	case 0x24: push(m, b < 64 ? a << b : 0); return true;
	case 0x25: push(m, b < 64 ? a >> b : 0); return true;
	case 0x27: push(m, a ^ b); return true;
	case 0x29: push(m, a == b); return true;
	case 0x2a: push(m, (int64_t)a >= (int64_t)b); return true;
	case 0x2b: push(m, (int64_t)a > (int64_t)b); return true;
	case 0x2c: push(m, (int64_t)a <= (int64_t)b); return true;
	case 0x2d: push(m, (int64_t)a < (int64_t)b); return true;
	case 0x2e: push(m, a != b); return true;
	default: return false;
	}
}

bool cfi_evaluate(const struct cfi_row *row, int32_t at, const struct cfi_registers *regs, bool has_initial,
                  uint64_t initial, bool (*read)(void *data, uint64_t address, uint64_t *out), void *data, uint64_t *out)
{
	const uint8_t *start = (const uint8_t *)(uintptr_t)(row->fde + (uint64_t)(int64_t)at);
	struct bytes b = { start, start + 512, false };
	uint64_t len = uleb(&b), reg, v;
	struct machine m = { .nr = 0 };

	if (len > (uint64_t)(b.end - b.p))
		return false;
	b.end = b.p + len;
	if (has_initial)
		push(&m, initial);
	while (b.p < b.end && !b.failed && !m.failed) {
		uint8_t op = (uint8_t)take(&b, 1);

		if (op >= 0x30 && op <= 0x4f) { /* lit0–31 */
			push(&m, op - 0x30u);
		} else if ((op >= 0x70 && op <= 0x8f) || op == 0x92) { /* breg0–31, bregx */
			reg = op == 0x92 ? uleb(&b) : op - 0x70u;
			if (reg >= CFI_NR_REGS || !(regs->known >> reg & 1))
				return false;
			push(&m, regs->v[reg] + (uint64_t)sleb(&b));
		} else if (op == 0x06) { /* deref */
			if (!read(data, pop(&m), &v))
				return false;
			push(&m, v);
		} else if (op == 0x12) { /* dup */
			v = pop(&m);
			push(&m, v);
			push(&m, v);
		} else if (op == 0x13) { /* drop */
			(void)pop(&m);
		} else if (op == 0x23) { /* plus_uconst */
			v = pop(&m);
			push(&m, v + uleb(&b));
		} else if (!push_constant(&m, op, &b) && !compute_two(&m, op)) {
			return false;
		}
	}
	*out = pop(&m);
	return !b.failed && !m.failed;
}
