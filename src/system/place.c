#include "system/place.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system/system.h"

enum { PATH_BYTES = 2048, FILE_BYTES_MAX = 64 << 20 };

SEEP_PRINTF(4, 0)
static bool join(char *out, size_t cap, const char *root, const char *fmt, va_list args)
{
	int len = snprintf(out, cap, "%s", root ? root : ""), more;

	if (len < 0 || (size_t)len >= cap)
		return false;
	more = vsnprintf(out + len, cap - (size_t)len, fmt, args);
	return more >= 0 && (size_t)more < cap - (size_t)len;
}

bool place_path(char *out, size_t cap, const char *root, const char *fmt, ...)
{
	va_list args;
	bool fits;

	va_start(args, fmt);
	fits = join(out, cap, root, fmt, args);
	va_end(args);
	return fits;
}

static char *read_path(const char *path, size_t *len)
{
	uint8_t *bytes = NULL;
	size_t nr = 0;

	if (seep_file_read(path, FILE_BYTES_MAX, &bytes, &nr, NULL) != SEEP_OK)
		return NULL;
	if (len)
		*len = nr;
	return (char *)bytes;
}

char *place_read(const char *root, size_t *len, const char *fmt, ...)
{
	char path[PATH_BYTES];
	va_list args;
	bool fits;

	va_start(args, fmt);
	fits = join(path, sizeof(path), root, fmt, args);
	va_end(args);
	return fits ? read_path(path, len) : NULL;
}

static uint64_t parse_u64(const char *text)
{
	char *end;
	uint64_t v;

	while (*text == ' ' || *text == '\t' || *text == ':')
		text++;
	if (!isdigit((unsigned char)*text))
		return SEEP_UNKNOWN;
	errno = 0;
	v = strtoull(text, &end, 10);
	return errno ? SEEP_UNKNOWN : v;
}

uint64_t place_read_u64(const char *root, const char *fmt, ...)
{
	char path[PATH_BYTES], *text = NULL;
	va_list args;
	uint64_t v;

	va_start(args, fmt);
	if (join(path, sizeof(path), root, fmt, args))
		text = read_path(path, NULL);
	va_end(args);
	v = text ? parse_u64(text) : SEEP_UNKNOWN;
	free(text);
	return v;
}

bool place_readlink(char *out, size_t cap, const char *root, const char *fmt, ...)
{
	char path[PATH_BYTES];
	va_list args;
	ssize_t n = -1;

	va_start(args, fmt);
	if (join(path, sizeof(path), root, fmt, args))
		n = readlink(path, out, cap - 1);
	va_end(args);
	if (n < 0 || (size_t)n >= cap - 1)
		return false;
	out[n] = 0;
	return true;
}

uint64_t place_find_u64(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text && *text) {
		if (!strncmp(text, key, len) && (text[len] == ' ' || text[len] == '\t' || text[len] == ':'))
			return parse_u64(text + len);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return SEEP_UNKNOWN;
}
