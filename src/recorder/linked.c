#include "recorder/linked.h"

#include <stddef.h>

#include "recorder/text.h"

/*
 * What the linker puts behind us, by names whose types do not matter here. Weak: a program with a loader has none of
 * them, and not every C library has all.
 */
#define REAL(name) extern char real_##name[] __asm__("__real_" #name) __attribute__((weak));
#define ROW(name) { #name, real_##name },
/* clang-format off */
#define EACH(what) \
	what(malloc) what(free) what(calloc) what(realloc) what(reallocarray) what(memalign) what(aligned_alloc) \
	what(posix_memalign) what(valloc) what(pvalloc) what(free_sized) what(free_aligned_sized) \
	what(mmap) what(munmap) what(mremap) what(prctl) what(pthread_setname_np) what(_exit) what(_Exit) \
	what(syscall) what(vfork) what(clone) what(setuid) what(seteuid) what(setreuid) what(setresuid) what(chroot)
/* clang-format on */

EACH(REAL)
extern char musl_allzerop[] __asm__("__malloc_allzerop") __attribute__((weak));

bool seep_linked_is_wrapped(void)
{
	const char *volatile malloc_behind = real_malloc; /* compilers take an array for something that is there */

	return malloc_behind != NULL;
}

bool seep_linked_has_musl_calloc(void)
{
	const char *volatile behind = musl_allzerop;

	return behind != NULL;
}

void *seep_linked_real(const char *name)
{
	static const struct {
		const char *name;
		char *address;
	} all[] = { EACH(ROW) };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (text_equal(all[i].name, name))
			return all[i].address;
	return NULL;
}
