/*
 * The model that every reader produces and every report consumes: samples of call stacks with values (pprof's model).
 *
 * Ownership: a profile owns everything reachable from it; free it once. Columns, not objects: sample i is row i of
 * every column. Strings are interned: equal text has equal id, id 0 is "". Threads: one at a time, no globals.
 * Format facts: github.com/google/pprof proto/profile.proto.
 */
#ifndef SEEP_PROFILE_H
#define SEEP_PROFILE_H

#include "base/base.h"

#define SEEP_PROFILE_MAX_VALUES 16
#define SEEP_NO_ID UINT32_MAX

struct seep_value_type {
	uint32_t type, unit; /* string ids: "inuse_space", "bytes" */
};

struct seep_mapping {
	uint64_t start, limit, offset; /* addresses in the process; offset in the file */
	uint64_t bias;                 /* address in the process minus address in the ELF file */
	uint32_t file, build_id;       /* string ids; build id in lower-case hex, "" unknown */
	uint32_t process;              /* index in processes[], 0 when there is one */
	bool is_symbolised;
};

struct seep_function {
	uint32_t name, system_name, file; /* string ids: shown, as in the symbol table, source path */
	uint32_t start_line;
};

struct seep_line {
	uint32_t function; /* index in functions[] */
	uint32_t line;     /* 0 unknown */
};

/* One address, or one place without an address. Inlined frames: lines[0] is the innermost (pprof's order). */
struct seep_location {
	uint64_t addr;                 /* inside the call; 0 when the source had none */
	uint32_t mapping;              /* index in mappings[], SEEP_NO_ID none */
	uint32_t first_line, nr_lines; /* in the profile's lines[] */
	bool is_label;                 /* no code: see seep_profile_pivot(); its line's number is a thread's id */
};

/* Where a stack stopped short; shown, never hidden. */
#define SEEP_STACK_DEEP 1u
#define SEEP_STACK_CUT 2u
#define SEEP_STACK_LABELLED 4u /* the last frame is a label */
struct seep_stack {
	uint32_t first, nr; /* in frames[]: location indices, leaf first */
	uint32_t flags;
};

struct seep_process {
	uint32_t name; /* string id */
	uint64_t pid;
	double now_s; /* age of the process's recording at its last event: what ages are counted to */
};

/*
 * Sample columns. values[v * cap + i]: estimates, so doubles; exact for integers below 2^53.
 * variances has the same shape or is NULL when every value is exact. birth_s/stack/thread… are parallel to the rows.
 */
struct seep_samples {
	size_t nr, cap;
	uint32_t *stack;     /* index in stacks[] */
	double *values;      /* nr_types columns of cap rows each */
	double *variances;   /* of the estimates; NULL: all exact */
	float *age_s;        /* of the live block; NaN: the row is not one live block; NULL: no ages known */
	uint32_t *nr_blocks; /* sampled blocks the row's in-use figures stand on; 0 for rows of allocation totals */
	uint32_t *thread;    /* string id of the thread's name, 0 unknown; may be NULL */
	uint32_t *tid;       /* its id, 0 unknown or several; NULL if and only if `thread` is */
	uint32_t *heap;      /* string id of the heap's name, 0 unknown; may be NULL */
	uint32_t *process;   /* index in processes[]; may be NULL: 0 */
	uint32_t *nr_alloc_samples; /* sampled allocations the row's alloc figures stand on; may be NULL */
};

struct seep_profile {
	struct seep_arena arena;
	struct seep_strings *strings;
	struct seep_value_type types[SEEP_PROFILE_MAX_VALUES];
	uint32_t nr_types;
	uint32_t default_type; /* index in types[] */
	struct seep_value_type period_type;
	int64_t period;                    /* 0 unknown, 1 every allocation */
	int64_t time_ns, duration_ns;      /* CLOCK_REALTIME of the capture; 0 unknown */
	uint32_t drop_frames, keep_frames; /* string ids: regular expressions */
	uint32_t *comments;
	size_t nr_comments, cap_comments;
	struct seep_mapping *mappings;
	size_t nr_mappings, cap_mappings;
	struct seep_function *functions;
	size_t nr_functions, cap_functions;
	struct seep_location *locations;
	size_t nr_locations, cap_locations;
	struct seep_line *lines;
	size_t nr_lines, cap_lines;
	struct seep_stack *stacks;
	size_t nr_stacks, cap_stacks;
	uint32_t *frames;
	size_t nr_frames, cap_frames;
	struct seep_process *processes;
	size_t nr_processes, cap_processes;
	struct seep_samples samples;
};

/* Indices of the four heap values as every heap reader of seep orders them (Go's names; pprof's default is the
 * last). */
enum { SEEP_ALLOC_OBJECTS, SEEP_ALLOC_SPACE, SEEP_INUSE_OBJECTS, SEEP_INUSE_SPACE, SEEP_NR_HEAP_VALUES };

SEEP_NODISCARD enum seep_status seep_profile_new(struct seep_profile **out, struct seep_error *err);
void seep_profile_free(struct seep_profile *p);

/* Interns text; SEEP_NO_ID when memory is out. Invalid UTF-8 and control characters are replaced on the way in. */
uint32_t seep_profile_intern(struct seep_profile *p, const char *text, size_t len);
uint32_t seep_profile_intern_z(struct seep_profile *p, const char *text);
/* NUL-terminated text of an id; "" for an unknown id. Lives as long as the profile. */
const char *seep_profile_str(const struct seep_profile *p, uint32_t id);

/* Ids 0 … nr − 1 are in use. */
uint32_t seep_profile_nr_strings(const struct seep_profile *p);

/* Append one element and return its index, SEEP_NO_ID when memory is out. */
uint32_t seep_profile_add_type(struct seep_profile *p, const char *type, const char *unit); /* before any sample */
uint32_t seep_profile_add_mapping(struct seep_profile *p, const struct seep_mapping *m);
uint32_t seep_profile_add_function(struct seep_profile *p, const char *name, const char *system_name, const char *file,
                                   uint32_t start_line); /* equal ones share an index */
/* Equal ones share an index, except those without an address (addr 0): each is its own. */
uint32_t seep_profile_add_location(struct seep_profile *p, uint64_t addr, uint32_t mapping);
uint32_t seep_profile_add_comment(struct seep_profile *p, const char *text);
uint32_t seep_profile_add_process(struct seep_profile *p, const struct seep_process *process);
/* Gives a location its lines, innermost first (replaces what it had). */
SEEP_NODISCARD bool seep_profile_set_lines(struct seep_profile *p, uint32_t location, const struct seep_line *lines,
                                           uint32_t nr);
uint32_t seep_profile_add_stack(struct seep_profile *p, const uint32_t *locations, uint32_t nr, uint32_t flags);
/* Columns of samples that may be NULL; seep_profile_add_columns() makes them exist, neutral for the rows there are. */
#define SEEP_COLUMN_VARIANCES 1u
#define SEEP_COLUMN_AGE 2u
#define SEEP_COLUMN_THREAD 4u
#define SEEP_COLUMN_PROCESS 8u
#define SEEP_COLUMN_ALLOC_SAMPLES 16u
#define SEEP_COLUMN_HEAP 32u
SEEP_NODISCARD bool seep_profile_add_columns(struct seep_profile *p, unsigned columns);
/*
 * All columns that exist get a neutral value, which the caller may overwrite in its row; `values` has nr_types entries,
 * `variances` may be NULL (0), else their column comes to exist.
 */
uint32_t seep_profile_add_sample(struct seep_profile *p, uint32_t stack, const double *values, const double *variances);

/* Appends the samples of `from` (same types) to `into`, interning all; processes are kept apart. */
SEEP_NODISCARD enum seep_status seep_profile_merge(struct seep_profile *into, const struct seep_profile *from,
                                                   struct seep_error *err);
/* What rows are of, beside their stack. */
enum seep_dimension { SEEP_BY_CODE, SEEP_BY_THREAD, SEEP_BY_HEAP };
/* True when something is known of it. */
bool seep_profile_knows(const struct seep_profile *p, enum seep_dimension by);
/*
 * Puts rows below their thread or heap: a label, the root of their stacks (`with_frames`) or all that is left of them.
 * Labels are "NAME/TID", "NAME" where several threads came and went, "[unknown]"; of several processes behind the
 * process's. Changes `p`; stacks that no row uses any more stay. SEEP_BY_CODE does nothing.
 */
SEEP_NODISCARD enum seep_status seep_profile_pivot(struct seep_profile *p, enum seep_dimension by, bool with_frames,
                                                   struct seep_error *err);
/* The label of a row, as above without the process: interned, SEEP_NO_ID when memory is out. */
uint32_t seep_profile_label(struct seep_profile *p, enum seep_dimension by, size_t row);
/* Keeps the rows that `keep` says, in their order. */
void seep_profile_filter(struct seep_profile *p, bool (*keep)(struct seep_profile *p, size_t row, void *data),
                         void *data);

/* Index of the value type of this name, SEEP_NO_ID none. */
uint32_t seep_profile_find_type(const struct seep_profile *p, const char *type);
double seep_profile_total(const struct seep_profile *p, uint32_t type);
double seep_profile_total_variance(const struct seep_profile *p, uint32_t type);

#endif
