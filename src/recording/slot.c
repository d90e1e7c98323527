/*
 * Reading slots of a file that is being written: whole chunks first; what was neither empty nor valid then is read
 * again a few times, for its writer may have been in the middle of it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recording/private.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define MAX_ENTRY_BYTES 512u
#define NR_RETRIES 3
#define MAX_RETRIED 65536u /* more torn slots than threads ever leave: the file is damaged, not written to */

struct reading {
	const struct source *source;
	const struct slot_table *table;
	const struct seep_rec_section *section;
	struct seep_recording *r;
	uint64_t salt;
	uint64_t *torn; /* entries to be read again */
	size_t nr_torn, cap_torn, nr_hopeless;
	bool is_out_of_memory;
};

enum slot_state slot_state(const void *slot, size_t nr_bytes, uint64_t salt, uint64_t where)
{
	uint64_t checksum;

	memcpy(&checksum, (const uint8_t *)slot + nr_bytes - 8, 8);
	if (!checksum)
		return SLOT_EMPTY;
	return checksum == seep_rec_checksum(slot, nr_bytes - 8, salt, where) ? SLOT_VALID : SLOT_TORN;
}

/* Sequence numbers of four bytes may come round. */
static bool is_newer(const uint8_t *a, const uint8_t *b, size_t seq_bytes)
{
	uint64_t x = 0, y = 0;

	memcpy(&x, a, seq_bytes);
	memcpy(&y, b, seq_bytes);
	return seq_bytes == 4 ? (int32_t)((uint32_t)x - (uint32_t)y) > 0 : x > y;
}

/* The copy that counts in *slot. Torn only when no copy is valid. */
static enum slot_state choose_copy(const struct reading *in, const uint8_t *entry, uint64_t where, const uint8_t **slot)
{
	enum slot_state best = SLOT_EMPTY;

	*slot = NULL;
	for (uint32_t i = 0; i < in->table->nr_copies; i++) {
		size_t at = (size_t)i * in->table->slot_bytes;
		enum slot_state state = slot_state(entry + at, in->table->slot_bytes, in->salt, where + at);

		if (state == SLOT_VALID && (!*slot || is_newer(entry + at, *slot, in->table->seq_bytes)))
			*slot = entry + at;
		if (state == SLOT_TORN)
			best = SLOT_TORN;
	}
	return *slot ? SLOT_VALID : best;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Returns false when the entry is torn. */
static bool read_entry(struct reading *in, uint64_t idx, const uint8_t *entry)
{
	size_t entry_bytes = (size_t)in->table->slot_bytes * in->table->nr_copies;
	uint64_t where = in->section->offset + idx * entry_bytes;
	const uint8_t *slot;

	switch (choose_copy(in, entry, where, &slot)) {
	case SLOT_EMPTY: return true;
	case SLOT_TORN: return false;
	case SLOT_VALID: break;
	}
	if (!in->table->take(in->r, (size_t)idx, slot))
		in->nr_hopeless++;
	return true;
}

static void note_torn(struct reading *in, uint64_t idx)
{
	if (in->source->fd < 0 || in->nr_torn >= MAX_RETRIED) {
		in->nr_hopeless++;
		return;
	}
	if (!seep_grow(&in->torn, &in->cap_torn, in->nr_torn + 1, sizeof(*in->torn))) {
		in->is_out_of_memory = true;
		return;
	}
	in->torn[in->nr_torn++] = idx;
}

/* `chunk` has room for `step` entries. */
static void read_chunks(struct reading *in, size_t nr, uint8_t *chunk, size_t step)
{
	size_t entry_bytes = (size_t)in->table->slot_bytes * in->table->nr_copies;

	for (size_t first = 0; first < nr && !in->is_out_of_memory; first += step) {
		size_t want = nr - first < step ? nr - first : step;
		size_t got =
			source_read(in->source, in->section->offset + first * entry_bytes, chunk, want * entry_bytes);

		if (got && is_zero(chunk, got))
			continue;
		for (size_t i = 0; i < got / entry_bytes && !in->is_out_of_memory; i++)
			if (!read_entry(in, first + i, chunk + i * entry_bytes))
				note_torn(in, first + i);
		if (got < want * entry_bytes)
			break;
	}
}

static void read_again(struct reading *in)
{
	size_t entry_bytes = (size_t)in->table->slot_bytes * in->table->nr_copies, nr = in->nr_torn;
	uint8_t entry[MAX_ENTRY_BYTES * 2];

	in->nr_torn = 0;
	for (size_t i = 0; i < nr && !in->is_out_of_memory; i++) {
		uint64_t where = in->section->offset + in->torn[i] * entry_bytes;

		if (source_read(in->source, where, entry, entry_bytes) < entry_bytes ||
		    !read_entry(in, in->torn[i], entry))
			in->torn[in->nr_torn++] = in->torn[i];
	}
}

/* 1, 4 and 16 ms: a writer that lost its processor in the middle of a slot has it again by then. */
static void retry(struct reading *in)
{
	for (unsigned i = 0; i < NR_RETRIES && in->nr_torn && !in->is_out_of_memory; i++) {
		const struct timespec pause = { .tv_nsec = 1000000l << (2 * i) };

		nanosleep(&pause, NULL);
		read_again(in);
	}
}

size_t slots_count(const struct source *s, const struct slot_table *table, const struct seep_recording *r,
                   uint64_t limit)
{
	const struct seep_rec_section *section = header_section(&r->header, table->kind);
	uint64_t nr, in_source;

	if (!section || section->offset >= s->size)
		return 0;
	nr = section->count < limit ? section->count : limit;
	in_source = (s->size - section->offset) / ((uint64_t)table->slot_bytes * table->nr_copies);
	if (nr > in_source)
		nr = in_source;
	return (size_t)(nr < table->max_count ? nr : table->max_count);
}

enum seep_status slots_read(const struct source *s, const struct slot_table *table, struct seep_recording *r,
                            uint64_t limit, size_t *nr_torn, struct seep_error *err)
{
	struct reading in = { .source = s, .table = table, .r = r, .salt = r->header.salt };
	size_t nr = slots_count(s, table, r, limit), entry_bytes = (size_t)table->slot_bytes * table->nr_copies;
	size_t step = nr < CHUNK_BYTES / entry_bytes ? nr : CHUNK_BYTES / entry_bytes;
	uint8_t *chunk;

	if (!nr)
		return SEEP_OK;
	in.section = header_section(&r->header, table->kind);
	chunk = malloc(step * entry_bytes);
	if (!chunk)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", s->name);
	read_chunks(&in, nr, chunk, step);
	free(chunk);
	retry(&in);
	*nr_torn += in.nr_torn + in.nr_hopeless;
	free(in.torn);
	return in.is_out_of_memory ? seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", s->name)
	                           : SEEP_OK;
}
