/* Types, facts and samples of profile.proto in, and the whole. */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/gzip.h"
#include "format/pprof-parse.h"
#include "format/proto.h"

#define MAX_INFLATED ((size_t)256 << 20)
#define MAX_DEPTH 65536u /* locations of one stack */
#define NOT_KEPT UINT32_MAX

/* ---- types and facts ---- */

struct value_type {
	uint64_t type, unit;
};

static bool take_value_type_field(struct parse *in, struct wire_field *f, void *to)
{
	struct value_type *t = to;

	switch (f->number) {
	case VALUE_TYPE_TYPE: return parse_number(in, f, &t->type);
	case VALUE_TYPE_UNIT: return parse_number(in, f, &t->unit);
	default: return true;
	}
}

static const char *const heap_types[SEEP_NR_HEAP_VALUES][2] = {
	[SEEP_ALLOC_OBJECTS] = { "alloc_objects", "count" },
	[SEEP_ALLOC_SPACE] = { "alloc_space", "bytes" },
	[SEEP_INUSE_OBJECTS] = { "inuse_objects", "count" },
	[SEEP_INUSE_SPACE] = { "inuse_space", "bytes" },
};

/* "objects" and "space" alone mean those in use. */
static uint32_t column_of(struct parse *in, const char *name, const char *unit)
{
	const char *known = !strcmp(name, "space") ? "inuse_space" : !strcmp(name, "objects") ? "inuse_objects" : name;

	for (uint32_t i = 0; i < SEEP_NR_HEAP_VALUES; i++)
		if (!strcmp(known, heap_types[i][0]))
			return i;
	return seep_profile_add_type(in->p, name, unit);
}

static bool take_value_type(struct parse *in, struct wire_field *f)
{
	struct value_type t = { 0 };
	uint32_t name, unit;

	if (!parse_message(in, f, take_value_type_field, &t))
		return false;
	name = parse_string_id(in, t.type);
	unit = parse_string_id(in, t.unit);
	if (name == SEEP_NO_ID || unit == SEEP_NO_ID)
		return false;
	if (in->nr_columns >= ARRAY_SIZE(in->columns))
		return parse_fail(in, SEEP_ERR_LIMIT, &f->sub, "it has too many sample types");
	in->columns[in->nr_columns++] = column_of(in, seep_profile_str(in->p, name), seep_profile_str(in->p, unit));
	return true;
}

static bool take_period_type(struct parse *in, struct wire_field *f)
{
	struct value_type t = { 0 };
	uint32_t type, unit;

	if (!parse_message(in, f, take_value_type_field, &t))
		return false;
	type = parse_string_id(in, t.type);
	unit = parse_string_id(in, t.unit);
	in->p->period_type = (struct seep_value_type){ type, unit };
	return type != SEEP_NO_ID && unit != SEEP_NO_ID;
}

static bool take_signed(struct parse *in, const struct wire_field *f, int64_t *to)
{
	uint64_t value;

	if (!parse_number(in, f, &value))
		return false;
	*to = (int64_t)value < 0 ? 0 : (int64_t)value;
	return true;
}

static bool take_comment(struct parse *in, struct wire_field *f)
{
	uint64_t idx;

	while (wire_next_number(f, &idx)) {
		uint32_t id = parse_string_id(in, idx);

		if (id == SEEP_NO_ID)
			return false;
		if (seep_profile_add_comment(in->p, seep_profile_str(in->p, id)) == SEEP_NO_ID)
			return parse_no_memory(in);
	}
	return true;
}

static bool take_fact(struct parse *in, struct wire_field *f, void *to)
{
	(void)to;
	switch (f->number) {
	case PROFILE_SAMPLE_TYPE: return take_value_type(in, f);
	case PROFILE_DROP_FRAMES: return parse_text(in, f, &in->p->drop_frames);
	case PROFILE_KEEP_FRAMES: return parse_text(in, f, &in->p->keep_frames);
	case PROFILE_TIME_NANOS: return take_signed(in, f, &in->p->time_ns);
	case PROFILE_DURATION_NANOS: return take_signed(in, f, &in->p->duration_ns);
	case PROFILE_PERIOD_TYPE: return take_period_type(in, f);
	case PROFILE_PERIOD: return take_signed(in, f, &in->p->period);
	case PROFILE_COMMENT: return take_comment(in, f);
	case PROFILE_DEFAULT_SAMPLE_TYPE: return parse_number(in, f, &in->default_type);
	default: return true;
	}
}

static bool has_column(const struct parse *in, uint32_t column)
{
	for (uint32_t i = 0; i < in->nr_columns; i++)
		if (in->columns[i] == column)
			return true;
	return false;
}

static bool read_facts(struct parse *in)
{
	uint32_t id, type;

	for (size_t i = 0; i < SEEP_NR_HEAP_VALUES; i++)
		if (seep_profile_add_type(in->p, heap_types[i][0], heap_types[i][1]) == SEEP_NO_ID)
			return parse_no_memory(in);
	if (!parse_fields(in, in->whole, take_fact, NULL))
		return false;
	if (!in->nr_columns)
		return parse_fail(in, SEEP_ERR_FORMAT, &in->whole, "not a pprof profile: it has no sample types");
	if (!has_column(in, SEEP_INUSE_SPACE))
		return parse_fail(in, SEEP_ERR_UNSUPPORTED, &in->whole,
		                  "it is not a heap profile: it has no inuse_space");
	id = parse_string_id(in, in->default_type);
	if (id == SEEP_NO_ID)
		return false;
	type = seep_profile_find_type(in->p, seep_profile_str(in->p, id));
	in->p->default_type = type == SEEP_NO_ID ? SEEP_INUSE_SPACE : type;
	return true;
}

/* ---- samples ---- */

struct sample {
	double values[SEEP_PROFILE_MAX_VALUES];
	uint64_t nr_values;
	uint32_t thread, tid, heap;
	bool is_cut, is_deep;
};

static bool take_frames(struct parse *in, struct wire_field *f)
{
	uint64_t id;

	while (wire_next_number(f, &id)) {
		uint32_t idx = idmap_find(&in->locations, id);

		if (idx == SEEP_NO_ID)
			return parse_fail(in, SEEP_ERR_FORMAT, &f->sub,
			                  "a sample refers to a location that is not there");
		if (in->nr_frames >= MAX_DEPTH)
			return parse_fail(in, SEEP_ERR_LIMIT, &f->sub, "a stack is too deep");
		if (!seep_grow(&in->frames, &in->cap_frames, in->nr_frames + 1, sizeof(*in->frames)))
			return parse_no_memory(in);
		in->frames[in->nr_frames++] = idx;
	}
	return !f->sub.failed || parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a stack is malformed");
}

static bool take_values(struct parse *in, struct wire_field *f, struct sample *s)
{
	uint64_t value;

	while (wire_next_number(f, &value)) {
		uint32_t column = s->nr_values < in->nr_columns ? in->columns[s->nr_values] : NOT_KEPT;

		if (column != NOT_KEPT)
			s->values[column] += (double)(int64_t)value;
		s->nr_values++;
	}
	return !f->sub.failed || parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "values are malformed");
}

struct label {
	uint32_t key, str;
	uint64_t number;
};

static bool take_label_field(struct parse *in, struct wire_field *f, void *to)
{
	struct label *l = to;

	switch (f->number) {
	case LABEL_KEY: return parse_text(in, f, &l->key);
	case LABEL_STR: return parse_text(in, f, &l->str);
	case LABEL_NUM: return parse_number(in, f, &l->number);
	default: return true;
	}
}

static bool take_label(struct parse *in, struct wire_field *f, struct sample *s)
{
	struct label l = { 0 };
	const char *key;

	if (!parse_message(in, f, take_label_field, &l))
		return false;
	key = seep_profile_str(in->p, l.key);
	if (!strcmp(key, LABEL_THREAD))
		s->thread = l.str;
	if (!strcmp(key, LABEL_TID) && l.number <= UINT32_MAX)
		s->tid = (uint32_t)l.number;
	if (!strcmp(key, LABEL_HEAP))
		s->heap = l.str;
	if (!strcmp(key, LABEL_STACK)) {
		s->is_cut = !strcmp(seep_profile_str(in->p, l.str), "cut");
		s->is_deep = !strcmp(seep_profile_str(in->p, l.str), "deep");
	}
	return true;
}

static bool take_sample_field(struct parse *in, struct wire_field *f, void *to)
{
	switch (f->number) {
	case SAMPLE_LOCATION: return take_frames(in, f);
	case SAMPLE_VALUE: return take_values(in, f, to);
	case SAMPLE_LABEL: return take_label(in, f, to);
	default: return true;
	}
}

static bool take_sample(struct parse *in, struct wire_field *f, void *to)
{
	struct sample s = { 0 };
	uint32_t stack, row;

	(void)to;
	if (f->number != PROFILE_SAMPLE)
		return true;
	in->nr_frames = 0;
	if (!parse_message(in, f, take_sample_field, &s))
		return false;
	if (s.nr_values != in->nr_columns)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub,
		                  "a sample has another number of values than there are types");
	stack = seep_profile_add_stack(in->p, in->frames, (uint32_t)in->nr_frames,
	                               (s.is_cut ? SEEP_STACK_CUT : 0) | (s.is_deep ? SEEP_STACK_DEEP : 0));
	row = stack == SEEP_NO_ID ? SEEP_NO_ID : seep_profile_add_sample(in->p, stack, s.values, NULL);
	if (row == SEEP_NO_ID || ((s.thread || s.tid) && !seep_profile_add_columns(in->p, SEEP_COLUMN_THREAD)) ||
	    (s.heap && !seep_profile_add_columns(in->p, SEEP_COLUMN_HEAP)))
		return parse_no_memory(in);
	if (s.thread || s.tid) {
		in->p->samples.thread[row] = s.thread;
		in->p->samples.tid[row] = s.tid;
	}
	if (s.heap)
		in->p->samples.heap[row] = s.heap;
	return true;
}

/* ---- whole ---- */

static void release(struct parse *in)
{
	free(in->strings);
	free(in->interned);
	free(in->frames);
	idmap_release(&in->mappings);
	idmap_release(&in->functions);
	idmap_release(&in->locations);
}

static enum seep_status read_message(const char *name, const void *bytes, size_t len, struct seep_profile **out,
                                     struct seep_error *err)
{
	struct parse in = { .name = name, .err = err };
	enum seep_status status = seep_profile_new(&in.p, err);

	if (status != SEEP_OK)
		return status;
	seep_reader_init(&in.whole, bytes, len);
	if (parse_strings(&in) && read_facts(&in) && parse_places(&in) &&
	    parse_fields(&in, in.whole, take_sample, NULL))
		*out = in.p;
	else
		seep_profile_free(in.p);
	release(&in);
	return in.status;
}

bool seep_pprof_is(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	return gzip_is(bytes, len) || (len >= 2 && b[0] == (PROFILE_SAMPLE_TYPE << 3 | WIRE_BYTES) && b[1] <= 24);
}

enum seep_status seep_pprof_read(const char *name, const void *bytes, size_t len, struct seep_profile **out,
                                 struct seep_error *err)
{
	struct seep_buf inflated = { 0 };
	enum seep_status status;

	if (!gzip_is(bytes, len))
		return read_message(name, bytes, len, out, err);
	status = gzip_read(bytes, len, MAX_INFLATED, &inflated, err);
	if (status == SEEP_OK)
		status = read_message(name, inflated.p, inflated.len, out, err);
	else
		seep_error_prefix(err, "cannot read '%s'", name);
	seep_buf_release(&inflated);
	return status;
}
