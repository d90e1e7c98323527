/* The protobuf wire format: fields of a message, read in place and written to a buffer. Folder-private. */
#ifndef SEEP_FORMAT_WIRE_H
#define SEEP_FORMAT_WIRE_H

#include "base/base.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire_field {
	uint32_t number, type;
	uint64_t value;         /* of a varint or fixed field */
	struct seep_reader sub; /* of WIRE_BYTES: its content */
};
/* Next field of a message; false at its end or when it is malformed (then r->failed). */
bool wire_next(struct seep_reader *r, struct wire_field *f);
/*
 * Next number of a repeated integer field, packed or not: call with *f until false. f->sub.failed: malformed.
 */
bool wire_next_number(struct wire_field *f, uint64_t *value);

/* Fields whose value is 0 or empty are not written: that is their default. */
void wire_put_number(struct seep_buf *b, uint32_t field, uint64_t value);
void wire_put_bytes(struct seep_buf *b, uint32_t field, const void *bytes, size_t len); /* also when empty */
void wire_put_message(struct seep_buf *b, uint32_t field, const struct seep_buf *message);

#endif
