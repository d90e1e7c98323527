#include "recorder/expression.h"

#include "tap.h"

static struct seep_walk_thread no_thread;
static struct machine machine;

static bool evaluate_on(const uint8_t *p, size_t nr, bool has_initial, uint64_t *result, bool *is_missing)
{
	struct stackmem stack = { .thread = &no_thread };
	struct expression e = { .p = p,
		                .end = p + nr,
		                .machine = &machine,
		                .stack = &stack,
		                .pc = 0x401234,
		                .initial = 1000,
		                .has_initial = has_initial };
	bool is_fine = expression_evaluate(&e, result);

	*is_missing = e.is_register_missing;
	return is_fine;
}

#define GIVES(want, ...)                                                    \
	do {                                                                \
		const uint8_t ops[] = { __VA_ARGS__ };                      \
		uint64_t got = 0xdead;                                      \
		bool is_missing;                                            \
		OK(evaluate_on(ops, sizeof(ops), true, &got, &is_missing)); \
		EQ_U(got, want);                                            \
	} while (0)
#define FAILS(...)                                                            \
	do {                                                                  \
		const uint8_t ops[] = { __VA_ARGS__ };                        \
		uint64_t got;                                                 \
		bool is_missing;                                              \
		OK(!evaluate_on(ops, sizeof(ops), false, &got, &is_missing)); \
		OK(!is_missing);                                              \
	} while (0)

static void computes(void)
{
	GIVES(1000, 0x96);
	GIVES(1007, 0x23, 7);
	GIVES(7, 0x37);
	GIVES((uint64_t)-2, 0x09, 0xfe);
	GIVES(0xfffe, 0x0a, 0xfe, 0xff);
	GIVES((uint64_t)-2, 0x0b, 0xfe, 0xff);
	GIVES((uint64_t)-64, 0x11, 0x40);
	GIVES(128, 0x10, 0x80, 0x01);
	GIVES(998, 0x32, 0x1c);
	GIVES((uint64_t)-3, 0x09, 0xf7, 0x33, 0x1b);
	GIVES((uint64_t)-1, 0x09, 0xff, 0x3f, 0x26);
	GIVES(0, 0x09, 0xff, 0x08, 64, 0x25);
	GIVES(1, 0x09, 0xff, 0x30, 0x2d);
	GIVES(2, 0x31, 0x32, 0x33, 0x17);
	GIVES(1, 0x31, 0x32, 0x33, 0x17, 0x13);
	GIVES(1000, 0x31, 0x14, 0x15, 0);
}

static void branches(void)
{
	GIVES(5, 0x35, 0x2f, 1, 0, 0x36);
	GIVES(6, 0x30, 0x28, 1, 0, 0x35, 0x36);
	GIVES(3, 0x33, 0x31, 0x28, 1, 0, 0x36);
}

/* The rule of the procedure linkage table: 8, or 16 behind its push. */
static void knows_the_program_counter(void)
{
#if defined(__x86_64__)
	machine.reg[REG_SP] = 0x7000;
	machine.valid = BIT(REG_SP);
	GIVES(0x7008, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22);
#endif
}

static void reads_memory_that_is_there(void)
{
	uint64_t word = 0x1122334455667788, at = (uint64_t)(uintptr_t)&word;
	uint8_t ops[11] = { 0x0e };
	uint64_t got = 0;
	bool is_missing;

	memcpy(ops + 1, &at, 8);
	ops[9] = 0x06;
	OK(evaluate_on(ops, 10, false, &got, &is_missing));
	EQ_U(got, word);
	ops[9] = 0x94;
	ops[10] = 2;
	OK(evaluate_on(ops, 11, false, &got, &is_missing));
	EQ_U(got, 0x7788);
}

static void fails_on_nonsense(void)
{
	FAILS(0x96);
	FAILS(0x22);
	FAILS(0x31, 0x22);
	FAILS(0x0e, 1, 2, 3);
	FAILS(0x31, 0x30, 0x1b);
	FAILS(0x31, 0x30, 0x1d);
	FAILS(0x31, 0x06);
	FAILS(0x31, 0x94, 9);
	FAILS(0xff);
	FAILS(0x31, 0x2f, 1, 0);
	FAILS(0x31, 0x2f, 0xf0, 0xff);
	FAILS(0x31, 0x15, 1);
}

static void ends_where_it_would_go_on_for_ever(void)
{
	FAILS(0x31, 0x2f, 0xfc, 0xff);
	FAILS(0x31, 0x12, 0x2f, 0xfc, 0xff);
}

static void says_which_failure_is_a_missing_register(void)
{
	const uint8_t ops[] = { 0x70 + 3, 0 };
	uint64_t got;
	bool is_missing;

	machine.valid = 0;
	OK(!evaluate_on(ops, 2, false, &got, &is_missing));
	OK(is_missing);
}

int main(void)
{
	computes();
	branches();
	knows_the_program_counter();
	reads_memory_that_is_there();
	fails_on_nonsense();
	ends_where_it_would_go_on_for_ever();
	says_which_failure_is_a_missing_register();
	return tap_done();
}
