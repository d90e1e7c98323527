#include "format/wire.h"

bool wire_next(struct seep_reader *r, struct wire_field *f)
{
	uint64_t tag, len;
	const uint8_t *bytes;

	if (!seep_reader_left(r))
		return false;
	tag = seep_read_uleb128(r);
	f->type = tag & 7;
	f->number = tag >> 3 <= UINT32_MAX ? (uint32_t)(tag >> 3) : 0;
	f->value = 0;
	f->sub = (struct seep_reader){ .start = r->pos, .pos = r->pos, .end = r->pos };
	switch (f->type) {
	case WIRE_VARINT: f->value = seep_read_uleb128(r); break;
	case WIRE_FIXED64: f->value = seep_read_u64le(r); break;
	case WIRE_FIXED32: f->value = seep_read_u32le(r); break;
	case WIRE_BYTES:
		len = seep_read_uleb128(r);
		bytes = len <= SIZE_MAX ? seep_read_bytes(r, (size_t)len) : NULL;
		if (bytes)
			seep_reader_init(&f->sub, bytes, (size_t)len);
		break;
	default: r->failed = true;
	}
	if (!f->number)
		r->failed = true;
	return !r->failed;
}

bool wire_next_number(struct wire_field *f, uint64_t *value)
{
	if (f->type == WIRE_BYTES) {
		if (!seep_reader_left(&f->sub))
			return false;
		*value = seep_read_uleb128(&f->sub);
		return !f->sub.failed;
	}
	if (f->type != WIRE_VARINT)
		return false;
	*value = f->value;
	f->type = WIRE_FIXED32; /* given out */
	return true;
}

static void put_tag(struct seep_buf *b, uint32_t field, uint32_t type)
{
	seep_buf_add_uleb128(b, (uint64_t)field << 3 | type);
}

void wire_put_number(struct seep_buf *b, uint32_t field, uint64_t value)
{
	if (!value)
		return;
	put_tag(b, field, WIRE_VARINT);
	seep_buf_add_uleb128(b, value);
}

void wire_put_bytes(struct seep_buf *b, uint32_t field, const void *bytes, size_t len)
{
	put_tag(b, field, WIRE_BYTES);
	seep_buf_add_uleb128(b, len);
	seep_buf_add(b, bytes, len);
}

void wire_put_message(struct seep_buf *b, uint32_t field, const struct seep_buf *message)
{
	if (message->failed)
		b->failed = true;
	wire_put_bytes(b, field, message->p, message->len);
}
