/*
 * Walking the stack from inside the watched program, and naming modules by generation.
 *
 * Runs inside malloc, in signal handlers, in forked children: no malloc, no lock that can be waited for, no
 * dl_iterate_phdr after start, no I/O, no system call but the page probe (rt_sigprocmask answers EFAULT, so it neither
 * changes anything nor can crash). errno is the caller's to save. All state is lock-free and shared by all threads.
 * One mechanism: a rule cached by (generation of the module, pc); "frame pointer" is one kind of rule.
 */
#ifndef SEEP_RECORDER_UNWIND_H
#define SEEP_RECORDER_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

/* Registers of the frame to start from: what the caller of malloc will have after malloc returns. */
struct seep_regs {
#if defined(__x86_64__)
	uint64_t pc, sp, rbp, rbx, r12, r13, r14, r15; /* pc: return address; sp: after the return */
#elif defined(__aarch64__)
	uint64_t pc, sp, fp, x[10]; /* x19 … x28 */
#endif
};

/* What the walker needs to know of its thread; thread-local, zeroed at thread start, owned by the recorder. */
struct seep_walk_thread {
	uint64_t stack_low, stack_high; /* known readable range of the present stack; 0: not known yet */
	uint32_t memory;                /* of its last walks, + 1 (lastwalk.h) */
};

/* Zeroed before the first walk; then each finds in it what the last one left. */
struct seep_walk {
	uint64_t frames[SEEP_REC_MAX_FRAMES]; /* SEEP_REC_FRAME(module, offset), leaf first */
	uint32_t nr;
	uint8_t flags;      /* SEEP_REC_STACK_DEEP, SEEP_REC_STACK_CUT */
	bool module_lost;   /* a frame is a bare address because the module table is full */
	uint32_t nr_misses; /* rules that had to be computed */
	uint64_t serial;    /* not 0: all walks of the process with this number have these frames and flags */
};

/* The module tables: memory and mirror belong to the recorder, which hands them over once. */
struct seep_modules_config {
	struct seep_rec_module *table; /* private truth, `count` entries, zeroed */
	uint32_t count;
	/* Called when entry `index` was filled; copies it to the file. May run on any thread. */
	void (*mirror)(uint32_t index);
	uint64_t (*now_us)(void);
	const char *exe_path;     /* for the module whose l_name is "" */
	uint64_t allocator_start; /* an address in the object that defines the next malloc; 0 unknown */
};

/* Called once by the constructor, before any walk. Memory for caches is static or mmap'ed here. */
void seep_unwind_init(const struct seep_modules_config *config);
/* True when modules are found by _dl_find_object, false when by the table (older glibc, musl). */
bool seep_unwind_has_find_object(void);
/* In a forked child, before its first walk: nothing may be assumed about what other threads were doing. */
void seep_unwind_after_fork(void);
/* From now on no page is asked for: what is not known of a stack by then is not walked. */
void seep_unwind_ask_no_more(void);
/* Entries of the module table in use. */
uint32_t seep_unwind_nr_modules(void);
/* Bytes of memory that the walker mapped or uses statically. */
uint64_t seep_unwind_private_bytes(void);

/* Walks from *regs (whose pc is a return address) to the root. Fills *w. Never fails: what cannot be walked is
 * flagged. */
void seep_unwind(const struct seep_regs *regs, struct seep_walk_thread *thread, struct seep_walk *w);

/* Index of the module that holds pc now (checked), 0 none. *module may be NULL. */
uint32_t seep_unwind_module_of(uint64_t pc);

/*
 * The registers of the caller, as if the function that calls this one returned at once; where the recorder is a library
 * of its own, as if all its functions that are active did. Found by their call frame information.
 */
void seep_regs_capture(struct seep_regs *regs);

#endif
