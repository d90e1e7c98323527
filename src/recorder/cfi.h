/*
 * Call frame information: .eh_frame of a loaded object, found by the binary search table of .eh_frame_hdr or by a
 * linear search where there is no table, and executed up to one address. Format: Linux Standard Base Core 5.0
 * "Exception Frames"; DWARF 5 section 6.4; AArch64 DWARF "DW_CFA_AARCH64_negate_ra_state". The object must stay mapped
 * during a call. Reads stay inside [start, end) of the object. No state, no system call.
 */
#ifndef SEEP_RECORDER_CFI_H
#define SEEP_RECORDER_CFI_H

#include "recorder/machine.h"

struct cfi_object {
	uint64_t start, end;
	uint64_t header; /* address of .eh_frame_hdr; 0 none */
};

struct cfi_fde {
	uint64_t address; /* of the entry itself */
	uint64_t pc_begin, pc_end;
	const uint8_t *cie_code, *cie_code_end, *code, *code_end;
	uint64_t code_align;
	int64_t data_align;
	bool is_signal; /* augmentation S: the address is that of an interrupted instruction */
};

enum cfi_how {
	CFI_UNSPECIFIED, /* preserved if the calling convention says so */
	CFI_UNDEFINED,
	CFI_SAME,
	CFI_OFFSET,         /* saved at CFA + value */
	CFI_VAL_OFFSET,     /* is CFA + value */
	CFI_REGISTER,       /* is in register `value` */
	CFI_EXPRESSION,     /* saved where the expression at start + value says */
	CFI_VAL_EXPRESSION, /* is what it says */
};

/* How to compute the registers of the caller. An expression is given by its place (a ULEB128 length comes first). */
struct cfi_row {
	int32_t value[NR_REGS];
	uint8_t how[NR_REGS];
	uint8_t cfa_reg;
	bool cfa_is_expression;
	int32_t cfa_value; /* offset from cfa_reg, or place of the expression from start */
};

/* The entry that covers pc. */
bool cfi_find(const struct cfi_object *o, uint64_t pc, struct cfi_fde *out);
/* The entry at an address that cfi_find gave for this object. */
bool cfi_parse(const struct cfi_object *o, uint64_t address, struct cfi_fde *out);
/* Executes its program up to pc. False: broken, or something this machine does not have. */
bool cfi_row(const struct cfi_object *o, const struct cfi_fde *fde, uint64_t pc, struct cfi_row *row);

#endif
