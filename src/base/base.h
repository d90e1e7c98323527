/*
 * What every part stands on: status and error, bounded reader, growing buffer, arena, strings, hashing, units,
 * JSON out.
 *
 * Errors: the status is the return value, results come by out-parameter and are set only on SEEP_OK (readers also set
 * them on SEEP_ERR_TRUNCATED, with the valid prefix). The first error wins: the deepest place knows the offset; outer
 * layers may prefix what it says, never replace it. Nothing here prints, exits or aborts because of its input.
 * Threads: no globals; one object belongs to one thread at a time.
 */
#ifndef SEEP_BASE_H
#define SEEP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SEEP_NODISCARD __attribute__((warn_unused_result))
#define SEEP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- status and error (error.c) ---- */

enum seep_status {
	SEEP_OK,
	SEEP_ERR_NOMEM,
	SEEP_ERR_IO,          /* the operating system said no; sys_errno tells */
	SEEP_ERR_FORMAT,      /* not what it should be: corrupt, or another kind of file */
	SEEP_ERR_TRUNCATED,   /* ends early; what came before is good and was returned */
	SEEP_ERR_UNSUPPORTED, /* a version or feature that this program does not know */
	SEEP_ERR_LIMIT,       /* would exceed a stated limit */
	SEEP_ERR_NOT_FOUND,   /* no such target, file, process, row */
	SEEP_ERR_USAGE        /* the caller's (or the user's) words are wrong */
};

#define SEEP_NO_OFFSET UINT64_MAX

/* Caller's storage, no heap; every function takes NULL for "I do not care". */
struct seep_error {
	enum seep_status status;
	int sys_errno;   /* 0 if not from the OS */
	uint64_t offset; /* byte offset in the input, SEEP_NO_OFFSET if none */
	char what[224];  /* "sample 12: checksum is wrong"; no full stop, no newline */
};

/* Sets *err unless it already holds an error; returns `status`, so that `return seep_fail(…)` reads well. */
enum seep_status seep_fail(struct seep_error *err, enum seep_status status, const char *fmt, ...) SEEP_PRINTF(3, 4);
/* The same with a byte offset. */
enum seep_status seep_fail_at(struct seep_error *err, enum seep_status status, uint64_t offset, const char *fmt, ...)
	SEEP_PRINTF(4, 5);
/* The same with an errno; appends ": " and its text. SEEP_ERR_NOMEM for ENOMEM, else SEEP_ERR_IO. */
enum seep_status seep_fail_errno(struct seep_error *err, int sys_errno, const char *fmt, ...) SEEP_PRINTF(3, 4);
/* Puts "prefix: " before what *err says (cut to fit). */
void seep_error_prefix(struct seep_error *err, const char *fmt, ...) SEEP_PRINTF(2, 3);
void seep_error_clear(struct seep_error *err);

/* ---- bounded reader (reader.c): the only code that touches bytes of a file; sticky failure ---- */

struct seep_reader {
	const uint8_t *start, *pos, *end;
	bool failed; /* set by the first read past the end or bad varint; all later reads give 0 */
};

void seep_reader_init(struct seep_reader *r, const void *bytes, size_t len);
uint64_t seep_reader_offset(const struct seep_reader *r);
size_t seep_reader_left(const struct seep_reader *r);
uint8_t seep_read_u8(struct seep_reader *r);
uint16_t seep_read_u16le(struct seep_reader *r);
uint32_t seep_read_u32le(struct seep_reader *r);
uint64_t seep_read_u64le(struct seep_reader *r);
uint64_t seep_read_uleb128(struct seep_reader *r); /* also protobuf's varint; over 64 bits fails */
/* Returns `len` bytes in place, or NULL (and fails) when fewer are left. */
const uint8_t *seep_read_bytes(struct seep_reader *r, size_t len);

/* ---- arena (arena.c): bump allocation, zeroed, freed as a whole ---- */

struct seep_arena {
	struct seep_arena_block *head;
	size_t nr_bytes; /* handed out in all */
};

void seep_arena_init(struct seep_arena *a);
void seep_arena_release(struct seep_arena *a);
/* Zeroed, aligned for any type; NULL when memory is out or nmemb * size overflows. */
void *seep_arena_alloc(struct seep_arena *a, size_t nmemb, size_t size);
char *seep_arena_strndup(struct seep_arena *a, const char *s, size_t len);
char *seep_arena_printf(struct seep_arena *a, const char *fmt, ...) SEEP_PRINTF(2, 3);

/*
 * Grows a malloc'ed array so that at least `want` elements of `size` bytes fit; *nr_alloc is updated.
 * Returns false and leaves the array as it was when memory is out or the size overflows.
 */
SEEP_NODISCARD bool seep_grow(void *array_ptr, size_t *nr_alloc, size_t want, size_t size);

/* ---- bytes (buf.c) ---- */

struct seep_buf {
	uint8_t *p;
	size_t len, cap;
	bool failed; /* memory ran out; sticky, checked once at the end */
};

void seep_buf_release(struct seep_buf *b);
void seep_buf_add(struct seep_buf *b, const void *bytes, size_t len);
void seep_buf_add_uleb128(struct seep_buf *b, uint64_t v);

/* ---- files (file.c) ---- */

/*
 * Reads at most `max` bytes of a file into malloc'ed memory, NUL added behind *len; caller frees *out.
 * `path` "-" is standard input. Works for /proc files. SEEP_ERR_LIMIT when the file is larger.
 */
SEEP_NODISCARD enum seep_status seep_file_read(const char *path, size_t max, uint8_t **out, size_t *len,
                                               struct seep_error *err);

/*
 * A file that appears under its final name only when it is whole: open writes PATH.part (mode 0600), commit fsyncs and
 * renames, abort unlinks. `path` "-" is standard output (commit flushes).
 */
struct seep_out {
	FILE *stream;
	char *path, *part_path;
};
SEEP_NODISCARD enum seep_status seep_out_open(struct seep_out *o, const char *path, struct seep_error *err);
SEEP_NODISCARD enum seep_status seep_out_commit(struct seep_out *o, struct seep_error *err);
void seep_out_abort(struct seep_out *o);

/* ---- units (units.c) ---- */

/* "512K", "4M", "1g", "1048576", "1.5M": K/M/G/T mean powers of 1024; a trailing B or iB is allowed. */
SEEP_NODISCARD bool seep_parse_bytes(const char *text, uint64_t *out);
/* "30", "30s", "10m", "1h", "2d", "250ms": seconds as a double. */
SEEP_NODISCARD bool seep_parse_seconds(const char *text, double *out);

#define SEEP_UNIT_MAX 32
/* "0B", "512B", "12.50kB", "96.31MB", "2GB": pprof's rules (powers of 1024, two decimals or none). Returns out. */
char *seep_format_bytes(char out[SEEP_UNIT_MAX], double bytes);
/* "0s", "250ms", "41s", "1m30s", "12m", "3h20m", "2d4h"; "-" when not finite, as for bytes and counts. */
char *seep_format_seconds(char out[SEEP_UNIT_MAX], double seconds);
/* 1234567 as "1,234,567". */
char *seep_format_count(char out[SEEP_UNIT_MAX], double count);
/* Lower-case hex of a build id (or any bytes); out holds 2 * len + 1 characters. */
char *seep_format_hex(char *out, const uint8_t *bytes, size_t len);

/* ---- text (text.c) ---- */

/* Copies text for a terminal: control characters and invalid UTF-8 become U+FFFD. Returns bytes written without NUL. */
size_t seep_text_clean(char *out, size_t cap, const char *in, size_t len);

#define SEEP_UTF8_BAD UINT32_MAX
/*
 * Decodes the first character. Returns the bytes it takes: 0 only when `len` is 0, 1 with *code SEEP_UTF8_BAD when they
 * are not valid UTF-8 (overlong forms and surrogates are not).
 */
size_t seep_utf8_next(const char *text, size_t len, uint32_t *code);

/* 64-bit hash of bytes, not for hostile input of hash tables that must stay fast (use Verstable's seeds there). */
uint64_t seep_hash(const void *bytes, size_t len);

/* ---- JSON out (json.c): streaming; nothing is kept but the nesting ---- */

#define SEEP_JSON_MAX_DEPTH 64

struct seep_json {
	FILE *out; /* the caller's; write errors are found by ferror or seep_out_commit */
	unsigned depth;
	bool is_pretty;
	uint64_t has_members, is_array; /* a bit per level */
};

/* `is_pretty`: one member a line, two spaces a level, a newline at the end. */
void seep_json_init(struct seep_json *j, FILE *out, bool is_pretty);
/* `key` is NULL in arrays and for the outermost value. Every object and array is closed by one seep_json_end. */
void seep_json_object(struct seep_json *j, const char *key);
void seep_json_array(struct seep_json *j, const char *key);
void seep_json_end(struct seep_json *j);
/* Invalid UTF-8 becomes U+FFFD, control characters are escaped; NULL is null. */
void seep_json_str(struct seep_json *j, const char *key, const char *text);
void seep_json_strn(struct seep_json *j, const char *key, const char *text, size_t len);
void seep_json_u64(struct seep_json *j, const char *key, uint64_t v);
void seep_json_i64(struct seep_json *j, const char *key, int64_t v);
/* Shortest form that reads back as the same number; NaN and infinities are null. */
void seep_json_double(struct seep_json *j, const char *key, double v);
void seep_json_bool(struct seep_json *j, const char *key, bool v);
void seep_json_null(struct seep_json *j, const char *key);

#endif
