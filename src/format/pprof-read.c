/*
 * profile.proto in. The parts may come in any order and refer to each other, so the message is walked once per kind:
 * strings, types and facts, mappings, functions, locations, samples.
 */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/gzip.h"
#include "format/idmap.h"
#include "format/proto.h"
#include "format/wire.h"

#define MAX_INFLATED ((size_t)256 << 20)
#define MAX_DEPTH 65536u /* locations of one stack */
#define NOT_KEPT UINT32_MAX

struct text {
	const char *p;
	size_t len;
};

struct parse {
	const char *name;
	struct seep_reader whole;
	struct seep_profile *p;
	struct seep_error *err;
	enum seep_status status;
	struct text *strings;
	uint32_t *interned; /* of each string; SEEP_NO_ID: not yet */
	size_t nr_strings, cap_strings;
	struct idmap mappings, functions, locations;
	uint32_t columns[64]; /* of each value of the file: index in types[], NOT_KEPT */
	uint32_t nr_columns;
	uint32_t *frames; /* of the stack under construction */
	size_t nr_frames, cap_frames;
	uint64_t default_type; /* string index */
};

static bool fail_at(struct parse *in, enum seep_status status, const struct seep_reader *r, const char *what)
{
	uint64_t offset = (uint64_t)(r->pos - in->whole.start);

	if (in->status == SEEP_OK)
		in->status = seep_fail_at(in->err, status, offset, "cannot read '%s': %s", in->name, what);
	return false;
}

static bool no_memory(struct parse *in)
{
	if (in->status == SEEP_OK)
		in->status = seep_fail(in->err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", in->name);
	return false;
}

/* ---- walking ---- */

typedef bool (*field_fn)(struct parse *in, struct wire_field *f, void *to);

/* Calls `take` with every field of a message until it returns false. */
static bool each_field(struct parse *in, struct seep_reader r, field_fn take, void *to)
{
	struct wire_field f;

	while (wire_next(&r, &f))
		if (!take(in, &f, to))
			return false;
	return !r.failed || fail_at(in, SEEP_ERR_TRUNCATED, &r, "a field of the profile is cut or malformed");
}

/* A number where the file has one; what is of another wire type is malformed. */
static bool take_number(struct parse *in, const struct wire_field *f, uint64_t *to)
{
	if (f->type != WIRE_VARINT)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a number of the profile has the wrong type");
	*to = f->value;
	return true;
}

static bool take_message(struct parse *in, struct wire_field *f, field_fn take, void *to)
{
	if (f->type != WIRE_BYTES)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a message of the profile has the wrong type");
	return each_field(in, f->sub, take, to);
}

/* ---- strings ---- */

static bool take_string(struct parse *in, struct wire_field *f, void *to)
{
	(void)to;
	if (f->number != PROFILE_STRING)
		return true;
	if (f->type != WIRE_BYTES)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a string of the profile has the wrong type");
	if (!seep_grow(&in->strings, &in->cap_strings, in->nr_strings + 1, sizeof(*in->strings)))
		return no_memory(in);
	in->strings[in->nr_strings++] = (struct text){ (const char *)f->sub.start, seep_reader_left(&f->sub) };
	return true;
}

/* Interned when first used: a file may hold many that nothing refers to. */
static uint32_t string_id(struct parse *in, uint64_t idx)
{
	if (idx >= in->nr_strings) {
		if (idx)
			fail_at(in, SEEP_ERR_FORMAT, &in->whole, "it refers to a string that is not there");
		return idx ? SEEP_NO_ID : 0;
	}
	if (in->interned[idx] == SEEP_NO_ID) {
		in->interned[idx] = seep_profile_intern(in->p, in->strings[idx].p, in->strings[idx].len);
		if (in->interned[idx] == SEEP_NO_ID)
			no_memory(in);
	}
	return in->interned[idx];
}

static bool read_strings(struct parse *in)
{
	if (!each_field(in, in->whole, take_string, NULL))
		return false;
	in->interned = malloc((in->nr_strings + 1) * sizeof(*in->interned));
	if (!in->interned)
		return no_memory(in);
	memset(in->interned, 0xff, (in->nr_strings + 1) * sizeof(*in->interned));
	return true;
}

/* ---- types and facts ---- */

struct value_type {
	uint64_t type, unit;
};

static bool take_value_type_field(struct parse *in, struct wire_field *f, void *to)
{
	struct value_type *t = to;

	switch (f->number) {
	case VALUE_TYPE_TYPE: return take_number(in, f, &t->type);
	case VALUE_TYPE_UNIT: return take_number(in, f, &t->unit);
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

	if (!take_message(in, f, take_value_type_field, &t))
		return false;
	name = string_id(in, t.type);
	unit = string_id(in, t.unit);
	if (name == SEEP_NO_ID || unit == SEEP_NO_ID)
		return false;
	if (in->nr_columns >= ARRAY_SIZE(in->columns))
		return fail_at(in, SEEP_ERR_LIMIT, &f->sub, "it has too many sample types");
	in->columns[in->nr_columns++] = column_of(in, seep_profile_str(in->p, name), seep_profile_str(in->p, unit));
	return true;
}

static bool take_period_type(struct parse *in, struct wire_field *f)
{
	struct value_type t = { 0 };
	uint32_t type, unit;

	if (!take_message(in, f, take_value_type_field, &t))
		return false;
	type = string_id(in, t.type);
	unit = string_id(in, t.unit);
	in->p->period_type = (struct seep_value_type){ type, unit };
	return type != SEEP_NO_ID && unit != SEEP_NO_ID;
}

static bool take_text(struct parse *in, const struct wire_field *f, uint32_t *to)
{
	uint64_t idx;

	if (!take_number(in, f, &idx))
		return false;
	*to = string_id(in, idx);
	return *to != SEEP_NO_ID;
}

static bool take_signed(struct parse *in, const struct wire_field *f, int64_t *to)
{
	uint64_t value;

	if (!take_number(in, f, &value))
		return false;
	*to = (int64_t)value < 0 ? 0 : (int64_t)value;
	return true;
}

static bool take_comment(struct parse *in, struct wire_field *f)
{
	uint64_t idx;

	while (wire_next_number(f, &idx)) {
		uint32_t id = string_id(in, idx);

		if (id == SEEP_NO_ID)
			return false;
		if (seep_profile_add_comment(in->p, seep_profile_str(in->p, id)) == SEEP_NO_ID)
			return no_memory(in);
	}
	return true;
}

static bool take_fact(struct parse *in, struct wire_field *f, void *to)
{
	(void)to;
	switch (f->number) {
	case PROFILE_SAMPLE_TYPE: return take_value_type(in, f);
	case PROFILE_DROP_FRAMES: return take_text(in, f, &in->p->drop_frames);
	case PROFILE_KEEP_FRAMES: return take_text(in, f, &in->p->keep_frames);
	case PROFILE_TIME_NANOS: return take_signed(in, f, &in->p->time_ns);
	case PROFILE_DURATION_NANOS: return take_signed(in, f, &in->p->duration_ns);
	case PROFILE_PERIOD_TYPE: return take_period_type(in, f);
	case PROFILE_PERIOD: return take_signed(in, f, &in->p->period);
	case PROFILE_COMMENT: return take_comment(in, f);
	case PROFILE_DEFAULT_SAMPLE_TYPE: return take_number(in, f, &in->default_type);
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
			return no_memory(in);
	if (!each_field(in, in->whole, take_fact, NULL))
		return false;
	if (!in->nr_columns)
		return fail_at(in, SEEP_ERR_FORMAT, &in->whole, "not a pprof profile: it has no sample types");
	if (!has_column(in, SEEP_INUSE_SPACE))
		return fail_at(in, SEEP_ERR_UNSUPPORTED, &in->whole, "it is not a heap profile: it has no inuse_space");
	id = string_id(in, in->default_type);
	if (id == SEEP_NO_ID)
		return false;
	type = seep_profile_find_type(in->p, seep_profile_str(in->p, id));
	in->p->default_type = type == SEEP_NO_ID ? SEEP_INUSE_SPACE : type;
	return true;
}

/* ---- mappings, functions, locations ---- */

struct mapping {
	uint64_t id, has_functions;
	struct seep_mapping m;
};

static bool take_mapping_field(struct parse *in, struct wire_field *f, void *to)
{
	struct mapping *m = to;

	switch (f->number) {
	case MAPPING_ID: return take_number(in, f, &m->id);
	case MAPPING_START: return take_number(in, f, &m->m.start);
	case MAPPING_LIMIT: return take_number(in, f, &m->m.limit);
	case MAPPING_OFFSET: return take_number(in, f, &m->m.offset);
	case MAPPING_FILE: return take_text(in, f, &m->m.file);
	case MAPPING_BUILD_ID: return take_text(in, f, &m->m.build_id);
	case MAPPING_HAS_FUNCTIONS: return take_number(in, f, &m->has_functions);
	default: return true;
	}
}

/* The bias is not in the file; for position-independent code it is start − offset. */
static bool take_mapping(struct parse *in, struct wire_field *f, void *to)
{
	struct mapping m = { 0 };
	uint32_t idx;

	(void)to;
	if (f->number != PROFILE_MAPPING)
		return true;
	if (!take_message(in, f, take_mapping_field, &m))
		return false;
	if (!m.id)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a mapping has no id");
	m.m.bias = m.m.start - m.m.offset;
	m.m.is_symbolised = m.has_functions != 0;
	idx = seep_profile_add_mapping(in->p, &m.m);
	return (idx != SEEP_NO_ID && idmap_add(&in->mappings, m.id, idx)) || no_memory(in);
}

struct function {
	uint64_t id, start_line;
	uint32_t name, system_name, file;
};

static bool take_function_field(struct parse *in, struct wire_field *f, void *to)
{
	struct function *fn = to;

	switch (f->number) {
	case FUNCTION_ID: return take_number(in, f, &fn->id);
	case FUNCTION_NAME: return take_text(in, f, &fn->name);
	case FUNCTION_SYSTEM_NAME: return take_text(in, f, &fn->system_name);
	case FUNCTION_FILE: return take_text(in, f, &fn->file);
	case FUNCTION_START_LINE: return take_number(in, f, &fn->start_line);
	default: return true;
	}
}

static uint32_t line_number(uint64_t line)
{
	return line < UINT32_MAX ? (uint32_t)line : 0;
}

static bool take_function(struct parse *in, struct wire_field *f, void *to)
{
	struct function fn = { 0 };
	uint32_t idx;

	(void)to;
	if (f->number != PROFILE_FUNCTION)
		return true;
	if (!take_message(in, f, take_function_field, &fn))
		return false;
	if (!fn.id)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a function has no id");
	idx = seep_profile_add_function(in->p, seep_profile_str(in->p, fn.name),
	                                seep_profile_str(in->p, fn.system_name), seep_profile_str(in->p, fn.file),
	                                line_number(fn.start_line));
	return (idx != SEEP_NO_ID && idmap_add(&in->functions, fn.id, idx)) || no_memory(in);
}

struct location {
	uint64_t id, mapping, addr;
	struct seep_line lines[64]; /* deeper inlining than any compiler's is cut */
	uint32_t nr_lines;
};

struct line {
	uint64_t function, line;
};

static bool take_line_field(struct parse *in, struct wire_field *f, void *to)
{
	struct line *l = to;

	switch (f->number) {
	case LINE_FUNCTION: return take_number(in, f, &l->function);
	case LINE_LINE: return take_number(in, f, &l->line);
	default: return true;
	}
}

static bool take_line(struct parse *in, struct wire_field *f, struct location *l)
{
	struct line line = { 0 };
	uint32_t function;

	if (!take_message(in, f, take_line_field, &line))
		return false;
	function = idmap_find(&in->functions, line.function);
	if (function == SEEP_NO_ID)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a line refers to a function that is not there");
	if (l->nr_lines < ARRAY_SIZE(l->lines))
		l->lines[l->nr_lines++] = (struct seep_line){ function, line_number(line.line) };
	return true;
}

static bool take_location_field(struct parse *in, struct wire_field *f, void *to)
{
	struct location *l = to;

	switch (f->number) {
	case LOCATION_ID: return take_number(in, f, &l->id);
	case LOCATION_MAPPING: return take_number(in, f, &l->mapping);
	case LOCATION_ADDRESS: return take_number(in, f, &l->addr);
	case LOCATION_LINE: return take_line(in, f, l);
	default: return true;
	}
}

/* A mapping that is not there is none, as pprof has it. */
static bool take_location(struct parse *in, struct wire_field *f, void *to)
{
	struct location l = { 0 };
	uint32_t idx;

	(void)to;
	if (f->number != PROFILE_LOCATION)
		return true;
	if (!take_message(in, f, take_location_field, &l))
		return false;
	if (!l.id)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a location has no id");
	idx = seep_profile_add_location(in->p, l.addr, idmap_find(&in->mappings, l.mapping));
	if (idx == SEEP_NO_ID || !idmap_add(&in->locations, l.id, idx))
		return no_memory(in);
	if (l.nr_lines && !in->p->locations[idx].nr_lines && !seep_profile_set_lines(in->p, idx, l.lines, l.nr_lines))
		return no_memory(in);
	return true;
}

static bool read_places(struct parse *in)
{
	return each_field(in, in->whole, take_mapping, NULL) &&
	       (idmap_sort(&in->mappings) ||
	        fail_at(in, SEEP_ERR_FORMAT, &in->whole, "two mappings have the same id")) &&
	       each_field(in, in->whole, take_function, NULL) &&
	       (idmap_sort(&in->functions) ||
	        fail_at(in, SEEP_ERR_FORMAT, &in->whole, "two functions have the same id")) &&
	       each_field(in, in->whole, take_location, NULL) &&
	       (idmap_sort(&in->locations) ||
	        fail_at(in, SEEP_ERR_FORMAT, &in->whole, "two locations have the same id"));
}

/* ---- samples ---- */

struct sample {
	double values[SEEP_PROFILE_MAX_VALUES];
	uint64_t nr_values;
	uint32_t thread;
	bool is_cut, is_deep;
};

static bool take_frames(struct parse *in, struct wire_field *f)
{
	uint64_t id;

	while (wire_next_number(f, &id)) {
		uint32_t idx = idmap_find(&in->locations, id);

		if (idx == SEEP_NO_ID)
			return fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a sample refers to a location that is not there");
		if (in->nr_frames >= MAX_DEPTH)
			return fail_at(in, SEEP_ERR_LIMIT, &f->sub, "a stack is too deep");
		if (!seep_grow(&in->frames, &in->cap_frames, in->nr_frames + 1, sizeof(*in->frames)))
			return no_memory(in);
		in->frames[in->nr_frames++] = idx;
	}
	return !f->sub.failed || fail_at(in, SEEP_ERR_FORMAT, &f->sub, "a stack is malformed");
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
	return !f->sub.failed || fail_at(in, SEEP_ERR_FORMAT, &f->sub, "values are malformed");
}

struct label {
	uint32_t key, str;
};

static bool take_label_field(struct parse *in, struct wire_field *f, void *to)
{
	struct label *l = to;

	switch (f->number) {
	case LABEL_KEY: return take_text(in, f, &l->key);
	case LABEL_STR: return take_text(in, f, &l->str);
	default: return true;
	}
}

static bool take_label(struct parse *in, struct wire_field *f, struct sample *s)
{
	struct label l = { 0 };
	const char *key;

	if (!take_message(in, f, take_label_field, &l))
		return false;
	key = seep_profile_str(in->p, l.key);
	if (!strcmp(key, LABEL_THREAD))
		s->thread = l.str;
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
	if (!take_message(in, f, take_sample_field, &s))
		return false;
	if (s.nr_values != in->nr_columns)
		return fail_at(in, SEEP_ERR_FORMAT, &f->sub,
		               "a sample has another number of values than there are types");
	stack = seep_profile_add_stack(in->p, in->frames, (uint32_t)in->nr_frames,
	                               (s.is_cut ? SEEP_STACK_CUT : 0) | (s.is_deep ? SEEP_STACK_DEEP : 0));
	row = stack == SEEP_NO_ID ? SEEP_NO_ID : seep_profile_add_sample(in->p, stack, s.values, NULL);
	if (row == SEEP_NO_ID || (s.thread && !seep_profile_add_columns(in->p, SEEP_COLUMN_THREAD)))
		return no_memory(in);
	if (s.thread)
		in->p->samples.thread[row] = s.thread;
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
	if (read_strings(&in) && read_facts(&in) && read_places(&in) && each_field(&in, in.whole, take_sample, NULL))
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
