#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "system/place.h"
#include "system/system.h"

/* What v1 says for "no limit": LONG_MAX rounded down to pages, whatever the page's size. */
#define NO_LIMIT_V1 (1ull << 62)

/* ---- where ---- */

/* A line of /proc/PID/cgroup: "4:memory:/path" or "0::/path". The memory controller's own hierarchy goes first. */
static void find_path(char *text, struct seep_cgroup *out)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
		bool is_memory;

		if (!path)
			continue;
		*path++ = 0;
		controllers++;
		is_memory = !strcmp(controllers, "memory");
		if (!is_memory && (*controllers || out->version))
			continue;
		out->version = is_memory ? 1 : 2;
		snprintf(out->path, sizeof(out->path), "%s", path);
	}
}

/* One mount of /proc/self/mountinfo, its fields cut out of the line: "… ROOT MOUNTPOINT … - TYPE SOURCE OPTIONS". */
struct mount {
	char *root, *point, *type, *options;
};

static bool parse_mount(char *line, struct mount *m)
{
	char *tail = strstr(line, " - "), *field;

	if (!tail)
		return false;
	*tail = 0;
	tail += 3;
	for (unsigned i = 0; (field = strsep(&line, " ")) && i < 5; i++) {
		if (i == 3)
			m->root = field;
		if (i == 4)
			m->point = field;
	}
	m->type = strsep(&tail, " ");
	strsep(&tail, " ");
	m->options = tail;
	return m->root && m->point && m->type && m->options;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, word, len) && (at[len] == ',' || !at[len]))
			return true;
	return false;
}

static bool is_wanted(const struct mount *m, int version)
{
	if (version == 2)
		return !strcmp(m->type, "cgroup2");
	return !strcmp(m->type, "cgroup") && has_word(m->options, "memory");
}

/* The part of the cgroup's path below the mounted one; NULL when the mount does not show it. */
static const char *below(const char *path, const char *root)
{
	size_t len = strlen(root);

	if (!strncmp(path, "/..", 3))
		return NULL;
	if (!strcmp(root, "/"))
		return path;
	if (strncmp(path, root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static void find_directory(const char *root, char *mounts, struct seep_cgroup *out)
{
	char *line;

	while (!out->dir[0] && (line = strsep(&mounts, "\n"))) {
		struct mount m = { 0 };
		const char *rest;

		if (!parse_mount(line, &m) || !is_wanted(&m, out->version) || !(rest = below(out->path, m.root)))
			continue;
		if (!place_path(out->dir, sizeof(out->dir), root, "%s%s", m.point, strcmp(rest, "/") ? rest : "") ||
		    !is_directory(out->dir))
			out->dir[0] = 0;
		else
			place_path(out->mount, sizeof(out->mount), root, "%s", m.point);
	}
}

/* Our own mounts; in a recorded tree whose link "self" leads nowhere, those of the first process. */
static char *read_mounts(const char *root)
{
	char *text = place_read(root, NULL, "/proc/self/mountinfo");

	return text ? text : place_read(root, NULL, "/proc/1/mountinfo");
}

static enum seep_status locate(const char *root, struct seep_cgroup *out, struct seep_error *err)
{
	char *mounts = read_mounts(root);

	if (mounts)
		find_directory(root, mounts, out);
	free(mounts);
	if (out->dir[0])
		return SEEP_OK;
	return seep_fail(err, SEEP_ERR_NOT_FOUND, "cgroup %s is not mounted here", out->path);
}

enum seep_status seep_cgroup_find(const char *root, uint32_t pid, struct seep_cgroup *out, struct seep_error *err)
{
	char *text = place_read(root, NULL, "/proc/%u/cgroup", pid);

	memset(out, 0, sizeof(*out));
	if (text)
		find_path(text, out);
	free(text);
	if (!out->version)
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "process %u is in no memory cgroup", pid);
	return locate(root, out, err);
}

enum seep_status seep_cgroup_at(const char *root, const char *path, bool is_v2, struct seep_cgroup *out,
                                struct seep_error *err)
{
	memset(out, 0, sizeof(*out));
	if (path[0] != '/')
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "no cgroup is known");
	out->version = is_v2 ? 2 : 1;
	snprintf(out->path, sizeof(out->path), "%s", path);
	return locate(root, out, err);
}

/* ---- figures ---- */

static uint64_t difference(uint64_t a, uint64_t b)
{
	if (a == SEEP_UNKNOWN)
		return a;
	return b == SEEP_UNKNOWN || b > a ? a : a - b;
}

static uint64_t first_known(uint64_t a, uint64_t b)
{
	return a != SEEP_UNKNOWN ? a : b;
}

/* v1 counts the descendants in total_…; without use_hierarchy these equal the plain ones. */
static void read_kinds_v1(const char *dir, struct seep_cgroup_memory *out)
{
	char *stat = place_read("", NULL, "%s/memory.stat", dir);
	char *oom = place_read("", NULL, "%s/memory.oom_control", dir);
	uint64_t cache = first_known(place_find_u64(stat, "total_cache"), place_find_u64(stat, "cache"));

	out->usage = place_read_u64("", "%s/memory.usage_in_bytes", dir);
	out->anon = first_known(place_find_u64(stat, "total_rss"), place_find_u64(stat, "rss"));
	out->shmem = first_known(place_find_u64(stat, "total_shmem"), place_find_u64(stat, "shmem"));
	out->file = difference(cache, out->shmem);
	out->kernel = place_read_u64("", "%s/memory.kmem.usage_in_bytes", dir);
	out->swap = first_known(place_find_u64(stat, "total_swap"), place_find_u64(stat, "swap"));
	out->peak = place_read_u64("", "%s/memory.max_usage_in_bytes", dir);
	out->failcnt = place_read_u64("", "%s/memory.failcnt", dir);
	out->oom_kills = place_find_u64(oom, "oom_kill");
	free(stat);
	free(oom);
}

static void read_kinds_v2(const char *dir, struct seep_cgroup_memory *out)
{
	char *stat = place_read("", NULL, "%s/memory.stat", dir);
	char *events = place_read("", NULL, "%s/memory.events", dir);

	out->usage = place_read_u64("", "%s/memory.current", dir);
	out->anon = place_find_u64(stat, "anon");
	out->shmem = place_find_u64(stat, "shmem");
	out->file = difference(place_find_u64(stat, "file"), out->shmem);
	out->kernel = place_find_u64(stat, "kernel");
	out->swap = place_read_u64("", "%s/memory.swap.current", dir);
	out->peak = place_read_u64("", "%s/memory.peak", dir);
	out->failcnt = place_find_u64(events, "max");
	out->oom_kills = place_find_u64(events, "oom_kill");
	free(stat);
	free(events);
}

static uint64_t limit_of(const struct seep_cgroup *c, const char *dir)
{
	uint64_t v = place_read_u64("", "%s/%s", dir, c->version == 1 ? "memory.limit_in_bytes" : "memory.max");

	return c->version == 1 && v >= NO_LIMIT_V1 ? SEEP_UNKNOWN : v;
}

/* Cuts the last component off; false at the mount point. */
static bool to_parent(const struct seep_cgroup *c, char *dir)
{
	char *slash = strrchr(dir, '/');

	if (strlen(dir) <= strlen(c->mount) || !slash)
		return false;
	*slash = 0;
	return true;
}

/* A limit counts wherever it stands: the smallest one above a process is the one that kills. */
static void read_limit(const struct seep_cgroup *c, struct seep_cgroup_memory *out)
{
	char dir[sizeof(c->dir)];

	memcpy(dir, c->dir, sizeof(dir));
	do {
		uint64_t v = limit_of(c, dir);

		if (v == SEEP_UNKNOWN || v >= out->limit)
			continue;
		out->limit = v;
		snprintf(out->limited_by, sizeof(out->limited_by), "%s", dir + strlen(c->mount));
		if (!out->limited_by[0])
			strcpy(out->limited_by, "/");
	} while (to_parent(c, dir));
}

static uint64_t count_pids(const char *dir)
{
	char *text = place_read("", NULL, "%s/cgroup.procs", dir);
	uint64_t nr = 0;

	for (const char *c = text; c && *c; c++)
		nr += *c == '\n';
	if (!text)
		nr = SEEP_UNKNOWN;
	free(text);
	return nr;
}

void seep_cgroup_read(const struct seep_cgroup *c, struct seep_cgroup_memory *out)
{
	char dir[sizeof(c->dir)];

	memset(out, 0xff, sizeof(*out)); /* SEEP_UNKNOWN everywhere */
	out->limited_by[0] = 0;
	if (!c->dir[0])
		return;
	memcpy(dir, c->dir, sizeof(dir));
	out->nr_pids = count_pids(dir);
	if (c->version == 1)
		read_kinds_v1(dir, out);
	else
		do /* the controller may be switched on only further up */
			read_kinds_v2(dir, out);
		while (out->usage == SEEP_UNKNOWN && to_parent(c, dir));
	read_limit(c, out);
}
