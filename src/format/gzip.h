/* gzip by zlib, whole buffers. Folder-private. */
#ifndef SEEP_FORMAT_GZIP_H
#define SEEP_FORMAT_GZIP_H

#include "base/base.h"

bool gzip_is(const void *bytes, size_t len);
/* Writes the bytes compressed; the header holds no time, so equal bytes give equal files. */
SEEP_NODISCARD enum seep_status gzip_write(const void *bytes, size_t len, FILE *out, struct seep_error *err);
/*
 * Inflates all members into *out (empty before; the caller releases it), at most `max` bytes: SEEP_ERR_LIMIT beyond.
 * SEEP_ERR_TRUNCATED: the stream ends early.
 */
SEEP_NODISCARD enum seep_status gzip_read(const void *bytes, size_t len, size_t max, struct seep_buf *out,
                                          struct seep_error *err);

#endif
