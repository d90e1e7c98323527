#include "base/base.h"

void seep_reader_init(struct seep_reader *r, const void *bytes, size_t len)
{
	static const uint8_t nothing;

	r->start = r->pos = len ? (const uint8_t *)bytes : &nothing;
	r->end = r->start + len;
	r->failed = false;
}

uint64_t seep_reader_offset(const struct seep_reader *r)
{
	return (uint64_t)(r->pos - r->start);
}

size_t seep_reader_left(const struct seep_reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->pos);
}

const uint8_t *seep_read_bytes(struct seep_reader *r, size_t len)
{
	const uint8_t *at = r->pos;

	if (r->failed || len > (size_t)(r->end - r->pos)) {
		r->failed = true;
		return NULL;
	}
	r->pos += len;
	return at;
}

uint8_t seep_read_u8(struct seep_reader *r)
{
	const uint8_t *p = seep_read_bytes(r, 1);

	return p ? *p : 0;
}

static uint64_t read_le(struct seep_reader *r, size_t len)
{
	const uint8_t *p = seep_read_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint16_t seep_read_u16le(struct seep_reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint32_t seep_read_u32le(struct seep_reader *r)
{
	return (uint32_t)read_le(r, 4);
}

uint64_t seep_read_u64le(struct seep_reader *r)
{
	return read_le(r, 8);
}

uint64_t seep_read_uleb128(struct seep_reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = seep_read_u8(r);

		if (r->failed)
			return 0;
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	r->failed = true;
	return 0;
}
