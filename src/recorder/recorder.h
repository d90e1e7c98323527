/*
 * Inside of the recorder: state and calls shared by its files. Nothing here is public.
 *
 * Everything runs inside someone else's malloc, in signal handlers, in forked children: no allocation, no lock that is
 * waited for, no libc state, errno untouched (raw system calls only, sys.h). The exact state ("private truth") lives in
 * anonymous memory, so that a forked child has it as it was; the file is its mirror and is only written, except for the
 * control word.
 *
 * Files: hook.c new.c mapping.c process.c (entry points), next.c (the allocator behind us), sampler.c (when),
 * samples.c index.c filter.c (live blocks), stacks.c (where), threads.c (who), file.c start.c options.c (the
 * recording), status.c trail.h (totals over time, losses), peak.c (peak and marks), budget.c (own time), fork.c
 * rights.c (children), unwind.h (the walker).
 */
#ifndef SEEP_RECORDER_H
#define SEEP_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/budget.h"
#include "recorder/unwind.h"
#include "recording/layout.h"

#define SEEP_EXPORT __attribute__((visibility("default")))
/* Relaxed unless the name says more; each use that needs order says why. */
#define load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add_relaxed(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define cas(p, old_ptr, new) __atomic_compare_exchange_n(p, old_ptr, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* ---- per thread ---- */

/* What a walk needs and leaves; here and not on the stack, because alternate signal stacks are small. */
struct seep_walking {
	struct seep_walk_thread thread;
	struct seep_walk walk;
	/* Stacks of the last walks, by their serial: `key` is that and the kind, 0 none. */
	struct seep_stack_memo {
		uint64_t key;
		uint32_t stack;
	} memos[16];
};

/* Lies in the frame of the slow path whose turn it is (turn.c). */
struct seep_turn {
	uint64_t mark;
};

struct seep_thread {
	uint64_t left;   /* bytes until the next look: an allocation of `left` bytes or more takes the slow path */
	uint64_t period; /* of the draw that `left` comes from; 0: not drawn yet */
	uint64_t random[2];
	struct seep_walking walking;
	struct seep_walking *spare;  /* used instead, if there is one */
	struct seep_turn *turn;      /* of the slow path under way; an allocation now is a signal handler's */
	uint32_t nr_waited;          /* allocations that found it taken */
	uint32_t fork_count;         /* seep.fork_count when it was set up */
	uint32_t index;              /* in the threads section */
	uint32_t tick;               /* samples of this thread, for doing some things at every 16th only */
	uint32_t free_tick;          /* the same of ends of samples */
	uint32_t nr_frames, nr_slow; /* not yet added to the status */
	uint8_t is_far;              /* `left` is not the sampling point, only the way to the next look */
};
extern __thread struct seep_thread seep_self __attribute__((tls_model("initial-exec"), visibility("hidden")));

static inline struct seep_walking *seep_walking(const struct seep_thread *t)
{
	return unlikely(t->spare != NULL) ? t->spare : (struct seep_walking *)(uintptr_t)&t->walking;
}

/* What stands in the frame of a turn: nobody else writes it there by chance. */
static inline uint64_t seep_turn_mark(const struct seep_turn *turn)
{
	return (uint64_t)(uintptr_t)turn * 0x9e3779b97f4a7c15ull;
}
bool seep_turn_take(struct seep_thread *t, uintptr_t mine);
/* False: an interrupted slow path has the turn; its thread's walk and draw are not to be touched. */
static inline bool seep_turn_begin(struct seep_thread *t, struct seep_turn *mine)
{
	if (unlikely(t->turn != NULL) && !seep_turn_take(t, (uintptr_t)mine))
		return false;
	store_relaxed(&mine->mark, seep_turn_mark(mine));
	store_relaxed(&t->turn, mine);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return true;
}
static inline void seep_turn_end(struct seep_thread *t, const struct seep_turn *mine)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (unlikely(t->turn != mine)) /* given up for gone, it was taken */
		return;
	store_relaxed(&t->nr_waited, 0u);
	store_relaxed(&t->turn, (struct seep_turn *)NULL);
}

/* ---- the allocator behind us (next.c) ---- */

/* Every entry is callable at any time: before they are found, they lead to functions that find them first. */
struct seep_next {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t); /* NULL: the C library has none */
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	void (*free_sized)(void *, size_t);                 /* NULL: free is called */
	void (*free_aligned_sized)(void *, size_t, size_t); /* NULL: free is called */
	void *(*mmap)(void *, size_t, int, int, int, int64_t);
	int (*munmap)(void *, size_t);
	void *(*mremap)(void *, size_t, size_t, int, void *);
	int (*prctl)(int, unsigned long, unsigned long, unsigned long, unsigned long);
	int (*pthread_setname_np)(unsigned long, const char *);
	void (*exit_now)(int); /* _exit */
	void (*exit_c99)(int); /* _Exit */
};
extern struct seep_next seep_next __attribute__((visibility("hidden")));
/* Finds them all; called by the first call of any and by start. Returns false while that is under way on this
 * thread. */
bool seep_next_find(void);
/* gates-*.S: syscall, vfork and clone, which go on in these. False: one of them is not behind us. */
bool seep_gates_find(void);
/* 0 while no process can have been started that shares our memory and runs our _exit. */
#define SEEP_SHARES_UNKNOWN 2 /* the gates have not been found, nor passed */
extern uint8_t seep_shares_memory __attribute__((visibility("hidden")));
/* True for a block given out before the allocator was found; such blocks are never freed. */
bool seep_is_bootstrap(const void *p);
size_t seep_bootstrap_size(const void *p);
/* An address inside the object that defines the next malloc; its path is filled in. */
extern uint64_t seep_allocator_start, seep_allocator_end;
extern char seep_allocator_path[128];
extern bool seep_malloc_is_taken; /* the program calls that one without coming to us */

/* ---- the filter of sampled addresses (filter.c) ---- */

#define SEEP_FILTER_BITS 16
extern uint8_t seep_filter[1u << SEEP_FILTER_BITS] __attribute__((visibility("hidden"), aligned(64)));

/* Multiplicative hash; blocks are at least 8 bytes apart. The high bits of the product depend on all address bits. */
static inline uint32_t seep_filter_slot(const void *p)
{
	return (uint32_t)((uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15ull >> (64 - SEEP_FILTER_BITS));
}
void seep_filter_add(const void *p);
void seep_filter_remove(const void *p);
/* Gives counters that were stuck at the top their true values again; `live` calls back with every live address. */
void seep_filter_rebuild(void (*each)(void (*add)(const void *p)));
void seep_filter_pin(const void *p); /* for ever: bootstrap blocks */

/* ---- the fast paths: compilers make three instructions more of each ---- */

/*
 * True, and counted down, when an allocation of `size` bytes is not to be looked at. A signal handler may leave for
 * good between the two instructions: then `left` stays below 0, and every call is looked at until it is drawn anew.
 */
static inline __attribute__((always_inline)) bool seep_is_fast(size_t size)
{
#if defined(__x86_64__)
	_Static_assert(offsetof(struct seep_thread, left) == 0, "the thread pointer's offset is that of `left`");
	__asm__ goto("movq seep_self@gottpoff(%%rip), %%rax\n\t"
	             "subq %0, %%fs:(%%rax)\n\t"
	             "jle %l[slow]"
	             :
	             : "r"(size)
	             : "rax", "memory", "cc"
	             : slow);
	return true;
slow:
	seep_self.left += size;
	return false;
#else
	uint64_t left = seep_self.left;

	if (unlikely(size >= left))
		return false;
	seep_self.left = left - size;
	return true;
#endif
}

/* True when no sampled block can be at p. */
static inline __attribute__((always_inline)) bool seep_is_unsampled(const void *p)
{
#if defined(__x86_64__)
	__asm__ goto("cmpb $0, (%0,%1)\n\t"
	             "jne %l[maybe]"
	             :
	             : "r"(seep_filter), "r"((uint64_t)seep_filter_slot(p))
	             : "memory", "cc"
	             : maybe);
	return true;
maybe:
	return false;
#else
	return likely(load_relaxed(&seep_filter[seep_filter_slot(p)]) == 0);
#endif
}

/* ---- global state ---- */

enum { SEEP_STATE_NEW, SEEP_STATE_STARTING, SEEP_STATE_RECORDING, SEEP_STATE_OFF };

struct seep_options {
	uint64_t period, size;
	bool mmap, follow, verbose, exact_size;
	uint64_t budget_ppm;  /* 0: none */
	uint64_t seed;        /* 0: from the kernel */
	const char *dir;      /* SEEP_DIR; NULL: the defaults */
	const char *name;     /* NULL: from the executable */
	char bad_option[160]; /* "size=12Q, colour=red"; "" none */
};
void seep_options_read(struct seep_options *o, char **environment);

/* What was measured of one kind of event. */
struct seep_cost {
	uint64_t sum_ns, nr;
};

/* Sums that any thread may add to at any time; doubles as their bits. */
struct seep_stack_side {
	uint64_t alloc_objects, alloc_bytes, alloc_objects_var, alloc_bytes_var, freed_objects, freed_bytes,
		freed_bytes_var;
	uint32_t nr_alloc, nr_freed;
	uint32_t lifetimes[SEEP_REC_NR_LIFETIMES];
};

/*
 * Private truth of one stack's counters. Whoever gets the lock adds to `sums`, which no other thread changes meanwhile,
 * and writes them to the file; whoever does not adds to `side` instead, and the holder takes that over before it lets
 * go.
 */
struct seep_stack_truth {
	struct seep_rec_counters sums;
	struct seep_stack_side side;
	double freed_bytes_var;            /* beside `sums`, which the format has no place for */
	uint64_t lost_objects, lost_bytes; /* allocated by the sums, but without a sample; doubles as their bits */
	uint64_t era;                      /* that its snap was last looked at in (peak.h) */
	uint64_t points_due_us;            /* the next point of its history or trail; 0: none yet */
	uint32_t lock;                     /* lock.h; asked to look again: the side was added to */
	uint32_t helper;                   /* 1: a thread writes the file for the holder */
	uint32_t nr_passed;                /* threads that found the helper busy since it began */
	uint32_t break_ins;                /* threads that wrote in spite of a busy helper */
};

/* Where things are in a recording of a given size; the same for memory and file. */
struct seep_plan {
	uint64_t file_bytes;
	struct seep_rec_section sections[SEEP_REC_NR_SECTIONS]; /* index = kind */
};
bool seep_plan_make(struct seep_plan *plan, uint64_t file_bytes);

struct seep_state {
	uint32_t state;
	uint32_t fork_count; /* forks between the first process and this one that were noticed */
	bool is_mirrored;    /* file is mapped and ours; read by anyone, changed by start and fork only */
	bool is_sandboxed;   /* no system call is made from now on but the question for stack pages; */
	bool is_filtered;    /* nor that one */
	bool has_wipeonfork;
	uint8_t *file; /* mapping of the recording, plan.file_bytes; after fork replaced in place */
	uint64_t salt, seed;
	uint64_t epoch_monotonic_ns, epoch_realtime_ns;
	uint32_t pid;
	struct seep_plan plan;
	struct seep_options options;
	uint64_t private_bytes;
	uint32_t *cookie; /* page with MADV_WIPEONFORK: 1 here, 0 in a child that has not been noticed */
	uint32_t fork_state, fork_again;
	uint32_t contention, contention_second; /* lock.h */

	uint64_t period;  /* in force; read by every slow path */
	uint64_t control; /* the control word last obeyed */
	bool is_on;

	/* samples.c */
	struct seep_rec_sample *samples;
	uint64_t free_head; /* tag << 32 | slot + 1 */
	uint32_t nr_samples_cap, samples_high, serial;
	uint32_t serial_at_start; /* what a forked child inherited: its parents' samples are not its own cost */
	uint64_t full_at;         /* slots in use at which the period doubles next */
	uint32_t *index;          /* index.c */
	uint32_t index_line_bits;

	/* stacks.c */
	struct seep_rec_stack *stacks;
	uint64_t *frames;
	struct seep_stack_truth *truths;
	struct seep_rec_history *histories;
	struct seep_rec_trail *trails;
	struct seep_rec_snap *snaps;
	uint32_t *stack_table;  /* hash table of stack + 1 */
	uint32_t *stack_hashes; /* per stack */
	uint32_t stack_table_bits, nr_stacks, nr_stacks_cap, nr_frames, nr_frames_cap;

	/* peak.c */
	uint64_t era, era_shown;        /* the one in the file's words */
	int64_t heap_bytes, peak_bytes; /* in use now, and at most */
	uint64_t peak_us;
	struct seep_rec_mark *marks;
	uint32_t nr_marks;

	/* threads.c, unwind */
	struct seep_rec_thread *threads;
	uint64_t *thread_selfs; /* per entry: pthread_self() of its newest thread */
	uint32_t nr_threads, nr_threads_cap;
	struct seep_rec_module *modules;

	/* status.c */
	struct seep_rec_status status;
	uint32_t status_lock;
	struct seep_cost costs[2]; /* of samples, and of their ends */
	uint64_t nr_freed;         /* samples that ended, as of the last tick */
	uint32_t nr_freed_seen;
	struct seep_budget budget;
	uint64_t lowest_period; /* that the budget may choose: the last that was asked for */
	struct seep_rec_ring *ring;
	uint32_t ring_lock, ring_nr[SEEP_REC_TRAIL_LEVELS]; /* entries made of each level */
	uint64_t ring_due_us, ring_tick;                    /* the next tick; the last one */
	struct seep_rec_period *periods;
	uint32_t nr_periods;
};
extern struct seep_state seep __attribute__((visibility("hidden")));

/* ---- start.c, file.c, fork.c ---- */

/* Starts recording once; safe to call at any time, does nothing before the C library has its environment. */
void seep_start(void);
/* Chooses the size that fits the limits and plans the file. Sets `why` (160 bytes) and returns false if there is no
 * room. */
bool seep_file_fit(char why[160]);
/* Remembers what the program is called, for the names of its recordings. */
void seep_file_name_program(void);
/* An address in the executable: its program headers. */
uint64_t seep_exe_address(void);
/* new.c: operators new are counted here, because the allocator behind us defines them itself. */
bool seep_new_is_counted(void);
void seep_new_find(void);
/*
 * Opens, reserves and maps a new recording with a complete header; `replace` is NULL or the mapping to put it in place
 * of. On failure `why` says it in words.
 */
bool seep_file_create(uint8_t *replace, uint64_t start_us, uint32_t forked_from, char why[160]);
/* Of the recording that was made last; "" none. */
const char *seep_file_path(void);
/* Must be the first thing of every slow path: gives a forked child its own recording. */
static inline void seep_fork_check(void);
void seep_fork_noticed(void);
/* rights.c: what is behind setuid and its like. */
void seep_rights_find(void);
static inline void seep_fork_check(void)
{
	if (unlikely(seep.cookie && load_relaxed(seep.cookie) == 0))
		seep_fork_noticed();
}
/*
 * Before the process gives up rights: what must be made is made now, or never. `has_filter`: a filter of system calls
 * comes next, so that pages cannot be asked for any more either.
 */
void seep_before_sandbox(bool has_filter);
/* Copies all private truth into the file. */
void seep_mirror_everything(void);

/* Address in the file of entry `i` of a section, and its offset. */
static inline uint64_t seep_where(uint32_t section, uint64_t i)
{
	return seep.plan.sections[section].offset + i * seep.plan.sections[section].entry_bytes;
}
/* Copies `nr_bytes` (whole slot, checksum last) to the file; the checksum is made here. */
void seep_mirror(uint64_t where, const void *slot, size_t nr_bytes);
/* The same in line, for the two kinds of slot that are written at every sample: their size is known to the compiler. */
static inline __attribute__((always_inline)) void seep_mirror_inline(uint64_t where, const void *slot, size_t nr_bytes)
{
	const uint64_t *from = (const uint64_t *)slot;
	uint64_t *to = (uint64_t *)(void *)(seep.file + where);
	struct seep_rec_sum sum = seep_rec_sum_begin(seep.salt, where);
	size_t nr = nr_bytes / 8 - 1;

	/* Each word is read once, so that the checksum is of what was written even if another thread changes the slot.
	 */
#pragma GCC unroll 16
	for (size_t i = 0; i < nr; i += 2) {
		uint64_t word = load_relaxed(&from[i]), second = 0;

		store_relaxed(&to[i], word);
		if (i + 1 < nr) {
			second = load_relaxed(&from[i + 1]);
			store_relaxed(&to[i + 1], second);
		}
		seep_rec_sum_add(&sum, word, second);
		/* One after the other, by addition: there are not registers for eight keys and products at once. */
		__asm__("" : "+r"(sum.key), "+r"(sum.h));
	}
	/* Readers take a slot whose checksum is right; nothing may move below this store. */
	store_release(&to[nr], seep_rec_sum_end(&sum));
}
static inline struct seep_rec_words *seep_words(void)
{
	return (struct seep_rec_words *)(void *)(seep.file + SEEP_REC_WORDS_OFFSET);
}

static inline bool seep_control_has_changed(void)
{
	return seep.is_mirrored && load_relaxed(&seep_words()->control) != load_relaxed(&seep.control);
}

/* ---- sampler.c ---- */

/* Tells whether an allocation of `size` bytes is sampled: the period it is sampled at, 0 for no. Re-arms the thread. */
static inline uint64_t seep_draw(uint64_t size);
uint64_t seep_draw_anew(uint64_t size);
/* One decision without the countdown, for rare large events. */
uint64_t seep_draw_once(uint64_t size);
void seep_set_period(uint64_t period, uint32_t cause);
/* The first period above 1 that leaves anything out: twice this is above the mean live block. */
uint64_t seep_period_above_1(const struct seep_rec_ring *totals);
/* Every slow path obeys the control word before it changes anything. */
void seep_control_follow(void);
/* Obeys the control word now, as every slow path does. */
void seep_control_obey(void);
/* 1 − e^(−size/period); 1 at period 1. */
double seep_probability(uint64_t size, uint64_t period);
/* Bytes that a sampled block stands for. */
uint64_t seep_weighted(uint64_t size, uint64_t period);
uint64_t seep_now_us(void);
void seep_clock_init(void);
uint64_t seep_clock_ns(int clock_id);

/* ---- samples.c ---- */

struct seep_block {
	const void *addr;
	uint64_t size, period, birth_us, first_birth_us;
	uint32_t stack;
	uint16_t nr_reallocs;
	uint8_t kind, entry;
};
/* Books a sampled block: walks the stack, takes a slot, enters index and filter. */
void seep_record(struct seep_block *b, const struct seep_regs *regs);
/* The same without a walk, for a block that was taken out by seep_take and stays after all. False: no slot for it. */
bool seep_put_back(const struct seep_block *b);
/* Takes a block out of index, filter and file. False if it was not sampled. */
bool seep_take(const void *addr, struct seep_block *out);
/* Books the end of a taken block's life on its stack. */
void seep_book_free(const struct seep_block *b);
/* Slow path of free: takes and books. */
void seep_forget(const void *addr);
void seep_samples_mirror_all(void);
void seep_samples_each(void (*add)(const void *p));

/* ---- index.c ---- */

uint64_t seep_index_bytes(uint32_t nr_samples, uint32_t *line_bits);
/* An address that will be asked for soon. */
void seep_index_prefetch(const void *addr);
/* An address is in the index at most once. False: no room near it. */
bool seep_index_insert(const void *addr, uint32_t slot);
/* The entry of addr and its slot; storing 0 into it removes it. NULL if there is none. */
uint32_t *seep_index_find(const void *addr, uint32_t *slot);

/* ---- stacks.c ---- */

uint32_t seep_stack_of(const struct seep_walk *w, uint8_t kind);
/* The stack of what could not be walked; counted. */
uint32_t seep_stack_unknown(uint8_t kind);
/* Returns the bytes that the block stands for. */
int64_t seep_stack_book(uint32_t stack, const struct seep_block *b, bool is_free, uint64_t now_us);
/* A booked block for which there is no slot: counted as allocated, never as in use. */
void seep_stack_lose(const struct seep_block *b);
struct seep_inuse {
	double bytes, objects, bytes_var;
};
/* While others change it, each figure is whole but not all are of one instant. */
struct seep_inuse seep_stack_inuse(uint32_t stack);
/* Returns how many samples have ended, modulo 2³². */
uint32_t seep_stack_totals(struct seep_rec_ring *out);
void seep_stacks_init(void);
void seep_stacks_mirror_all(void);
void seep_stacks_unlock_all(void);

/* ---- threads.c ---- */

void seep_threads_init(void);
uint32_t seep_thread_index(void);
void seep_thread_renamed(uint64_t self, const char *name);
void seep_threads_mirror_all(void);
/* pthread_self(), which is the thread pointer on x86-64. */
uint64_t seep_thread_pointer(void);
void seep_threads_after_fork(void);

/* ---- status.c ---- */

void seep_lost(uint32_t what, uint64_t amount);
void seep_reason(uint64_t bits);
void seep_tick(uint64_t now_us); /* once per slow path: ring and status when due */
void seep_status_mirror(void);
void seep_period_note(uint64_t period, uint32_t cause);
void seep_status_mirror_all(void);
void seep_mark_exit(void);
uint64_t seep_status_cost_ns(void); /* spent on samples and their ends so far, estimated; 0 unknown */
/* A moment with a name, by the program. */
void seep_mark_now(const char *name);

/* Every block so far has weight 1: all sums are whole numbers, which are added exactly, in any rounding mode, and raise
 * no flag. */
static inline bool seep_is_whole(void)
{
	return load_relaxed(&seep.status.estimated_since_us) == UINT64_MAX;
}
#define SEEP_FLOAT_UNTOUCHED UINT64_MAX
#define SEEP_FLOAT_FLAGS 0x3fu /* of MXCSR: exceptions that were raised */
/* The slow path computes with doubles: it must neither see nor change the program's rounding mode and exception
 * flags. */
static inline uint64_t seep_float_enter(void)
{
#if defined(__x86_64__)
	uint32_t saved, plain = 0x1f80;

	__asm__ volatile("stmxcsr %0" : "=m"(saved));
	if (unlikely((saved & ~SEEP_FLOAT_FLAGS) != plain))
		__asm__ volatile("ldmxcsr %0" : : "m"(plain));
	return saved;
#elif defined(__aarch64__)
	uint64_t saved, status;

	__asm__ volatile("mrs %0, fpcr" : "=r"(saved));
	__asm__ volatile("mrs %0, fpsr" : "=r"(status));
	__asm__ volatile("msr fpcr, %0" : : "r"(0ull));
	return saved | status << 32;
#endif
}
/* For what adds to sums and no more: what else it calls enters for itself. */
static inline uint64_t seep_float_enter_sums(void)
{
	return likely(seep_is_whole()) ? SEEP_FLOAT_UNTOUCHED : seep_float_enter();
}
static inline void seep_float_leave(uint64_t state)
{
	if (state == SEEP_FLOAT_UNTOUCHED)
		return;
#if defined(__x86_64__)
	uint32_t saved = (uint32_t)state, now;

	__asm__ volatile("stmxcsr %0" : "=m"(now));
	if (unlikely(now != saved)) /* loading it is slow, and sums of whole numbers raise no flag */
		__asm__ volatile("ldmxcsr %0" : : "m"(saved));
#elif defined(__aarch64__)
	__asm__ volatile("msr fpcr, %0" : : "r"(state & 0xffffffffu));
	__asm__ volatile("msr fpsr, %0" : : "r"(state >> 32));
#endif
}

/* Every block is recorded, on this thread too, and nothing has happened since that must be looked at. */
static inline bool seep_is_exact_as_before(const struct seep_thread *t)
{
	return t->period == 1 && load_relaxed(&seep.period) == 1 && load_relaxed(&seep.state) == SEEP_STATE_RECORDING &&
	       t->fork_count == seep.fork_count && !t->turn && seep.cookie && load_relaxed(seep.cookie) != 0 &&
	       seep.is_mirrored && load_relaxed(&seep_words()->control) == load_relaxed(&seep.control) &&
	       load_relaxed(&seep.is_on);
}

static inline uint64_t seep_draw(uint64_t size)
{
	if (!seep_is_exact_as_before(&seep_self))
		return seep_draw_anew(size);
	seep_self.nr_slow++;
	return 1;
}

#endif
