/*
 * The recording: bytes of the file NAME.PID.START.seep. docs/recording-format.md is normative and explains them;
 * section numbers below (§) are its sections. This header is shared by the recorder (inside the watched program) and
 * the tool; it includes only <stdint.h> and <stddef.h>.
 *
 * All integers and IEEE-754 doubles are little-endian. No pointers, no padding, no bool, no enum in the structs.
 * A slot is valid if and only if its last eight bytes are seep_rec_checksum() of the bytes before them (§3).
 * A slot whose checksum field is 0 is empty. Every time is in microseconds since the header's epoch (§5).
 */
#ifndef SEEP_RECORDING_LAYOUT_H
#define SEEP_RECORDING_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define SEEP_REC_MAGIC "SEEPREC\n"
#define SEEP_REC_MAJOR 2 /* another major version is refused */
#define SEEP_REC_MINOR 0 /* a higher minor version only appends sections, reason bits and fields in reserved space */
#define SEEP_REC_ENDIAN 0x01020304u

#define SEEP_REC_MIN_BYTES (64u << 10)
#define SEEP_REC_DEFAULT_BYTES (4u << 20)
#define SEEP_REC_EXACT_BYTES (256u << 20)
#define SEEP_REC_MAX_BYTES (4ull << 30)
#define SEEP_REC_MAX_FRAMES 128
#define SEEP_REC_DEFAULT_PERIOD (512u << 10)
#define SEEP_REC_MAX_PERIOD ((1ull << 47) - 1)

/* Sections of the table in the header (§4). An unknown kind is skipped. */
enum {
	SEEP_REC_SEC_END = 0,      /* no more sections */
	SEEP_REC_SEC_STATUS = 1,   /* 2 copies of struct seep_rec_status */
	SEEP_REC_SEC_PERIODS = 2,  /* struct seep_rec_period, append only */
	SEEP_REC_SEC_MODULES = 3,  /* struct seep_rec_module, append only; entry 0 is unused */
	SEEP_REC_SEC_STACKS = 4,   /* struct seep_rec_stack, append only; entries 0 and 1 are "stack unknown" */
	SEEP_REC_SEC_FRAMES = 5,   /* uint64_t, append only pool that stacks point into */
	SEEP_REC_SEC_COUNTERS = 6, /* per stack an entry of 2 copies of struct seep_rec_counters */
	SEEP_REC_SEC_HISTORY = 7,  /* per stack struct seep_rec_history */
	SEEP_REC_SEC_SAMPLES = 8,  /* struct seep_rec_sample: the live blocks */
	SEEP_REC_SEC_THREADS = 9,  /* struct seep_rec_thread; entry 0 is "thread unknown" */
	SEEP_REC_SEC_RING = 10,    /* struct seep_rec_ring: totals over time */
	SEEP_REC_SEC_SYSTEM = 11,  /* struct seep_rec_system: written by the tool */
	SEEP_REC_SEC_ENDED = 12,   /* 1 struct seep_rec_ended: written by the tool */
	SEEP_REC_SEC_TRAIL = 13,   /* per stack struct seep_rec_trail */
	SEEP_REC_SEC_SNAPS = 14,   /* per stack two struct seep_rec_snap: peak, mark */
	SEEP_REC_SEC_MARKS = 15,   /* struct seep_rec_mark: the first half the recorder's, the second the tool's */
	SEEP_REC_SEC_HEAPS = 16,   /* struct seep_rec_heap, append only: the program's own arenas */
	SEEP_REC_NR_SECTIONS = 24
};

struct seep_rec_section {
	uint32_t kind;
	uint32_t entry_bytes;
	uint64_t offset; /* from the start of the file; a multiple of 64 */
	uint64_t count;  /* entries there is room for */
};

/* At offset 0, written once before the file gets its magic; 4096 bytes. */
struct seep_rec_header {
	char magic[8];
	uint16_t major, minor;
	uint32_t endian;
	uint32_t header_bytes; /* sizeof(struct seep_rec_header) */
	uint32_t machine;      /* ELF e_machine: 62 x86-64, 183 AArch64 */
	uint64_t file_bytes;
	uint64_t salt; /* random; part of every checksum of this file */
	struct seep_rec_section sections[SEEP_REC_NR_SECTIONS];
	uint64_t epoch_realtime_ns;  /* CLOCK_REALTIME at the epoch */
	uint64_t epoch_monotonic_ns; /* CLOCK_MONOTONIC at the epoch; a forked child keeps its parent's epoch */
	uint64_t start_us;           /* when this process's recording began: 0, or the time of the fork was noticed */
	uint64_t start_ticks;        /* field 22 of /proc/PID/stat, clock ticks since boot; 0 unknown */
	uint64_t pid_namespace;      /* inode of /proc/self/ns/pid; 0 unknown */
	uint32_t pid, parent_pid;    /* as this process sees itself */
	uint32_t forked_from;        /* pid whose recording this one continues by fork, 0 none */
	uint32_t uid;                /* effective */
	uint32_t page_bytes;
	uint32_t nr_cpus;    /* 0 unknown */
	uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id */
	uint8_t exe_build_id[32];
	uint32_t exe_build_id_bytes; /* 0 none */
	uint32_t options;            /* SEEP_REC_OPT_… */
	char recorder_version[16];
	char name[64];      /* NAME of the file name */
	char exe[512];      /* /proc/self/exe; NUL-terminated, cut at the end if longer */
	char cgroup[512];   /* path of the memory (v1) or unified (v2) hierarchy in /proc/self/cgroup */
	char command[1536]; /* arguments, each with its NUL; cut if longer */
	char hostname[64];
	char allocator[128]; /* path of the object that defines the next malloc */
	uint32_t budget_ppm; /* share of one CPU that the recorder keeps itself under, in millionths; 0 none */
	uint8_t reserved[516];
	uint64_t checksum;
};

#define SEEP_REC_OPT_MMAP 1u        /* mmap, munmap and mremap are sampled too */
#define SEEP_REC_OPT_EXACT 2u       /* started with period 1 */
#define SEEP_REC_OPT_CGROUP2 4u     /* `cgroup` is a path of the unified hierarchy */
#define SEEP_REC_OPT_NEW_COUNTED 8u /* C++ operators are counted by the recorder itself */

/*
 * At offset 4096: single words, each written by one store, no checksum (§6). 64 bytes.
 * `control` is the only word that the recorder reads back from the file, clamped.
 */
struct seep_rec_words {
	/* Written by anyone who may: bit 63 on; bits 62–55 count marks; bits 54–48 a serial; bits 47–0 period in bytes.
	 */
	uint64_t control;
	uint64_t children_unrecorded; /* added to by forked children that could not make a recording */
	uint64_t heartbeat_us;        /* time of the newest event; the recorder's */
	uint64_t samples_high;        /* slots of the samples section ever used: readers stop there; the recorder's */
	/*
	 * The peak and the last mark (§13). `peak`: bit 0 is 0 while the heap in use is at its highest now, bits 63–1
	 * number the peaks. `mark`: bits 63–8 number the marks that were noticed, bits 7–0 are the control word's count
	 * at the last.
	 */
	uint64_t peak;
	double peak_bytes; /* heap in use at the peak, estimated */
	uint64_t peak_us;
	uint64_t mark;
};
#define SEEP_REC_WORDS_OFFSET 4096u
#define SEEP_REC_CONTROL_ON (1ull << 63)
#define SEEP_REC_CONTROL_MARK (1ull << 55) /* one mark */
#define SEEP_REC_CONTROL_MARKS_MASK (0xffull << 55)
#define SEEP_REC_CONTROL_SERIAL (1ull << 48) /* one change */
#define SEEP_REC_CONTROL_SERIAL_MASK (0x7full << 48)
#define SEEP_REC_CONTROL_MARKS(control) ((uint32_t)((control) >> 55) & 0xffu)
#define SEEP_REC_MARK_COUNT_BITS 8
#define SEEP_REC_MARK_COUNT(mark) ((uint32_t)(mark)&0xffu) /* of the word `mark` */
#define SEEP_REC_MARK_NUMBER(mark) ((mark) >> SEEP_REC_MARK_COUNT_BITS)
#define SEEP_REC_PEAK_NUMBER(peak) ((peak) >> 1) /* of the word `peak` */
#define SEEP_REC_PEAK_FALLEN 1ull                /* the peak is over: snaps hold what changed since */

/* Reason codes: bits of seep_rec_status.reasons (§7). */
enum {
	SEEP_REC_WHY_EXITED = 1u << 0,       /* the exit mark: exit() or _exit() was begun */
	SEEP_REC_WHY_SAMPLES_FULL = 1u << 1, /* live samples were lost; lost[] counts them */
	SEEP_REC_WHY_STACKS_FULL = 1u << 2,  /* new stacks are booked on stack 0 */
	SEEP_REC_WHY_MODULES_FULL = 1u << 3,
	SEEP_REC_WHY_THREADS_FULL = 1u << 4,
	SEEP_REC_WHY_PERIOD_DOUBLED = 1u << 5, /* the table was three quarters full */
	SEEP_REC_WHY_NO_FIND_OBJECT = 1u << 6, /* the C library has no _dl_find_object: modules by table */
	SEEP_REC_WHY_SANDBOXED = 1u << 7,      /* a seccomp filter was announced by prctl */
	SEEP_REC_WHY_NO_WIPEONFORK = 1u << 8,  /* the kernel refused MADV_WIPEONFORK: forks are told by pid */
	SEEP_REC_WHY_BAD_OPTION = 1u << 9,     /* SEEP_OPTIONS held a bad key or value; its default was kept */
	SEEP_REC_WHY_OFF = 1u << 10,           /* recording was switched off at least once: totals have a hole */
	SEEP_REC_WHY_HEAPS_FULL = 1u << 11,    /* arenas without an entry of their own share the last one */
	SEEP_REC_WHY_MALLOC_TAKEN = 1u << 12   /* the allocator's malloc comes before the recorder's: nothing is seen */
};

/* What was lost or skipped, counted: indices of seep_rec_status.lost (§7). */
enum {
	SEEP_REC_LOST_SAMPLES,        /* sampled blocks for which there was no slot */
	SEEP_REC_LOST_SAMPLES_WEIGHT, /* their bytes, un-biased */
	SEEP_REC_LOST_REENTRANT,      /* sampling events skipped because the recorder was busy on this thread */
	SEEP_REC_LOST_STACKS,         /* samples booked on stack 0: no room for their stack */
	SEEP_REC_LOST_CUT,            /* stacks that end at code without a usable unwind rule or unknown module */
	SEEP_REC_LOST_DEEP,           /* stacks deeper than 128 frames, root end dropped */
	SEEP_REC_LOST_THREADS,        /* samples booked on thread 0 */
	SEEP_REC_LOST_MODULES,        /* frames kept as bare addresses: no room for their module */
	SEEP_REC_LOST_MMAP,           /* mappings not tracked: table full */
	SEEP_REC_LOST_HEAPS,          /* arenas asked for that have no entry of their own */
	SEEP_REC_NR_LOST = 16
};

/* Two copies; the valid one with the higher seq counts. 512 bytes. */
struct seep_rec_status {
	uint64_t seq;
	uint64_t reasons;
	uint64_t lost[SEEP_REC_NR_LOST];
	uint64_t time_us;       /* when this copy was written */
	uint64_t period;        /* now in force; 1 exact */
	uint64_t slow_calls;    /* times the slow path ran, without the last few of each thread */
	uint64_t samples_made;  /* blocks that this process sampled; not those a forked child inherited */
	uint64_t cost_ns;       /* time spent in the slow path, estimated; 0 unknown */
	uint64_t private_bytes; /* anonymous memory mapped by the recorder */
	uint64_t nr_stacks, nr_modules, nr_threads, nr_frames; /* used so far (high-water) */
	uint64_t exit_us;                                      /* time of the exit mark, 0 none */
	uint64_t estimated_since_us; /* UINT64_MAX: every allocation so far was recorded (period 1 all along) */
	uint64_t unwind_frames, unwind_misses; /* frames walked; rules that had to be computed */
	uint64_t reserved[31];
	uint64_t checksum;
};

/* 32 bytes. */
struct seep_rec_period {
	uint64_t time_us;
	uint64_t period; /* bytes; 0: switched off */
	uint32_t cause;  /* SEEP_REC_CAUSE_… */
	uint32_t reserved;
	uint64_t checksum;
};
enum {
	SEEP_REC_CAUSE_START = 1,
	SEEP_REC_CAUSE_CONTROL = 2, /* the control word, or the program by seep.h */
	SEEP_REC_CAUSE_FULL = 3,
	SEEP_REC_CAUSE_FORK = 4,
	SEEP_REC_CAUSE_BUDGET = 5
};

/*
 * One loaded object in one generation. 384 bytes. Offset + start − bias = address in the ELF file. The same file loaded
 * again, at whatever address, is the same module: start, end and bias are those of its first time.
 */
struct seep_rec_module {
	uint64_t start, end;     /* address range in the process */
	uint64_t bias;           /* address in the process minus address in the ELF file */
	uint64_t first_us;       /* first seen */
	uint32_t generation;     /* counts the objects seen at this range: 0, 1, … */
	uint32_t flags;          /* SEEP_REC_MODULE_… */
	uint32_t build_id_bytes; /* 0 none */
	uint32_t path_bytes;
	uint8_t build_id[32];
	char path[288]; /* not NUL-terminated if full; a longer path keeps its end */
	uint8_t reserved[8];
	uint64_t checksum;
};
#define SEEP_REC_MODULE_EXE 1u
#define SEEP_REC_MODULE_PATH_CUT 2u
#define SEEP_REC_MODULE_VDSO 4u
#define SEEP_REC_MODULE_RECORDER 8u
#define SEEP_REC_MODULE_ALLOCATOR 16u /* defines the next malloc */

/*
 * Frames (§8): leaf first; bits 63–48 index of the module, bits 47–0 the address minus the module's start. Module 0:
 * bits 47–0 are the address itself. The address is inside the call: return addresses are stored minus 1, the
 * interrupted address of a signal frame as it is.
 */
#define SEEP_REC_FRAME(module, offset) (((uint64_t)(module) << 48) | (uint64_t)(offset))
#define SEEP_REC_FRAME_MODULE(frame) ((uint32_t)((frame) >> 48))
#define SEEP_REC_FRAME_OFFSET(frame) ((frame)&0xffffffffffffull)

/* 32 bytes. Stack 0 is the unknown stack of the heap, stack 1 the unknown stack of mappings; neither has frames. */
struct seep_rec_stack {
	uint32_t first_frame; /* index in the frames section */
	uint16_t nr_frames;
	uint8_t kind;  /* SEEP_REC_KIND_… of all its samples: heap or mapping */
	uint8_t flags; /* SEEP_REC_STACK_… */
	uint64_t first_us;
	uint64_t frames_checksum; /* seep_rec_checksum() of its frames with the salt */
	uint64_t checksum;
};
#define SEEP_REC_STACK_DEEP 1u /* root end dropped */
#define SEEP_REC_STACK_CUT 2u  /* could not be walked to its root */

enum {
	SEEP_REC_KIND_HEAP = 0,
	SEEP_REC_KIND_MMAP = 1,           /* the program's own mappings: kept apart from the heap */
	SEEP_REC_KIND_ALLOCATOR_MMAP = 2, /* mapped by the allocator itself: never added to in-use */
	SEEP_REC_KIND_ARENA = 16 /* 16 + i: blocks of the arena in entry i of the heaps section; kept apart too */
};
#define SEEP_REC_NR_ARENAS_MAX 240

#define SEEP_REC_NR_LIFETIMES 12
/*
 * Sums since the start of un-biased weights (§9): of a sample of s bytes at period T, with p = 1 − e^(−s/T) (1 where T
 * is 1): objects 1/p, bytes s/p, variances (1 − p)/p² and s²(1 − p)/p². 128 bytes. In-use is not stored: it is the sum
 * over live samples, and equals allocated minus freed.
 */
struct seep_rec_counters {
	uint32_t seq;
	uint32_t stack;
	double alloc_objects, alloc_bytes;
	double alloc_objects_var, alloc_bytes_var;
	double freed_objects, freed_bytes;
	uint32_t nr_alloc, nr_freed;               /* samples */
	uint32_t lifetimes[SEEP_REC_NR_LIFETIMES]; /* freed samples by age at their free, see seep_rec_lifetime_us */
	uint64_t last_alloc_us;
	uint64_t checksum;
};
/* Upper bounds in microseconds; the last bucket has none. */
#define SEEP_REC_LIFETIME_BOUNDS_US                                                                              \
	{                                                                                                        \
		1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 60000000ull, 300000000ull, 1800000000ull, \
			7200000000ull, 43200000000ull, 259200000000ull                                           \
	}

#define SEEP_REC_NR_HISTORY 24
/*
 * In-use bytes of one stack at ring points (§10). Point i is at time (i + 1) × interval_us; points not below
 * nr_points hold the value of `now` until the stack is touched again. 128 bytes.
 */
struct seep_rec_history {
	uint64_t interval_us;
	uint32_t stack;
	uint32_t nr_points;
	float inuse_bytes[SEEP_REC_NR_HISTORY];
	uint64_t reserved;
	uint64_t checksum;
};

/*
 * In-use bytes of one stack at 24 ticks, the further back the further apart (§10). 128 bytes. Tick n is at n × tick_s
 * seconds. With last_tick as the newest tick, point 3 k + p of the levels k = 0 … 6 is at the newest tick n = j × 4^k
 * with j mod 4 = p + 1, and point 21 + p at the newest n = j × 4^7 with j mod 3 = p; n is at least 1, else there is no
 * such point. Later ticks have the value of `now`.
 */
#define SEEP_REC_NR_TRAIL 24
#define SEEP_REC_TRAIL_LEVELS 8u
struct seep_rec_trail {
	uint64_t last_tick;
	uint32_t stack;
	uint32_t tick_s; /* 1, 4, 16 or 64: so that the whole life is reached, or 24 days */
	float inuse_bytes[SEEP_REC_NR_TRAIL];
	uint64_t reserved;
	uint64_t checksum;
};
static inline uint32_t seep_rec_level_of_point(uint32_t i)
{
	return i / 3 < SEEP_REC_TRAIL_LEVELS - 1 ? i / 3 : SEEP_REC_TRAIL_LEVELS - 1;
}
/* The newest tick up to `last` that point `i` is of; 0: there is none. */
static inline uint64_t seep_rec_tick_of_point(uint32_t i, uint64_t last)
{
	uint32_t level = seep_rec_level_of_point(i), p = i - 3 * level, is_top = level == SEEP_REC_TRAIL_LEVELS - 1;
	uint64_t j = last >> 2 * level, want = is_top ? p : p + 1;

	return j < want ? 0 : (j - (j - want) % (is_top ? 3 : 4)) << 2 * level;
}
/* The highest level of the ticks after `last` up to `now`: how often 4 divides it, at most 7 (§10.1). */
static inline uint32_t seep_rec_level_of_ticks(uint64_t last, uint64_t now)
{
	uint32_t level = SEEP_REC_TRAIL_LEVELS - 1;

	while (level && now >> 2 * level == last >> 2 * level)
		level--;
	return level;
}

/*
 * What one stack had in use at the peak (entry 2 × stack) or at the last mark (2 × stack + 1), saved when it was first
 * touched after it (§13): valid while `number` is that in the words, else the stack has not changed since. 32 bytes.
 */
struct seep_rec_snap {
	uint32_t number; /* lower 32 bits of that in the words */
	float bytes_var;
	double bytes, objects;
	uint64_t checksum;
};

/* A named moment. 64 bytes; entries are in no order. */
struct seep_rec_mark {
	uint64_t time_us;
	uint32_t by; /* SEEP_REC_MARK_BY_… */
	uint32_t reserved;
	char name[40]; /* NUL-terminated if shorter */
	uint64_t checksum;
};
enum { SEEP_REC_MARK_BY_PROGRAM = 1, SEEP_REC_MARK_BY_TOOL = 2 };

/* An arena that the program reports its blocks of (seep.h). 64 bytes. */
struct seep_rec_heap {
	uint64_t first_us;
	uint64_t reserved;
	char name[40]; /* NUL-terminated if shorter */
	uint64_t checksum;
};

/* One live sampled block. 64 bytes; written by the allocating thread, emptied (checksum 0) by the freeing one. */
struct seep_rec_sample {
	uint64_t
		addr; /* of an arena's block: bits 63–56 are its kind, because a block may begin where the arena does */
	uint64_t size;   /* bytes requested */
	uint64_t period; /* mean bytes between samples when it was drawn; 1: not drawn, weight 1 */
	uint64_t birth_us;
	uint64_t first_birth_us; /* of the block that realloc moved or grew into this one; else birth_us */
	uint32_t stack, thread;  /* indices in their sections */
	uint8_t kind;            /* SEEP_REC_KIND_… */
	uint8_t entry;           /* SEEP_REC_BY_… */
	uint16_t nr_reallocs;    /* sticky at 65535 */
	uint32_t serial;
	uint64_t checksum;
};
enum {
	SEEP_REC_BY_MALLOC,
	SEEP_REC_BY_CALLOC,
	SEEP_REC_BY_REALLOC,
	SEEP_REC_BY_ALIGNED,
	SEEP_REC_BY_NEW,
	SEEP_REC_BY_MMAP_ANON,
	SEEP_REC_BY_MMAP_FILE,
	SEEP_REC_BY_MREMAP,
	SEEP_REC_BY_ARENA
};

/* 64 bytes. */
struct seep_rec_thread {
	uint32_t tid;       /* as the process sees it; the newest thread that used this entry */
	uint32_t nr_reused; /* ended threads of the same name whose entry this was */
	uint64_t first_us;
	char name[16]; /* NUL-terminated if shorter; empty: not known to the recorder */
	uint64_t reserved[3];
	uint64_t checksum;
};

/*
 * 64 bytes. Entries are in no order: sort by time_us; equal times are one entry. Older ones are further apart (§10).
 */
struct seep_rec_ring {
	uint64_t time_us;
	double inuse_bytes, inuse_objects; /* heap kind */
	double alloc_bytes;                /* heap kind, since the start */
	double mmap_bytes;                 /* mmap kind, in use */
	uint64_t period;
	uint32_t samples_live;
	uint32_t reserved;
	uint64_t checksum;
};

/* 192 bytes. UINT64_MAX / UINT32_MAX: not known. Sizes in bytes. Written by the tool; entries as in the ring. */
struct seep_rec_system {
	uint64_t time_us;
	uint64_t rss, rss_anon, rss_file, rss_shmem, swap;
	uint64_t cgroup_usage, cgroup_limit, cgroup_anon, cgroup_file, cgroup_shmem, cgroup_kernel;
	uint32_t nr_threads, nr_mappings, nr_fds, nr_pids; /* nr_pids: processes in its cgroup */
	uint64_t virtual_bytes, data_bytes;                /* VmSize, VmData */
	uint64_t cgroup_failcnt;                           /* v1 memory.failcnt, v2 memory.events max */
	uint64_t cgroup_oom_kills;
	uint64_t stacks_bytes; /* VmStk and thread stacks */
	uint64_t reserved[4];
	uint64_t checksum;
};

/* 128 bytes, written by the tool. */
struct seep_rec_ended {
	uint64_t time_us;
	uint32_t how; /* SEEP_REC_ENDED_… */
	int32_t code; /* exit status or signal */
	char by[64];  /* "seep run", "kernel log", "cgroup counter" */
	char detail[32];
	uint64_t reserved;
	uint64_t checksum;
};
enum { SEEP_REC_ENDED_EXITED = 1, SEEP_REC_ENDED_SIGNAL = 2, SEEP_REC_ENDED_OOM = 3 };

_Static_assert(sizeof(struct seep_rec_section) == 24, "§4");
_Static_assert(sizeof(struct seep_rec_header) == 4096, "§5");
_Static_assert(offsetof(struct seep_rec_header, checksum) == 4088, "§5");
_Static_assert(sizeof(struct seep_rec_words) == 64, "§6");
_Static_assert(sizeof(struct seep_rec_status) == 512, "§7");
_Static_assert(sizeof(struct seep_rec_period) == 32, "§7");
_Static_assert(sizeof(struct seep_rec_module) == 384, "§8");
_Static_assert(sizeof(struct seep_rec_stack) == 32, "§8");
_Static_assert(sizeof(struct seep_rec_counters) == 128, "§9");
_Static_assert(sizeof(struct seep_rec_history) == 128, "§10");
_Static_assert(sizeof(struct seep_rec_sample) == 64, "§9");
_Static_assert(sizeof(struct seep_rec_thread) == 64, "§11");
_Static_assert(sizeof(struct seep_rec_ring) == 64, "§10");
_Static_assert(sizeof(struct seep_rec_system) == 192, "§12");
_Static_assert(sizeof(struct seep_rec_ended) == 128, "§12");
_Static_assert(sizeof(struct seep_rec_trail) == 128, "§10");
_Static_assert(sizeof(struct seep_rec_snap) == 32, "§13");
_Static_assert(sizeof(struct seep_rec_mark) == 64, "§13");
_Static_assert(sizeof(struct seep_rec_heap) == 64, "§11");

/*
 * The checksum of `nr_bytes` (a multiple of 8) at `slot`, which end right before the checksum field. Never 0.
 * Position matters through `where`, the slot's byte offset in the file, so that a slot copied elsewhere is not valid
 * there. Words are taken in pairs, each pair by a multiplication of its own: they do not wait for each other, and no
 * mixture of two states of a slot cancels out, as it would in a sum that is linear.
 */
struct seep_rec_sum {
	uint64_t h, key, other;
};

static inline struct seep_rec_sum seep_rec_sum_begin(uint64_t salt, uint64_t where)
{
	uint64_t key = salt ^ (where * 0x9e3779b97f4a7c15ull);
	struct seep_rec_sum sum = { 0, key, key ^ 0xd6e8feb86659fd93ull };

	return sum;
}

/* Two words as a little-endian machine reads them; the last may be without its second: then that is 0. */
static inline void seep_rec_sum_add(struct seep_rec_sum *sum, uint64_t word, uint64_t second)
{
	__extension__ unsigned __int128 product;

	sum->key += 0xa0761d6478bd642full;
	product = __extension__(unsigned __int128)(word ^ sum->key) * (second ^ sum->other);
	sum->h += (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t seep_rec_sum_end(const struct seep_rec_sum *sum)
{
	return sum->h ? sum->h : 1;
}

static inline uint64_t seep_rec_word(const uint8_t *bytes)
{
	uint64_t word;

	__builtin_memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint64_t seep_rec_checksum(const void *slot, size_t nr_bytes, uint64_t salt, uint64_t where)
{
	const uint8_t *bytes = (const uint8_t *)slot;
	struct seep_rec_sum sum = seep_rec_sum_begin(salt, where);
	size_t i = 0;

	for (; i + 16 <= nr_bytes; i += 16)
		seep_rec_sum_add(&sum, seep_rec_word(bytes + i), seep_rec_word(bytes + i + 8));
	if (i < nr_bytes)
		seep_rec_sum_add(&sum, seep_rec_word(bytes + i), 0);
	return seep_rec_sum_end(&sum);
}

#endif
