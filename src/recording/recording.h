/*
 * Reading recordings (and the two things that a tool may write into one: the control word, the system ring and end).
 *
 * Format: layout.h and docs/recording-format.md. Every byte is untrusted. A live file is read with pread while its
 * writer goes on; a slot that keeps changing is read again a few times, then counted as in flight.
 * Ownership: a recording owns everything reachable from it; free it once. Threads: one object, one thread at a time.
 */
#ifndef SEEP_RECORDING_H
#define SEEP_RECORDING_H

#include "base/base.h"
#include "profile/profile.h"
#include "recording/layout.h"

struct seep_rec_counters_of { /* per stack, index = stack */
	struct seep_rec_counters c;
	struct seep_rec_history history; /* nr_points 0: none */
	struct seep_rec_trail trail;     /* tick_s 0: none */
	struct seep_rec_snap peak, mark; /* checksum 0: none */
};

struct seep_rec_named_mark {
	uint64_t time_us;
	uint32_t by; /* SEEP_REC_MARK_BY_… */
	char name[sizeof(((struct seep_rec_mark *)0)->name) + 1];
};

struct seep_recording {
	struct seep_arena arena;
	char *path;
	struct seep_rec_header header; /* validated; strings are NUL-terminated */
	struct seep_rec_words words;
	struct seep_rec_status status;
	struct seep_rec_ended ended;     /* how 0: not written */
	struct seep_rec_period *periods; /* the valid ones, sorted by time */
	size_t nr_periods;
	struct seep_rec_module *modules; /* indexed by module number; an invalid slot is zeroed */
	size_t nr_modules;
	struct seep_rec_stack *stacks; /* indexed by stack number, at least 2; an invalid slot is zeroed */
	struct seep_rec_counters_of *counters;
	size_t nr_stacks;
	uint64_t *frames; /* what stacks[].first_frame indexes: only frames of valid stacks, packed */
	size_t nr_frames;
	/*
	 * The valid ones, packed. `stack` is always below nr_stacks (0 or 1, "unknown", when its slot is not valid) and
	 * `thread` below nr_threads or 0; a stack that nobody wrote has checksum 0.
	 */
	struct seep_rec_sample *samples;
	size_t nr_samples;
	struct seep_rec_thread *threads; /* indexed by thread number */
	size_t nr_threads;
	struct seep_rec_ring *ring; /* sorted by time */
	size_t nr_ring;
	struct seep_rec_system *system; /* sorted by time */
	size_t nr_system;
	struct seep_rec_named_mark *marks; /* sorted by time */
	size_t nr_marks;
	struct seep_rec_heap *heaps; /* indexed by kind − SEEP_REC_KIND_ARENA; an invalid slot is zeroed */
	size_t nr_heaps;
	/* What was wrong with the bytes. */
	size_t nr_torn_samples, nr_torn_counters, nr_torn_other; /* slots neither empty nor valid, after the retries */
	uint64_t missing_bytes; /* the file is this much shorter than its header says */
};

/*
 * Reads the recording at `path`. Sets *out on SEEP_OK and, with the valid prefix, on SEEP_ERR_TRUNCATED.
 * SEEP_ERR_FORMAT: not a recording, or its header is corrupt. SEEP_ERR_UNSUPPORTED: another major version.
 */
SEEP_NODISCARD enum seep_status seep_recording_read(const char *path, struct seep_recording **out,
                                                    struct seep_error *err);
/* The same from memory (a member of a bundle, the fuzzer). `name` is used in messages. */
SEEP_NODISCARD enum seep_status seep_recording_parse(const char *name, const void *bytes, size_t len,
                                                     struct seep_recording **out, struct seep_error *err);
/* Only header, words, status, ended: what a list needs. The other fields are empty. */
SEEP_NODISCARD enum seep_status seep_recording_read_header(const char *path, struct seep_recording **out,
                                                           struct seep_error *err);
void seep_recording_free(struct seep_recording *r);

/* True when the first bytes are a recording's magic. */
bool seep_recording_is(const void *bytes, size_t len);

/* Time of the last event in seconds since the epoch: what ages of a dead process count to. */
double seep_recording_last_s(const struct seep_recording *r);
/* Seconds since the epoch at CLOCK_MONOTONIC `now_ns`, for a process that is alive on this boot. */
double seep_recording_now_s(const struct seep_recording *r, uint64_t now_ns);

/* ---- estimates (§9 of the format) ---- */

struct seep_weight {
	double objects, bytes, objects_var, bytes_var;
};
/* Weight of one sampled block of `size` bytes at `period`. */
struct seep_weight seep_weight_of(uint64_t size, uint64_t period);

struct seep_estimate {
	double objects, bytes, objects_var, bytes_var;
	uint64_t nr_samples;
};
/* In-use totals over the live samples of one kind (SEEP_REC_KIND_…). */
struct seep_estimate seep_recording_inuse(const struct seep_recording *r, uint8_t kind);
/* Allocated since the start, over the stacks of one kind. */
struct seep_estimate seep_recording_alloc(const struct seep_recording *r, uint8_t kind);

/*
 * In use by the counters: allocated minus freed. Equals seep_recording_inuse() when nothing was lost and the file was
 * not written to while it was read; exactly so for a recording of period 1 below 2^53 bytes.
 */
void seep_recording_booked(const struct seep_recording *r, uint8_t kind, double *bytes, double *objects);
/* The sampling period in force, the last one while switched off; 0 unknown. */
uint64_t seep_recording_period(const struct seep_recording *r);

/*
 * As a profile: types alloc_objects, alloc_space, inuse_objects, inuse_space; one row per live sample (with its age)
 * and one per stack for the allocation totals; mappings from modules. Kind SEEP_REC_KIND_HEAP or _MMAP. `now_s` as
 * above. Not symbolised: see symbol/.
 */
SEEP_NODISCARD enum seep_status seep_recording_profile(const struct seep_recording *r, uint8_t kind, double now_s,
                                                       struct seep_profile **out, struct seep_error *err);

/* ---- heaps ---- */

#define SEEP_NR_KINDS 256
#define SEEP_HEAP_NAME_MAX 48
/* "malloc", "mmap", "mmap (allocator)", the name of an arena; for an arena without one "arena N". Returns `out`. */
char *seep_recording_heap_name(const struct seep_recording *r, uint8_t kind, char out[SEEP_HEAP_NAME_MAX]);
/* True when something was ever allocated there, or the arena is known. The first two kinds always are. */
bool seep_recording_has_heap(const struct seep_recording *r, uint8_t kind);

/* ---- moments (§10.3, §13) ---- */

enum seep_moment_kind { SEEP_MOMENT_NOW, SEEP_MOMENT_START, SEEP_MOMENT_PEAK, SEEP_MOMENT_MARK, SEEP_MOMENT_TIME };
enum seep_moment_source {
	SEEP_MOMENT_OF_SAMPLES, /* what is live now: nothing has changed since, or it is now */
	SEEP_MOMENT_OF_NOTHING, /* the start: nothing was in use */
	SEEP_MOMENT_OF_PEAK,    /* what stacks saved at the peak; at the last mark */
	SEEP_MOMENT_OF_MARK,
	SEEP_MOMENT_OF_TRAIL /* points in time: bytes alone */
};
struct seep_moment {
	/* Asked for: */
	enum seep_moment_kind kind;
	double time_s;    /* of SEEP_MOMENT_TIME, since the epoch; of the others set by seep_moment_find() */
	const char *mark; /* of SEEP_MOMENT_MARK; of several marks of this name the newest counts */
	/* Found: */
	enum seep_moment_source source;
	double used_s;    /* the moment that figures are of */
	double spacing_s; /* how far apart the moments are there that were kept; 0: it is the one asked for */
	bool has_objects; /* blocks are counted, not only bytes */
};
/*
 * Finds what is known of the moment that *m asks for; `now_s` as above. Times before the start are the start, times to
 * come are now. SEEP_ERR_NOT_FOUND: there is no mark of this name.
 */
SEEP_NODISCARD enum seep_status seep_moment_find(const struct seep_recording *r, double now_s, struct seep_moment *m,
                                                 struct seep_error *err);
/* True when a block that lives now was in use at the moment. `is_same`: its stack has not changed since. */
bool seep_moment_has(const struct seep_moment *m, bool is_same, const struct seep_rec_sample *s);

/*
 * Of what a stack had in use at two moments, the part that is freed now. Growth between them is what was born and
 * lives, plus `to`, less `from`. Blocks that lived at both and are freed now are in both: their variances add up
 * although they would cancel, so the error is an upper bound unless `to` is now. Variances are those of a snap, else
 * what the stack freed since the start has a byte.
 */
struct seep_gone {
	struct seep_estimate from, to;
	bool is_same_from, is_same_to; /* nothing has changed since that moment */
};
/* One for each stack, malloc'ed; NULL when memory is out. Both moments must have been found. */
struct seep_gone *seep_recording_gone(const struct seep_recording *r, const struct seep_moment *from,
                                      const struct seep_moment *to);

/* ---- as a profile, in part ---- */

struct seep_choice {
	bool kinds[SEEP_NR_KINDS];
	/*
	 * None: now, with all four values. `to` alone: what was in use then: inuse_space, and with_objects
	 * inuse_objects. Both: growth_space, before_space and after_space, and with_objects growth_objects. Values of
	 * growth are negative in rows of what was freed.
	 */
	const struct seep_moment *from, *to;
	bool with_objects;
	bool without_alloc; /* now: inuse_objects and inuse_space alone */
};
SEEP_NODISCARD enum seep_status seep_recording_profile_of(const struct seep_recording *r,
                                                          const struct seep_choice *choice, double now_s,
                                                          struct seep_profile **out, struct seep_error *err);

/* ---- what a tool writes ---- */

/*
 * Sets the control word. `period` 0 keeps the present one. `on` -1 keeps, 0 off, 1 on.
 * SEEP_ERR_IO (EACCES) when the file may not be written.
 */
SEEP_NODISCARD enum seep_status seep_recording_control(const char *path, uint64_t period, int on,
                                                       struct seep_error *err);

/*
 * Writes a named mark of CLOCK_MONOTONIC `now_ns`; of a longer name the first 40 bytes. Of many marks the newest stay.
 * Tools that do so at once do not lose each other's. SEEP_ERR_UNSUPPORTED: the recording has no room for marks.
 */
SEEP_NODISCARD enum seep_status seep_recording_mark(const char *path, const char *name, uint64_t now_ns,
                                                    struct seep_error *err);

/*
 * A writer of the system ring of one recording; keeps it open (O_RDWR). Entries are kept the further apart the older
 * they are (§10.1 of the format).
 */
struct seep_recording_writer;
SEEP_NODISCARD enum seep_status seep_recording_writer_open(const char *path, struct seep_recording_writer **out,
                                                           struct seep_error *err);
const struct seep_rec_header *seep_recording_writer_header(const struct seep_recording_writer *w);
/* `s->time_us` is filled by the caller; checksum and place are the writer's. */
SEEP_NODISCARD enum seep_status seep_recording_writer_system(struct seep_recording_writer *w, struct seep_rec_system s,
                                                             struct seep_error *err);
SEEP_NODISCARD enum seep_status seep_recording_writer_ended(struct seep_recording_writer *w, struct seep_rec_ended e,
                                                            struct seep_error *err);
/* Names a thread that the recorder could not name (found in /proc). Does nothing if it already has a name. */
SEEP_NODISCARD enum seep_status seep_recording_writer_thread_name(struct seep_recording_writer *w, uint32_t tid,
                                                                  const char *name, struct seep_error *err);
void seep_recording_writer_close(struct seep_recording_writer *w);

#endif
