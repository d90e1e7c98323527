/* Bounded reading of DWARF data in our own memory: after a failure all reads give 0. */
#ifndef SEEP_RECORDER_CURSOR_H
#define SEEP_RECORDER_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *p, *end;
	bool failed;
};

static inline uint64_t cursor_bytes(struct cursor *c, size_t nr)
{
	uint64_t v = 0;

	if (c->failed || (size_t)(c->end - c->p) < nr) {
		c->failed = true;
		return 0;
	}
	for (size_t i = 0; i < nr; i++)
		v |= (uint64_t)c->p[i] << (8 * i);
	c->p += nr;
	return v;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_bytes(c, 1);
}
static inline uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_bytes(c, 2);
}
static inline uint32_t cursor_u32(struct cursor *c)
{
	return (uint32_t)cursor_bytes(c, 4);
}
static inline uint64_t cursor_u64(struct cursor *c)
{
	return cursor_bytes(c, 8);
}

static inline uint64_t cursor_uleb(struct cursor *c)
{
	uint64_t v = 0;
	uint32_t shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(c);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return v;
}

static inline int64_t cursor_sleb(struct cursor *c)
{
	uint64_t v = 0;
	uint32_t shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(c);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (byte & 0x40 && shift < 64)
		v |= ~0ull << shift;
	return (int64_t)v;
}

static inline void cursor_skip(struct cursor *c, uint64_t nr)
{
	if (c->failed || nr > (uint64_t)(c->end - c->p))
		c->failed = true;
	else
		c->p += nr;
}

#endif
