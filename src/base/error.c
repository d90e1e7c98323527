#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static bool may_set(const struct seep_error *err)
{
	return err && err->status == SEEP_OK;
}

SEEP_PRINTF(5, 0)
static void set(struct seep_error *err, enum seep_status status, int sys_errno, uint64_t offset, const char *fmt,
                va_list args)
{
	err->status = status;
	err->sys_errno = sys_errno;
	err->offset = offset;
	vsnprintf(err->what, sizeof(err->what), fmt, args);
}

enum seep_status seep_fail(struct seep_error *err, enum seep_status status, const char *fmt, ...)
{
	va_list args;

	if (!may_set(err))
		return status;
	va_start(args, fmt);
	set(err, status, 0, SEEP_NO_OFFSET, fmt, args);
	va_end(args);
	return status;
}

enum seep_status seep_fail_at(struct seep_error *err, enum seep_status status, uint64_t offset, const char *fmt, ...)
{
	va_list args;

	if (!may_set(err))
		return status;
	va_start(args, fmt);
	set(err, status, 0, offset, fmt, args);
	va_end(args);
	return status;
}

enum seep_status seep_fail_errno(struct seep_error *err, int sys_errno, const char *fmt, ...)
{
	enum seep_status status = sys_errno == ENOMEM ? SEEP_ERR_NOMEM : SEEP_ERR_IO;
	size_t len;
	va_list args;

	if (!may_set(err))
		return status;
	va_start(args, fmt);
	set(err, status, sys_errno, SEEP_NO_OFFSET, fmt, args);
	va_end(args);
	len = strlen(err->what);
	snprintf(err->what + len, sizeof(err->what) - len, ": %s", strerror(sys_errno));
	return status;
}

void seep_error_prefix(struct seep_error *err, const char *fmt, ...)
{
	char before[sizeof(err->what)];
	size_t len;
	va_list args;

	if (!err || err->status == SEEP_OK)
		return;
	memcpy(before, err->what, sizeof(before));
	va_start(args, fmt);
	vsnprintf(err->what, sizeof(err->what), fmt, args);
	va_end(args);
	len = strlen(err->what);
	snprintf(err->what + len, sizeof(err->what) - len, ": %s", before);
}

void seep_error_clear(struct seep_error *err)
{
	if (!err)
		return;
	memset(err, 0, sizeof(*err));
	err->offset = SEEP_NO_OFFSET;
}
