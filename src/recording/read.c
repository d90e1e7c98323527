#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "recording/private.h"

static struct seep_recording *new_recording(const char *path)
{
	struct seep_recording *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	seep_arena_init(&r->arena);
	r->path = seep_arena_strndup(&r->arena, path, strlen(path));
	if (r->path)
		return r;
	seep_recording_free(r);
	return NULL;
}

void seep_recording_free(struct seep_recording *r)
{
	if (!r)
		return;
	free(r->periods);
	free(r->modules);
	free(r->stacks);
	free(r->counters);
	free(r->frames);
	free(r->samples);
	free(r->threads);
	free(r->ring);
	free(r->system);
	free(r->marks);
	free(r->heaps);
	seep_arena_release(&r->arena);
	free(r);
}

static enum seep_status read_parts(const struct source *s, struct seep_recording *r, bool is_short,
                                   struct seep_error *err)
{
	enum seep_status status = header_read(s, &r->header, &r->words, err);

	if (status == SEEP_OK)
		status = tables_read_short(s, r, err);
	if (status == SEEP_OK && !is_short)
		status = tables_read_all(s, r, err);
	if (status != SEEP_OK || s->size >= r->header.file_bytes)
		return status;
	r->missing_bytes = r->header.file_bytes - s->size;
	return seep_fail_at(err, SEEP_ERR_TRUNCATED, s->size,
	                    "'%s' ends early: %" PRIu64 " of %" PRIu64 " bytes are missing", s->name, r->missing_bytes,
	                    r->header.file_bytes);
}

static enum seep_status read_source(const struct source *s, bool is_short, struct seep_recording **out,
                                    struct seep_error *err)
{
	struct seep_recording *r = new_recording(s->name);
	enum seep_status status;

	if (!r)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot read '%s': out of memory", s->name);
	status = read_parts(s, r, is_short, err);
	if (status == SEEP_OK || status == SEEP_ERR_TRUNCATED)
		*out = r;
	else
		seep_recording_free(r);
	return status;
}

static enum seep_status read_path(const char *path, bool is_short, struct seep_recording **out, struct seep_error *err)
{
	struct source s;
	enum seep_status status = source_open(&s, path, O_RDONLY, err);

	if (status != SEEP_OK)
		return status;
	status = read_source(&s, is_short, out, err);
	source_close(&s);
	return status;
}

enum seep_status seep_recording_read(const char *path, struct seep_recording **out, struct seep_error *err)
{
	return read_path(path, false, out, err);
}

enum seep_status seep_recording_read_header(const char *path, struct seep_recording **out, struct seep_error *err)
{
	return read_path(path, true, out, err);
}

enum seep_status seep_recording_parse(const char *name, const void *bytes, size_t len, struct seep_recording **out,
                                      struct seep_error *err)
{
	const struct source s = { .name = name, .fd = -1, .bytes = bytes, .size = len };

	return read_source(&s, false, out, err);
}
