/* Small text without the C library's state: bounded, always NUL-terminated. */
#ifndef SEEP_RECORDER_TEXT_H
#define SEEP_RECORDER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t text_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline bool text_starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

static inline bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* What follows the last slash. */
static inline const char *text_base(const char *path)
{
	const char *base = path;

	for (const char *c = path; *c; c++)
		if (*c == '/')
			base = c + 1;
	return base;
}

/* A name as it is kept: no control characters, cut between characters of UTF-8 to less than `cap` bytes, NULs behind.
 */
static inline void text_name(char *out, size_t cap, const char *name)
{
	size_t n = 0;

	__builtin_memset(out, 0, cap);
	for (; n + 1 < cap && name[n]; n++)
		out[n] = (unsigned char)name[n] < ' ' || name[n] == 127 ? '?' : name[n];
	while (n && name[n] && ((unsigned char)name[n] & 0xc0) == 0x80)
		out[--n] = 0;
}

struct text {
	char *p;
	size_t len, cap; /* cap counts the NUL */
	bool is_cut;
};

static inline struct text text_in(char *p, size_t cap)
{
	p[0] = 0;
	return (struct text){ .p = p, .len = 0, .cap = cap, .is_cut = false };
}

static inline void text_add(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (t->len + 1 >= t->cap) {
			t->is_cut = true;
			break;
		}
		t->p[t->len++] = *s;
	}
	t->p[t->len] = 0;
}

static inline void text_add_u64(struct text *t, uint64_t v)
{
	char digits[24];
	size_t i = sizeof(digits);

	digits[--i] = 0;
	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	text_add(t, digits + i);
}

/* Reads decimal digits; *end is left behind them. */
static inline uint64_t text_u64(const char *s, const char **end)
{
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		v = v > (UINT64_MAX - 9) / 10 ? UINT64_MAX / 2 : v * 10 + (uint64_t)(*s - '0');
	*end = s;
	return v;
}

#endif
