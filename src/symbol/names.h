/*
 * Names inside one ELF file, by address as the file has it (no load bias). Private to symbol/.
 * Strings live as long as the object that gave them.
 */
#ifndef SEEP_SYMBOL_NAMES_H
#define SEEP_SYMBOL_NAMES_H

#include "base/base.h"

#include <elfutils/libdwfl.h>

/* ---- the symbol table (symtab.c) ---- */

struct symtab_entry {
	uint64_t start, end; /* end: exclusive */
	uint64_t reach;      /* largest end up to here: how far back a search must look */
	const char *name;    /* as in the file; the module's */
	uint8_t rank;        /* of several names for one place the one with the lower rank is shown */
};

struct symtab {
	struct symtab_entry *entries; /* sorted by start, one per start */
	size_t nr;
};

/* Reads the function symbols of a module (.symtab or .dynsym, and .gnu_debugdata). False when memory is out. */
bool symtab_init(struct symtab *t, Dwfl_Module *module);
void symtab_release(struct symtab *t);
/* The symbol whose range holds `addr`, NULL when none does: the nearest one before is somebody else's name. */
const struct symtab_entry *symtab_find(const struct symtab *t, uint64_t addr);

/* ---- debug information (debuginfo.c) ---- */

/* One function at one address; a call that was inlined is a frame of its own. */
struct name_frame {
	const char *name, *system_name; /* readable; as the linker sees it */
	const char *file;               /* "" unknown */
	uint32_t line, start_line;      /* 0 unknown */
};

#define NAME_MAX_FRAMES 64

struct debuginfo;

/* NULL when memory is out. `dwarf` must stay; `bias` is what its addresses lack. `symtab` helps where DWARF has no
 * linkage name. */
struct debuginfo *debuginfo_new(Dwarf *dwarf, uint64_t bias, const struct symtab *symtab);
void debuginfo_free(struct debuginfo *d);
/* Frames at an address, innermost first; 0 when no function is known there. At most NAME_MAX_FRAMES. */
uint32_t debuginfo_find(struct debuginfo *d, uint64_t addr, struct name_frame *frames);
/* Only file and line of an address, for a function that is known otherwise (tools that move code leave such). */
void debuginfo_place(struct debuginfo *d, uint64_t addr, struct name_frame *frame);

#endif
