#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "recording/private.h"

#define SERIAL_SHIFT 48
#define SERIAL_BITS 0x7full
#define MARKS_BITS (0xffull << 55)
#define PERIOD_BITS ((1ull << SERIAL_SHIFT) - 1)

static uint64_t next_control(uint64_t old, uint64_t period, int on)
{
	uint64_t serial = (old >> SERIAL_SHIFT & SERIAL_BITS) + 1;
	uint64_t is_on = on < 0 ? old & SEEP_REC_CONTROL_ON : on ? SEEP_REC_CONTROL_ON : 0;

	if (!period)
		period = old & PERIOD_BITS;
	return is_on | (old & MARKS_BITS) | (serial & SERIAL_BITS) << SERIAL_SHIFT | period;
}

/* One store of one aligned word: the recorder sees the old word or the new one. */
enum seep_status seep_recording_control(const char *path, uint64_t period, int on, struct seep_error *err)
{
	struct seep_rec_header header;
	struct seep_rec_words words;
	struct source s;
	enum seep_status status;
	uint64_t control;

	if (period > SEEP_REC_MAX_PERIOD)
		return seep_fail(err, SEEP_ERR_USAGE, "period %llu is out of range: at most %llu bytes",
		                 (unsigned long long)period, (unsigned long long)SEEP_REC_MAX_PERIOD);
	status = source_open(&s, path, O_RDWR, err);
	if (status != SEEP_OK)
		return status;
	status = header_read(&s, &header, &words, err);
	control = next_control(words.control, period, on);
	if (status == SEEP_OK &&
	    pwrite(s.fd, &control, sizeof(control), SEEP_REC_WORDS_OFFSET) != (ssize_t)sizeof(control))
		status = seep_fail_errno(err, errno, "cannot write '%s'", path);
	source_close(&s);
	return status;
}
