/* Functions without call frame information (victims.h). */
	.text
#if defined(__x86_64__)
	.globl	frames_pushed
	.type	frames_pushed, @function
frames_pushed:
	pushq	%rbp
	movq	%rsp, %rbp
	call	*%rdi
	popq	%rbp
	ret
	.size	frames_pushed, .-frames_pushed

	.globl	frames_garbage
	.type	frames_garbage, @function
frames_garbage:
	pushq	%rbp
	movq	$0x1234567, %rbp
	call	*%rdi
	popq	%rbp
	ret
	.size	frames_garbage, .-frames_garbage

	.globl	frames_beyond
	.type	frames_beyond, @function
frames_beyond:
	pushq	%rbp
	movq	%rsi, %rbp
	call	*%rdi
	popq	%rbp
	ret
	.size	frames_beyond, .-frames_beyond

	.globl	frames_bottom
	.type	frames_bottom, @function
frames_bottom:
	pushq	%rbp
	xorl	%ebp, %ebp
	call	*%rdi
	popq	%rbp
	ret
	.size	frames_bottom, .-frames_bottom
	.section .note.GNU-stack,"",@progbits
#else
.macro FRAME name, change
	.globl	\name
	.type	\name, %function
\name:
	stp	x29, x30, [sp, #-16]!
	\change
	blr	x0
	ldp	x29, x30, [sp], #16
	ret
	.size	\name, .-\name
.endm
	FRAME	frames_pushed, "mov x29, sp"
	FRAME	frames_garbage, "mov x29, #0x4567"
	FRAME	frames_beyond, "mov x29, x1"
	FRAME	frames_bottom, "mov x29, xzr"
	.section .note.GNU-stack,"",%progbits
#endif
