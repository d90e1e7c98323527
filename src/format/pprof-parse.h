/*
 * Reading profile.proto: what its files share. Folder-private.
 *
 * The parts may come in any order and refer to each other, so the message is walked once per kind: strings, types and
 * facts, mappings, functions, locations, samples. A function that returns false has said why in the parse's error.
 */
#ifndef SEEP_FORMAT_PPROF_PARSE_H
#define SEEP_FORMAT_PPROF_PARSE_H

#include "format/format.h"
#include "format/idmap.h"
#include "format/wire.h"

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

/* Notes the first error, at the reader's place; both return false. */
bool parse_fail(struct parse *in, enum seep_status status, const struct seep_reader *r, const char *what);
bool parse_no_memory(struct parse *in);

typedef bool (*field_fn)(struct parse *in, struct wire_field *f, void *to);
/* Calls `take` with every field of a message until it returns false. */
bool parse_fields(struct parse *in, struct seep_reader r, field_fn take, void *to);
/* The same for the message in a field. */
bool parse_message(struct parse *in, struct wire_field *f, field_fn take, void *to);
/* A number where the file has one; what is of another wire type is malformed. */
bool parse_number(struct parse *in, const struct wire_field *f, uint64_t *to);

/* Finds all strings; the next two then work. */
bool parse_strings(struct parse *in);
/*
 * The profile's id of a string of the file, interned when first used: a file may hold many that nothing refers to.
 * SEEP_NO_ID after an error.
 */
uint32_t parse_string_id(struct parse *in, uint64_t idx);
bool parse_text(struct parse *in, const struct wire_field *f, uint32_t *to);

/* Mappings, functions and locations. */
bool parse_places(struct parse *in);

#endif
