#include "recorder/expression.h"

#include "recorder/cursor.h"

#define MAX_DEPTH 16
#define MAX_STEPS 256 /* branches may go back */

struct state {
	struct expression *e;
	struct cursor c;
	uint64_t stack[MAX_DEPTH];
	uint32_t depth;
};

static void push(struct state *s, uint64_t v)
{
	if (s->depth == MAX_DEPTH)
		s->c.failed = true;
	else
		s->stack[s->depth++] = v;
}

static uint64_t pop(struct state *s)
{
	if (!s->depth) {
		s->c.failed = true;
		return 0;
	}
	return s->stack[--s->depth];
}

static void pick(struct state *s, uint32_t from_top)
{
	if (from_top >= s->depth)
		s->c.failed = true;
	else
		push(s, s->stack[s->depth - 1 - from_top]);
}

static void push_register(struct state *s, uint64_t reg, int64_t offset)
{
	const struct machine *m = s->e->machine;

#if defined(__x86_64__)
	if (reg == REG_RA) {
		push(s, s->e->pc + (uint64_t)offset);
		return;
	}
#endif
	if (reg >= NR_REGS || !(m->valid & BIT(reg))) {
		s->e->is_register_missing = reg < NR_REGS;
		s->c.failed = true;
		return;
	}
	push(s, m->reg[reg] + (uint64_t)offset);
}

static void dereference(struct state *s, uint32_t nr_bytes)
{
	uint64_t v = 0, addr = pop(s);

	if (s->c.failed || !nr_bytes || nr_bytes > 8 || !stackmem_peek(s->e->stack, addr, nr_bytes, &v))
		s->c.failed = true;
	push(s, v);
}

enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S,
	OP_CONST2U,
	OP_CONST2S,
	OP_CONST4U,
	OP_CONST4S,
	OP_CONST8U,
	OP_CONST8S,
	OP_CONSTU,
	OP_CONSTS,
	OP_DUP,
	OP_DROP,
	OP_OVER,
	OP_PICK,
	OP_SWAP,
	OP_ROT,
	OP_ABS = 0x19,
	OP_AND,
	OP_DIV,
	OP_MINUS,
	OP_MOD,
	OP_MUL,
	OP_NEG,
	OP_NOT,
	OP_OR,
	OP_PLUS,
	OP_PLUS_UCONST,
	OP_SHL,
	OP_SHR,
	OP_SHRA,
	OP_XOR,
	OP_BRA,
	OP_EQ,
	OP_GE,
	OP_GT,
	OP_LE,
	OP_LT,
	OP_NE,
	OP_SKIP,
	OP_LIT0 = 0x30,
	OP_REG0 = 0x50,
	OP_BREG0 = 0x70,
	OP_BREGX = 0x92,
	OP_DEREF_SIZE = 0x94,
	OP_NOP = 0x96
};

static bool step_constant(struct state *s, uint8_t op)
{
	switch (op) {
	case OP_ADDR:
	case OP_CONST8U:
	case OP_CONST8S: push(s, cursor_u64(&s->c)); return true;
	case OP_CONST1U: push(s, cursor_u8(&s->c)); return true;
	case OP_CONST1S: push(s, (uint64_t)(int8_t)cursor_u8(&s->c)); return true;
	case OP_CONST2U: push(s, cursor_u16(&s->c)); return true;
	case OP_CONST2S: push(s, (uint64_t)(int16_t)cursor_u16(&s->c)); return true;
	case OP_CONST4U: push(s, cursor_u32(&s->c)); return true;
	case OP_CONST4S: push(s, (uint64_t)(int32_t)cursor_u32(&s->c)); return true;
	case OP_CONSTU: push(s, cursor_uleb(&s->c)); return true;
	case OP_CONSTS: push(s, (uint64_t)cursor_sleb(&s->c)); return true;
	default:
		if (op < OP_LIT0 || op >= OP_REG0)
			return false;
		push(s, (uint64_t)(op - OP_LIT0));
		return true;
	}
}

static bool step_stack(struct state *s, uint8_t op)
{
	uint64_t a, b, c;

	switch (op) {
	case OP_DUP: pick(s, 0); return true;
	case OP_DROP: (void)pop(s); return true;
	case OP_OVER: pick(s, 1); return true;
	case OP_PICK: pick(s, cursor_u8(&s->c)); return true;
	case OP_SWAP:
		a = pop(s);
		b = pop(s);
		push(s, a);
		push(s, b);
		return true;
	case OP_ROT:
		a = pop(s);
		b = pop(s);
		c = pop(s);
		push(s, a);
		push(s, c);
		push(s, b);
		return true;
	default: return false;
	}
}

static bool step_unary(struct state *s, uint8_t op)
{
	uint64_t a;

	switch (op) {
	case OP_ABS:
		a = pop(s);
		push(s, (int64_t)a < 0 ? 0 - a : a);
		return true;
	case OP_NEG: push(s, 0 - pop(s)); return true;
	case OP_NOT: push(s, ~pop(s)); return true;
	case OP_PLUS_UCONST:
		a = pop(s);
		push(s, a + cursor_uleb(&s->c));
		return true;
	case OP_DEREF: dereference(s, 8); return true;
	case OP_DEREF_SIZE: dereference(s, cursor_u8(&s->c)); return true;
	default: return false;
	}
}

static uint64_t divide(struct state *s, uint64_t a, uint64_t b)
{
	if (b == 0 || (a == BIT(63) && b == ~0ull)) {
		s->c.failed = true;
		return 0;
	}
	return (uint64_t)((int64_t)a / (int64_t)b);
}

static uint64_t shift(uint8_t op, uint64_t a, uint64_t by)
{
	if (by > 63)
		return op == OP_SHRA && (int64_t)a < 0 ? ~0ull : 0;
	if (op == OP_SHL)
		return a << by;
	return op == OP_SHR ? a >> by : (uint64_t)((int64_t)a >> by);
}

static bool compare(uint8_t op, int64_t a, int64_t b)
{
	switch (op) {
	case OP_EQ: return a == b;
	case OP_GE: return a >= b;
	case OP_GT: return a > b;
	case OP_LE: return a <= b;
	case OP_LT: return a < b;
	default: return a != b;
	}
}

static uint64_t combine(struct state *s, uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case OP_AND: return a & b;
	case OP_DIV: return divide(s, a, b);
	case OP_MINUS: return a - b;
	case OP_MOD: s->c.failed |= b == 0; return b ? a % b : 0;
	case OP_MUL: return a * b;
	case OP_OR: return a | b;
	case OP_PLUS: return a + b;
	case OP_XOR: return a ^ b;
	case OP_SHL:
	case OP_SHR:
	case OP_SHRA: return shift(op, a, b);
	default: return compare(op, (int64_t)a, (int64_t)b);
	}
}

static bool is_binary(uint8_t op)
{
	return (op >= OP_AND && op <= OP_XOR && op != OP_NEG && op != OP_NOT && op != OP_PLUS_UCONST) ||
	       (op >= OP_EQ && op <= OP_NE);
}

static void jump(struct state *s, uint8_t op, const uint8_t *begin)
{
	int64_t by = (int16_t)cursor_u16(&s->c);

	if ((op == OP_BRA && !pop(s)) || s->c.failed)
		return;
	if (by < begin - s->c.p || by > s->c.end - s->c.p)
		s->c.failed = true;
	else
		s->c.p += by;
}

static void step(struct state *s, uint8_t op)
{
	if (op >= OP_BREG0 && op < OP_BREG0 + 32) {
		push_register(s, (uint64_t)(op - OP_BREG0), cursor_sleb(&s->c));
	} else if (op >= OP_REG0 && op < OP_REG0 + 32) {
		push_register(s, (uint64_t)(op - OP_REG0), 0);
	} else if (op == OP_BREGX) {
		uint64_t reg = cursor_uleb(&s->c);

		push_register(s, reg, cursor_sleb(&s->c));
	} else if (op == OP_BRA || op == OP_SKIP) {
		jump(s, op, s->e->p);
	} else if (is_binary(op)) {
		uint64_t b = pop(s), a = pop(s);

		push(s, combine(s, op, a, b));
	} else if (op != OP_NOP && !step_constant(s, op) && !step_stack(s, op) && !step_unary(s, op)) {
		s->c.failed = true;
	}
}

bool expression_evaluate(struct expression *e, uint64_t *result)
{
	struct state s = { .e = e, .c = { .p = e->p, .end = e->end, .failed = false }, .depth = 0 };

	e->is_register_missing = false;
	if (e->has_initial)
		push(&s, e->initial);
	for (int i = 0; i < MAX_STEPS && s.c.p < s.c.end && !s.c.failed; i++)
		step(&s, cursor_u8(&s.c));
	if (s.c.failed || s.c.p < s.c.end || !s.depth)
		return false;
	*result = s.stack[s.depth - 1];
	return true;
}
