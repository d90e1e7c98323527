#include <math.h>
#include <string.h>

#include "cli/info.h"

/* Unknown is absent. */
static void add_known(struct seep_json *j, const char *key, uint64_t v)
{
	if (v != INFO_UNKNOWN)
		seep_json_u64(j, key, v);
}

static void add_number(struct seep_json *j, const char *key, double v)
{
	if (!isnan(v))
		seep_json_double(j, key, v);
}

static void add_estimate(struct seep_json *j, const char *prefix, const struct seep_estimate *e)
{
	static const char *const parts[] = { "_bytes", "_bytes_stderr", "_objects", "_objects_stderr" };
	const double values[] = { e->bytes, sqrt(e->bytes_var), e->objects, sqrt(e->objects_var) };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char key[64];

		snprintf(key, sizeof(key), "%s%s", prefix, parts[i]);
		seep_json_double(j, key, values[i]);
	}
}

static void add_command(struct seep_json *j, const struct seep_rec_header *h)
{
	size_t len = sizeof(h->command);

	while (len && !h->command[len - 1])
		len--;
	seep_json_array(j, "command");
	for (size_t at = 0; at < len; at += strnlen(h->command + at, len - at) + 1)
		seep_json_strn(j, NULL, h->command + at, strnlen(h->command + at, len - at));
	seep_json_end(j);
}

static void add_who(struct seep_json *j, const struct info *i)
{
	const struct seep_rec_header *h = &i->r->header;
	char build_id[2 * sizeof(h->exe_build_id) + 1] = "", boot_id[33], when[32];

	if (h->exe_build_id_bytes <= sizeof(h->exe_build_id))
		seep_format_hex(build_id, h->exe_build_id, h->exe_build_id_bytes);
	seep_json_u64(j, "pid", h->pid);
	seep_json_u64(j, "parent_pid", h->parent_pid);
	if (h->forked_from)
		seep_json_u64(j, "forked_from", h->forked_from);
	seep_json_str(j, "name", h->name);
	seep_json_str(j, "exe", h->exe);
	seep_json_str(j, "build_id", build_id);
	add_command(j, h);
	seep_json_str(j, "started", info_time(i->r, h->start_us, when));
	seep_json_double(j, "lifetime_s", i->lifetime_s);
	seep_json_u64(j, "uid", h->uid);
	seep_json_str(j, "hostname", h->hostname);
	seep_json_str(j, "cgroup", h->cgroup);
	seep_json_str(j, "boot_id", seep_format_hex(boot_id, h->boot_id, sizeof(h->boot_id)));
	seep_json_str(j, "allocator", h->allocator);
}

static void add_end(struct seep_json *j, const struct cli_end *e)
{
	seep_json_str(j, "ended", e->text);
	seep_json_str(j, "ended_how", cli_end_word(e->how));
	seep_json_str(j, "ended_by", e->by);
	if (e->detail[0])
		seep_json_str(j, "ended_detail", e->detail);
	if (e->how == CLI_END_EXITED && e->code >= 0)
		seep_json_i64(j, "exit_status", e->code);
	if (e->how == CLI_END_KILLED || e->how == CLI_END_OOM)
		seep_json_i64(j, "signal", e->code);
	add_number(j, "ended_s", e->time_s);
}

static void add_periods(struct seep_json *j, const struct info *i)
{
	seep_json_u64(j, "period_bytes", i->period);
	add_number(j, "estimated_since_s", i->estimated_since_s);
	seep_json_array(j, "periods");
	for (size_t k = 0; k < i->r->nr_periods; k++) {
		const struct seep_rec_period *p = &i->r->periods[k];

		seep_json_object(j, NULL);
		seep_json_double(j, "time_s", (double)p->time_us / 1e6);
		seep_json_u64(j, "period_bytes", p->period);
		seep_json_str(j, "cause", info_period_cause(p->cause));
		seep_json_end(j);
	}
	seep_json_end(j);
}

static void add_heaps(struct seep_json *j, const struct info *i)
{
	seep_json_array(j, "heaps");
	for (size_t k = 0; k < i->nr_heaps; k++) {
		seep_json_object(j, NULL);
		seep_json_str(j, "heap", i->heaps[k].name);
		add_estimate(j, "inuse", &i->heaps[k].inuse);
		add_estimate(j, "alloc", &i->heaps[k].alloc);
		seep_json_end(j);
	}
	seep_json_end(j);
}

static void add_peak(struct seep_json *j, const struct info *i)
{
	if (isnan(i->peak_bytes))
		return;
	seep_json_object(j, "peak");
	seep_json_double(j, "inuse_bytes", i->peak_bytes);
	seep_json_double(j, "time_s", i->peak.used_s);
	seep_json_bool(j, "is_now", i->peak.source != SEEP_MOMENT_OF_PEAK);
	seep_json_end(j);
}

static void add_marks(struct seep_json *j, const struct info *i)
{
	char when[32];

	seep_json_array(j, "marks");
	for (size_t k = 0; k < i->r->nr_marks; k++) {
		const struct seep_rec_named_mark *m = &i->r->marks[k];

		seep_json_object(j, NULL);
		seep_json_str(j, "name", m->name);
		seep_json_double(j, "time_s", (double)m->time_us / 1e6);
		seep_json_str(j, "time", info_time(i->r, m->time_us, when));
		seep_json_str(j, "by", info_mark_by(m->by));
		seep_json_end(j);
	}
	seep_json_end(j);
}

static void add_reach(struct seep_json *j, const struct seep_recording *r)
{
	seep_json_object(j, "over_time");
	seep_json_u64(j, "totals", r->nr_ring);
	if (r->nr_ring)
		seep_json_double(j, "totals_since_s", (double)r->ring[0].time_us / 1e6);
	seep_json_u64(j, "system", r->nr_system);
	if (r->nr_system)
		seep_json_double(j, "system_since_s", (double)r->system[0].time_us / 1e6);
	seep_json_end(j);
}

static void add_cost(struct seep_json *j, const struct info *i)
{
	const struct seep_rec_status *s = &i->r->status;

	seep_json_object(j, "cost");
	if (s->cost_ns)
		seep_json_double(j, "seconds", (double)s->cost_ns / 1e9);
	add_number(j, "cpu_share", i->cost_share);
	if (i->r->header.budget_ppm)
		seep_json_double(j, "budget_cpu_share", i->r->header.budget_ppm / 1e6);
	seep_json_u64(j, "address_space_bytes", s->private_bytes);
	seep_json_u64(j, "file_bytes", i->file_bytes);
	seep_json_u64(j, "slow_calls", s->slow_calls);
	seep_json_u64(j, "unwind_frames", s->unwind_frames);
	seep_json_u64(j, "unwind_misses", s->unwind_misses);
	seep_json_end(j);
}

static void add_lost(struct seep_json *j, const struct info *i)
{
	const char *reason;

	seep_json_object(j, "lost");
	for (size_t k = 0; k < i->nr_losses; k++)
		seep_json_double(j, i->losses[k].id, i->losses[k].count);
	seep_json_end(j);
	seep_json_array(j, "notes");
	for (size_t k = 0; (reason = info_reason(i->r, k)); k++)
		seep_json_str(j, NULL, reason);
	seep_json_end(j);
}

static void add_memory(struct seep_json *j, const struct info_memory *m)
{
	if (!m->is_known)
		return;
	seep_json_object(j, "rss");
	seep_json_double(j, "time_s", m->time_s);
	seep_json_bool(j, "is_now", m->is_now);
	add_known(j, "rss_bytes", m->rss);
	add_known(j, "anon_bytes", m->anon);
	add_known(j, "file_bytes", m->file);
	add_known(j, "shmem_bytes", m->shmem);
	add_known(j, "swap_bytes", m->swap);
	add_number(j, "heap_bytes", m->heap);
	add_number(j, "mappings_bytes", m->mappings);
	add_known(j, "stack_bytes", m->stack);
	add_number(j, "rest_bytes", m->rest);
	add_number(j, "untouched_bytes", m->untouched);
	add_known(j, "cgroup_usage_bytes", m->cgroup_usage);
	add_known(j, "cgroup_limit_bytes", m->cgroup_limit);
	add_known(j, "cgroup_failcnt", m->cgroup_failcnt);
	add_known(j, "cgroup_oom_kills", m->cgroup_oom_kills);
	add_known(j, "threads", m->nr_threads);
	add_known(j, "fds", m->nr_fds);
	add_known(j, "mappings", m->nr_mappings);
	seep_json_end(j);
}

static void add_file(struct seep_json *j, const struct info *i)
{
	const struct seep_rec_header *h = &i->r->header;
	char version[16];

	snprintf(version, sizeof(version), "%u.%u", h->major, h->minor);
	seep_json_object(j, "target");
	seep_json_str(j, "path", i->target->path);
	seep_json_str(j, "label", i->target->label);
	seep_json_str(j, "format", version);
	seep_json_str(j, "recorder_version", h->recorder_version);
	seep_json_u64(j, "size_bytes", i->file_bytes);
	seep_json_end(j);
}

void info_json(const struct info *i, const struct cli_targets *targets, FILE *out)
{
	struct seep_json j;

	seep_json_init(&j, out, true);
	seep_json_object(&j, NULL);
	seep_json_u64(&j, "schema", 1);
	seep_json_str(&j, "verb", "info");
	add_file(&j, i);
	add_who(&j, i);
	add_end(&j, &i->end);
	add_periods(&j, i);
	add_estimate(&j, "inuse", &i->inuse);
	add_estimate(&j, "alloc", &i->alloc);
	if (i->r->header.options & SEEP_REC_OPT_MMAP)
		add_estimate(&j, "mmap_inuse", &i->mmap_inuse);
	seep_json_u64(&j, "samples_live", i->samples_live);
	seep_json_u64(&j, "samples_made", i->r->status.samples_made);
	add_heaps(&j, i);
	add_peak(&j, i);
	add_marks(&j, i);
	add_reach(&j, i->r);
	add_memory(&j, &i->memory);
	add_lost(&j, i);
	add_cost(&j, i);
	if (i->nr_spots)
		seep_json_str(&j, "cannot_see", i->spots[0]->text);
	seep_json_array(&j, "blind_spots");
	for (size_t k = 0; k < i->nr_spots; k++) {
		seep_json_object(&j, NULL);
		seep_json_str(&j, "id", i->spots[k]->id);
		seep_json_str(&j, "text", i->spots[k]->text);
		seep_json_str(&j, "seen_by", i->spots[k]->way);
		seep_json_end(&j);
	}
	seep_json_end(&j);
	seep_json_array(&j, "warnings");
	for (size_t k = 0; k < targets->nr_warnings; k++)
		seep_json_str(&j, NULL, targets->warnings[k]);
	seep_json_end(&j);
	seep_json_end(&j);
}
