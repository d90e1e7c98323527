#include "recorder/linked.h"
#include "recorder/recorder.h"

/* Weak: a program with a loader has none of them, and not every C library has all. */
#define REAL(type, name, parameters) extern type __real_##name parameters __attribute__((weak));
REAL(void *, malloc, (size_t))
REAL(void, free, (void *))
REAL(void *, calloc, (size_t, size_t))
REAL(void *, realloc, (void *, size_t))
REAL(void *, reallocarray, (void *, size_t, size_t))
REAL(void *, memalign, (size_t, size_t))
REAL(void *, aligned_alloc, (size_t, size_t))
REAL(int, posix_memalign, (void **, size_t, size_t))
REAL(void *, valloc, (size_t))
REAL(void *, pvalloc, (size_t))
REAL(void, free_sized, (void *, size_t))
REAL(void, free_aligned_sized, (void *, size_t, size_t))
REAL(void *, mmap, (void *, size_t, int, int, int, int64_t))
REAL(int, munmap, (void *, size_t))
REAL(void *, mremap, (void *, size_t, size_t, int, void *))
REAL(int, prctl, (int, unsigned long, unsigned long, unsigned long, unsigned long))
REAL(int, pthread_setname_np, (unsigned long, const char *))
REAL(void, _exit, (int))
REAL(void, _Exit, (int))
extern long __real_syscall(void) __attribute__((weak));
extern int __real_vfork(void) __attribute__((weak));
extern int __real_clone(void) __attribute__((weak));
extern int musl_allzerop(void *) __asm__("__malloc_allzerop") __attribute__((weak));

bool seep_linked_is_wrapped(void)
{
	return __real_malloc != NULL;
}

bool seep_linked_has_musl_calloc(void)
{
	return musl_allzerop != NULL;
}

#define TAKE(field, name)  \
	if (__real_##name) \
	n->field = __real_##name

bool seep_linked_find(struct seep_next *n)
{
	if (!seep_linked_is_wrapped())
		return false;
	TAKE(malloc, malloc);
	TAKE(free, free);
	TAKE(calloc, calloc);
	TAKE(realloc, realloc);
	TAKE(reallocarray, reallocarray);
	TAKE(memalign, memalign);
	TAKE(aligned_alloc, aligned_alloc);
	TAKE(posix_memalign, posix_memalign);
	TAKE(valloc, valloc);
	TAKE(pvalloc, pvalloc);
	TAKE(free_sized, free_sized);
	TAKE(free_aligned_sized, free_aligned_sized);
	TAKE(mmap, mmap);
	TAKE(munmap, munmap);
	TAKE(mremap, mremap);
	TAKE(prctl, prctl);
	TAKE(pthread_setname_np, pthread_setname_np);
	TAKE(exit_now, _exit);
	TAKE(exit_c99, _Exit);
	return true;
}

static void set(void **to, const void *function)
{
	__builtin_memcpy(to, function, sizeof(*to));
}

bool seep_linked_gates(void **syscall, void **vfork, void **clone)
{
	long (*real_syscall)(void) = __real_syscall;
	int (*real_vfork)(void) = __real_vfork, (*real_clone)(void) = __real_clone;

	if (!seep_linked_is_wrapped())
		return false;
	set(syscall, &real_syscall);
	set(vfork, &real_vfork);
	set(clone, &real_clone);
	return true;
}
