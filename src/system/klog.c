/*
 * The OOM killer's lines, as mm/oom_kill.c and mm/memcontrol.c print them (Linux 3.10 … 6.x):
 *   oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=…,oom_memcg=/a,task_memcg=/a/b,task=NAME,pid=N,uid=N  (4.19 on)
 *   Memory cgroup out of memory: Killed process N (NAME) total-vm:…kB, anon-rss:…kB, file-rss:…kB, UID:N …
 *   Out of memory: Killed process N (NAME) …
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/place.h"
#include "system/system.h"

enum { RECORD_BYTES = 8192, RING_BYTES_MAX = 64 << 20, SYSLOG_READ_ALL = 3, SYSLOG_SIZE_BUFFER = 10 };

/* ---- lines ---- */

/* "6,1234,5678901,-;text" or "<6>[   12.345678] text" or "text". */
static const char *skip_prefix(const char *line, uint64_t *time_us)
{
	unsigned long long us, seconds, fraction;
	const char *semicolon = strchr(line, ';');
	int at = 0;

	*time_us = 0;
	if (semicolon && sscanf(line, "%*u,%*u,%llu,", &us) == 1) {
		*time_us = us;
		return semicolon + 1;
	}
	if (*line == '<' && strchr(line, '>'))
		line = strchr(line, '>') + 1;
	if (sscanf(line, "[%llu.%llu]%n", &seconds, &fraction, &at) == 2 && at) {
		*time_us = seconds * 1000000 + fraction;
		line += at;
	}
	while (*line == ' ')
		line++;
	return line;
}

static struct seep_oom_kill *add_kill(struct seep_klog *out, uint32_t pid, uint64_t time_us)
{
	struct seep_oom_kill *k;

	if (!seep_grow(&out->kills, &out->cap, out->nr + 1, sizeof(*out->kills)))
		return NULL;
	k = &out->kills[out->nr++];
	*k = (struct seep_oom_kill){ .pid = pid, .uid = UINT32_MAX, .time_us = time_us };
	k->anon_rss = k->file_rss = k->shmem_rss = k->total_vm = SEEP_UNKNOWN;
	return k;
}

/* Text between `key` and the `stop` behind it; names of cgroups and tasks may hold commas, so stops are whole keys. */
static void copy_between(const char *line, const char *key, const char *stop, char *out, size_t cap)
{
	const char *start = strstr(line, key), *end = start ? strstr(start + strlen(key), stop) : NULL;

	out[0] = 0;
	if (!end)
		return;
	start += strlen(key);
	snprintf(out, cap, "%.*s", (int)(end - start), start);
}

static const char *find_last(const char *line, const char *key)
{
	const char *found = NULL;

	for (const char *at = strstr(line, key); at; at = strstr(at + 1, key))
		found = at + strlen(key);
	return found;
}

static void parse_summary(struct seep_klog *out, const char *line, uint64_t time_us)
{
	const char *pid = find_last(line, ",pid="), *uid = find_last(line, ",uid=");
	struct seep_oom_kill *k = pid ? add_kill(out, (uint32_t)strtoul(pid, NULL, 10), time_us) : NULL;

	if (!k)
		return;
	if (uid)
		k->uid = (uint32_t)strtoul(uid, NULL, 10);
	copy_between(line, "constraint=", ",", k->constraint, sizeof(k->constraint));
	copy_between(line, "oom_memcg=", ",task_memcg=", k->memcg, sizeof(k->memcg));
	copy_between(line, "task_memcg=", ",task=", k->task_memcg, sizeof(k->task_memcg));
	copy_between(line, ",task=", ",pid=", k->comm, sizeof(k->comm));
	k->is_memcg = !strcmp(k->constraint, "CONSTRAINT_MEMCG");
}

static uint64_t kib_after(const char *line, const char *key)
{
	const char *at = find_last(line, key);
	unsigned long long v;

	return at && sscanf(at, "%llukB", &v) == 1 ? v << 10 : SEEP_UNKNOWN;
}

/* The entry that the line before began, or a new one: memory.oom.group kills many after one summary. */
static struct seep_oom_kill *entry_of(struct seep_klog *out, uint32_t pid, uint64_t time_us)
{
	struct seep_oom_kill *last = out->nr ? &out->kills[out->nr - 1] : NULL, *k;

	if (last && last->pid == pid && last->total_vm == SEEP_UNKNOWN)
		return last;
	k = add_kill(out, pid, time_us);
	if (k && out->nr > 1) {
		last = &out->kills[out->nr - 2];
		if (time_us - last->time_us < 1000000) {
			memcpy(k->constraint, last->constraint, sizeof(k->constraint));
			memcpy(k->memcg, last->memcg, sizeof(k->memcg));
		}
	}
	return k;
}

static void parse_killed(struct seep_klog *out, const char *line, uint64_t time_us)
{
	const char *at = strstr(line, "Killed process ") + strlen("Killed process ");
	const char *uid = find_last(line, ", UID:");
	char *end;
	uint32_t pid = (uint32_t)strtoul(at, &end, 10);
	struct seep_oom_kill *k = end > at ? entry_of(out, pid, time_us) : NULL;

	if (!k)
		return;
	copy_between(end, " (", ") total-vm:", k->comm, sizeof(k->comm));
	k->is_memcg = !strncmp(line, "Memory cgroup out of memory", 27) || !strcmp(k->constraint, "CONSTRAINT_MEMCG");
	k->total_vm = kib_after(line, "total-vm:");
	k->anon_rss = kib_after(line, "anon-rss:");
	k->file_rss = kib_after(line, "file-rss:");
	k->shmem_rss = kib_after(line, "shmem-rss:");
	if (uid)
		k->uid = (uint32_t)strtoul(uid, NULL, 10);
}

static void parse_line(struct seep_klog *out, const char *line)
{
	uint64_t time_us;
	const char *text = skip_prefix(line, &time_us);

	if (!strncmp(text, "oom-kill:", 9))
		parse_summary(out, text, time_us);
	else if (strstr(text, "Killed process "))
		parse_killed(out, text, time_us);
}

void seep_klog_parse(struct seep_klog *out, const char *text, size_t len)
{
	char line[RECORD_BYTES];

	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		size_t copied = n < sizeof(line) ? n : sizeof(line) - 1;

		memcpy(line, text + at, copied);
		line[copied] = 0;
		parse_line(out, line);
		at += n + 1;
	}
}

/* ---- sources ---- */

/* Each read gives one record; EPIPE says that some were overwritten meanwhile. */
static bool read_records(int fd, struct seep_klog *out)
{
	char record[RECORD_BYTES];
	ssize_t n;

	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && (errno == EPIPE || errno == EINTR)))
		if (n > 0)
			seep_klog_parse(out, record, (size_t)n);
	return n == 0 || errno == EAGAIN;
}

static bool read_ring(struct seep_klog *out)
{
	int size = klogctl(SYSLOG_SIZE_BUFFER, NULL, 0), n;
	char *text;

	if (size <= 0 || size > RING_BYTES_MAX || !(text = malloc((size_t)size)))
		return false;
	n = klogctl(SYSLOG_READ_ALL, text, size);
	if (n > 0)
		seep_klog_parse(out, text, (size_t)n);
	free(text);
	return n >= 0;
}

static bool read_file(const char *path, struct seep_klog *out)
{
	size_t len;
	char *text = place_read("", &len, "%s", path);

	if (text)
		seep_klog_parse(out, text, len);
	free(text);
	return text != NULL;
}

void seep_klog_read(const char *root, struct seep_klog *out)
{
	char path[1024];
	struct stat st;
	int fd;

	*out = (struct seep_klog){ 0 };
	if (!place_path(path, sizeof(path), root, "/dev/kmsg"))
		return;
	if (!stat(path, &st) && S_ISREG(st.st_mode)) {
		out->could_read = read_file(path, out);
		return;
	}
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		out->could_read = read_records(fd, out);
		close(fd);
	}
	if (!out->could_read && !(root && *root)) {
		seep_klog_release(out);
		out->could_read = read_ring(out);
	}
}

void seep_klog_release(struct seep_klog *log)
{
	free(log->kills);
	*log = (struct seep_klog){ 0 };
}

const struct seep_oom_kill *seep_klog_find(const struct seep_klog *log, uint32_t pid, const char *comm,
                                           uint64_t since_us)
{
	for (size_t i = log->nr; i-- > 0;) {
		const struct seep_oom_kill *k = &log->kills[i];

		if (k->pid == pid && k->time_us >= since_us && (!comm || !strcmp(k->comm, comm)))
			return k;
	}
	return NULL;
}
