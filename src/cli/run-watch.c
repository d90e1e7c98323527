#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/run.h"

enum {
	MAX_RECORDINGS = 512, /* watched at a time; each holds a file open */
	SLOW_NS = 20000000,   /* reading mappings and descriptors took longer: … */
	SLOW_SKIP = 10,       /* … leave them out for so many ticks */
	THREADS_EVERY = 5,    /* ticks between looks at the names of threads, … */
	MANY_THREADS = 2000,  /* … twelve times as many for more threads than this */
	MAX_ANCESTORS = 64,
	MISSES_MAX = 3
};

uint64_t run_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- whose is it ---- */

static bool knows(const struct run_watch *w, uint32_t pid)
{
	for (size_t i = 0; pid && i < w->nr_pids; i++)
		if (w->pids[i] == pid)
			return true;
	return false;
}

static void learn(struct run_watch *w, uint32_t pid)
{
	if (!pid || knows(w, pid))
		return;
	cli_grow(&w->pids, &w->cap_pids, w->nr_pids + 1, sizeof(*w->pids));
	w->pids[w->nr_pids++] = pid;
}

/* Up the parents of a living process to one that is known. */
static bool descends(const struct run_watch *w, uint32_t pid)
{
	struct seep_process_status s;

	for (unsigned i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
		if (knows(w, pid))
			return true;
		if (seep_process_read(NULL, pid, &s, NULL) != SEEP_OK)
			return false;
		pid = s.parent_pid;
	}
	return false;
}

static bool is_same_process(const struct seep_rec_header *a, const struct seep_rec_header *b)
{
	return a->pid == b->pid && a->start_ticks == b->start_ticks && a->pid_namespace == b->pid_namespace;
}

/* Made before we started: an older recording that bears a pid of today. The recorder's clock is coarse. */
static bool is_older(const struct run_watch *w, const struct seep_rec_header *h)
{
	uint8_t boot_id[16];

	if (h->epoch_monotonic_ns + h->start_us * 1000 + 20000000 < w->start_ns)
		return true;
	return seep_boot_id(NULL, boot_id) && memcmp(boot_id, h->boot_id, 16);
}

static bool is_ours(const struct run_watch *w, const struct seep_rec_header *h, uint32_t pid)
{
	return knows(w, h->pid) || knows(w, h->parent_pid) || knows(w, h->forked_from) || (pid && descends(w, pid));
}

static uint32_t pid_of(const struct seep_rec_header *h)
{
	struct seep_process_key key = { .pid = h->pid,
		                        .pid_namespace = h->pid_namespace,
		                        .start_ticks = h->start_ticks };

	memcpy(key.boot_id, h->boot_id, sizeof(key.boot_id));
	return seep_process_find(NULL, &key);
}

/* ---- finding them ---- */

static bool was_seen(const struct run_watch *w, const char *path)
{
	for (size_t i = 0; i < w->nr; i++)
		if (!strcmp(w->items[i].path, path))
			return true;
	for (size_t i = 0; i < w->seen.nr; i++)
		if (!strcmp(w->seen.items[i], path))
			return true;
	return false;
}

static void set_over(struct run_recording *r)
{
	r->is_over = true;
	seep_recording_writer_close(r->writer);
	r->writer = NULL;
}

/* A program that exec'ed has left its recording: it ends where the newer one begins. */
static void retire_older(struct run_watch *w, const struct seep_rec_header *h)
{
	for (size_t i = 0; i < w->nr; i++)
		if (!w->items[i].is_over && is_same_process(w->items[i].header, h) &&
		    w->items[i].header->epoch_monotonic_ns < h->epoch_monotonic_ns)
			set_over(&w->items[i]);
}

static void adopt(struct run_watch *w, const char *path, const struct seep_rec_header *h, uint32_t pid)
{
	struct run_recording r = {
		.path = cli_strdup(path), .pid = pid, .oom_kills = SEEP_UNKNOWN, .limit = SEEP_UNKNOWN
	};
	struct seep_rec_header *copy = cli_alloc(1, sizeof(*copy));

	*copy = *h;
	r.header = copy;
	retire_older(w, h);
	learn(w, pid);
	learn(w, h->pid);
	cli_grow(&w->items, &w->cap, w->nr + 1, sizeof(*w->items));
	w->items[w->nr++] = r;
}

static void look_at(struct run_watch *w, const char *path)
{
	struct seep_recording *r = NULL;
	struct stat st;
	uint32_t pid;

	if (was_seen(w, path) || lstat(path, &st) || !S_ISREG(st.st_mode))
		return;
	/* Its magic comes last: a file without it may get it before the next look. */
	if (seep_recording_read_header(path, &r, NULL) != SEEP_OK)
		return;
	pid = is_older(w, &r->header) ? 0 : pid_of(&r->header);
	if (!is_older(w, &r->header) && is_ours(w, &r->header, pid))
		adopt(w, path, &r->header, pid);
	else
		cli_list_add(&w->seen, cli_strdup(path));
	seep_recording_free(r);
}

static void look_in(struct run_watch *w, const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *e;

	while (stream && (e = readdir(stream))) {
		char *path;

		if (!cli_is_recording_name(e->d_name))
			continue;
		path = cli_printf("%s/%s", dir, e->d_name);
		look_at(w, path);
		free(path);
	}
	if (stream)
		closedir(stream);
}

/* Parents may come after their children in a directory: once more while something was found. */
static void find_new(struct run_watch *w)
{
	struct cli_list dirs = { NULL, 0, 0 };
	size_t before;

	learn(w, (uint32_t)w->child);
	if (!w->dir)
		cli_usual_dirs(&dirs);
	do {
		before = w->nr;
		if (w->dir)
			look_in(w, w->dir);
		for (size_t i = 0; i < dirs.nr; i++)
			look_in(w, dirs.items[i]);
	} while (w->nr > before);
	cli_owned_list_release(&dirs);
}

/* ---- one entry of the system ring ---- */

static uint32_t narrow(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* /proc walks these one by one, under the program's own locks: a program with very many is asked less often. */
static void fill_slow(struct run_recording *r, struct seep_rec_system *s)
{
	struct seep_process_maps maps;
	uint64_t start = run_now_ns();

	s->nr_mappings = s->nr_fds = UINT32_MAX;
	if (r->skip) {
		r->skip--;
		return;
	}
	if (seep_process_maps_read(NULL, r->pid, &maps, NULL) == SEEP_OK)
		s->nr_mappings = maps.nr;
	s->nr_fds = narrow(seep_process_nr_fds(NULL, r->pid));
	if (run_now_ns() - start > SLOW_NS)
		r->skip = SLOW_SKIP;
}

static void fill_cgroup(struct run_recording *r, struct seep_rec_system *s)
{
	struct seep_cgroup_memory c;

	seep_cgroup_read(&r->cgroup, &c);
	s->cgroup_usage = c.usage;
	s->cgroup_limit = c.limit;
	s->cgroup_anon = c.anon;
	s->cgroup_file = c.file;
	s->cgroup_shmem = c.shmem;
	s->cgroup_kernel = c.kernel;
	s->cgroup_failcnt = c.failcnt;
	s->cgroup_oom_kills = c.oom_kills;
	s->nr_pids = narrow(c.nr_pids);
	r->oom_kills = c.oom_kills;
	r->limit = c.limit;
}

static bool write_entry(struct run_recording *r, const struct seep_process_status *p)
{
	struct seep_rec_system s;
	uint64_t now = run_now_ns();

	memset(&s, 0, sizeof(s));
	s.time_us = now > r->header->epoch_monotonic_ns ? (now - r->header->epoch_monotonic_ns) / 1000 : 0;
	s.rss = p->rss;
	s.rss_anon = p->rss_anon;
	s.rss_file = p->rss_file;
	s.rss_shmem = p->rss_shmem;
	s.swap = p->swap;
	s.nr_threads = p->nr_threads;
	s.virtual_bytes = p->virtual_bytes;
	s.data_bytes = p->data_bytes;
	s.stacks_bytes = p->stack_bytes;
	fill_slow(r, &s);
	fill_cgroup(r, &s);
	return seep_recording_writer_system(r->writer, s, NULL) == SEEP_OK;
}

/* A thread has its process's name until it gets one of its own, and an entry from its first sample on. */
static void name_threads(struct run_recording *r, const char *process_name)
{
	size_t nr = 0;
	struct seep_process_task *tasks = seep_process_tasks(NULL, r->pid, &nr);

	for (size_t i = 0; i < nr; i++) {
		uint32_t tid = tasks[i].inner_tid ? tasks[i].inner_tid : tasks[i].tid;

		if (tasks[i].name[0] && strcmp(tasks[i].name, process_name) != 0 &&
		    seep_recording_writer_thread_name(r->writer, tid, tasks[i].name, NULL) != SEEP_OK)
			break;
	}
	free(tasks);
}

/* Its process, or false: it is not there, and after some ticks is believed to be gone. */
static bool find_process(struct run_recording *r, struct seep_process_status *p)
{
	if (!r->pid)
		r->pid = pid_of(r->header);
	if (r->pid && seep_process_read(NULL, r->pid, p, NULL) == SEEP_OK && p->start_ticks == r->header->start_ticks &&
	    p->state != 'Z' && p->state != 'X') {
		r->nr_missed = 0;
		return true;
	}
	if (++r->nr_missed >= MISSES_MAX)
		set_over(r);
	return false;
}

static bool is_ready(const struct run_watch *w, struct run_recording *r)
{
	if (r->writer)
		return true;
	if (w->nr > MAX_RECORDINGS || seep_recording_writer_open(r->path, &r->writer, NULL) != SEEP_OK)
		return false;
	if (seep_cgroup_find(NULL, r->pid, &r->cgroup, NULL) != SEEP_OK)
		r->cgroup.dir[0] = 0;
	return true;
}

static void tick_one(struct run_watch *w, struct run_recording *r)
{
	struct seep_process_status p;

	if (r->is_over || !find_process(r, &p) || !is_ready(w, r))
		return;
	/* A file that is full up or gone is no reason to disturb the program: the entry is missing, no more. */
	if (!write_entry(r, &p))
		return;
	if (w->nr_ticks % (p.nr_threads > MANY_THREADS ? 12 * THREADS_EVERY : THREADS_EVERY) == 0)
		name_threads(r, p.comm);
}

void run_watch_start(struct run_watch *w, const char *dir)
{
	struct seep_cgroup_memory memory;

	*w = (struct run_watch){ .start_ns = run_now_ns(), .dir = dir && *dir ? dir : NULL };
	if (seep_cgroup_find(NULL, (uint32_t)getpid(), &w->cgroup, NULL) != SEEP_OK)
		w->cgroup.dir[0] = 0;
	seep_cgroup_read(&w->cgroup, &memory);
	w->oom_kills = memory.oom_kills;
}

void run_watch_tick(struct run_watch *w)
{
	find_new(w);
	for (size_t i = 0; i < w->nr; i++)
		tick_one(w, &w->items[i]);
	w->nr_ticks++;
}

void run_watch_last(struct run_watch *w)
{
	find_new(w);
	for (size_t i = 0; i < w->nr; i++)
		if (!w->items[i].is_over && !pid_of(w->items[i].header))
			set_over(&w->items[i]);
}

void run_watch_release(struct run_watch *w)
{
	for (size_t i = 0; i < w->nr; i++) {
		free(w->items[i].path);
		free((void *)(uintptr_t)w->items[i].header);
		seep_recording_writer_close(w->items[i].writer);
	}
	free(w->items);
	free(w->pids);
	cli_owned_list_release(&w->seen);
}
