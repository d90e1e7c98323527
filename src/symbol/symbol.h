/*
 * Names for addresses: function, source file and line, inlined frames, readable C++ and Rust names.
 *
 * Always by equal build id: a file whose build id differs from the mapping's is never used for names (a mapping without
 * a build id is resolved from its path only when that file also has none). Searched in this order: the mapping's path
 * (under --sysroot when given), /proc/PID/exe, /proc/PID/root and mapped files of any process with that id,
 * --symbol-path directories (a file named as the module, or .build-id/xx/yyyy.debug, or any ELF file found there by its
 * build id), ~/.cache/seep, /usr/lib/debug/.build-id, debuginfod when DEBUGINFOD_URLS is set. Own libraries: libdw of
 * elfutils; libiberty for names.
 */
#ifndef SEEP_SYMBOL_H
#define SEEP_SYMBOL_H

#include "profile/profile.h"

struct seep_symboliser;

struct seep_symbol_options {
	const char *sysroot;            /* NULL: "" */
	const char *const *symbol_path; /* nr_symbol_path directories or files */
	size_t nr_symbol_path;
	bool no_debuginfod;
	bool no_proc; /* do not look at running processes (tests) */
};

SEEP_NODISCARD enum seep_status seep_symboliser_new(const struct seep_symbol_options *o, struct seep_symboliser **out,
                                                    struct seep_error *err);
void seep_symboliser_free(struct seep_symboliser *s);

/*
 * Gives every location of `p` without lines its lines. What cannot be named keeps none (reports show module+offset).
 * Never fails because of a bad ELF file: that mapping stays unnamed and a warning is kept.
 */
SEEP_NODISCARD enum seep_status seep_symbolise(struct seep_symboliser *s, struct seep_profile *p,
                                               struct seep_error *err);

/* One line per mapping that could not be used and why ("libfoo.so: build id differs: the file was replaced"); valid
 * until free. */
size_t seep_symboliser_nr_warnings(const struct seep_symboliser *s);
const char *seep_symboliser_warning(const struct seep_symboliser *s, size_t i);

/* Readable form of a mangled C++ (Itanium) or Rust (v0, legacy without hash) name, or a copy. malloc'ed. */
char *seep_demangle(const char *name);

/* ---- whose code a frame is (frames.c) ---- */

enum seep_frame_class {
	SEEP_FRAME_USER,      /* code the user can change */
	SEEP_FRAME_ALLOCATOR, /* malloc family, operator new, strdup and friends, allocator internals */
	SEEP_FRAME_CONTAINER, /* std::, __gnu_cxx::, boost::, absl:: containers; Rust alloc::, core::, hashbrown:: …;
	                         sds/glib wrappers */
	SEEP_FRAME_RUNTIME    /* libc, libstdc++, loader, thread start, Go runtime, JVM glue */
};
/* By demangled function name and module path ("" unknown). From one table (frames.c), each row with its reason. */
enum seep_frame_class seep_frame_class_of(const char *function, const char *module);
/* Code that starts programs and threads or loads objects: at the root of stacks, never what holds memory. */
bool seep_frame_is_start(const char *function, const char *module);

#endif
