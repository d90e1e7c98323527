#include "locate.h"

#include "system/system.h"

#include <fts.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A symbol path is somebody's directory of builds, not a whole disk. */
#define MAX_SEEN 200000
#define MAX_DEPTH 24
#define MAX_MAPS_BYTES (64u << 20)

void scan_init(struct scan *s)
{
	*s = (struct scan){ .nr = 0 };
	seep_arena_init(&s->arena);
}

void scan_release(struct scan *s)
{
	free(s->entries);
	seep_arena_release(&s->arena);
}

/* Adds a file if it is ELF with a build id; memory that runs out only makes the list shorter. */
static bool add_file(struct scan *s, const char *path)
{
	int fd = elf_open(path);
	struct scan_entry entry;
	struct elf_id id;

	if (fd < 0)
		return false;
	elf_identify(fd, &id);
	close(fd);
	if (!*id.hex || !seep_grow(&s->entries, &s->cap, s->nr + 1, sizeof(*s->entries)))
		return true;
	entry.hex = seep_arena_strndup(&s->arena, id.hex, strlen(id.hex));
	entry.path = seep_arena_strndup(&s->arena, path, strlen(path));
	entry.has_debuginfo = id.has_debuginfo;
	if (entry.hex && entry.path)
		s->entries[s->nr++] = entry;
	return true;
}

const struct scan_entry *scan_find(const struct scan *s, const char *hex, size_t n)
{
	for (size_t i = 0; i < s->nr; i++)
		if (!strcmp(s->entries[i].hex, hex) && n-- == 0)
			return &s->entries[i];
	return NULL;
}

void scan_directory(struct scan *s, const char *dir)
{
	char *root = strdup(dir);
	char *roots[] = { root, NULL };
	FTS *fts = root ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL) : NULL;
	FTSENT *entry;

	while (fts && (entry = fts_read(fts)) && ++s->nr_seen < MAX_SEEN) {
		if (entry->fts_info == FTS_D && entry->fts_level > MAX_DEPTH)
			fts_set(fts, entry, FTS_SKIP);
		if (entry->fts_info == FTS_F)
			add_file(s, entry->fts_path);
	}
	if (fts)
		fts_close(fts);
	free(root);
}

/* ---- processes ---- */

/* One line of maps: a mapped file with code. */
struct mapped {
	uint64_t start, end, inode;
	char device[16];
	const char *path;
};

static bool parse_mapped(char *line, struct mapped *m)
{
	char perms[8];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*x %15s %" SCNu64 " %n", &m->start, &m->end, perms, m->device,
	           &m->inode, &at) < 5)
		return false;
	m->path = line + at;
	return at > 0 && m->inode != 0 && perms[2] == 'x' && *m->path == '/';
}

/* Device and inode of files already looked at: the same library is mapped by hundreds of processes. */
struct seen {
	uint64_t *keys;
	size_t nr, cap;
};

static bool is_new(struct seen *seen, const struct mapped *m)
{
	uint64_t key = seep_hash(m->device, strlen(m->device)) ^ (m->inode * 0x9e3779b97f4a7c15ull);

	for (size_t i = 0; i < seen->nr; i++)
		if (seen->keys[i] == key)
			return false;
	if (seep_grow(&seen->keys, &seen->cap, seen->nr + 1, sizeof(*seen->keys)))
		seen->keys[seen->nr++] = key;
	return true;
}

/* By the mapping itself where we may (right even if the path was replaced), else by the path in the process's root. */
static void add_mapped(struct scan *s, const char *sysroot, uint32_t pid, const struct mapped *m)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/proc/%u/map_files/%" PRIx64 "-%" PRIx64, sysroot, pid, m->start, m->end);
	if (add_file(s, path))
		return;
	snprintf(path, sizeof(path), "%s/proc/%u/root%s", sysroot, pid, m->path);
	add_file(s, path);
}

static void scan_process(struct scan *s, const char *sysroot, uint32_t pid, struct seen *seen)
{
	char path[4200], *rest = NULL;
	uint8_t *text = NULL;
	size_t len;

	snprintf(path, sizeof(path), "%s/proc/%u/exe", sysroot, pid);
	add_file(s, path);
	snprintf(path, sizeof(path), "%s/proc/%u/maps", sysroot, pid);
	if (seep_file_read(path, MAX_MAPS_BYTES, &text, &len, NULL) != SEEP_OK)
		return;
	for (char *line = strtok_r((char *)text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct mapped m;

		if (parse_mapped(line, &m) && is_new(seen, &m))
			add_mapped(s, sysroot, pid, &m);
	}
	free(text);
}

void scan_processes(struct scan *s, const char *sysroot)
{
	struct seen seen = { NULL, 0, 0 };
	size_t nr = 0;
	uint32_t *pids = seep_process_list(sysroot, &nr);

	for (size_t i = 0; i < nr; i++)
		scan_process(s, sysroot, pids[i], &seen);
	free(seen.keys);
	free(pids);
}
