#include "locate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_PATH 4200

static char *cache_dir(struct seep_arena *arena)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && *cache == '/')
		return seep_arena_printf(arena, "%s/seep", cache);
	return home && *home ? seep_arena_printf(arena, "%s/.cache/seep", home) : NULL;
}

bool locator_init(struct locator *l, const struct seep_symbol_options *o)
{
	const char *cache;

	*l = (struct locator){ .use_proc = !o->no_proc };
	seep_arena_init(&l->arena);
	scan_init(&l->in_dirs);
	scan_init(&l->in_processes);
	l->sysroot = seep_arena_printf(&l->arena, "%s", o->sysroot ? o->sysroot : "");
	l->dirs = seep_arena_alloc(&l->arena, o->nr_symbol_path + 1, sizeof(*l->dirs));
	if (!l->sysroot || !l->dirs)
		return false;
	for (size_t i = 0; i < o->nr_symbol_path; i++) {
		l->dirs[l->nr_dirs] = seep_arena_printf(&l->arena, "%s", o->symbol_path[i]);
		if (!l->dirs[l->nr_dirs++])
			return false;
	}
	cache = cache_dir(&l->arena);
	if (cache)
		l->dirs[l->nr_dirs++] = cache;
	l->debuginfod = o->no_debuginfod ? NULL : debuginfod_new();
	return true;
}

void locator_release(struct locator *l)
{
	scan_release(&l->in_dirs);
	scan_release(&l->in_processes);
	debuginfod_free(l->debuginfod);
	seep_arena_release(&l->arena);
}

/* ---- one candidate ---- */

/* Opens `path` if it is the file that is wanted, else says in *why (which may be NULL) why not. */
static int try_file(const char *path, const char *hex, bool want_debuginfo, const char **why)
{
	int fd = elf_open(path);
	struct elf_id id;
	const char *reason = "";

	if (fd < 0) {
		reason = "the file cannot be opened";
	} else {
		elf_identify(fd, &id);
		if (!id.is_elf)
			reason = "not an ELF file";
		else if (!*hex && *id.hex)
			reason = "the recording has no build id but the file has one: it may be another";
		else if (strcmp(hex, id.hex) != 0)
			reason = "build id differs: the file was replaced";
		else if (want_debuginfo && !id.has_debuginfo)
			reason = "no debug information";
	}
	if (why)
		*why = reason;
	if (*reason && fd >= 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int try_format(struct locator *l, const char *hex, bool want_debuginfo, const char **path, const char *fmt, ...)
	SEEP_PRINTF(5, 6);

static int try_format(struct locator *l, const char *hex, bool want_debuginfo, const char **path, const char *fmt, ...)
{
	char candidate[MAX_PATH];
	va_list args;
	int fd, len;

	va_start(args, fmt);
	len = vsnprintf(candidate, sizeof(candidate), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(candidate))
		return -1;
	fd = try_file(candidate, hex, want_debuginfo, NULL);
	if (fd >= 0)
		*path = seep_arena_strndup(&l->arena, candidate, (size_t)len);
	return fd;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- directories and processes ---- */

/* DIR/.build-id/ab/cdef… with and without ".debug", where distributions and debuggers keep them. */
static int try_build_id_dir(struct locator *l, const char *dir, const char *hex, bool want_debuginfo, const char **path)
{
	int fd;

	if (strlen(hex) < 3)
		return -1;
	fd = try_format(l, hex, want_debuginfo, path, "%s/.build-id/%.2s/%s.debug", dir, hex, hex + 2);
	if (fd < 0 && !want_debuginfo)
		fd = try_format(l, hex, false, path, "%s/.build-id/%.2s/%s", dir, hex, hex + 2);
	return fd;
}

static int try_scan(struct locator *l, const struct scan *s, const char *hex, bool want_debuginfo, const char **path)
{
	const struct scan_entry *entry;

	for (size_t n = 0; *hex && (entry = scan_find(s, hex, n)); n++) {
		int fd;

		if (want_debuginfo && !entry->has_debuginfo)
			continue;
		fd = try_format(l, hex, want_debuginfo, path, "%s", entry->path);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static int try_processes(struct locator *l, const char *hex, const char **path)
{
	if (!l->use_proc || !*hex)
		return -1;
	if (!l->has_scanned_processes) {
		l->has_scanned_processes = true;
		scan_processes(&l->in_processes, l->sysroot);
	}
	return try_scan(l, &l->in_processes, hex, false, path);
}

static int try_dir(struct locator *l, const char *dir, const char *file, const char *hex, bool want_debuginfo,
                   const char **path)
{
	int fd = try_format(l, hex, want_debuginfo, path, "%s/%s", dir, last_part(file));

	if (fd < 0)
		fd = try_format(l, hex, want_debuginfo, path, "%s%s", dir, file);
	if (fd < 0)
		fd = try_format(l, hex, want_debuginfo, path, "%s", dir); /* a file may be named, too */
	if (fd < 0)
		fd = try_build_id_dir(l, dir, hex, want_debuginfo, path);
	return fd;
}

/* By name and .build-id first; only then is everything below the directories looked at, once. */
static int try_dirs(struct locator *l, const char *file, const char *hex, bool want_debuginfo, const char **path)
{
	for (size_t i = 0; i < l->nr_dirs; i++) {
		int fd = try_dir(l, l->dirs[i], file, hex, want_debuginfo, path);

		if (fd >= 0)
			return fd;
	}
	if (!l->has_scanned_dirs) {
		l->has_scanned_dirs = true;
		for (size_t i = 0; i < l->nr_dirs; i++)
			scan_directory(&l->in_dirs, l->dirs[i]);
	}
	return try_scan(l, &l->in_dirs, hex, want_debuginfo, path);
}

/* ---- the vdso ---- */

static bool is_vdso(const char *path)
{
	return !strcmp(path, "[vdso]") || !strncmp(last_part(path), "linux-vdso.so", 13) ||
	       !strncmp(last_part(path), "linux-gate.so", 13);
}

static bool own_vdso(uint64_t *start, size_t *len)
{
	uint8_t *text = NULL;
	size_t nr;
	unsigned long from = 0, to = 0;
	char *line;

	if (seep_file_read("/proc/self/maps", 16u << 20, &text, &nr, NULL) != SEEP_OK)
		return false;
	line = strstr((char *)text, "[vdso]");
	while (line && line > (char *)text && line[-1] != '\n')
		line--;
	if (line && sscanf(line, "%lx-%lx", &from, &to) == 2) {
		*start = from;
		*len = to - from;
	}
	free(text);
	return to > from;
}

/* Ours is the same if the kernel is: the build id tells. */
static int try_vdso(const char *hex)
{
	struct elf_id id;
	uint64_t start = 0;
	size_t len = 0;
	int fd;

	if (!*hex || !own_vdso(&start, &len))
		return -1;
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pwrite(fd, (const void *)(uintptr_t)start, len, 0) == (ssize_t)len) {
		elf_identify(fd, &id);
		if (!strcmp(id.hex, hex))
			return fd;
	}
	close(fd);
	return -1;
}

/* ---- what the symboliser asks ---- */

/* The kernel's mark for a path whose file is gone is no part of the name. */
static const char *without_deleted(struct locator *l, const char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path);
	const char *copy;

	if (len < sizeof(mark) || strcmp(path + len - (sizeof(mark) - 1), mark) != 0)
		return path;
	copy = seep_arena_strndup(&l->arena, path, len - (sizeof(mark) - 1));
	return copy ? copy : path;
}

static int try_own_path(struct locator *l, const char *path, const char *hex, struct located *out)
{
	char full[MAX_PATH];
	int fd;

	if (*path != '/' || snprintf(full, sizeof(full), "%s%s", l->sysroot, path) >= (int)sizeof(full))
		return -1;
	fd = try_file(full, hex, false, &out->why);
	if (fd >= 0)
		out->path = seep_arena_strndup(&l->arena, full, strlen(full));
	return fd;
}

void locate_file(struct locator *l, const char *path, const char *hex, struct located *out)
{
	*out = (struct located){ .fd = -1, .path = path, .why = "" };
	if (is_vdso(path)) {
		out->fd = try_vdso(hex);
		return;
	}
	path = without_deleted(l, path);
	out->fd = try_own_path(l, path, hex, out);
	if (out->fd < 0)
		out->fd = try_processes(l, hex, &out->path);
	if (out->fd < 0)
		out->fd = try_dirs(l, path, hex, false, &out->path);
	if (out->fd < 0)
		out->fd = locate_debuginfo(l, path, hex, NULL, 0, &out->path);
	if (out->fd < 0)
		out->fd = debuginfod_find(l->debuginfod, hex, false);
}

/* ---- .gnu_debuglink: a name and the file's CRC ---- */

static bool has_crc(int fd, uint32_t want)
{
	uint8_t block[65536];
	uLong crc = crc32(0, Z_NULL, 0);
	off_t at = 0;
	ssize_t nr;

	while ((nr = pread(fd, block, sizeof(block), at)) > 0) {
		crc = crc32(crc, block, (uInt)nr);
		at += nr;
	}
	return nr == 0 && crc == want;
}

/* With a build id that must be equal; without one the CRC must be. */
static int try_link(struct locator *l, const char *hex, uint32_t crc, const char **path, const char *dir,
                    const char *sub, const char *link)
{
	int fd = try_format(l, hex, true, path, "%s%s%s", dir, sub, link);

	if (fd >= 0 && !*hex && !has_crc(fd, crc)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int try_links(struct locator *l, const char *file, const char *hex, const char *link, uint32_t crc,
                     const char **path)
{
	const char *global = seep_arena_printf(&l->arena, "%s/usr/lib/debug", l->sysroot);
	const char *dir = seep_arena_strndup(&l->arena, file, (size_t)(last_part(file) - file));
	size_t root = strlen(l->sysroot);
	int fd;

	if (!global || !dir || strchr(link, '/'))
		return -1;
	fd = try_link(l, hex, crc, path, dir, "", link);
	if (fd < 0)
		fd = try_link(l, hex, crc, path, dir, ".debug/", link);
	if (fd < 0)
		fd = try_link(l, hex, crc, path, global, strncmp(dir, l->sysroot, root) ? dir : dir + root, link);
	return fd;
}

int locate_debuginfo(struct locator *l, const char *file, const char *hex, const char *link, uint32_t crc,
                     const char **path)
{
	const char *global = seep_arena_printf(&l->arena, "%s/usr/lib/debug", l->sysroot);
	int fd = -1;

	if (global && *hex)
		fd = try_build_id_dir(l, global, hex, true, path);
	if (fd < 0 && link && *link)
		fd = try_links(l, file, hex, link, crc, path);
	if (fd < 0 && *hex)
		fd = try_dirs(l, file, hex, true, path);
	if (fd < 0)
		fd = debuginfod_find(l->debuginfod, hex, true);
	return fd;
}
