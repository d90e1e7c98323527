#include "base/base.h"

#include <stdlib.h>
#include <string.h>

void seep_buf_release(struct seep_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

void seep_buf_add(struct seep_buf *b, const void *bytes, size_t len)
{
	if (b->failed || !len)
		return;
	if (len > SIZE_MAX - b->len || !seep_grow(&b->p, &b->cap, b->len + len, 1)) {
		b->failed = true;
		return;
	}
	memcpy(b->p + b->len, bytes, len);
	b->len += len;
}

void seep_buf_add_uleb128(struct seep_buf *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t nr = 0;

	do {
		bytes[nr] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
		nr++;
	} while (v);
	seep_buf_add(b, bytes, nr);
}
