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

#define TICK_US 1000000ull
#define NOTHING SIZE_MAX

struct seep_recording_writer {
	struct source source;
	struct seep_rec_header header;
	struct seep_rec_system *entries; /* as the file's slots; checksum 0: empty */
	size_t cap;                      /* slots in the file */
	size_t newest;                   /* NOTHING: none is written */
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

/* What an earlier writer left goes on. */
static enum seep_status take_over(struct seep_recording_writer *w, struct seep_error *err)
{
	const struct seep_rec_section *section = header_section(&w->header, SEEP_REC_SEC_SYSTEM);

	w->newest = NOTHING;
	if (!section || section->offset > w->source.size)
		return SEEP_OK;
	w->cap = (size_t)section->count;
	if (w->cap > (w->source.size - section->offset) / sizeof(*w->entries))
		w->cap = (size_t)((w->source.size - section->offset) / sizeof(*w->entries));
	w->entries = calloc(w->cap + 1, sizeof(*w->entries));
	if (!w->entries)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot write '%s': out of memory", w->source.name);
	for (size_t i = 0; i < w->cap; i++) {
		struct seep_rec_system *e = &w->entries[i];
		uint64_t where = section->offset + i * sizeof(*e);

		if (source_read(&w->source, where, e, sizeof(*e)) != sizeof(*e) ||
		    slot_state(e, sizeof(*e), w->header.salt, where) != SLOT_VALID)
			memset(e, 0, sizeof(*e));
		else if (w->newest == NOTHING || e->time_us > w->entries[w->newest].time_us)
			w->newest = i;
	}
	return SEEP_OK;
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

/* The highest level among the ticks passed since the newest entry; any number of times divides tick 0. */
static unsigned highest_level(const struct seep_recording_writer *w, uint64_t tick)
{
	uint64_t before = w->newest == NOTHING ? 0 : w->entries[w->newest].time_us / TICK_US;

	return tick ? seep_rec_level_of_ticks(before, tick) : SEEP_REC_TRAIL_LEVELS - 1;
}

/* An empty slot among those of the level, else the one with the oldest entry. */
static size_t place_of(const struct seep_recording_writer *w, unsigned level)
{
	size_t per_level = w->cap / SEEP_REC_TRAIL_LEVELS, first = level * per_level, best = first;

	for (size_t i = first; i < first + per_level; i++) {
		if (!w->entries[i].checksum)
			return i;
		if (w->entries[i].time_us < w->entries[best].time_us)
			best = i;
	}
	return best;
}

/* A tick has one entry: the last one. So has a clock that does not go on. */
enum seep_status seep_recording_writer_system(struct seep_recording_writer *w, struct seep_rec_system s,
                                              struct seep_error *err)
{
	uint64_t tick = s.time_us / TICK_US;

	if (w->cap < SEEP_REC_TRAIL_LEVELS)
		return SEEP_OK;
	if (w->newest == NOTHING || tick > w->entries[w->newest].time_us / TICK_US)
		w->newest = place_of(w, highest_level(w, tick));
	w->entries[w->newest] = s;
	return write_entry(w, w->newest, err);
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
