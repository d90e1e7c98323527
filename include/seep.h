/*
 * seep.h: talk to the seep recorder from inside a program.
 *
 * The recorder (libseep.so, preloaded or linked, or libseep.a) samples the program's allocations and keeps a live heap
 * profile in a file. With this header a program switches it on and off, names moments, reports the blocks of its own
 * pools as heaps of their own, and asks how the recorder is doing.
 *
 * The same program works whether the recorder is there or not. Nothing has to be linked for that: every function below
 * is an inline wrapper around a weak reference. Without a recorder each call is one load and one branch, arenas are 0,
 * and seep_status_get() says "not recording".
 *
 * All functions may be called from any thread, from signal handlers, before main, after exit began and in forked
 * children. None allocates, locks, waits, prints, fails loudly or changes errno. No function takes ownership of a
 * pointer it is given: strings are copied, addresses of blocks are only compared, never read.
 *
 * C99 or C++98 with the extensions of GCC 4.8 or Clang, Linux, ELF, x86-64 and AArch64. On anything else all functions
 * are what they are without a recorder.
 *
 * Other languages call the functions of the same names that the recorder exports. seep_status_get has a second
 * parameter there: size_t, the size of the struct that the caller knows; the struct only grows at its end.
 */
#ifndef SEEP_H
#define SEEP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ---- */

#define SEEP_STATUS_PATH_BYTES 512

/* How the recorder in this process is doing. All zero where there is none. */
struct seep_recorder_status {
	uint32_t is_present;      /* 1: a recorder is in this process, whether or not it could start */
	uint32_t is_recording;    /* 1: it has a recording, and is not switched off */
	uint64_t period_bytes;    /* mean bytes between two samples; 1: every allocation; 0: not recording */
	uint64_t live_samples;    /* sampled blocks that are live now, of every kind */
	uint64_t samples_made;    /* blocks sampled by this process since it started or was forked */
	uint64_t heap_bytes;      /* estimate of the bytes in use by malloc; mappings and arenas not included */
	uint64_t lost_samples;    /* sampled blocks for which there was no room */
	uint64_t lost_bytes;      /* estimate of the bytes that those stand for */
	uint64_t skipped_samples; /* not taken, because the thread was inside the recorder already (signal handlers) */
	uint64_t cost_ns;         /* time spent on samples, estimated from every sixteenth; 0: not known yet */
	uint64_t memory_bytes;    /* memory that the recorder mapped for itself, without the recording */
	uint64_t recording_bytes; /* size of the recording */
	char recording_path[SEEP_STATUS_PATH_BYTES]; /* of this process; "" none; "" too if it does not fit */
};

/* ---- what the recorder exports; use the functions below ---- */

/*
 * SEEP_FIND(f, "name"): the address of an exported function, NULL without a recorder. Taken from the global offset
 * table, so that it is looked up when the program starts, also where the compiler and linker would otherwise settle at
 * build time that there is none.
 */
#if defined(__ELF__) && defined(__x86_64__) && defined(__LP64__)
#define SEEP_FIND(f, name) __asm__(".weak " name "\n\tmovq " name "@GOTPCREL(%%rip), %0" : "=r"(f))
#elif defined(__ELF__) && defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
#define SEEP_FIND(f, name) \
	__asm__(".weak " name "\n\tadrp %0, :got:" name "\n\tldr %0, [%0, :got_lo12:" name "]" : "=r"(f))
#else
#define SEEP_FIND(f, name) ((void)((f) = NULL))
#endif

/*
 * Wrappers have names of their own for the assembler, because the exported functions have theirs; they are always
 * inlined, so that the first frame of a recorded stack is the code that calls them.
 */
#if defined(__GNUC__)
#define SEEP_INLINE(type, name, parameters)                                   \
	static __inline__ type name parameters __asm__("seep_inline_" #name); \
	static __inline__ __attribute__((always_inline, unused)) type name parameters
#else
#define SEEP_INLINE(type, name, parameters) static inline type name parameters
#endif

/* ---- recording ---- */

/*
 * Switches recording on again after seep_off() or `seep set --off`; does nothing where it is on or could not start. The
 * calling thread is recorded from its next allocation on, each other thread after at most 16 MiB that it allocates.
 */
SEEP_INLINE(void, seep_on, (void))
{
	void (*f)(void);

	SEEP_FIND(f, "seep_on");
	if (f)
		f();
}

/*
 * Switches recording off for all threads: no new blocks are sampled, the ends of those recorded are still seen. The
 * recording says that its totals have a hole.
 */
SEEP_INLINE(void, seep_off, (void))
{
	void (*f)(void);

	SEEP_FIND(f, "seep_off");
	if (f)
		f();
}

/* Mean bytes between two samples, now in force; 1: every allocation is recorded; 0: not recording. */
SEEP_INLINE(uint64_t, seep_period_get, (void))
{
	uint64_t (*f)(void);

	SEEP_FIND(f, "seep_period_get");
	return f ? f() : 0;
}

/*
 * Sets the period, 1 to 2^47 − 1 bytes. Estimates stay unbiased: every sample carries the period it was drawn with.
 * Each thread keeps its present draw to its end. Returns 0, or −1 where the value is out of range or nothing is being
 * recorded. Also works while switched off: it holds from seep_on() on.
 */
SEEP_INLINE(int, seep_period_set, (uint64_t period_bytes))
{
	int (*f)(uint64_t);

	SEEP_FIND(f, "seep_period_set");
	return f ? f(period_bytes) : -1;
}

/*
 * Names this moment; reports can show what has grown since. `name`: UTF-8, of which the first 39 bytes are kept. The
 * newest marks are kept, at least 4. Returns 0, or −1 where nothing is being recorded or the name is NULL or empty.
 */
SEEP_INLINE(int, seep_mark, (const char *name))
{
	int (*f)(const char *);

	SEEP_FIND(f, "seep_mark");
	return f ? f(name) : -1;
}

/* Fills *status. Costs a look at every stack known: fit for once a second, not for every request. */
SEEP_INLINE(void, seep_status_get, (struct seep_recorder_status * status))
{
	void (*f)(struct seep_recorder_status *, size_t);

	SEEP_FIND(f, "seep_status_get");
	memset(status, 0, sizeof(*status));
	if (f)
		f(status, sizeof(*status));
}

/*
 * ---- arenas: pools of the program's own ----
 *
 * A pool that takes large pieces from malloc or mmap and gives out small blocks of its own hides who asked for them.
 * Reported here, its blocks are sampled as malloc's are and appear as a heap of the arena's name, with the stacks of
 * those who called seep_arena_alloc. They are kept apart from malloc's figures, in which the pieces stay what they are:
 * the two are never added up.
 *
 * Unsampled, a report costs what the recorder adds to malloc and free: a countdown, or one load, and a call.
 *
 * For one address, calls must come in the order of what happens to it: report the end of a block before the pool can
 * give it out again. An address may be a block of several arenas and of malloc at the same time, the first block of a
 * pool for instance.
 */

/*
 * The arena named `name` (UTF-8, the first 39 bytes count): the same one for the same name, for the life of the process
 * and in its forked children. Returns 0, which all functions below accept and ignore, where nothing can be recorded or
 * the name is NULL or empty. There is room for 64 names in a recording of 4 MiB (8 to 240 by its size); all further
 * ones share a heap named "(more arenas)", and the recording says so.
 */
SEEP_INLINE(uint32_t, seep_arena_new, (const char *name))
{
	uint32_t (*f)(const char *);

	SEEP_FIND(f, "seep_arena_new");
	return f ? f(name) : 0;
}

/*
 * The pool gave out a block of `size` bytes, as they were asked for, at p. NULL: nothing is reported. A block that is
 * still reported live at this address of this arena ends.
 */
SEEP_INLINE(void, seep_arena_alloc, (uint32_t arena, const void *p, size_t size))
{
	void (*f)(uint32_t, const void *, size_t);

	SEEP_FIND(f, "seep_arena_alloc");
	if (f)
		f(arena, p, size);
}

/*
 * The block at old_p became one of `size` bytes at p, the same place or another. Report it before the place at old_p
 * can be given out again. old_p NULL, or not known: as seep_arena_alloc. p NULL: as seep_arena_free of old_p (a
 * failure, after which the old block stays, is not to be reported).
 */
SEEP_INLINE(void, seep_arena_realloc, (uint32_t arena, const void *old_p, const void *p, size_t size))
{
	void (*f)(uint32_t, const void *, const void *, size_t);

	SEEP_FIND(f, "seep_arena_realloc");
	if (f)
		f(arena, old_p, p, size);
}

/* The block at p ends. NULL, and a block that was not reported, are ignored. */
SEEP_INLINE(void, seep_arena_free, (uint32_t arena, const void *p))
{
	void (*f)(uint32_t, const void *);

	SEEP_FIND(f, "seep_arena_free");
	if (f)
		f(arena, p);
}

/*
 * All blocks of the arena end, as when a pool is reset or destroyed. Costs a look at every live sample. No other thread
 * may report blocks of this arena meanwhile.
 */
SEEP_INLINE(void, seep_arena_clear, (uint32_t arena))
{
	void (*f)(uint32_t);

	SEEP_FIND(f, "seep_arena_clear");
	if (f)
		f(arena);
}

#undef SEEP_FIND
#undef SEEP_INLINE

#ifdef __cplusplus
}
#endif

#endif
