/* The slow paths between entry-*.S and C. `regs` are the registers of the program's caller after the call returns. */
#ifndef SEEP_RECORDER_HOOK_H
#define SEEP_RECORDER_HOOK_H

#include <stddef.h>

#include "recorder/unwind.h"

#ifndef __cplusplus
/* Prototypes of what we define; <stdlib.h> would add attributes that turn checks of NULL into nothing. */
void *malloc(size_t size);
void *calloc(size_t nr, size_t size);
void *realloc(void *p, size_t size);
void *reallocarray(void *p, size_t nr, size_t size);
void *memalign(size_t align, size_t size);
void *aligned_alloc(size_t align, size_t size);
void *valloc(size_t size);
void *pvalloc(size_t size);
int posix_memalign(void **out, size_t align, size_t size);
void free(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
#endif

/* entry-*.S */
void *seep_slow_malloc(size_t size);
void *seep_slow_calloc(size_t nr, size_t size);
void *seep_slow_realloc(void *p, size_t size);
void *seep_slow_aligned(size_t align, size_t size, void *(*next)(size_t, size_t));
int seep_slow_posix_memalign(void **out, size_t align, size_t size);
/* `next`: which operator new; `align` 0: without; `nothrow`: its tag or NULL. */
void *seep_slow_new(size_t size, size_t align, const void *nothrow, unsigned which);

/* called by them */
void *seep_sample_malloc(size_t size, const struct seep_regs *regs);
void *seep_sample_calloc(size_t nr, size_t size, const struct seep_regs *regs);
void *seep_sample_realloc(void *p, size_t size, const struct seep_regs *regs);
void *seep_sample_aligned(size_t align, size_t size, void *(*next)(size_t, size_t), const struct seep_regs *regs);
int seep_sample_posix_memalign(void **out, size_t align, size_t size, const struct seep_regs *regs);
void *seep_sample_new(size_t size, size_t align, const void *nothrow, unsigned which, const struct seep_regs *regs);

void seep_slow_free(void *p);

#endif
