/*
 * The tool's own entries in a recording: the system ring, how it ended, names of threads. One tool writes them; the
 * recorder never reads them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recording/private.h"

struct seep_recording_writer {
	struct source source;
	struct seep_rec_header header;
	struct seep_rec_system *entries; /* what the file holds, in order of time; entry i is slot i */
	size_t nr, cap;                  /* cap: slots in the file */
	uint64_t interval_us;            /* between entries that stay; 0: all stay */
};

static enum seep_status write_slot(const struct seep_recording_writer *w, uint64_t where, void *slot, size_t nr_bytes,
                                   struct seep_error *err)
{
	uint64_t checksum = seep_rec_checksum(slot, nr_bytes - 8, w->header.salt, where);

	memcpy((uint8_t *)slot + nr_bytes - 8, &checksum, 8);
	if (pwrite(w->source.fd, slot, nr_bytes, (off_t)where) != (ssize_t)nr_bytes)
		return seep_fail_errno(err, errno ? errno : EIO, "cannot write '%s'", w->source.name);
	return SEEP_OK;
}

static enum seep_status write_entry(struct seep_recording_writer *w, size_t i, struct seep_error *err)
{
	uint64_t where = header_section(&w->header, SEEP_REC_SEC_SYSTEM)->offset + i * sizeof(w->entries[i]);

	return write_slot(w, where, &w->entries[i], sizeof(w->entries[i]), err);
}

static enum seep_status clear_entry(const struct seep_recording_writer *w, size_t i, struct seep_error *err)
{
	static const struct seep_rec_system nothing;
	uint64_t where = header_section(&w->header, SEEP_REC_SEC_SYSTEM)->offset + i * sizeof(nothing);

	if (pwrite(w->source.fd, &nothing, sizeof(nothing), (off_t)where) != (ssize_t)sizeof(nothing))
		return seep_fail_errno(err, errno ? errno : EIO, "cannot write '%s'", w->source.name);
	return SEEP_OK;
}

/* Entries from `first` on go to the file, slots behind the last one are emptied. */
static enum seep_status write_entries(struct seep_recording_writer *w, size_t first, size_t nr_before,
                                      struct seep_error *err)
{
	enum seep_status status = SEEP_OK;

	for (size_t i = first; i < w->nr && status == SEEP_OK; i++)
		status = write_entry(w, i, err);
	for (size_t i = w->nr; i < nr_before && status == SEEP_OK; i++)
		status = clear_entry(w, i, err);
	return status;
}

/* What an earlier writer left goes on: packed again if it is not, and as far apart as it was. */
static enum seep_status take_over(struct seep_recording_writer *w, struct seep_error *err)
{
	const struct seep_rec_section *section = header_section(&w->header, SEEP_REC_SEC_SYSTEM);
	bool is_packed = true;

	if (!section || section->offset > w->source.size)
		return SEEP_OK;
	w->cap = (size_t)section->count;
	if (w->cap > (w->source.size - section->offset) / sizeof(*w->entries))
		w->cap = (size_t)((w->source.size - section->offset) / sizeof(*w->entries));
	w->entries = calloc(w->cap + 1, sizeof(*w->entries));
	if (!w->entries)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot write '%s': out of memory", w->source.name);
	for (size_t i = 0; i < w->cap; i++) {
		struct seep_rec_system e;
		uint64_t where = section->offset + i * sizeof(e);

		if (source_read(&w->source, where, &e, sizeof(e)) != sizeof(e) ||
		    slot_state(&e, sizeof(e), w->header.salt, where) != SLOT_VALID)
			continue;
		is_packed = is_packed && w->nr == i && (!i || w->entries[i - 1].time_us < e.time_us);
		w->entries[w->nr++] = e;
	}
	w->nr = sort_by_time(w->entries, w->nr, sizeof(*w->entries));
	if (w->nr > w->cap / 2)
		w->interval_us = (w->entries[w->nr - 1].time_us - w->entries[0].time_us) / w->nr;
	return is_packed ? SEEP_OK : write_entries(w, 0, w->cap, err);
}

enum seep_status seep_recording_writer_open(const char *path, struct seep_recording_writer **out,
                                            struct seep_error *err)
{
	struct seep_recording_writer *w = calloc(1, sizeof(*w));
	struct seep_rec_words words;
	enum seep_status status;
	char *name = strdup(path);

	if (!w || !name) {
		free(w);
		free(name);
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot write '%s': out of memory", path);
	}
	status = source_open(&w->source, path, O_RDWR, err);
	w->source.name = name;
	if (status == SEEP_OK)
		status = header_read(&w->source, &w->header, &words, err);
	if (status == SEEP_OK)
		status = take_over(w, err);
	if (status != SEEP_OK) {
		seep_recording_writer_close(w);
		return status;
	}
	*out = w;
	return SEEP_OK;
}

void seep_recording_writer_close(struct seep_recording_writer *w)
{
	if (!w)
		return;
	source_close(&w->source);
	free((void *)(uintptr_t)w->source.name);
	free(w->entries);
	free(w);
}

const struct seep_rec_header *seep_recording_writer_header(const struct seep_recording_writer *w)
{
	return &w->header;
}

/* Every second entry stays, the first and the last among them; from now on they are twice as far apart. */
static enum seep_status thin_out(struct seep_recording_writer *w, struct seep_error *err)
{
	size_t before = w->nr, kept = 0;
	uint64_t span = w->entries[w->nr - 1].time_us - w->entries[0].time_us;

	for (size_t i = 0; i < before; i += 2)
		w->entries[kept++] = w->entries[i];
	w->nr = kept;
	w->interval_us = span / kept ? span / kept : 1;
	return write_entries(w, 1, before, err);
}

/* The newest entry is always there: it is replaced until it is far enough from the one before it. */
static bool replaces_last(const struct seep_recording_writer *w, uint64_t time_us)
{
	if (!w->nr)
		return false;
	if (time_us <= w->entries[w->nr - 1].time_us)
		return true;
	return w->nr > 1 && w->entries[w->nr - 1].time_us - w->entries[w->nr - 2].time_us < w->interval_us;
}

enum seep_status seep_recording_writer_system(struct seep_recording_writer *w, struct seep_rec_system s,
                                              struct seep_error *err)
{
	enum seep_status status;

	if (w->cap < 4)
		return SEEP_OK;
	if (replaces_last(w, s.time_us)) {
		w->nr--;
	} else if (w->nr == w->cap) {
		status = thin_out(w, err);
		if (status != SEEP_OK)
			return status;
	}
	w->entries[w->nr] = s;
	status = write_entry(w, w->nr, err);
	w->nr++;
	return status;
}

enum seep_status seep_recording_writer_ended(struct seep_recording_writer *w, struct seep_rec_ended e,
                                             struct seep_error *err)
{
	const struct seep_rec_section *section = header_section(&w->header, SEEP_REC_SEC_ENDED);

	if (!section || !section->count)
		return SEEP_OK;
	return write_slot(w, section->offset, &e, sizeof(e), err);
}

/*
 * Entries are given out in order: the first empty one behind entry 0 ends the search. The recorder may store the same
 * entry at any time; it has the exact one in its memory, so what we overwrite is right again when the entry next
 * changes.
 */
enum seep_status seep_recording_writer_thread_name(struct seep_recording_writer *w, uint32_t tid, const char *name,
                                                   struct seep_error *err)
{
	const struct seep_rec_section *section = header_section(&w->header, SEEP_REC_SEC_THREADS);

	for (uint64_t i = 1; section && i < section->count; i++) {
		uint64_t where = section->offset + i * sizeof(struct seep_rec_thread);
		struct seep_rec_thread t;
		enum slot_state state;

		if (source_read(&w->source, where, &t, sizeof(t)) != sizeof(t))
			break;
		state = slot_state(&t, sizeof(t), w->header.salt, where);
		if (state == SLOT_EMPTY)
			break;
		if (state != SLOT_VALID || t.tid != tid || t.name[0])
			continue;
		memcpy(t.name, name, strnlen(name, sizeof(t.name)));
		return write_slot(w, where, &t, sizeof(t), err);
	}
	return SEEP_OK;
}
