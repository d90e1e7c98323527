/*
 * The recorder as a part of the program (libseep.a), where the linker and not the loader puts it in front of malloc.
 *
 * The archive defines __wrap_malloc and so on. A program without a loader is linked with --wrap=malloc …: its calls
 * come to us, and what is behind us is __real_malloc …, which the linker makes the C library's. In a program with a
 * loader shared libraries must come to us too: it is linked with --defsym=malloc=__wrap_malloc …, which exports them,
 * and the next definitions are found as those of the shared library are. seep-static.pc and seep-archive.pc have the
 * words.
 */
#ifndef SEEP_RECORDER_LINKED_H
#define SEEP_RECORDER_LINKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef SEEP_LINKED
/* True where the program was linked with --wrap. */
bool seep_linked_is_wrapped(void);
/* What is behind us there, by its name; NULL: the C library has no such function. */
void *seep_linked_real(const char *name);
/* The C library's calloc is musl's, which calls malloc by its public name. */
bool seep_linked_has_musl_calloc(void);
#else
static inline bool seep_linked_is_wrapped(void)
{
	return false;
}
static inline void *seep_linked_real(const char *name)
{
	(void)name;
	return NULL;
}
static inline bool seep_linked_has_musl_calloc(void)
{
	return false;
}
#endif

/*
 * Where our code is: the range given, of the library that we are, or in the archive the section that holds it all.
 */
static inline void seep_linked_text(uint64_t *start, uint64_t *end, uint64_t object_start, uint64_t object_end)
{
#ifdef SEEP_LINKED
	extern const char begin[] __asm__("__start_seep_text") __attribute__((visibility("hidden")));
	extern const char behind[] __asm__("__stop_seep_text") __attribute__((visibility("hidden")));

	(void)object_start, (void)object_end;
	*start = (uint64_t)(uintptr_t)begin;
	*end = (uint64_t)(uintptr_t)behind;
#else
	*start = object_start;
	*end = object_end;
#endif
}

#endif
