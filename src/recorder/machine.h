/*
 * What differs between the machines: DWARF register numbers, which registers a call preserves, the kernel's signal
 * frame. Private to the walker (unwind.c cfi.c expression.c rules.c).
 */
#ifndef SEEP_RECORDER_MACHINE_H
#define SEEP_RECORDER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/unwind.h"

#define BIT(n) (1ull << (n))

#if defined(__x86_64__)
enum { REG_FP = 6, REG_SP = 7, REG_RA = 16, NR_REGS = 17 };
/* rbx, rbp, r12–r15 */
#define PRESERVED_REGS (BIT(3) | BIT(6) | BIT(12) | BIT(13) | BIT(14) | BIT(15))
#elif defined(__aarch64__)
/* 31 is sp; the return address is x30 */
enum { REG_X19 = 19, REG_FP = 29, REG_RA = 30, REG_SP = 31, NR_REGS = 32 };
/* x19–x28, fp */
#define PRESERVED_REGS (BIT(30) - BIT(19))
#else
#error "the walker does not know this machine"
#endif

/* Registers of one frame by DWARF number; reg[REG_RA] is where the frame returns to once it has been computed. */
struct machine {
	uint64_t reg[NR_REGS];
	uint64_t valid; /* bit per register */
};

/* Addresses of code and stack as they are without authentication code and tag. */
static inline uint64_t machine_strip(uint64_t address)
{
#if defined(__aarch64__)
	return address & (BIT(48) - 1);
#else
	return address;
#endif
}

/* A word of memory that is known to be there. */
static inline uint64_t machine_word(uint64_t addr)
{
	uint64_t v;

	__builtin_memcpy(&v, (const void *)(uintptr_t)addr, sizeof(v));
	return v;
}

static inline uint64_t machine_thread_pointer(void)
{
	uint64_t p;

#if defined(__x86_64__)
	__asm__("movq %%fs:0, %0" : "=r"(p));
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(p));
#endif
	return p;
}

static inline uint64_t machine_frame_pointer(const struct seep_regs *r)
{
#if defined(__x86_64__)
	return r->rbp;
#else
	return r->fp;
#endif
}

static inline void machine_from_regs(struct machine *m, const struct seep_regs *r)
{
	m->reg[REG_SP] = r->sp;
	m->reg[REG_FP] = machine_frame_pointer(r);
#if defined(__x86_64__)
	m->reg[3] = r->rbx;
	m->reg[12] = r->r12;
	m->reg[13] = r->r13;
	m->reg[14] = r->r14;
	m->reg[15] = r->r15;
#else
	for (int i = 0; i < 10; i++)
		m->reg[REG_X19 + i] = r->x[i];
#endif
	m->valid = PRESERVED_REGS | BIT(REG_SP);
}

static inline void machine_to_regs(const struct machine *m, uint64_t pc, struct seep_regs *r)
{
	r->pc = pc;
	r->sp = m->reg[REG_SP];
#if defined(__x86_64__)
	r->rbp = m->reg[REG_FP];
	r->rbx = m->reg[3];
	r->r12 = m->reg[12];
	r->r13 = m->reg[13];
	r->r14 = m->reg[14];
	r->r15 = m->reg[15];
#else
	r->fp = m->reg[REG_FP];
	for (int i = 0; i < 10; i++)
		r->x[i] = m->reg[REG_X19 + i];
#endif
}

/*
 * The frame that the kernel pushes for a signal, as it lies above sp when the handler has returned to its restorer:
 * where the registers are (Linux struct rt_sigframe, sigcontext), and the code that tells it.
 */
#if defined(__x86_64__)
#define SIGNAL_CODE                                                  \
	{                                                            \
		0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05 \
	} /* mov $15,%rax; syscall */
#define SIGNAL_PC_OFFSET 168
#define SIGNAL_PLAIN_OFFSET 184 /* cs in the low half-word: what it must be is a cheap first test */
#define SIGNAL_IS_PLAIN(word) (((word)&0xffff) == 0x33)
/* Offset of each register from sp, by DWARF number */
#define SIGNAL_REG_OFFSETS                                                             \
	{                                                                              \
		144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96 \
	}
#else
#define SIGNAL_CODE                                            \
	{                                                      \
		0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4 \
	} /* mov x8, #139; svc #0 */
#define SIGNAL_PC_OFFSET 568
#define SIGNAL_PLAIN_OFFSET 136 /* uc_link */
#define SIGNAL_IS_PLAIN(word) ((word) == 0)
#define SIGNAL_REG_OFFSETS                                                                                          \
	{                                                                                                           \
		312, 320, 328, 336, 344, 352, 360, 368, 376, 384, 392, 400, 408, 416, 424, 432, 440, 448, 456, 464, \
			472, 480, 488, 496, 504, 512, 520, 528, 536, 544, 552, 560                                  \
	}
#endif

#endif
