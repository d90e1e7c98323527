/*
 * Slow paths of the allocation functions: reached by a tail call, so the registers are those of malloc's caller. They are
 * stored as struct seep_regs (unwind.h: pc, sp, fp, x19–x28) and passed to the C function as one more argument.
 */
	.text

/* name, C function, register of the added argument */
.macro SLOW name, target, reg
	.globl	\name
	.hidden	\name
	.type	\name, %function
	.p2align 4
\name:
	.cfi_startproc
	hint	#25
	.cfi_negate_ra_state
	stp	x29, x30, [sp, #-128]!
	.cfi_def_cfa_offset 128
	.cfi_offset 29, -128
	.cfi_offset 30, -120
	add	x16, sp, #128
	stp	x30, x16, [sp, #16]
	stp	x29, x19, [sp, #32]
	stp	x20, x21, [sp, #48]
	stp	x22, x23, [sp, #64]
	stp	x24, x25, [sp, #80]
	stp	x26, x27, [sp, #96]
	str	x28, [sp, #112]
	mov	x29, sp
	add	\reg, sp, #16
	bl	\target
	ldp	x29, x30, [sp], #128
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	hint	#29
	.cfi_negate_ra_state
	ret
	.cfi_endproc
	.size	\name, .-\name
.endm

	SLOW seep_slow_malloc, seep_sample_malloc, x1
	SLOW seep_slow_calloc, seep_sample_calloc, x2
	SLOW seep_slow_realloc, seep_sample_realloc, x2
	SLOW seep_slow_aligned, seep_sample_aligned, x3
	SLOW seep_slow_posix_memalign, seep_sample_posix_memalign, x3
	SLOW seep_slow_new, seep_sample_new, x4
	SLOW seep_slow_arena_alloc, seep_sample_arena_alloc, x3
	SLOW seep_slow_arena_realloc, seep_sample_arena_realloc, x4

	.section .note.GNU-stack,"",%progbits
