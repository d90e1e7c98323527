#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"

enum { KEEP_PER_NAME = 4, COPY_BYTES = 64 << 10, MAX_COMPARED = 64 };

/* ---- how it ended ---- */

/* The log has the pids of the first namespace; from another one they mean other processes. */
static const struct seep_oom_kill *killed_by_oom(const struct run_watch *w, const struct seep_klog *log, uint32_t pid)
{
	/* The log's clock may lag behind CLOCK_MONOTONIC; a pid is not used again that soon. */
	uint64_t since_us = w->start_ns / 1000, slack_us = since_us / 1000 + 5000000;

	if (!seep_process_sees_all(NULL))
		return NULL;
	return pid ? seep_klog_find(log, pid, NULL, since_us > slack_us ? since_us - slack_us : 0) : NULL;
}

static bool has_risen(const struct seep_cgroup *cgroup, uint64_t before)
{
	struct seep_cgroup_memory now;

	if (!cgroup->dir[0] || before == SEEP_UNKNOWN)
		return false;
	seep_cgroup_read(cgroup, &now);
	return now.oom_kills != SEEP_UNKNOWN && now.oom_kills > before;
}

/* Since it was last looked at; never looked at, since our own start, if it still was in the cgroup that it started
 * in. */
static bool counter_rose(const struct run_watch *w, const struct run_recording *r)
{
	if (r->oom_kills != SEEP_UNKNOWN)
		return has_risen(&r->cgroup, r->oom_kills);
	return !strcmp(r->header->cgroup, w->cgroup.path) && has_risen(&w->cgroup, w->oom_kills);
}

static void set_oom(struct seep_rec_ended *e, const struct run_recording *r, const char *by, bool is_machine)
{
	char limit[SEEP_UNIT_MAX];

	e->how = SEEP_REC_ENDED_OOM;
	e->code = SIGKILL;
	snprintf(e->by, sizeof(e->by), "%s", by);
	if (is_machine)
		snprintf(e->detail, sizeof(e->detail), "the machine ran out of memory");
	else if (r->limit != SEEP_UNKNOWN)
		snprintf(e->detail, sizeof(e->detail), "limit of %.20s", seep_format_bytes(limit, (double)r->limit));
}

/* What the kernel saw when it killed: the last that is known of the process's memory. */
static void write_last_memory(struct seep_recording_writer *writer, const struct run_recording *r, uint64_t time_us,
                              const struct seep_oom_kill *kill)
{
	struct seep_rec_system s;

	if (kill->anon_rss == SEEP_UNKNOWN || kill->file_rss == SEEP_UNKNOWN || kill->shmem_rss == SEEP_UNKNOWN)
		return;
	memset(&s, 0xff, sizeof(s)); /* unknown */
	memset(s.reserved, 0, sizeof(s.reserved));
	s.time_us = time_us;
	s.rss_anon = kill->anon_rss;
	s.rss_file = kill->file_rss;
	s.rss_shmem = kill->shmem_rss;
	s.rss = kill->anon_rss + kill->file_rss + kill->shmem_rss;
	s.virtual_bytes = kill->total_vm;
	s.cgroup_limit = r->limit;
	if (seep_recording_writer_system(writer, s, NULL) != SEEP_OK)
		return; /* the end itself is what matters */
}

/* `kill` NULL: it was no OOM kill that the log tells of. */
static void write_slot(struct run_recording *r, struct seep_rec_ended e, const struct seep_oom_kill *kill)
{
	struct seep_error err = { .status = SEEP_OK };
	uint64_t now = run_now_ns();
	struct seep_recording_writer *writer = NULL;
	enum seep_status status;

	e.time_us = now > r->header->epoch_monotonic_ns ? (now - r->header->epoch_monotonic_ns) / 1000 : 0;
	status = seep_recording_writer_open(r->path, &writer, &err);
	if (status == SEEP_OK && kill)
		write_last_memory(writer, r, e.time_us, kill);
	if (status != SEEP_OK || seep_recording_writer_ended(writer, e, &err) != SEEP_OK)
		cli_warning("%s: cannot note how it ended: %s", r->path, err.what);
	seep_recording_writer_close(writer);
}

static void write_end_of_child(const struct run_watch *w, const struct seep_klog *log, struct run_recording *r,
                               int status)
{
	struct seep_rec_ended e = { .how = SEEP_REC_ENDED_EXITED, .code = WEXITSTATUS(status), .by = "seep run" };
	const struct seep_oom_kill *kill = NULL;

	if (WIFSIGNALED(status)) {
		e.how = SEEP_REC_ENDED_SIGNAL;
		e.code = WTERMSIG(status);
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		kill = killed_by_oom(w, log, r->pid ? r->pid : r->header->pid);
		if (kill)
			set_oom(&e, r, "seep run, kernel log", !kill->is_memcg);
		else if (counter_rose(w, r))
			set_oom(&e, r, "seep run, cgroup counter", false);
	}
	write_slot(r, e, kill);
}

/* Nobody tells us how a grandchild ended, but of the OOM killer's work the kernel log says who it was. */
static void write_end_of_other(const struct run_watch *w, const struct seep_klog *log, struct run_recording *r)
{
	const struct seep_oom_kill *kill = killed_by_oom(w, log, r->pid);
	struct seep_rec_ended e = { 0 };

	if (!kill)
		return;
	set_oom(&e, r, "kernel log", !kill->is_memcg);
	write_slot(r, e, kill);
}

/* A process that exec'ed has several recordings; it ended in the newest. */
static bool has_newer(const struct run_watch *w, const struct run_recording *r)
{
	for (size_t i = 0; i < w->nr; i++) {
		const struct seep_rec_header *h = w->items[i].header;

		if (h->pid == r->header->pid && h->start_ticks == r->header->start_ticks &&
		    h->pid_namespace == r->header->pid_namespace &&
		    h->epoch_monotonic_ns > r->header->epoch_monotonic_ns)
			return true;
	}
	return false;
}

static bool is_child(const struct run_watch *w, const struct run_recording *r)
{
	return r->pid == (uint32_t)w->child || (!r->pid && r->header->pid == (uint32_t)w->child);
}

void run_end_write(struct run_watch *w, int status)
{
	struct seep_klog log;

	seep_klog_read(NULL, &log);
	for (size_t i = 0; i < w->nr; i++) {
		struct run_recording *r = &w->items[i];

		if (!r->is_over || has_newer(w, r))
			continue;
		if (is_child(w, r))
			write_end_of_child(w, &log, r, status);
		else
			write_end_of_other(w, &log, r);
	}
	seep_klog_release(&log);
}

/* ---- where it stays ---- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return !len || (!bytes[0] && !memcmp(bytes, bytes + 1, len - 1));
}

/* Empty blocks become holes. */
static bool copy_bytes(int from, int to)
{
	static uint8_t block[COPY_BYTES];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, block, sizeof(block), at)) > 0) {
		if (!is_zero(block, (size_t)n) && pwrite(to, block, (size_t)n, at) != n)
			return false;
		at += n;
	}
	return n == 0 && !ftruncate(to, at) && !fsync(to);
}

static bool copy_file(const char *from, const char *to)
{
	char *part = cli_printf("%s.part", to);
	int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out = -1, error;
	bool ok;

	unlink(part);
	if (in >= 0)
		out = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ok = out >= 0 && copy_bytes(in, out) && !rename(part, to);
	error = errno;
	if (out >= 0 && !ok)
		unlink(part);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(part);
	errno = error;
	return ok;
}

/* With all directories above it, each 0700. */
static bool make_dirs(const char *dir)
{
	char *path = cli_strdup(dir);
	bool ok = true;

	for (char *c = path + 1; ok; c++) {
		char end = *c;

		if (end && end != '/')
			continue;
		*c = 0;
		ok = !mkdir(path, 0700) || errno == EEXIST;
		*c = end;
		if (!end)
			break;
	}
	free(path);
	return ok;
}

static bool move_one(struct run_recording *r, const char *dir)
{
	const char *slash = strrchr(r->path, '/');
	char *to = cli_printf("%s/%s", dir, slash ? slash + 1 : r->path);
	/* rename(2) would replace what is there. */
	bool ok = access(to, F_OK) != 0 && (!rename(r->path, to) || (errno == EXDEV && copy_file(r->path, to)));

	if (ok) {
		unlink(r->path);
		free(r->path);
		r->path = to;
	} else {
		free(to);
	}
	return ok;
}

/* The newest of a name stay; the list is sorted, newest first. */
static void thin_out(const char *dir)
{
	struct cli_end_sources sources = { .sysroot = NULL };
	struct cli_list dirs = { NULL, 0, 0 };
	struct cli_found_list list;

	cli_list_add(&dirs, dir);
	if (cli_find_recordings(&dirs, false, &list) == CLI_OK) {
		for (size_t i = 0; i < list.nr; i++) {
			size_t nr_newer = 0;
			struct cli_end end;

			for (size_t k = 0; k < i; k++)
				nr_newer +=
					!strcmp(list.items[k].header->header.name, list.items[i].header->header.name);
			if (nr_newer < KEEP_PER_NAME)
				continue;
			cli_end_of(&sources, list.items[i].header, &end);
			if (end.how != CLI_END_RUNNING)
				unlink(list.items[i].path);
		}
		cli_found_release(&list);
	}
	cli_end_sources_release(&sources);
	free(dirs.items);
}

void run_end_move(struct run_watch *w)
{
	char *dir = cli_state_dir();
	bool has_failed = false;

	for (size_t i = 0; dir && i < w->nr && !has_failed; i++) {
		struct stat st;

		if (!w->items[i].is_over || lstat(w->items[i].path, &st))
			continue; /* the newest 4 of a name were kept, and this is none of them */
		has_failed = !make_dirs(dir) || !move_one(&w->items[i], dir);
	}
	if (has_failed)
		cli_warning("%s: %s; the recording stays where it is", dir, strerror(errno));
	if (dir && w->nr && !has_failed)
		thin_out(dir);
	free(dir);
}

/* ---- the last word ---- */

static double live_bytes(const char *path, struct seep_recording **out)
{
	struct seep_recording *r = NULL;
	double live;

	if (seep_recording_read(path, &r, NULL) != SEEP_OK && !r)
		return -1;
	live = seep_recording_inuse(r, SEEP_REC_KIND_HEAP).bytes;
	*out = r;
	return live;
}

/* The index of the one that held most; nr when none is left. */
static size_t find_largest(const struct run_watch *w, size_t *nr_left, struct seep_recording **largest)
{
	size_t best = w->nr;
	double most = -1;

	*nr_left = 0;
	for (size_t i = 0; i < w->nr; i++) {
		struct seep_recording *r = NULL;
		double live = access(w->items[i].path, F_OK) ? -1 : 0;

		*nr_left += live == 0;
		if (live == 0 && *nr_left <= MAX_COMPARED)
			live = live_bytes(w->items[i].path, &r);
		/* Of equal ones the program itself is meant. */
		if (!r || live < most || (live <= most && !is_child(w, &w->items[i]))) {
			seep_recording_free(r);
			continue;
		}
		seep_recording_free(*largest);
		*largest = r;
		most = live;
		best = i;
	}
	return best;
}

/* As a word of the shell. */
static char *quoted(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@%=:";
	char *out, *at;

	if (strspn(path, plain) == strlen(path))
		return cli_strdup(path);
	out = at = cli_alloc(4 * strlen(path) + 3, 1);
	*at++ = '\'';
	for (const char *c = path; *c; c++)
		at += sprintf(at, *c == '\'' ? "'\\''" : "%c", *c);
	*at = '\'';
	return out;
}

/* What went wrong later than the start, and was only noted in the header. */
static void say_trouble(const struct seep_recording *r)
{
	struct cli_loss losses[CLI_LOSSES_MAX];
	size_t nr = cli_losses_of(r, losses, CLI_LOSSES_MAX);
	char count[SEEP_UNIT_MAX];

	for (size_t i = 0; i < nr; i++)
		if (!losses[i].is_bytes && (!strcmp(losses[i].id, "samples") || !strcmp(losses[i].id, "children") ||
		                            !strcmp(losses[i].id, "stacks") || !strcmp(losses[i].id, "modules")))
			cli_warning("%s %s", seep_format_count(count, losses[i].count), losses[i].text);
	if (r->status.reasons & SEEP_REC_WHY_PERIOD_DOUBLED)
		cli_note("the table of live blocks filled up: the period was raised to %s",
		         seep_format_bytes(count, (double)r->status.period));
}

void run_end_say(struct run_watch *w)
{
	struct seep_recording *r = NULL;
	size_t nr, best = find_largest(w, &nr, &r), nr_running = 0;
	char *path;

	if (best == w->nr) {
		cli_note("nothing was recorded");
		return;
	}
	if (r)
		say_trouble(r);
	for (size_t i = 0; i < w->nr; i++)
		nr_running += !w->items[i].is_over;
	if (nr_running)
		cli_note("%zu of its processes run on, and are recorded further", nr_running);
	path = quoted(w->items[best].path);
	if (nr == 1)
		cli_note("recorded; to see what held the memory: seep why %s", path);
	else
		cli_note("%zu recordings, the largest is of %s[%u]: seep why %s", nr, w->items[best].header->name,
		         w->items[best].header->pid, path);
	free(path);
	seep_recording_free(r);
}
