#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP ((size_t)64 << 10)

/* A FIFO nobody writes to must not hang the open; the read that follows then sees its end. */
static int open_for_reading(const char *path)
{
	int fd, flags;

	if (!strcmp(path, "-"))
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags != -1)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

static enum seep_status read_all(int fd, const char *path, size_t max, struct seep_buf *b, struct seep_error *err)
{
	for (;;) {
		ssize_t nr;

		if (b->len > SIZE_MAX - READ_STEP - 1 || !seep_grow(&b->p, &b->cap, b->len + READ_STEP + 1, 1))
			return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", path);
		nr = read(fd, b->p + b->len, READ_STEP);
		if (nr < 0 && errno == EINTR)
			continue;
		if (nr < 0)
			return seep_fail_errno(err, errno, "cannot read '%s'", path);
		if (!nr)
			return SEEP_OK;
		b->len += (size_t)nr;
		if (b->len > max)
			return seep_fail(err, SEEP_ERR_LIMIT, "cannot read '%s': larger than %zu bytes", path, max);
	}
}

enum seep_status seep_file_read(const char *path, size_t max, uint8_t **out, size_t *len, struct seep_error *err)
{
	struct seep_buf b = { 0 };
	enum seep_status status;
	int fd = open_for_reading(path);

	if (fd < 0)
		return seep_fail_errno(err, errno, "cannot open '%s'", path);
	status = read_all(fd, path, max, &b, err);
	if (fd != STDIN_FILENO)
		close(fd);
	if (status != SEEP_OK) {
		seep_buf_release(&b);
		return status;
	}
	b.p[b.len] = 0;
	*out = b.p;
	*len = b.len;
	return SEEP_OK;
}

/*
 * Renaming over a device, a FIFO or a symbolic link (/dev/null, /dev/stdout) would destroy it: those are written in
 * place.
 */
static bool is_written_in_place(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int open_part(struct seep_out *o)
{
	size_t len = strlen(o->path);

	o->part_path = malloc(len + sizeof(".part"));
	if (!o->part_path)
		return -1;
	memcpy(o->part_path, o->path, len);
	memcpy(o->part_path + len, ".part", sizeof(".part"));
	unlink(o->part_path);
	return open(o->part_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

enum seep_status seep_out_open(struct seep_out *o, const char *path, struct seep_error *err)
{
	int fd;

	memset(o, 0, sizeof(*o));
	if (!strcmp(path, "-")) {
		o->stream = stdout;
		return SEEP_OK;
	}
	o->path = strdup(path);
	if (!o->path)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot write '%s': out of memory", path);
	fd = is_written_in_place(path) ? open(path, O_WRONLY | O_CLOEXEC | O_TRUNC | O_NOCTTY) : open_part(o);
	if (fd >= 0)
		o->stream = fdopen(fd, "w");
	if (!o->stream) {
		int why = errno;

		if (fd >= 0)
			close(fd);
		seep_out_abort(o);
		return seep_fail_errno(err, why, "cannot write '%s'", path);
	}
	return SEEP_OK;
}

static void release_paths(struct seep_out *o)
{
	free(o->path);
	free(o->part_path);
	memset(o, 0, sizeof(*o));
}

static int finish_stream(struct seep_out *o)
{
	int why = 0;

	if (fflush(o->stream) || ferror(o->stream))
		why = errno ? errno : EIO;
	else if (o->part_path && fsync(fileno(o->stream)))
		why = errno;
	if (o->path && fclose(o->stream) && !why)
		why = errno;
	o->stream = NULL;
	return why;
}

enum seep_status seep_out_commit(struct seep_out *o, struct seep_error *err)
{
	enum seep_status status = SEEP_OK;
	int why;

	errno = 0;
	why = finish_stream(o);
	if (!why && o->part_path && rename(o->part_path, o->path))
		why = errno;
	if (why) {
		status = o->path ? seep_fail_errno(err, why, "cannot write '%s'", o->path)
		                 : seep_fail_errno(err, why, "cannot write to standard output");
		seep_out_abort(o);
	}
	release_paths(o);
	return status;
}

void seep_out_abort(struct seep_out *o)
{
	if (o->stream && o->path)
		fclose(o->stream);
	if (o->part_path)
		unlink(o->part_path);
	release_paths(o);
}
