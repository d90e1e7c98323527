#include "cli/info.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- words ---- */

static const struct {
	uint64_t bit;
	const char *text;
} reasons[] = {
	{ SEEP_REC_WHY_EXITED, "the program began to exit by itself" },
	{ SEEP_REC_WHY_SAMPLES_FULL, "the table of live blocks was full: some were lost" },
	{ SEEP_REC_WHY_STACKS_FULL, "the table of stacks was full: later ones are booked as unknown" },
	{ SEEP_REC_WHY_MODULES_FULL, "the table of modules was full: later ones have no names" },
	{ SEEP_REC_WHY_THREADS_FULL, "the table of threads was full: later ones are booked as unknown" },
	{ SEEP_REC_WHY_PERIOD_DOUBLED,
	  "the period was doubled because the table of live blocks was three quarters full" },
	{ SEEP_REC_WHY_NO_FIND_OBJECT,
	  "the C library has no _dl_find_object (glibc before 2.35, musl): modules are found by a table" },
	{ SEEP_REC_WHY_SANDBOXED, "the program put itself into a sandbox" },
	{ SEEP_REC_WHY_NO_WIPEONFORK, "the kernel has no MADV_WIPEONFORK: forks are told by their pid" },
	{ SEEP_REC_WHY_BAD_OPTION, "SEEP_OPTIONS held something that is not understood: its default was kept" },
	{ SEEP_REC_WHY_OFF, "recording was switched off for some time: totals have a hole" },
	{ SEEP_REC_WHY_HEAPS_FULL, "the table of arenas was full: later ones share \"(more arenas)\"" },
	{ SEEP_REC_WHY_MALLOC_TAKEN, "the program's malloc comes before the recorder: its calls are not seen" },
};

const char *info_reason(const struct seep_recording *r, size_t i)
{
	for (size_t k = 0; k < ARRAY_SIZE(reasons); k++)
		if (r->status.reasons & reasons[k].bit && i-- == 0)
			return reasons[k].text;
	return NULL;
}

const char *info_period_cause(uint32_t cause)
{
	static const char *const causes[] = { [SEEP_REC_CAUSE_START] = "start",
		                              [SEEP_REC_CAUSE_CONTROL] = "set",
		                              [SEEP_REC_CAUSE_FULL] = "table full",
		                              [SEEP_REC_CAUSE_FORK] = "fork",
		                              [SEEP_REC_CAUSE_BUDGET] = "budget" };

	return cause < ARRAY_SIZE(causes) && causes[cause] ? causes[cause] : "unknown";
}

const char *info_mark_by(uint32_t by)
{
	return by == SEEP_REC_MARK_BY_PROGRAM ? "the program" : by == SEEP_REC_MARK_BY_TOOL ? "seep set" : "unknown";
}

char *info_time(const struct seep_recording *r, uint64_t time_us, char out[32])
{
	time_t t = (time_t)((r->header.epoch_realtime_ns / 1000 + time_us) / 1000000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = 0;
	return out;
}

/* ---- memory ---- */

static double known(uint64_t v)
{
	return v == INFO_UNKNOWN ? 0 : (double)v;
}

/* Live heap and mappings at that time: of the nearest point of the ring, or of the end, which the samples give. */
static void put_live(const struct info *info, struct info_memory *m)
{
	const struct seep_recording *r = info->r;
	bool has_mmap = r->header.options & SEEP_REC_OPT_MMAP;
	double nearest = fabs(info->target->now_s - m->time_s);

	m->heap = info->inuse.bytes;
	m->mappings = has_mmap ? info->mmap_inuse.bytes : NAN;
	for (size_t i = 0; i < r->nr_ring && !m->is_now; i++) {
		double distance = fabs((double)r->ring[i].time_us / 1e6 - m->time_s);

		if (distance >= nearest)
			continue;
		nearest = distance;
		m->heap = r->ring[i].inuse_bytes;
		m->mappings = has_mmap ? r->ring[i].mmap_bytes : NAN;
	}
}

/*
 * Of anonymous memory, heap, mappings and stack are taken off; what is left is not told apart. Requested bytes need not
 * be resident: where they exceed what is, nothing can be said of the rest.
 */
static void reconcile(struct info_memory *m)
{
	double sum = m->heap + (isnan(m->mappings) ? 0 : m->mappings) + known(m->stack);

	m->rest = m->untouched = NAN;
	if (m->anon == INFO_UNKNOWN)
		return;
	if (sum <= (double)m->anon)
		m->rest = (double)m->anon - sum;
	else
		m->untouched = sum - (double)m->anon;
}

static void memory_now(const char *sysroot, uint32_t pid, struct info *info)
{
	struct info_memory *m = &info->memory;
	struct seep_process_status s;
	struct seep_process_maps maps;
	struct seep_cgroup cgroup;
	struct seep_cgroup_memory c;

	if (seep_process_read(sysroot, pid, &s, NULL) != SEEP_OK)
		return;
	*m = (struct info_memory){ .is_known = true, .is_now = true, .time_s = info->target->now_s };
	m->rss = s.rss, m->anon = s.rss_anon, m->file = s.rss_file, m->shmem = s.rss_shmem, m->swap = s.swap;
	m->stack = s.stack_bytes;
	m->nr_threads = s.nr_threads;
	m->nr_fds = seep_process_nr_fds(sysroot, pid);
	m->nr_mappings = seep_process_maps_read(sysroot, pid, &maps, NULL) == SEEP_OK ? maps.nr : INFO_UNKNOWN;
	memset(&cgroup, 0, sizeof(cgroup));
	if (seep_cgroup_find(sysroot, pid, &cgroup, NULL) != SEEP_OK)
		cgroup.dir[0] = 0;
	seep_cgroup_read(&cgroup, &c);
	m->cgroup_usage = c.usage, m->cgroup_limit = c.limit;
	m->cgroup_failcnt = c.failcnt, m->cgroup_oom_kills = c.oom_kills;
}

static uint64_t widen(uint32_t v)
{
	return v == UINT32_MAX ? INFO_UNKNOWN : v;
}

static void memory_then(const struct seep_recording *r, struct info_memory *m)
{
	const struct seep_rec_system *s = r->nr_system ? &r->system[r->nr_system - 1] : NULL;

	if (!s)
		return;
	*m = (struct info_memory){ .is_known = s->rss != INFO_UNKNOWN, .time_s = (double)s->time_us / 1e6 };
	m->rss = s->rss, m->anon = s->rss_anon, m->file = s->rss_file, m->shmem = s->rss_shmem, m->swap = s->swap;
	m->stack = s->stacks_bytes;
	m->nr_threads = widen(s->nr_threads), m->nr_fds = widen(s->nr_fds), m->nr_mappings = widen(s->nr_mappings);
	m->cgroup_usage = s->cgroup_usage, m->cgroup_limit = s->cgroup_limit;
	m->cgroup_failcnt = s->cgroup_failcnt, m->cgroup_oom_kills = s->cgroup_oom_kills;
}

static void collect_memory(const char *sysroot, struct info *out)
{
	uint32_t pid = out->target->is_alive ? cli_alive_pid(sysroot, out->r) : 0;

	out->memory = (struct info_memory){ .is_known = false };
	if (pid)
		memory_now(sysroot, pid, out);
	else
		memory_then(out->r, &out->memory);
	if (!out->memory.is_known)
		return;
	put_live(out, &out->memory);
	reconcile(&out->memory);
}

/* ---- all ---- */

static void collect_times(struct info *out)
{
	const struct seep_recording *r = out->r;
	double start_s = (double)r->header.start_us / 1e6;

	out->lifetime_s = out->target->now_s > start_s ? out->target->now_s - start_s : 0;
	out->cost_share =
		r->status.cost_ns && out->lifetime_s > 0 ? (double)r->status.cost_ns / 1e9 / out->lifetime_s : NAN;
	out->estimated_since_s = NAN;
	if (r->status.estimated_since_us != UINT64_MAX)
		out->estimated_since_s = fmax(0, (double)r->status.estimated_since_us / 1e6 - start_s);
}

/* malloc's always; others when there is something to say of them. */
static void collect_heaps(struct info *out)
{
	for (unsigned kind = 0; kind < SEEP_NR_KINDS; kind++) {
		struct info_heap *h = &out->heaps[out->nr_heaps];

		if (!seep_recording_has_heap(out->r, (uint8_t)kind))
			continue;
		seep_recording_heap_name(out->r, (uint8_t)kind, h->name);
		h->inuse = seep_recording_inuse(out->r, (uint8_t)kind);
		h->alloc = seep_recording_alloc(out->r, (uint8_t)kind);
		out->nr_heaps += kind == SEEP_REC_KIND_HEAP || h->alloc.bytes > 0 || h->inuse.nr_samples > 0;
	}
}

static void collect_peak(struct info *out)
{
	out->peak = (struct seep_moment){ .kind = SEEP_MOMENT_PEAK };
	out->peak_bytes = NAN;
	if (seep_moment_find(out->r, out->target->now_s, &out->peak, NULL) != SEEP_OK)
		return;
	out->peak_bytes = out->peak.source == SEEP_MOMENT_OF_PEAK ? out->r->words.peak_bytes : out->inuse.bytes;
	if (!isfinite(out->peak_bytes) || out->peak_bytes < 0)
		out->peak_bytes = NAN;
}

void info_collect(struct cli_end_sources *sources, const struct cli_target *target, struct info *out)
{
	const struct seep_recording *r = target->recording;
	struct stat st;

	memset(out, 0, sizeof(*out));
	out->target = target;
	out->r = r;
	cli_end_of(sources, r, &out->end);
	out->inuse = seep_recording_inuse(r, SEEP_REC_KIND_HEAP);
	out->mmap_inuse = seep_recording_inuse(r, SEEP_REC_KIND_MMAP);
	out->alloc = seep_recording_alloc(r, SEEP_REC_KIND_HEAP);
	out->samples_live = out->inuse.nr_samples;
	out->file_bytes = stat(target->path, &st) ? r->header.file_bytes : (uint64_t)st.st_size;
	out->period = r->words.control & SEEP_REC_CONTROL_ON ? r->status.period : 0;
	collect_times(out);
	collect_heaps(out);
	collect_peak(out);
	out->nr_losses = cli_losses_of(r, out->losses, CLI_LOSSES_MAX);
	out->is_blind = cli_blind_spots(sources->sysroot, r, out->spots, &out->nr_spots);
	collect_memory(sources->sysroot, out);
}
