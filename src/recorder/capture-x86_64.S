/* struct seep_regs of the function that calls this one, as they are right behind the call (unwind.h). */
	.text
	.globl	seep_regs_capture
	.hidden	seep_regs_capture
	.type	seep_regs_capture, @function
	.p2align 4
seep_regs_capture:
	.cfi_startproc
	endbr64
	movq	(%rsp), %rax
	movq	%rax, (%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 8(%rdi)
	movq	%rbp, 16(%rdi)
	movq	%rbx, 24(%rdi)
	movq	%r12, 32(%rdi)
	movq	%r13, 40(%rdi)
	movq	%r14, 48(%rdi)
	movq	%r15, 56(%rdi)
	jmp	seep_regs_climb
	.cfi_endproc
	.size	seep_regs_capture, .-seep_regs_capture

	.section .note.GNU-stack,"",@progbits
