#include "recorder/retention.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

#include "recorder/recorder.h"
#include "recorder/sys.h"
#include "recorder/text.h"

struct old {
	uint64_t start_ns;
	char file[128];
};

uint64_t seep_stat_start_ticks(const char *stat)
{
	const char *at = stat, *end;

	for (const char *c = stat; *c; c++)
		if (*c == ')')
			at = c + 1; /* the name may hold anything, also parentheses */
	for (uint32_t field = 2; *at && field < 22; at++)
		field += *at == ' ';
	return text_u64(at, &end);
}

/* NAME.PID.START.seep or NAME.PID.START-NR.seep. */
static bool parse_file(const char *file, const char *name, uint64_t *pid)
{
	size_t n = text_len(name), len = text_len(file);
	const char *end;

	if (len < n + 6 || len >= 128 || !text_starts(file, name) || file[n] != '.' ||
	    !text_equal(file + len - 5, ".seep"))
		return false;
	*pid = text_u64(file + n + 1, &end);
	if (*end != '.' || end == file + n + 1)
		return false;
	(void)text_u64(end + 1, &end);
	return *end == '.' || *end == '-';
}

/* Sets *start_ns to the wall clock of its start if it has. */
static bool has_ended(const char *path, uint64_t pid, uint64_t pid_namespace, const uint8_t boot_id[16],
                      uint64_t *start_ns)
{
	static char stat_path[32], stat[1024];
	static struct seep_rec_header h;
	struct text t = text_in(stat_path, sizeof(stat_path));
	long fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0), n;

	if (sys_failed(fd))
		return false;
	n = sys_pread(fd, &h, sizeof(h), 0);
	sys_close(fd);
	if (n != (long)sizeof(h) || __builtin_memcmp(h.magic, SEEP_REC_MAGIC, 8))
		return false;
	*start_ns = h.epoch_realtime_ns + h.start_us * 1000;
	if (__builtin_memcmp(h.boot_id, boot_id, 16))
		return true;
	if (h.pid != pid || h.pid_namespace != pid_namespace)
		return false;
	text_add(&t, "/proc/");
	text_add_u64(&t, pid);
	text_add(&t, "/exe");
	n = sys_readlink(stat_path, stat, sizeof(stat) - 1);
	if (n > 0 && n < (long)sizeof(h.exe)) {
		stat[n] = 0;
		h.exe[sizeof(h.exe) - 1] = 0;
		if (!text_starts(stat, h.exe)) /* " (deleted)" may follow */
			return true;           /* the process goes on as another program */
	}
	t.len -= 3;
	text_add(&t, "stat");
	fd = sys_open(stat_path, O_RDONLY | O_CLOEXEC, 0);
	if (sys_failed(fd))
		return fd == -2; /* ENOENT: gone; anything else: not to be judged */
	n = sys_read(fd, stat, sizeof(stat) - 1);
	sys_close(fd);
	stat[n > 0 ? n : 0] = 0;
	return n > 0 && seep_stat_start_ticks(stat) != h.start_ticks;
}

static void path_of(char *out, size_t cap, const char *dir, const char *file)
{
	struct text t = text_in(out, cap);

	text_add(&t, dir);
	text_add(&t, "/");
	text_add(&t, file);
}

/* Keeps `seen` sorted, newest first; unlinks what falls out. */
static void see(struct old *seen, uint32_t *nr, const char *dir, const char *file, uint64_t start_ns)
{
	char path[512];
	uint32_t at = *nr;
	struct old falls;

	while (at > 0 && seen[at - 1].start_ns < start_ns)
		at--;
	if (*nr < SEEP_KEEP_ENDED) {
		(*nr)++;
	} else {
		falls = seen[SEEP_KEEP_ENDED - 1];
		path_of(path, sizeof(path), dir, at == SEEP_KEEP_ENDED ? file : falls.file);
		sys_unlink(path);
		if (at == SEEP_KEEP_ENDED)
			return;
	}
	for (uint32_t i = *nr - 1; i > at; i--)
		seen[i] = seen[i - 1];
	seen[at].start_ns = start_ns;
	__builtin_memcpy(seen[at].file, file, text_len(file) + 1);
}

void seep_retention_clear(const char *dir, const char *name, uint64_t pid_namespace, const uint8_t boot_id[16])
{
	struct entry {
		uint64_t inode;
		int64_t next;
		uint16_t bytes;
		uint8_t type;
		char name[];
	};
	/* Static, not on an alternate signal stack; one thread at a time makes a recording. */
	static _Alignas(8) char block[4096];
	static struct old seen[SEEP_KEEP_ENDED];
	uint32_t nr = 0;
	long fd = sys_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), n;

	if (sys_failed(fd))
		return;
	while ((n = sys_call(SYS_getdents64, fd, (long)block, sizeof(block), 0, 0, 0)) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(const void *)(block + at);
			char path[512];
			uint64_t pid, start_ns;

			at += e->bytes;
			if (!parse_file(e->name, name, &pid))
				continue;
			path_of(path, sizeof(path), dir, e->name);
			if (has_ended(path, pid, pid_namespace, boot_id, &start_ns))
				see(seen, &nr, dir, e->name, start_ns);
		}
	sys_close(fd);
}
