/*
 * Loaded objects and their symbols, read from memory: what dlsym(RTLD_NEXT) would find, without dlsym. dlsym allocates
 * its error text, changes what the program's own dlerror() returns, and has its home in another library before
 * glibc 2.34. Uses dl_iterate_phdr, so only at start or where the program is about to fail anyway; never while
 * sampling.
 */
#ifndef SEEP_RECORDER_OBJECTS_H
#define SEEP_RECORDER_OBJECTS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct seep_symbol {
	void *address;       /* NULL: not found; of an indirect function: what its resolver chose */
	const char *path;    /* of the object; "" is the executable; the loader's memory */
	uint64_t start, end; /* range of the object */
	bool is_executable;
};

/* The first definition of `name` after this library in load order; an exported one, of its default version. */
struct seep_symbol seep_symbol_next(const char *name);
/* The same in an object before this library: what the program calls in our place. */
struct seep_symbol seep_symbol_before(const char *name);
/* The same in any object but this library. */
struct seep_symbol seep_symbol_anywhere(const char *name);
/* The C library's own dl_iterate_phdr, and an address in that library. */
void seep_objects_visit(int (*visit)(struct dl_phdr_info *, size_t, void *), void *data);
uint64_t seep_c_library_address(void);

/*
 * Another recorder is the one that the program's calls come to: it is linked into the executable, or into the object
 * that defines malloc first. Two would count everything twice.
 */
bool seep_other_recorder(void);

#endif
