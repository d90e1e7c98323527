/*
 * The two things of a recording that anyone may write while its process runs: the control word, and marks. The program
 * itself changes the control word too, so it is changed in place, by compare-and-swap; the tool's marks are written
 * under a lock that tools alone take.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "recording/private.h"

#define NR_LOCK_TRIES 200
#define LOCK_PAUSE_NS 5000000

static uint64_t next_control(uint64_t old, uint64_t period, int on)
{
	uint64_t serial = (old + SEEP_REC_CONTROL_SERIAL) & SEEP_REC_CONTROL_SERIAL_MASK;
	uint64_t is_on = on < 0 ? old & SEEP_REC_CONTROL_ON : on ? SEEP_REC_CONTROL_ON : 0;

	if (!period)
		period = old & (SEEP_REC_CONTROL_SERIAL - 1);
	return is_on | (old & SEEP_REC_CONTROL_MARKS_MASK) | serial | period;
}

static uint64_t next_mark(uint64_t old)
{
	return (old & ~SEEP_REC_CONTROL_MARKS_MASK) | ((old + SEEP_REC_CONTROL_MARK) & SEEP_REC_CONTROL_MARKS_MASK);
}

/* ---- the control word in place ---- */

struct control {
	void *page;
	size_t page_bytes;
	uint64_t *word;
};

static enum seep_status map_control(const struct source *s, struct control *c, struct seep_error *err)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), start = SEEP_REC_WORDS_OFFSET / page_bytes * page_bytes;

	if (s->size < start + page_bytes)
		return seep_fail(err, SEEP_ERR_TRUNCATED, "cannot write '%s': it is cut short", s->name);
	c->page_bytes = page_bytes;
	c->page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, (off_t)start);
	if (c->page == MAP_FAILED)
		return seep_fail_errno(err, errno, "cannot write '%s'", s->name);
	c->word = (uint64_t *)(void *)((uint8_t *)c->page + (SEEP_REC_WORDS_OFFSET - start));
	return SEEP_OK;
}

/* `period` 0 and `on` −1: a mark is counted. */
static enum seep_status change_control(const struct source *s, uint64_t period, int on, struct seep_error *err)
{
	struct control c = { NULL, 0, NULL };
	enum seep_status status = map_control(s, &c, err);
	uint64_t old, next;

	if (status != SEEP_OK)
		return status;
	old = __atomic_load_n(c.word, __ATOMIC_RELAXED);
	do
		next = !period && on < 0 ? next_mark(old) : next_control(old, period, on);
	while (!__atomic_compare_exchange_n(c.word, &old, next, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	munmap(c.page, c.page_bytes);
	return SEEP_OK;
}

enum seep_status seep_recording_control(const char *path, uint64_t period, int on, struct seep_error *err)
{
	struct seep_rec_header header;
	struct seep_rec_words words;
	struct source s;
	enum seep_status status;

	if (period > SEEP_REC_MAX_PERIOD)
		return seep_fail(err, SEEP_ERR_USAGE, "period %llu is out of range: at most %llu bytes",
		                 (unsigned long long)period, (unsigned long long)SEEP_REC_MAX_PERIOD);
	status = source_open(&s, path, O_RDWR, err);
	if (status != SEEP_OK)
		return status;
	status = header_read(&s, &header, &words, err);
	if (status == SEEP_OK && (period || on >= 0))
		status = change_control(&s, period, on, err);
	source_close(&s);
	return status;
}

/* ---- marks ---- */

/* A lock of this open file, which ends with it. A stopped tool is not waited for for ever. */
static enum seep_status lock(const struct source *s, uint64_t start, uint64_t len, struct seep_error *err)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)len };

	for (unsigned i = 0; i < NR_LOCK_TRIES; i++) {
		const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

		if (!fcntl(s->fd, F_OFD_SETLK, &l))
			return SEEP_OK;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			break;
		nanosleep(&pause, NULL);
	}
	return seep_fail_errno(err, errno, "cannot lock '%s'", s->name);
}

/* Byte offset of the tool's entry to be written: an empty or torn one, else the oldest. 0: there is no room. */
static uint64_t place_of_mark(const struct source *s, const struct seep_rec_section *marks, uint64_t salt)
{
	uint64_t place = 0, oldest = UINT64_MAX;

	for (uint64_t i = marks->count / 2; i < marks->count; i++) {
		uint64_t where = marks->offset + i * sizeof(struct seep_rec_mark);
		struct seep_rec_mark m;

		if (source_read(s, where, &m, sizeof(m)) != sizeof(m))
			break;
		if (slot_state(&m, sizeof(m), salt, where) != SLOT_VALID)
			return where;
		if (m.time_us < oldest) {
			oldest = m.time_us;
			place = where;
		}
	}
	return place;
}

static enum seep_status write_mark(const struct source *s, const struct seep_rec_header *h, struct seep_rec_mark *m,
                                   struct seep_error *err)
{
	const struct seep_rec_section *marks = header_section(h, SEEP_REC_SEC_MARKS);
	enum seep_status status;
	uint64_t where;

	if (!marks || marks->count < 2)
		return seep_fail(err, SEEP_ERR_UNSUPPORTED, "'%s' has no room for marks", s->name);
	status = lock(s, marks->offset, marks->count * sizeof(*m), err);
	if (status != SEEP_OK)
		return status;
	where = place_of_mark(s, marks, h->salt);
	if (!where)
		return seep_fail(err, SEEP_ERR_TRUNCATED, "cannot write '%s': it is cut short", s->name);
	m->checksum = seep_rec_checksum(m, sizeof(*m) - 8, h->salt, where);
	if (pwrite(s->fd, m, sizeof(*m), (off_t)where) != (ssize_t)sizeof(*m))
		return seep_fail_errno(err, errno ? errno : EIO, "cannot write '%s'", s->name);
	return change_control(s, 0, -1, err);
}

enum seep_status seep_recording_mark(const char *path, const char *name, uint64_t now_ns, struct seep_error *err)
{
	struct seep_rec_mark m = { .by = SEEP_REC_MARK_BY_TOOL };
	struct seep_rec_header header;
	struct seep_rec_words words;
	struct source s;
	enum seep_status status = source_open(&s, path, O_RDWR, err);

	if (status != SEEP_OK)
		return status;
	status = header_read(&s, &header, &words, err);
	if (status == SEEP_OK) {
		m.time_us = now_ns > header.epoch_monotonic_ns ? (now_ns - header.epoch_monotonic_ns) / 1000 : 0;
		memcpy(m.name, name, strnlen(name, sizeof(m.name)));
		status = write_mark(&s, &header, &m, err);
	}
	source_close(&s);
	return status;
}
