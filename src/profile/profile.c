#include "profile/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/private.h"

/* Makes room for one more element of an array of the profile and counts it; SEEP_NO_ID when there is none. */
static uint32_t append(void *array_ptr, size_t *nr, size_t *cap, const void *element, size_t size)
{
	uint8_t *array;

	if (*nr >= SEEP_NO_ID || !seep_grow(array_ptr, cap, *nr + 1, size))
		return SEEP_NO_ID;
	memcpy(&array, array_ptr, sizeof(array));
	memcpy(array + *nr * size, element, size);
	return (uint32_t)(*nr)++;
}

enum seep_status seep_profile_new(struct seep_profile **out, struct seep_error *err)
{
	struct seep_profile *p = calloc(1, sizeof(*p));

	if (p)
		seep_arena_init(&p->arena);
	if (!p || !(p->strings = strings_new()) || seep_profile_intern(p, "", 0) != 0) {
		seep_profile_free(p);
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	}
	*out = p;
	return SEEP_OK;
}

void seep_profile_free(struct seep_profile *p)
{
	if (!p)
		return;
	free(p->comments);
	free(p->mappings);
	free(p->functions);
	free(p->locations);
	free(p->lines);
	free(p->stacks);
	free(p->frames);
	free(p->processes);
	free(p->samples.stack);
	free(p->samples.values);
	free(p->samples.variances);
	free(p->samples.age_s);
	free(p->samples.nr_blocks);
	free(p->samples.thread);
	free(p->samples.tid);
	free(p->samples.heap);
	free(p->samples.process);
	free(p->samples.nr_alloc_samples);
	strings_free(p->strings);
	seep_arena_release(&p->arena);
	free(p);
}

uint32_t seep_profile_add_type(struct seep_profile *p, const char *type, const char *unit)
{
	struct seep_value_type t = { seep_profile_intern_z(p, type), seep_profile_intern_z(p, unit) };

	if (p->nr_types >= SEEP_PROFILE_MAX_VALUES || p->samples.nr || t.type == SEEP_NO_ID || t.unit == SEEP_NO_ID)
		return SEEP_NO_ID;
	p->types[p->nr_types] = t;
	return p->nr_types++;
}

uint32_t seep_profile_add_mapping(struct seep_profile *p, const struct seep_mapping *m)
{
	return append(&p->mappings, &p->nr_mappings, &p->cap_mappings, m, sizeof(*m));
}

uint32_t seep_profile_add_comment(struct seep_profile *p, const char *text)
{
	uint32_t id = seep_profile_intern_z(p, text);

	return id == SEEP_NO_ID ? SEEP_NO_ID : append(&p->comments, &p->nr_comments, &p->cap_comments, &id, sizeof(id));
}

uint32_t seep_profile_add_process(struct seep_profile *p, const struct seep_process *process)
{
	return append(&p->processes, &p->nr_processes, &p->cap_processes, process, sizeof(*process));
}

uint32_t seep_profile_add_function(struct seep_profile *p, const char *name, const char *system_name, const char *file,
                                   uint32_t start_line)
{
	struct seep_function f = { seep_profile_intern_z(p, name), seep_profile_intern_z(p, system_name),
		                   seep_profile_intern_z(p, file), start_line };
	uint64_t hash = seep_hash(&f, sizeof(f));
	size_t at = hash;
	uint32_t idx;

	if (f.name == SEEP_NO_ID || f.system_name == SEEP_NO_ID || f.file == SEEP_NO_ID)
		return SEEP_NO_ID;
	while ((idx = index_next(&p->strings->functions, hash, &at)) != SEEP_NO_ID)
		if (!memcmp(&p->functions[idx], &f, sizeof(f)))
			return idx;
	idx = append(&p->functions, &p->nr_functions, &p->cap_functions, &f, sizeof(f));
	return idx != SEEP_NO_ID && index_add(&p->strings->functions, hash, idx) ? idx : SEEP_NO_ID;
}

uint32_t seep_profile_add_location(struct seep_profile *p, uint64_t addr, uint32_t mapping)
{
	const struct seep_location location = { .addr = addr, .mapping = mapping };
	const uint64_t key[2] = { addr, mapping };
	uint64_t hash = seep_hash(key, sizeof(key));
	size_t at = hash;
	uint32_t idx;

	if (!addr)
		return append(&p->locations, &p->nr_locations, &p->cap_locations, &location, sizeof(location));
	while ((idx = index_next(&p->strings->locations, hash, &at)) != SEEP_NO_ID)
		if (p->locations[idx].addr == addr && p->locations[idx].mapping == mapping)
			return idx;
	idx = append(&p->locations, &p->nr_locations, &p->cap_locations, &location, sizeof(location));
	return idx != SEEP_NO_ID && index_add(&p->strings->locations, hash, idx) ? idx : SEEP_NO_ID;
}

bool seep_profile_set_lines(struct seep_profile *p, uint32_t location, const struct seep_line *lines, uint32_t nr)
{
	struct seep_location *l = &p->locations[location];

	if (nr > SEEP_NO_ID - p->nr_lines || !seep_grow(&p->lines, &p->cap_lines, p->nr_lines + nr, sizeof(*lines)))
		return false;
	if (nr)
		memcpy(p->lines + p->nr_lines, lines, nr * sizeof(*lines));
	l->first_line = (uint32_t)p->nr_lines;
	l->nr_lines = nr;
	p->nr_lines += nr;
	return true;
}

uint32_t seep_profile_add_stack(struct seep_profile *p, const uint32_t *locations, uint32_t nr, uint32_t flags)
{
	struct seep_stack stack = { (uint32_t)p->nr_frames, nr, flags };

	if (nr > SEEP_NO_ID - p->nr_frames ||
	    !seep_grow(&p->frames, &p->cap_frames, p->nr_frames + nr, sizeof(*locations)))
		return SEEP_NO_ID;
	if (nr)
		memcpy(p->frames + p->nr_frames, locations, nr * sizeof(*locations));
	p->nr_frames += nr;
	return append(&p->stacks, &p->nr_stacks, &p->cap_stacks, &stack, sizeof(stack));
}

uint32_t seep_profile_find_type(const struct seep_profile *p, const char *type)
{
	for (uint32_t i = 0; i < p->nr_types; i++)
		if (!strcmp(seep_profile_str(p, p->types[i].type), type))
			return i;
	return SEEP_NO_ID;
}

static double sum(const double *column, size_t nr)
{
	double total = 0, carry = 0;

	/* Kahan: a million small weights beside a few large ones must not drift. */
	for (size_t i = 0; i < nr; i++) {
		double y = column[i] - carry, t = total + y;

		carry = isfinite(t) ? (t - total) - y : 0;
		total = t;
	}
	return total;
}

double seep_profile_total(const struct seep_profile *p, uint32_t type)
{
	return type < p->nr_types && p->samples.nr ? sum(p->samples.values + type * p->samples.cap, p->samples.nr) : 0;
}

double seep_profile_total_variance(const struct seep_profile *p, uint32_t type)
{
	const struct seep_samples *s = &p->samples;

	return type < p->nr_types && s->variances && s->nr ? sum(s->variances + type * s->cap, s->nr) : 0;
}
