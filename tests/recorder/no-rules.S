/* Two functions f(call, size) that no call frame information describes. */
	.text
#if defined(__x86_64__)
	.globl	no_rules_framed
	.type	no_rules_framed, @function
no_rules_framed:
	pushq	%rbp
	movq	%rsp, %rbp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	popq	%rbp
	ret
	.size	no_rules_framed, .-no_rules_framed

	/* The frame pointer is a number here. */
	.globl	no_rules_bare
	.type	no_rules_bare, @function
no_rules_bare:
	pushq	%rbp
	movl	$12345, %ebp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	popq	%rbp
	ret
	.size	no_rules_bare, .-no_rules_bare
	.section .note.GNU-stack,"",@progbits
#else
	.globl	no_rules_framed
	.type	no_rules_framed, %function
no_rules_framed:
	stp	x29, x30, [sp, #-16]!
	mov	x29, sp
	mov	x2, x0
	mov	x0, x1
	blr	x2
	ldp	x29, x30, [sp], #16
	ret
	.size	no_rules_framed, .-no_rules_framed

	.globl	no_rules_bare
	.type	no_rules_bare, %function
no_rules_bare:
	stp	x29, x30, [sp, #-16]!
	mov	x29, #12345
	mov	x2, x0
	mov	x0, x1
	blr	x2
	ldp	x29, x30, [sp], #16
	ret
	.size	no_rules_bare, .-no_rules_bare
	.section .note.GNU-stack,"",%progbits
#endif
