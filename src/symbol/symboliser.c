#include "symbol.h"

#include "image.h"

#include <stdlib.h>
#include <string.h>

/* A file, once opened, serves every mapping with its build id (or, without one, its path). */
struct known {
	const char *path, *hex;
	struct image *image; /* NULL: could not be used, and was warned about */
};

struct seep_symboliser {
	struct seep_arena arena;
	struct locator locator;
	struct known *known;
	size_t nr_known, cap_known;
	const char **warnings;
	size_t nr_warnings, cap_warnings;
	bool has_warned_of_debuginfod;
};

enum seep_status seep_symboliser_new(const struct seep_symbol_options *o, struct seep_symboliser **out,
                                     struct seep_error *err)
{
	static const struct seep_symbol_options defaults = { .sysroot = NULL };
	struct seep_symboliser *s = calloc(1, sizeof(*s));

	if (!s)
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	seep_arena_init(&s->arena);
	if (!locator_init(&s->locator, o ? o : &defaults)) {
		seep_symboliser_free(s);
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	}
	*out = s;
	return SEEP_OK;
}

void seep_symboliser_free(struct seep_symboliser *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr_known; i++)
		image_close(s->known[i].image);
	free(s->known);
	free(s->warnings);
	locator_release(&s->locator);
	seep_arena_release(&s->arena);
	free(s);
}

static void warn(struct seep_symboliser *s, const char *text)
{
	if (text && seep_grow(&s->warnings, &s->cap_warnings, s->nr_warnings + 1, sizeof(*s->warnings)))
		s->warnings[s->nr_warnings++] = text;
}

size_t seep_symboliser_nr_warnings(const struct seep_symboliser *s)
{
	return s->nr_warnings;
}

const char *seep_symboliser_warning(const struct seep_symboliser *s, size_t i)
{
	return i < s->nr_warnings ? s->warnings[i] : "";
}

static void warn_of_file(struct seep_symboliser *s, const char *path, const char *hex, const char *why)
{
	warn(s,
	     seep_arena_printf(&s->arena, "%s: %s%s%s", path, why, *hex ? "; no file found with build id " : "", hex));
}

static struct image *open_image(struct seep_symboliser *s, const char *path, const char *hex)
{
	struct located file;
	const char *why = NULL;
	struct image *image;

	locate_file(&s->locator, path, hex, &file);
	if (file.fd < 0) {
		warn_of_file(s, path, hex, *file.why ? file.why : "the file is not there");
		return NULL;
	}
	image = image_open(&s->locator, file.fd, file.path ? file.path : path, hex, &why);
	if (!image)
		warn(s, seep_arena_printf(&s->arena, "%s: %s", file.path ? file.path : path,
		                          why ? why : "cannot be read"));
	return image;
}

/* The image for a mapping, opened at its first use. NULL when there is none. */
static struct image *image_of(struct seep_symboliser *s, const struct seep_profile *p, const struct seep_mapping *m)
{
	const char *path = seep_profile_str(p, m->file), *hex = seep_profile_str(p, m->build_id);
	struct known entry;

	for (size_t i = 0; i < s->nr_known; i++)
		if (!strcmp(s->known[i].hex, hex) && (*hex || !strcmp(s->known[i].path, path)))
			return s->known[i].image;
	if (!*path && !*hex)
		return NULL;
	entry.path = seep_arena_strndup(&s->arena, path, strlen(path));
	entry.hex = seep_arena_strndup(&s->arena, hex, strlen(hex));
	if (!entry.path || !entry.hex || !seep_grow(&s->known, &s->cap_known, s->nr_known + 1, sizeof(*s->known)))
		return NULL;
	entry.image = open_image(s, entry.path, entry.hex);
	s->known[s->nr_known++] = entry;
	return entry.image;
}

static bool set_lines(struct seep_profile *p, uint32_t location, const struct name_frame *frames, uint32_t nr)
{
	struct seep_line lines[NAME_MAX_FRAMES];

	for (uint32_t i = 0; i < nr; i++) {
		const struct name_frame *f = &frames[i];

		lines[i].function = seep_profile_add_function(p, f->name, f->system_name, f->file, f->start_line);
		lines[i].line = f->line;
		if (lines[i].function == SEEP_NO_ID)
			return false;
	}
	return seep_profile_set_lines(p, location, lines, nr);
}

static bool name_location(struct seep_symboliser *s, struct seep_profile *p, uint32_t location)
{
	const struct seep_location *l = &p->locations[location];
	struct name_frame frames[NAME_MAX_FRAMES];
	struct seep_mapping *m;
	struct image *image;
	uint32_t nr;

	if (l->nr_lines > 0 || l->addr == 0 || l->mapping >= p->nr_mappings)
		return true;
	m = &p->mappings[l->mapping];
	image = image_of(s, p, m);
	if (!image)
		return true;
	m->is_symbolised = true;
	nr = image_find(image, l->addr - m->bias, frames);
	return nr == 0 || set_lines(p, location, frames, nr);
}

enum seep_status seep_symbolise(struct seep_symboliser *s, struct seep_profile *p, struct seep_error *err)
{
	const char *trouble;

	for (uint32_t i = 0; i < p->nr_locations; i++)
		if (!name_location(s, p, i))
			return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	trouble = debuginfod_trouble(s->locator.debuginfod);
	if (trouble && !s->has_warned_of_debuginfod)
		warn(s, trouble);
	s->has_warned_of_debuginfod = trouble != NULL;
	return SEEP_OK;
}
