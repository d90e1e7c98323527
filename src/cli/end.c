#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "cli/targets.h"

/* The pid namespace that the kernel log speaks in has this inode on every Linux (PROC_PID_INIT_INO). */
#define FIRST_PID_NAMESPACE 0xeffffffcull
/* The log's clock is not CLOCK_MONOTONIC: it may have drifted by this share of the uptime, and by this much. */
#define LOG_DRIFT 1e-3
#define LOG_SLACK_US 5e6

const char *cli_end_word(enum cli_end_how how)
{
	static const char *const words[] = { "running", "exited", "killed", "oom", "exec", "unknown" };

	return words[how];
}

void cli_end_sources_release(struct cli_end_sources *s)
{
	seep_klog_release(&s->log);
	s->is_log_read = false;
}

static void set_end(struct cli_end *out, enum cli_end_how how, int code, const char *by)
{
	out->how = how;
	out->code = code;
	snprintf(out->by, sizeof(out->by), "%s", by);
}

/* ---- is it still there ---- */

static struct seep_process_key key_of(const struct seep_recording *r)
{
	struct seep_process_key key = { .pid = r->header.pid,
		                        .pid_namespace = r->header.pid_namespace,
		                        .start_ticks = r->header.start_ticks };

	memcpy(key.boot_id, r->header.boot_id, sizeof(key.boot_id));
	return key;
}

/* The file's own name, as the process has it mapped, wherever a copy may lie now. */
static bool has_mapped(const char *sysroot, uint32_t pid, const struct seep_recording *r, bool *could_read)
{
	const char *slash = strrchr(r->path, '/');

	return seep_process_has_mapped(sysroot, pid, slash ? slash + 1 : r->path, could_read);
}

/* A process that exec'ed keeps pid and start, but neither the mapping of its recording nor, mostly, its program. */
static bool became_another(const char *sysroot, uint32_t pid, const struct seep_recording *r)
{
	char exe[sizeof(r->header.exe)];
	bool could_read;

	if (has_mapped(sysroot, pid, r, &could_read))
		return false;
	if (could_read)
		return true;
	return seep_process_exe(sysroot, pid, exe, sizeof(exe), NULL) && strcmp(exe, r->header.exe) != 0;
}

uint32_t cli_alive_pid(const char *sysroot, const struct seep_recording *r)
{
	struct seep_process_key key = key_of(r);
	uint32_t pid = seep_process_find(sysroot, &key);

	return pid && !became_another(sysroot, pid, r) ? pid : 0;
}

/* ---- replaced by exec: the same process went on and has a newer recording beside this one ---- */

static bool is_successor(const char *path, const struct seep_recording *r)
{
	struct seep_recording *other = NULL;
	bool is_it;

	if (seep_recording_read_header(path, &other, NULL) != SEEP_OK)
		return false;
	is_it = other->header.pid == r->header.pid && other->header.start_ticks == r->header.start_ticks &&
	        other->header.start_ticks && other->header.pid_namespace == r->header.pid_namespace &&
	        !memcmp(other->header.boot_id, r->header.boot_id, 16) &&
	        other->header.epoch_monotonic_ns > r->header.epoch_monotonic_ns;
	seep_recording_free(other);
	return is_it;
}

static bool has_successor(const struct seep_recording *r)
{
	const char *slash = strrchr(r->path, '/');
	char *dir = slash ? cli_printf("%.*s", (int)(slash - r->path), r->path) : cli_strdup(".");
	char *part = cli_printf(".%u.", r->header.pid);
	DIR *stream = opendir(*dir ? dir : "/");
	struct dirent *e;
	bool found = false;

	while (!found && stream && (e = readdir(stream))) {
		size_t len = strlen(e->d_name);
		char *path;

		if (e->d_type != DT_REG || len < 5 || strcmp(e->d_name + len - 5, ".seep") || !strstr(e->d_name, part))
			continue;
		path = cli_printf("%s/%s", dir, e->d_name);
		found = is_successor(path, r);
		free(path);
	}
	if (stream)
		closedir(stream);
	free(part);
	free(dir);
	return found;
}

/* ---- what the kernel says ---- */

static bool is_this_boot(const char *sysroot, const struct seep_recording *r)
{
	uint8_t boot_id[16];

	return seep_boot_id(sysroot, boot_id) && !memcmp(boot_id, r->header.boot_id, 16);
}

/* Names in the log are cut to 15 bytes, and are those of the thread that the kernel chose. */
static bool is_same_task(const struct seep_oom_kill *k, const struct seep_rec_header *h)
{
	return !strncmp(k->comm, h->name, 15) || (k->task_memcg[0] && !strcmp(k->task_memcg, h->cgroup));
}

static bool is_its_kill(const struct seep_oom_kill *k, const struct seep_recording *r)
{
	const struct seep_rec_header *h = &r->header;
	double last_us = (double)h->epoch_monotonic_ns / 1e3 + seep_recording_last_s(r) * 1e6;

	if ((double)k->time_us < last_us * (1 - LOG_DRIFT) - LOG_SLACK_US)
		return false;
	if (!h->pid_namespace || h->pid_namespace == FIRST_PID_NAMESPACE)
		return k->pid == h->pid && is_same_task(k, h);
	/* Its pid in the log is not known: name and cgroup must both be right. */
	return !strncmp(k->comm, h->name, 15) && strlen(h->cgroup) > 1 && !strcmp(k->task_memcg, h->cgroup);
}

static bool from_log(struct cli_end_sources *s, const struct seep_recording *r, struct cli_end *out)
{
	if (!s->is_log_read)
		seep_klog_read(s->sysroot, &s->log);
	s->is_log_read = true;
	for (size_t i = s->log.nr; i-- > 0;) {
		const struct seep_oom_kill *k = &s->log.kills[i];

		if (!is_its_kill(k, r))
			continue;
		set_end(out, CLI_END_OOM, 9, "kernel log");
		if (k->is_memcg)
			snprintf(out->detail, sizeof(out->detail), "limit of cgroup %.64s",
			         k->memcg[0] ? k->memcg : "?");
		else
			snprintf(out->detail, sizeof(out->detail), "the whole machine ran out of memory");
		return true;
	}
	return false;
}

/* Of several processes in a cgroup any may have been the one: the counter is told, not turned into an ending. */
static void tell_counter(const struct cli_end_sources *s, const struct seep_recording *r, struct cli_end *out)
{
	struct seep_cgroup cgroup;
	struct seep_cgroup_memory memory;

	if (seep_cgroup_at(s->sysroot, r->header.cgroup, r->header.options & SEEP_REC_OPT_CGROUP2, &cgroup, NULL) !=
	    SEEP_OK)
		return;
	seep_cgroup_read(&cgroup, &memory);
	if (memory.oom_kills != SEEP_UNKNOWN && memory.oom_kills)
		snprintf(out->detail, sizeof(out->detail), "OOM kills counted in its cgroup so far: %llu",
		         (unsigned long long)memory.oom_kills);
}

/* ---- all of it ---- */

/* Only the first pid namespace sees all processes; from another one, only its own are known to be gone. */
static bool can_judge(const char *sysroot, const struct seep_recording *r)
{
	return seep_process_sees_all(sysroot) || !r->header.pid_namespace ||
	       seep_process_namespace(sysroot, 0, "pid") == r->header.pid_namespace;
}

static bool from_slot(const struct seep_recording *r, struct cli_end *out)
{
	static const enum cli_end_how hows[] = { CLI_END_UNKNOWN, CLI_END_EXITED, CLI_END_KILLED, CLI_END_OOM };

	if (!r->ended.how || r->ended.how >= ARRAY_SIZE(hows))
		return false;
	set_end(out, hows[r->ended.how], r->ended.code, "");
	snprintf(out->by, sizeof(out->by), "%.63s", r->ended.by);
	snprintf(out->detail, sizeof(out->detail), "%.32s", r->ended.detail);
	out->time_s = (double)r->ended.time_us / 1e6;
	out->is_gone = true;
	return true;
}

static bool from_process(const char *sysroot, const struct seep_recording *r, struct cli_end *out)
{
	struct seep_process_key key = key_of(r);
	uint32_t pid = seep_process_find(sysroot, &key);

	if (!pid)
		return false;
	set_end(out, became_another(sysroot, pid, r) ? CLI_END_EXEC : CLI_END_RUNNING, 0, "process table");
	return true;
}

static void find_end(struct cli_end_sources *s, const struct seep_recording *r, struct cli_end *out)
{
	if (from_slot(r, out) || from_process(s->sysroot, r, out))
		return;
	out->is_gone = !is_this_boot(s->sysroot, r) || can_judge(s->sysroot, r);
	if (has_successor(r)) {
		set_end(out, CLI_END_EXEC, 0, "newer recording of the process");
		return;
	}
	if (r->status.reasons & SEEP_REC_WHY_EXITED) {
		set_end(out, CLI_END_EXITED, -1, "exit mark");
		out->time_s = (double)r->status.exit_us / 1e6;
		return;
	}
	if (!is_this_boot(s->sysroot, r))
		return;
	if (!out->is_gone) {
		snprintf(out->detail, sizeof(out->detail), "its processes cannot be seen from here");
		return;
	}
	if (from_log(s, r, out))
		return;
	tell_counter(s, r, out);
}

static void put_text(struct cli_end *e)
{
	switch (e->how) {
	case CLI_END_RUNNING: strcpy(e->text, "running"); break;
	case CLI_END_EXITED:
		if (e->code < 0)
			strcpy(e->text, "exited");
		else
			snprintf(e->text, sizeof(e->text), "exited %d", e->code);
		break;
	case CLI_END_KILLED: snprintf(e->text, sizeof(e->text), "killed by %d", e->code); break;
	case CLI_END_OOM: strcpy(e->text, "OOM-killed"); break;
	case CLI_END_EXEC: strcpy(e->text, "replaced by exec"); break;
	case CLI_END_UNKNOWN: strcpy(e->text, "unknown (no exit mark)"); break;
	}
}

void cli_end_of(struct cli_end_sources *sources, const struct seep_recording *r, struct cli_end *out)
{
	*out = (struct cli_end){ .how = CLI_END_UNKNOWN, .time_s = NAN };
	find_end(sources, r, out);
	put_text(out);
}

/* ---- losses ---- */

static const struct {
	const char *id, *text;
	bool is_bytes;
} losses[] = {
	[SEEP_REC_LOST_SAMPLES] = { "samples", "sampled blocks found no free slot", false },
	[SEEP_REC_LOST_SAMPLES_WEIGHT] = { "samples_bytes", "are what those lost blocks stand for", true },
	[SEEP_REC_LOST_REENTRANT] = { "reentrant", "samples skipped while the recorder was busy on that thread",
	                              false },
	[SEEP_REC_LOST_STACKS] = { "stacks", "samples without their stack: no room for more stacks", false },
	[SEEP_REC_LOST_CUT] = { "stacks_cut", "stacks cut at code that cannot be unwound", false },
	[SEEP_REC_LOST_DEEP] = { "stacks_deep", "stacks deeper than 128 frames, cut at the root end", false },
	[SEEP_REC_LOST_THREADS] = { "threads", "samples without their thread: no room for more threads", false },
	[SEEP_REC_LOST_MODULES] = { "modules", "frames without their module: no room for more modules", false },
	[SEEP_REC_LOST_MMAP] = { "mappings", "mappings not tracked: no room for more", false },
	[SEEP_REC_LOST_HEAPS] = { "heaps", "arenas that share \"(more arenas)\": no room for more names", false },
};

static void add_loss(struct cli_loss *out, size_t cap, size_t *nr, const char *id, const char *text, double count,
                     bool is_bytes)
{
	if (count > 0 && *nr < cap)
		out[(*nr)++] = (struct cli_loss){ id, text, count, is_bytes };
}

size_t cli_losses_of(const struct seep_recording *r, struct cli_loss *out, size_t cap)
{
	size_t nr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(losses); i++)
		add_loss(out, cap, &nr, losses[i].id, losses[i].text, (double)r->status.lost[i], losses[i].is_bytes);
	add_loss(out, cap, &nr, "children", "forked children that could not make a recording of their own",
	         (double)r->words.children_unrecorded, false);
	add_loss(out, cap, &nr, "torn_samples", "live blocks whose slot is half-written", (double)r->nr_torn_samples,
	         false);
	add_loss(out, cap, &nr, "torn_counters", "stacks whose counters are half-written", (double)r->nr_torn_counters,
	         false);
	add_loss(out, cap, &nr, "torn_other", "other slots that are half-written", (double)r->nr_torn_other, false);
	add_loss(out, cap, &nr, "file_bytes", "missing at the end of the file", (double)r->missing_bytes, true);
	return nr;
}
