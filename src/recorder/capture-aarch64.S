/* struct seep_regs of the function that calls this one, as they are right behind the call (unwind.h). */
	.text
	.globl	seep_regs_capture
	.hidden	seep_regs_capture
	.type	seep_regs_capture, %function
	.p2align 4
seep_regs_capture:
	.cfi_startproc
	hint	#34
	mov	x1, sp
	stp	x30, x1, [x0]
	stp	x29, x19, [x0, #16]
	stp	x20, x21, [x0, #32]
	stp	x22, x23, [x0, #48]
	stp	x24, x25, [x0, #64]
	stp	x26, x27, [x0, #80]
	str	x28, [x0, #96]
	b	seep_regs_climb
	.cfi_endproc
	.size	seep_regs_capture, .-seep_regs_capture

	.section .note.GNU-stack,"",%progbits
