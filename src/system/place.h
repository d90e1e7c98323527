/*
 * Paths below a root, for the files of this folder only.
 */
#ifndef SEEP_SYSTEM_PLACE_H
#define SEEP_SYSTEM_PLACE_H

#include "base/base.h"

/* Text of ROOT + path (printf-like) as malloc'ed text with a NUL; NULL when it cannot be read. `len` may be NULL. */
char *place_read(const char *root, size_t *len, const char *fmt, ...) SEEP_PRINTF(3, 4);
/* The one number in a file; SEEP_UNKNOWN for none, "max" and unreadable files. */
uint64_t place_read_u64(const char *root, const char *fmt, ...) SEEP_PRINTF(2, 3);
/* Writes ROOT + path into out; false when it does not fit. */
bool place_path(char *out, size_t cap, const char *root, const char *fmt, ...) SEEP_PRINTF(4, 5);
/* Target of a symbolic link; false when there is none or it does not fit. */
bool place_readlink(char *out, size_t cap, const char *root, const char *fmt, ...) SEEP_PRINTF(4, 5);
/* The number behind `key` at the start of a line of `text` ("VmRSS:\t  123 kB" -> 123); else SEEP_UNKNOWN. */
uint64_t place_find_u64(const char *text, const char *key);

#endif
