/*
 * Finding the ELF file that a mapping was made from, and its separate debug file, always by build id. Private to
 * symbol/.
 */
#ifndef SEEP_SYMBOL_LOCATE_H
#define SEEP_SYMBOL_LOCATE_H

#include "symbol.h"

#define BUILD_ID_MAX 64
#define BUILD_ID_HEX_MAX (2 * BUILD_ID_MAX + 1)

/* ---- one file (elf_id.c) ---- */

struct elf_id {
	bool is_elf;
	bool has_debuginfo;         /* names are its purpose: .debug_info, or the symbols of a stripped file */
	char hex[BUILD_ID_HEX_MAX]; /* "" none */
};

/* Opens a regular file for reading without waiting (never a FIFO); -1. */
int elf_open(const char *path);
/* Reads what a file is; leaves the fd open. Never fails: what is no ELF file says so. */
void elf_identify(int fd, struct elf_id *out);

/* ---- files known by their build id (scan.c) ---- */

struct scan_entry {
	const char *hex, *path;
	bool has_debuginfo;
};

struct scan {
	struct seep_arena arena;
	struct scan_entry *entries;
	size_t nr, cap;
	size_t nr_seen; /* files and directories looked at, bounded */
};

void scan_init(struct scan *s);
void scan_release(struct scan *s);
/* Adds every ELF file below a directory that has a build id. */
void scan_directory(struct scan *s, const char *dir);
/* Adds what running processes have mapped, under SYSROOT/proc, reachable even if its path was replaced. */
void scan_processes(struct scan *s, const char *sysroot);
/* The n-th entry with this id (n from 0); NULL when there are no more. */
const struct scan_entry *scan_find(const struct scan *s, const char *hex, size_t n);

/* ---- debuginfod (debuginfod.c) ---- */

struct debuginfod;

/* NULL when DEBUGINFOD_URLS is unset or the library is missing: then nothing is ever asked of the network. */
struct debuginfod *debuginfod_new(void);
void debuginfod_free(struct debuginfod *d); /* NULL is allowed */
/* An open file, -1 when no server has it. After the first server that does not answer in time, none is asked again. */
int debuginfod_find(struct debuginfod *d, const char *hex, bool want_debuginfo);
/* What went wrong with the servers, NULL: nothing. */
const char *debuginfod_trouble(const struct debuginfod *d);

/* ---- all places in order (locate.c) ---- */

struct locator {
	struct seep_arena arena;
	char *sysroot;
	const char **dirs; /* --symbol-path, then the cache */
	size_t nr_dirs;
	bool use_proc, has_scanned_dirs, has_scanned_processes;
	struct scan in_dirs, in_processes;
	struct debuginfod *debuginfod;
};

SEEP_NODISCARD bool locator_init(struct locator *l, const struct seep_symbol_options *o);
void locator_release(struct locator *l);

struct located {
	int fd;           /* -1: none; the caller closes it */
	const char *path; /* the locator's; what it was opened as */
	/* Why the mapping's own path was not used; "" when it was, or there is none. */
	const char *why;
};

/* The file of a mapping; `hex` "" when its build id is not known: then only a file that has none is used. */
void locate_file(struct locator *l, const char *path, const char *hex, struct located *out);
/*
 * The separate debug file for build id `hex`: in .build-id directories, --symbol-path, debuginfod; with "" or as a last
 * resort by .gnu_debuglink's name and CRC beside `file`. -1 when there is none.
 */
int locate_debuginfo(struct locator *l, const char *file, const char *hex, const char *link, uint32_t crc,
                     const char **path);

#endif
