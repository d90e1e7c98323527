/*
 * Slow paths of the allocation functions: reached by a tail call, so the registers are those of malloc's caller. They are
 * stored as struct seep_regs (unwind.h: pc, sp, rbp, rbx, r12–r15) and passed to the C function as one more argument.
 */
	.text

/* name, C function, register of the added argument */
.macro SLOW name, target, reg
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	leaq	8(%rsp), %rax
	movq	(%rsp), %r11
	subq	$72, %rsp
	.cfi_adjust_cfa_offset 72
	movq	%r11, (%rsp)
	movq	%rax, 8(%rsp)
	movq	%rbp, 16(%rsp)
	movq	%rbx, 24(%rsp)
	movq	%r12, 32(%rsp)
	movq	%r13, 40(%rsp)
	movq	%r14, 48(%rsp)
	movq	%r15, 56(%rsp)
	movq	%rsp, %\reg
	call	\target
	addq	$72, %rsp
	.cfi_adjust_cfa_offset -72
	ret
	.cfi_endproc
	.size	\name, .-\name
.endm

	SLOW seep_slow_malloc, seep_sample_malloc, rsi
	SLOW seep_slow_calloc, seep_sample_calloc, rdx
	SLOW seep_slow_realloc, seep_sample_realloc, rdx
	SLOW seep_slow_aligned, seep_sample_aligned, rcx
	SLOW seep_slow_posix_memalign, seep_sample_posix_memalign, rcx
	SLOW seep_slow_new, seep_sample_new, r8
	SLOW seep_slow_arena_alloc, seep_sample_arena_alloc, rcx
	SLOW seep_slow_arena_realloc, seep_sample_arena_realloc, r8

	.section .note.GNU-stack,"",@progbits
