/*
 * syscall, vfork and clone as the program sees them: each goes on in the next definition by a tail call, with all its
 * arguments as they were. What they tell us is in process.c.
 */
#define SYS_prctl 167
#define SYS_clone 220
#define SYS_seccomp 277
#define SYS_clone3 435
#define CLONE_VM_BIT 8

	.data
	.globl	seep_gates
	.hidden	seep_gates
	.p2align 3
	.type	seep_gates, %object
	.size	seep_gates, 24
seep_gates:
	.xword	find_syscall, find_vfork, find_clone

	.text

/* Calls a C function between two instructions of somebody else's function. */
.macro ENTER_C target
	stp	x29, x30, [sp, #-80]!
	.cfi_adjust_cfa_offset 80
	.cfi_rel_offset 29, 0
	.cfi_rel_offset 30, 8
	mov	x29, sp
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	bl	\target
	ldp	x6, x7, [sp, #64]
	ldp	x4, x5, [sp, #48]
	ldp	x2, x3, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #80
	.cfi_adjust_cfa_offset -80
	.cfi_restore 29
	.cfi_restore 30
.endm

.macro GATE name
	.globl	\name
	.type	\name, %function
	.p2align 4
\name:
	.cfi_startproc
	hint	#34
.endm

.macro GO_ON at
	adrp	x16, seep_gates+\at
	ldr	x16, [x16, #:lo12:seep_gates+\at]
	br	x16
.endm

.macro SHARES
	adrp	x16, seep_shares_memory
	mov	w17, #1
	strb	w17, [x16, #:lo12:seep_shares_memory]
.endm

/* The first call may come before we have started. */
.macro GATE_END name, at
	GO_ON	\at
	.cfi_endproc
	.size	\name, .-\name
	.type	find_\name, %function
find_\name:
	.cfi_startproc
	hint	#34
	ENTER_C	seep_gates_find
	GO_ON	\at
	.cfi_endproc
	.size	find_\name, .-find_\name
.endm

	GATE	syscall
	cmp	x0, #SYS_seccomp
	b.eq	1f
	cmp	x0, #SYS_prctl
	b.eq	1f
	cmp	x0, #SYS_clone
	b.eq	1f
	cmp	x0, #SYS_clone3
	b.ne	2f
1:	ENTER_C	seep_before_syscall
2:
	GATE_END syscall, 0

	GATE	vfork
	SHARES
	GATE_END vfork, 8

	GATE	clone
	tbz	w2, #CLONE_VM_BIT, 1f
	SHARES
1:
	GATE_END clone, 16

	.section .note.GNU-stack,"",%progbits
