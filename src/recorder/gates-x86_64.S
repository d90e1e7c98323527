/*
 * syscall, vfork and clone as the program sees them: each goes on in the next definition by a tail call, with all its
 * arguments as they were. What they tell us is in process.c.
 */
#define SYS_clone 56
#define SYS_vfork 58
#define SYS_prctl 157
#define SYS_seccomp 317
#define SYS_clone3 435
#define CLONE_VM 0x100

	.data
	.globl	seep_gates
	.hidden	seep_gates
	.p2align 3
	.type	seep_gates, @object
	.size	seep_gates, 24
seep_gates:
	.quad	find_syscall, find_vfork, find_clone

	.text

/* Calls a C function between two instructions of somebody else's function. */
.macro ENTER_C target
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register rbp
	andq	$-16, %rsp
	pushq	%rax
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%r8
	pushq	%r9
	pushq	%r10
	call	\target
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	popq	%rax
	movq	%rbp, %rsp
	popq	%rbp
	.cfi_def_cfa rsp, 8
	.cfi_restore rbp
.endm

.macro GATE name, at
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
.endm

/* The first call may come before we have started. */
.macro GATE_END name, at
	jmp	*seep_gates+\at(%rip)
	.cfi_endproc
	.size	\name, .-\name
	.type	find_\name, @function
find_\name:
	.cfi_startproc
	endbr64
	ENTER_C	seep_gates_find
	jmp	*seep_gates+\at(%rip)
	.cfi_endproc
	.size	find_\name, .-find_\name
.endm

	GATE	syscall
	cmpq	$SYS_seccomp, %rdi
	je	1f
	cmpq	$SYS_prctl, %rdi
	je	1f
	cmpq	$SYS_clone, %rdi
	je	1f
	cmpq	$SYS_vfork, %rdi
	je	1f
	cmpq	$SYS_clone3, %rdi
	jne	2f
1:	ENTER_C	seep_before_syscall
2:
	GATE_END syscall, 0

	GATE	vfork
	movb	$1, seep_shares_memory(%rip)
	GATE_END vfork, 8

	GATE	clone
	testl	$CLONE_VM, %edx
	jz	1f
	movb	$1, seep_shares_memory(%rip)
1:
	GATE_END clone, 16

	.section .note.GNU-stack,"",@progbits
