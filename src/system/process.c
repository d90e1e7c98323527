#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system/place.h"
#include "system/system.h"

/* ---- stat and status ---- */

/* Fields of stat are counted from the last ')': the name may hold anything. Field 3 is the first behind it. */
static const char *stat_field(const char *stat, unsigned field)
{
	const char *at = strrchr(stat, ')');

	for (unsigned at_field = 2; at && at_field < field; at_field++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

static uint64_t stat_u64(const char *stat, unsigned field)
{
	const char *at = stat_field(stat, field);

	return at ? strtoull(at, NULL, 10) : 0;
}

static void read_comm(const char *stat, char *out, size_t cap)
{
	const char *start = strchr(stat, '('), *end = strrchr(stat, ')');
	size_t len = start && end && end > start ? (size_t)(end - start) - 1 : 0;

	snprintf(out, cap, "%.*s", (int)(len < cap ? len : cap - 1), start ? start + 1 : "");
}

static uint64_t kib(const char *status, const char *key)
{
	uint64_t v = place_find_u64(status, key);

	return v == SEEP_UNKNOWN ? v : v << 10;
}

/* "NSpid:\t4242\t17\t1": the last is the pid in the innermost namespace. */
static uint32_t last_ns_number(const char *status, const char *key)
{
	const char *at = strstr(status, key);
	uint32_t v = 0;
	char *end;

	if (!at)
		return 0;
	for (at += strlen(key); *at == '\t' || *at == ' '; at = end)
		v = (uint32_t)strtoul(at, &end, 10);
	return v;
}

static void read_ids(const char *status, struct seep_process_status *out)
{
	const char *at = strstr(status, "\nUid:");

	out->uid = out->euid = UINT32_MAX;
	if (at)
		sscanf(at + 5, "%u %u", &out->uid, &out->euid);
}

static void read_status(const char *status, struct seep_process_status *out)
{
	read_ids(status, out);
	out->inner_pid = last_ns_number(status, "\nNSpid:");
	out->virtual_bytes = kib(status, "VmSize");
	out->data_bytes = kib(status, "VmData");
	out->stack_bytes = kib(status, "VmStk");
	out->rss = kib(status, "VmRSS");
	out->rss_anon = kib(status, "RssAnon");
	out->rss_file = kib(status, "RssFile");
	out->rss_shmem = kib(status, "RssShmem");
	out->swap = kib(status, "VmSwap");
}

enum seep_status seep_process_read(const char *root, uint32_t pid, struct seep_process_status *out,
                                   struct seep_error *err)
{
	char *stat = place_read(root, NULL, "/proc/%u/stat", pid);
	char *status = place_read(root, NULL, "/proc/%u/status", pid);
	const char *state = stat ? stat_field(stat, 3) : NULL;

	memset(out, 0, sizeof(*out));
	if (!state) {
		free(stat);
		free(status);
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "no process %u", pid);
	}
	out->pid = pid;
	out->state = *state;
	out->parent_pid = (uint32_t)stat_u64(stat, 4);
	out->pgrp = (uint32_t)stat_u64(stat, 5);
	out->session = (uint32_t)stat_u64(stat, 6);
	out->nr_threads = (uint32_t)stat_u64(stat, 20);
	out->start_ticks = stat_u64(stat, 22);
	read_comm(stat, out->comm, sizeof(out->comm));
	read_status(status ? status : "", out);
	free(stat);
	free(status);
	return SEEP_OK;
}

/* ---- who is it ---- */

uint64_t seep_process_namespace(const char *root, uint32_t pid, const char *name)
{
	char link[128];
	const char *digits;

	if (pid ? !place_readlink(link, sizeof(link), root, "/proc/%u/ns/%s", pid, name)
	        : !place_readlink(link, sizeof(link), root, "/proc/self/ns/%s", name))
		return 0;
	digits = strchr(link, '[');
	return digits ? strtoull(digits + 1, NULL, 10) : 0;
}

/* Its inode is the same on every Linux: PROC_PID_INIT_INO. */
bool seep_process_sees_all(const char *root)
{
	return seep_process_namespace(root, 0, "pid") == 0xeffffffcu;
}

bool seep_process_exe(const char *root, uint32_t pid, char *out, size_t cap, bool *is_deleted)
{
	static const char mark[] = " (deleted)";
	size_t len;
	bool ends;

	if (!place_readlink(out, cap, root, "/proc/%u/exe", pid))
		return false;
	len = strlen(out);
	ends = len > strlen(mark) && !strcmp(out + len - strlen(mark), mark);
	if (ends)
		out[len - strlen(mark)] = 0;
	if (is_deleted)
		*is_deleted = ends;
	return true;
}

bool seep_boot_id(const char *root, uint8_t out[16])
{
	char *text = place_read(root, NULL, "/proc/sys/kernel/random/boot_id");
	size_t nr = 0;

	memset(out, 0, 16);
	for (const char *c = text; c && *c && nr < 32; c++) {
		int digit = isdigit((unsigned char)*c)    ? *c - '0'
		            : isxdigit((unsigned char)*c) ? tolower(*c) - 'a' + 10
		                                          : -1;

		if (digit < 0)
			continue;
		out[nr / 2] = (uint8_t)(out[nr / 2] << 4 | digit);
		nr++;
	}
	free(text);
	return nr == 32;
}

static bool is_running_as(const char *root, uint32_t pid, const struct seep_process_key *key)
{
	struct seep_process_status s;
	uint64_t ns = key->pid_namespace ? seep_process_namespace(root, pid, "pid") : 0;

	if (seep_process_read(root, pid, &s, NULL) != SEEP_OK || s.state == 'Z' || s.state == 'X')
		return false;
	if (key->start_ticks && s.start_ticks != key->start_ticks)
		return false;
	if (ns && ns != key->pid_namespace)
		return false;
	return !s.inner_pid || s.inner_pid == key->pid;
}

static bool is_other_boot(const char *root, const uint8_t boot_id[16])
{
	static const uint8_t unknown[16];
	uint8_t ours[16];

	return memcmp(boot_id, unknown, 16) && seep_boot_id(root, ours) && memcmp(boot_id, ours, 16);
}

uint32_t seep_process_find(const char *root, const struct seep_process_key *key)
{
	uint32_t *pids, found = 0;
	size_t nr;

	if (is_other_boot(root, key->boot_id))
		return 0;
	if (is_running_as(root, key->pid, key))
		return key->pid;
	/* In a pid namespace below ours it has another number here. */
	if (!key->pid_namespace || !key->start_ticks || key->pid_namespace == seep_process_namespace(root, 0, "pid"))
		return 0;
	pids = seep_process_list(root, &nr);
	for (size_t i = 0; i < nr && !found; i++)
		if (seep_process_namespace(root, pids[i], "pid") == key->pid_namespace &&
		    is_running_as(root, pids[i], key))
			found = pids[i];
	free(pids);
	return found;
}

/* ---- lists ---- */

static DIR *open_dir(const char *root, uint32_t pid, const char *name)
{
	char path[512];
	bool fits = pid ? place_path(path, sizeof(path), root, "/proc/%u/%s", pid, name)
	                : place_path(path, sizeof(path), root, "/proc");

	return fits ? opendir(path) : NULL;
}

/* The next entry that is a number; 0 at the end. */
static uint32_t next_number(DIR *dir)
{
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]))
			return (uint32_t)strtoul(e->d_name, NULL, 10);
	return 0;
}

uint32_t *seep_process_list(const char *root, size_t *nr)
{
	DIR *dir = open_dir(root, 0, "");
	uint32_t *pids = NULL, pid;
	size_t cap = 0;

	*nr = 0;
	while ((pid = next_number(dir)) && seep_grow(&pids, &cap, *nr + 1, sizeof(*pids)))
		pids[(*nr)++] = pid;
	if (dir)
		closedir(dir);
	return pids;
}

uint64_t seep_process_nr_fds(const char *root, uint32_t pid)
{
	DIR *dir = open_dir(root, pid, "fd");
	struct dirent *e;
	uint64_t nr = 0;

	if (!dir)
		return SEEP_UNKNOWN;
	while ((e = readdir(dir)))
		nr += e->d_name[0] != '.';
	closedir(dir);
	return nr;
}

static void read_task(const char *root, uint32_t pid, struct seep_process_task *task)
{
	char *comm = place_read(root, NULL, "/proc/%u/task/%u/comm", pid, task->tid);
	char *status = place_read(root, NULL, "/proc/%u/task/%u/status", pid, task->tid);
	size_t len = comm ? strcspn(comm, "\n") : 0;

	memcpy(task->name, comm ? comm : "", len < sizeof(task->name) ? len : sizeof(task->name) - 1);
	task->inner_tid = status ? last_ns_number(status, "\nNSpid:") : 0;
	free(comm);
	free(status);
}

struct seep_process_task *seep_process_tasks(const char *root, uint32_t pid, size_t *nr)
{
	DIR *dir = open_dir(root, pid, "task");
	struct seep_process_task *tasks = NULL;
	size_t cap = 0;
	uint32_t tid;

	*nr = 0;
	while ((tid = next_number(dir)) && seep_grow(&tasks, &cap, *nr + 1, sizeof(*tasks))) {
		tasks[*nr] = (struct seep_process_task){ .tid = tid };
		read_task(root, pid, &tasks[(*nr)++]);
	}
	if (dir)
		closedir(dir);
	return tasks;
}

/* ---- memory and limits ---- */

static void add_mapping(char *line, struct seep_process_maps *out)
{
	unsigned long long start, end;
	int at = 0;
	const char *name;

	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &start, &end, &at) < 2 || !at || end < start)
		return;
	name = line + at;
	out->nr++;
	if (!strncmp(name, "[stack", 6))
		out->stack_bytes += end - start;
	else if (!strcmp(name, "[heap]"))
		out->heap_bytes += end - start;
}

enum seep_status seep_process_maps_read(const char *root, uint32_t pid, struct seep_process_maps *out,
                                        struct seep_error *err)
{
	char *text = place_read(root, NULL, "/proc/%u/maps", pid), *rest = text, *line;

	memset(out, 0, sizeof(*out));
	if (!text)
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "cannot read the mappings of process %u", pid);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			add_mapping(line, out);
	free(text);
	return SEEP_OK;
}

bool seep_process_has_mapped(const char *root, uint32_t pid, const char *suffix, bool *could_read)
{
	char *text = place_read(root, NULL, "/proc/%u/maps", pid), *rest = text, *line;
	static const char mark[] = " (deleted)";
	size_t len = strlen(suffix);
	bool found = false;

	*could_read = text && *text;
	while (!found && (line = strsep(&rest, "\n"))) {
		size_t n = strlen(line);

		if (n > strlen(mark) && !strcmp(line + n - strlen(mark), mark))
			n -= strlen(mark);
		found = n >= len && !memcmp(line + n - len, suffix, len);
	}
	free(text);
	return found;
}

enum seep_status seep_process_memory_read(const char *root, uint32_t pid, struct seep_process_memory *out,
                                          struct seep_error *err)
{
	char *text = place_read(root, NULL, "/proc/%u/smaps_rollup", pid);

	memset(out, 0, sizeof(*out));
	if (!text || !*text) {
		free(text);
		return seep_fail(err, SEEP_ERR_NOT_FOUND, "cannot read the memory map of process %u", pid);
	}
	out->rss = kib(text, "Rss");
	out->pss = kib(text, "Pss");
	out->private_dirty = kib(text, "Private_Dirty");
	out->private_clean = kib(text, "Private_Clean");
	out->shared_dirty = kib(text, "Shared_Dirty");
	out->shared_clean = kib(text, "Shared_Clean");
	out->anonymous = kib(text, "Anonymous");
	out->swap = kib(text, "Swap");
	free(text);
	return SEEP_OK;
}

uint64_t seep_process_limit(const char *root, uint32_t pid, const char *resource)
{
	char *text = place_read(root, NULL, "/proc/%u/limits", pid);
	uint64_t v = place_find_u64(text, resource);

	free(text);
	return v;
}
