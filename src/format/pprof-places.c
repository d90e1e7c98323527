/* Mappings, functions and locations of profile.proto in. */
#include "format/pprof-parse.h"
#include "format/proto.h"

struct mapping {
	uint64_t id, has_functions;
	struct seep_mapping m;
};

static bool take_mapping_field(struct parse *in, struct wire_field *f, void *to)
{
	struct mapping *m = to;

	switch (f->number) {
	case MAPPING_ID: return parse_number(in, f, &m->id);
	case MAPPING_START: return parse_number(in, f, &m->m.start);
	case MAPPING_LIMIT: return parse_number(in, f, &m->m.limit);
	case MAPPING_OFFSET: return parse_number(in, f, &m->m.offset);
	case MAPPING_FILE: return parse_text(in, f, &m->m.file);
	case MAPPING_BUILD_ID: return parse_text(in, f, &m->m.build_id);
	case MAPPING_HAS_FUNCTIONS: return parse_number(in, f, &m->has_functions);
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
	if (!parse_message(in, f, take_mapping_field, &m))
		return false;
	if (!m.id)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a mapping has no id");
	m.m.bias = m.m.start - m.m.offset;
	m.m.is_symbolised = m.has_functions != 0;
	idx = seep_profile_add_mapping(in->p, &m.m);
	return (idx != SEEP_NO_ID && idmap_add(&in->mappings, m.id, idx)) || parse_no_memory(in);
}

struct function {
	uint64_t id, start_line;
	uint32_t name, system_name, file;
};

static bool take_function_field(struct parse *in, struct wire_field *f, void *to)
{
	struct function *fn = to;

	switch (f->number) {
	case FUNCTION_ID: return parse_number(in, f, &fn->id);
	case FUNCTION_NAME: return parse_text(in, f, &fn->name);
	case FUNCTION_SYSTEM_NAME: return parse_text(in, f, &fn->system_name);
	case FUNCTION_FILE: return parse_text(in, f, &fn->file);
	case FUNCTION_START_LINE: return parse_number(in, f, &fn->start_line);
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
	if (!parse_message(in, f, take_function_field, &fn))
		return false;
	if (!fn.id)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a function has no id");
	idx = seep_profile_add_function(in->p, seep_profile_str(in->p, fn.name),
	                                seep_profile_str(in->p, fn.system_name), seep_profile_str(in->p, fn.file),
	                                line_number(fn.start_line));
	return (idx != SEEP_NO_ID && idmap_add(&in->functions, fn.id, idx)) || parse_no_memory(in);
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
	case LINE_FUNCTION: return parse_number(in, f, &l->function);
	case LINE_LINE: return parse_number(in, f, &l->line);
	default: return true;
	}
}

static bool take_line(struct parse *in, struct wire_field *f, struct location *l)
{
	struct line line = { 0 };
	uint32_t function;

	if (!parse_message(in, f, take_line_field, &line))
		return false;
	function = idmap_find(&in->functions, line.function);
	if (function == SEEP_NO_ID)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a line refers to a function that is not there");
	if (l->nr_lines < ARRAY_SIZE(l->lines))
		l->lines[l->nr_lines++] = (struct seep_line){ function, line_number(line.line) };
	return true;
}

static bool take_location_field(struct parse *in, struct wire_field *f, void *to)
{
	struct location *l = to;

	switch (f->number) {
	case LOCATION_ID: return parse_number(in, f, &l->id);
	case LOCATION_MAPPING: return parse_number(in, f, &l->mapping);
	case LOCATION_ADDRESS: return parse_number(in, f, &l->addr);
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
	if (!parse_message(in, f, take_location_field, &l))
		return false;
	if (!l.id)
		return parse_fail(in, SEEP_ERR_FORMAT, &f->sub, "a location has no id");
	idx = seep_profile_add_location(in->p, l.addr, idmap_find(&in->mappings, l.mapping));
	if (idx == SEEP_NO_ID || !idmap_add(&in->locations, l.id, idx))
		return parse_no_memory(in);
	if (l.nr_lines && !in->p->locations[idx].nr_lines && !seep_profile_set_lines(in->p, idx, l.lines, l.nr_lines))
		return parse_no_memory(in);
	return true;
}

bool parse_places(struct parse *in)
{
	return parse_fields(in, in->whole, take_mapping, NULL) &&
	       (idmap_sort(&in->mappings) ||
	        parse_fail(in, SEEP_ERR_FORMAT, &in->whole, "two mappings have the same id")) &&
	       parse_fields(in, in->whole, take_function, NULL) &&
	       (idmap_sort(&in->functions) ||
	        parse_fail(in, SEEP_ERR_FORMAT, &in->whole, "two functions have the same id")) &&
	       parse_fields(in, in->whole, take_location, NULL) &&
	       (idmap_sort(&in->locations) ||
	        parse_fail(in, SEEP_ERR_FORMAT, &in->whole, "two locations have the same id"));
}
