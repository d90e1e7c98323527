#include "format/pprof-parse.h"

#include <stdlib.h>
#include <string.h>

#include "format/proto.h"

bool parse_fail(struct parse *in, enum seep_status status, const struct seep_reader *r, const char *what)
{
	uint64_t offset = (uint64_t)(r->pos - in->whole.start);

	if (in->status == SEEP_OK)
		in->status = seep_fail_at(in->err, status, offset, "cannot read '%s': %s", in->name, what);
	return false;
}

bool parse_no_memory(struct parse *in)
{
	if (in->status == SEEP_OK)
		in->status = seep_fail(in->err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", in->name);
	return false;
}

/* ---- walking ---- */

bool parse_fields(struct parse *in, struct seep_reader r, field_fn take, void *to)
{
	struct wire_field f;

	while (wire_next(&r, &f))
		if (!take(in, &f, to))
			return false;
	return !r.failed || parse_fail(in, SEEP_ERR_TRUNCATED, &r, "a field of the profile is cut or malformed");
}

bool parse_number(struct parse *in, const struct wire_field *f, uint64_t *to)
{
	if (f->type != WIRE_VARINT)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a number of the profile has the wrong type");
	*to = f->value;
	return true;
}

bool parse_message(struct parse *in, struct wire_field *f, field_fn take, void *to)
{
	if (f->type != WIRE_BYTES)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a message of the profile has the wrong type");
	return parse_fields(in, f->sub, take, to);
}

/* ---- strings ---- */

static bool take_string(struct parse *in, struct wire_field *f, void *to)
{
	(void)to;
	if (f->number != PROFILE_STRING)
		return true;
	if (f->type != WIRE_BYTES)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a string of the profile has the wrong type");
	if (!seep_grow(&in->strings, &in->cap_strings, in->nr_strings + 1, sizeof(*in->strings)))
		return parse_no_memory(in);
	in->strings[in->nr_strings++] = (struct text){ (const char *)f->sub.start, seep_reader_left(&f->sub) };
	return true;
}

uint32_t parse_string_id(struct parse *in, uint64_t idx)
{
	if (idx >= in->nr_strings) {
		if (idx)
			parse_fail(in, SEEP_ERR_FORMAT, &in->whole, "it refers to a string that is not there");
		return idx ? SEEP_NO_ID : 0;
	}
	if (in->interned[idx] == SEEP_NO_ID) {
		in->interned[idx] = seep_profile_intern(in->p, in->strings[idx].p, in->strings[idx].len);
		if (in->interned[idx] == SEEP_NO_ID)
			parse_no_memory(in);
	}
	return in->interned[idx];
}

bool parse_strings(struct parse *in)
{
	if (!parse_fields(in, in->whole, take_string, NULL))
		return false;
	in->interned = malloc((in->nr_strings + 1) * sizeof(*in->interned));
	if (!in->interned)
		return parse_no_memory(in);
	memset(in->interned, 0xff, (in->nr_strings + 1) * sizeof(*in->interned));
	return true;
}

bool parse_text(struct parse *in, const struct wire_field *f, uint32_t *to)
{
	uint64_t idx;

	if (!parse_number(in, f, &idx))
		return false;
	*to = parse_string_id(in, idx);
	return *to != SEEP_NO_ID;
}
