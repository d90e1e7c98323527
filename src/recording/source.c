#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recording/private.h"

/* O_NONBLOCK: the open of a FIFO returns at once and finds out that it is one. */
enum seep_status source_open(struct source *s, const char *path, int flags, struct seep_error *err)
{
	struct stat st;
	int why = 0;

	*s = (struct source){ .name = path };
	s->fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (s->fd < 0)
		return seep_fail_errno(err, errno, "cannot open '%s'", path);
	if (fstat(s->fd, &st))
		why = errno;
	else if (S_ISDIR(st.st_mode))
		why = EISDIR;
	if (why) {
		source_close(s);
		return seep_fail_errno(err, why, "cannot read '%s'", path);
	}
	if (!S_ISREG(st.st_mode)) {
		source_close(s);
		return seep_fail(err, SEEP_ERR_FORMAT, "'%s' is not a recording: not a regular file", path);
	}
	s->size = (uint64_t)st.st_size;
	return SEEP_OK;
}

void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static size_t read_fd(int fd, uint64_t offset, uint8_t *to, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t nr = pread(fd, to + got, len - got, (off_t)(offset + got));

		if (nr < 0 && errno == EINTR)
			continue;
		if (nr <= 0)
			break;
		got += (size_t)nr;
	}
	return got;
}

size_t source_read(const struct source *s, uint64_t offset, void *to, size_t len)
{
	if (offset >= s->size)
		return 0;
	if (len > s->size - offset)
		len = (size_t)(s->size - offset);
	if (s->fd >= 0)
		return read_fd(s->fd, offset, to, len);
	memcpy(to, s->bytes + offset, len);
	return len;
}
