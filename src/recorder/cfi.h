/*
 * Call frame information: what .eh_frame says about one address. DWARF 5 section 6.4; Linux Standard Base 5.0, Core,
 * chapter 10 (.eh_frame, .eh_frame_hdr). The bytes are those of an object that the loader mapped and whose code runs:
 * they are bounded by their own lengths, not distrusted.
 */
#ifndef SEEP_RECORDER_CFI_H
#define SEEP_RECORDER_CFI_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#define CFI_NR_REGS 17
#define CFI_SP 7
#define CFI_FP 6
#define CFI_RA 16
#elif defined(__aarch64__)
#define CFI_NR_REGS 32
#define CFI_SP 31
#define CFI_FP 29
#define CFI_RA 30
#endif

enum cfi_how { CFI_SAME, CFI_UNDEFINED, CFI_OFFSET, CFI_VAL_OFFSET, CFI_EXPRESSION, CFI_VAL_EXPRESSION, CFI_REGISTER };

struct cfi_register {
	uint8_t how;
	int32_t at; /* offset from the CFA, register number, or start of the expression relative to the FDE */
};

struct cfi_row {
	struct cfi_register regs[CFI_NR_REGS];
	uint8_t cfa_reg;
	bool cfa_is_expression;
	int32_t cfa_at;     /* offset, or start of the expression relative to the FDE */
	bool is_signal;     /* the frame was made by the kernel */
	bool is_valid;
	bool is_start;      /* pc is the first byte of the function */
	uint64_t fde;       /* address that expressions are relative to */
	uint8_t ra;         /* register that holds the return address */
};

/* The row for pc. is_valid false: no FDE holds it, or its program is not understood. */
void cfi_find(uint64_t eh_frame_hdr, uint64_t module_end, uint64_t pc, struct cfi_row *row);

/* Registers as far as they are known, by DWARF number. */
struct cfi_registers {
	uint64_t v[CFI_NR_REGS];
	uint32_t known; /* bit set */
};
/*
 * Evaluates an expression of `row` with `initial` on the stack if has_initial. `read` reads 8 bytes of memory or says
 * false. False: not understood, or a register or byte is not known.
 */
bool cfi_evaluate(const struct cfi_row *row, int32_t at, const struct cfi_registers *regs, bool has_initial,
                  uint64_t initial, bool (*read)(void *data, uint64_t address, uint64_t *out), void *data, uint64_t *out);

#endif
