/* What the files of this folder share: where bytes come from, and how slots are told valid. */
#ifndef SEEP_RECORDING_PRIVATE_H
#define SEEP_RECORDING_PRIVATE_H

#include "recording/recording.h"

/* A file that others may be writing, or memory. */
struct source {
	const char *name;
	int fd;               /* -1: memory */
	const uint8_t *bytes; /* of `size` bytes when in memory */
	uint64_t size;
};

/* Opens a regular file; nothing else is waited for or read. `flags` O_RDONLY or O_RDWR. */
SEEP_NODISCARD enum seep_status source_open(struct source *s, const char *path, int flags, struct seep_error *err);
void source_close(struct source *s);
/* Bytes read into `to`: fewer than `len` only at the end of the source or on a read error. */
size_t source_read(const struct source *s, uint64_t offset, void *to, size_t len);

/* ---- header.c ---- */

/* Reads and validates header and words; strings get their NUL. */
SEEP_NODISCARD enum seep_status header_read(const struct source *s, struct seep_rec_header *h,
                                            struct seep_rec_words *words, struct seep_error *err);
/* The section of this kind, NULL when the recording has none. */
const struct seep_rec_section *header_section(const struct seep_rec_header *h, uint32_t kind);

/* ---- slot.c ---- */

enum slot_state { SLOT_EMPTY, SLOT_VALID, SLOT_TORN };

/* `slot` of `nr_bytes`, read from offset `where` of the file. */
enum slot_state slot_state(const void *slot, size_t nr_bytes, uint64_t salt, uint64_t where);

/* How the entries of one section are read. */
struct slot_table {
	uint32_t kind;
	uint32_t slot_bytes;
	uint32_t nr_copies; /* of a slot in an entry; the valid one with the higher sequence number counts */
	uint32_t seq_bytes; /* 4 or 8: that number stands first; 0: one copy */
	uint64_t max_count; /* entries beyond are not read */
	/* Called with every valid slot, in order but for those read again. False: its content is impossible. */
	bool (*take)(struct seep_recording *r, size_t idx, const void *slot);
};

/* Entries of the section that the source holds, at most `limit`: `take` is never called with an index beyond. */
size_t slots_count(const struct source *s, const struct slot_table *table, const struct seep_recording *r,
                   uint64_t limit);
/*
 * Reads a section's entries below `limit`; *nr_torn grows by those that are neither empty nor valid after the retries,
 * or whose content is impossible. Fails only for want of memory.
 */
SEEP_NODISCARD enum seep_status slots_read(const struct source *s, const struct slot_table *table,
                                           struct seep_recording *r, uint64_t limit, size_t *nr_torn,
                                           struct seep_error *err);

/* ---- tables.c ---- */

SEEP_NODISCARD enum seep_status tables_read_short(const struct source *s, struct seep_recording *r,
                                                  struct seep_error *err); /* status and end */
SEEP_NODISCARD enum seep_status tables_read_all(const struct source *s, struct seep_recording *r,
                                                struct seep_error *err);
/* Sorts entries whose first field is time_us, keeping the order of equal ones. */
void sort_stable(void *entries, size_t nr, size_t size);
/* Sorts by time; of entries with equal times one stays. Returns how many are left. */
size_t sort_by_time(void *entries, size_t nr, size_t size);

/* ---- estimate.c ---- */

/* *e += what one live sample stands for. */
void estimate_add(struct seep_estimate *e, const struct seep_rec_sample *s);

/* ---- samples.c ---- */

/* Of samples with equal address and kind only the newest stays; stacks that do not exist become the unknown one. */
SEEP_NODISCARD enum seep_status samples_settle(struct seep_recording *r, struct seep_error *err);

#endif
