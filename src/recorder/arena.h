/* Arenas between the C API (api.c) and entry-*.S. `arena` is the kind of its samples, 0 for none. */
#ifndef SEEP_RECORDER_ARENA_H
#define SEEP_RECORDER_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "recorder/unwind.h"

/* The arena of that name, made if need be; 0 if the recording has no room for any. Only while recording. */
uint32_t seep_arena_of(const char *name);
void seep_arenas_mirror_all(void);
/* Where samples of an arena are booked whose stack has no room. */
uint32_t seep_arena_unknown_stack(uint8_t kind);

/* The exported functions; seep.h has wrappers of the same names. */
void seep_arena_alloc(uint32_t arena, const void *p, size_t size);
void seep_arena_realloc(uint32_t arena, const void *old_p, const void *p, size_t size);
void seep_arena_free(uint32_t arena, const void *p);
void seep_arena_clear(uint32_t arena);

/* entry-*.S */
void seep_slow_arena_alloc(uint32_t arena, const void *p, size_t size);
void seep_slow_arena_realloc(uint32_t arena, const void *old_p, const void *p, size_t size);

/* called by them */
void seep_sample_arena_alloc(uint32_t arena, const void *p, size_t size, const struct seep_regs *regs);
void seep_sample_arena_realloc(uint32_t arena, const void *old_p, const void *p, size_t size,
                               const struct seep_regs *regs);

#endif
