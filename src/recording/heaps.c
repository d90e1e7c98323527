#include <string.h>

#include "recording/recording.h"

static const struct seep_rec_heap *arena_of(const struct seep_recording *r, uint8_t kind)
{
	size_t i = (size_t)kind - SEEP_REC_KIND_ARENA;

	return kind >= SEEP_REC_KIND_ARENA && i < r->nr_heaps && r->heaps[i].checksum ? &r->heaps[i] : NULL;
}

char *seep_recording_heap_name(const struct seep_recording *r, uint8_t kind, char out[SEEP_HEAP_NAME_MAX])
{
	static const char *const names[] = { [SEEP_REC_KIND_HEAP] = "malloc",
		                             [SEEP_REC_KIND_MMAP] = "mmap",
		                             [SEEP_REC_KIND_ALLOCATOR_MMAP] = "mmap (allocator)" };
	const struct seep_rec_heap *arena = arena_of(r, kind);

	if (kind < ARRAY_SIZE(names))
		snprintf(out, SEEP_HEAP_NAME_MAX, "%s", names[kind]);
	else if (arena && arena->name[0])
		snprintf(out, SEEP_HEAP_NAME_MAX, "%.*s", (int)sizeof(arena->name), arena->name);
	else
		snprintf(out, SEEP_HEAP_NAME_MAX, "arena %d", kind - SEEP_REC_KIND_ARENA);
	return out;
}

bool seep_recording_has_heap(const struct seep_recording *r, uint8_t kind)
{
	if (kind <= SEEP_REC_KIND_MMAP || arena_of(r, kind))
		return true;
	for (size_t i = 0; i < r->nr_stacks; i++)
		if (r->stacks[i].checksum && r->stacks[i].kind == kind)
			return true;
	for (size_t i = 0; i < r->nr_samples; i++)
		if (r->samples[i].kind == kind)
			return true;
	return false;
}
