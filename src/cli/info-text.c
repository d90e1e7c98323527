#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/info.h"

enum { LABEL_WIDTH = 12 };

static void line(FILE *out, const char *label, const char *fmt, ...) SEEP_PRINTF(3, 4);
static void line(FILE *out, const char *label, const char *fmt, ...)
{
	char raw[2048], text[4 * sizeof(raw)];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
		raw[0] = 0;
	va_end(args);
	seep_text_clean(text, sizeof(text), raw, strlen(raw));
	fprintf(out, "  %-*s %s\n", LABEL_WIDTH, label, text);
}

/* ---- who ---- */

static void say_end(const struct info *i, FILE *out)
{
	const struct cli_end *e = &i->end;
	const char *name = e->how == CLI_END_KILLED ? sigabbrev_np(e->code) : NULL;

	line(out, "ended", "%s%s%s%s%s%s%s", e->text, name ? " SIG" : "", name ? name : "", e->detail[0] ? ": " : "",
	     e->detail, e->by[0] ? ", by " : "", e->by);
}

static void say_command(const struct seep_rec_header *h, FILE *out)
{
	char text[sizeof(h->command)];

	memcpy(text, h->command, sizeof(text));
	text[sizeof(text) - 1] = 0;
	for (size_t len = sizeof(text) - 1; len && !text[len - 1];)
		text[--len] = 0;
	for (size_t at = 0, len = 0; at < sizeof(text) - 1; at++) {
		if (!len)
			for (len = sizeof(text) - 1; len && !h->command[len - 1];)
				len--;
		if (at < len && !text[at])
			text[at] = ' ';
	}
	line(out, "command", "%s", text);
}

static void say_who(const struct info *i, FILE *out)
{
	const struct seep_rec_header *h = &i->r->header;
	char build_id[2 * sizeof(h->exe_build_id) + 1], when[32], unit[SEEP_UNIT_MAX];
	uint32_t nr = h->exe_build_id_bytes;

	line(out, "program", "%s", h->exe);
	if (nr && nr <= sizeof(h->exe_build_id))
		line(out, "build id", "%s", seep_format_hex(build_id, h->exe_build_id, nr));
	say_command(h, out);
	line(out, "started", "%s, recorded for %s", info_time(i->r, h->start_us, when),
	     seep_format_seconds(unit, i->lifetime_s));
	if (h->forked_from)
		line(out, "forked", "from process %u, with what it had allocated", h->forked_from);
	line(out, "parent", "%u", h->parent_pid);
	line(out, "host", "%s, user %u", h->hostname, h->uid);
	if (h->cgroup[0])
		line(out, "cgroup", "%s", h->cgroup);
	line(out, "allocator", "%s", h->allocator[0] ? h->allocator : "unknown");
}

/* ---- what was recorded ---- */

static void say_estimate(FILE *out, const char *label, const struct seep_estimate *e)
{
	char bytes[SEEP_UNIT_MAX], error[SEEP_UNIT_MAX], objects[SEEP_UNIT_MAX], objects_error[SEEP_UNIT_MAX];

	if (e->bytes_var > 0)
		line(out, label, "%s ± %s in %s ± %s blocks (%" PRIu64 " sample%s)", seep_format_bytes(bytes, e->bytes),
		     seep_format_bytes(error, sqrt(e->bytes_var)), seep_format_count(objects, e->objects),
		     seep_format_count(objects_error, sqrt(e->objects_var)), e->nr_samples,
		     e->nr_samples == 1 ? "" : "s");
	else
		line(out, label, "%s in %s blocks (%" PRIu64 " sample%s)", seep_format_bytes(bytes, e->bytes),
		     seep_format_count(objects, e->objects), e->nr_samples, e->nr_samples == 1 ? "" : "s");
}

#define MAX_PERIODS 24u /* lines */

static void say_periods(const struct info *i, FILE *out)
{
	const struct seep_recording *r = i->r;
	char unit[SEEP_UNIT_MAX], since[SEEP_UNIT_MAX];
	size_t nr_left_out = r->nr_periods > MAX_PERIODS ? r->nr_periods - MAX_PERIODS : 0;

	if (r->nr_periods < 2)
		return;
	for (size_t k = 0; k < r->nr_periods; k++) {
		const struct seep_rec_period *p = &r->periods[k];

		if (k && k <= nr_left_out)
			continue;
		line(out, k ? "" : "periods", "%s after %s (%s)",
		     p->period ? seep_format_bytes(unit, (double)p->period) : "off",
		     seep_format_seconds(since, fmax(((double)p->time_us - (double)r->header.start_us) / 1e6, 0)),
		     info_period_cause(p->cause));
		if (!k && nr_left_out)
			line(out, "", "(%zu more)", nr_left_out);
	}
}

static void say_period(const struct info *i, FILE *out)
{
	char unit[SEEP_UNIT_MAX], since[SEEP_UNIT_MAX];

	if (!i->period)
		line(out, "sampling", "switched off");
	else if (i->period == 1)
		line(out, "sampling", "every allocation");
	else
		line(out, "sampling", "one sample every %s on average", seep_format_bytes(unit, (double)i->period));
	if (isnan(i->estimated_since_s))
		line(out, "", "all figures are exact");
	else if (i->estimated_since_s > 0)
		line(out, "", "figures are estimates since %s after the start",
		     seep_format_seconds(since, i->estimated_since_s));
	say_periods(i, out);
}

static void say_heaps(const struct info *i, FILE *out)
{
	for (size_t k = 0; k < i->nr_heaps; k++) {
		const struct info_heap *h = &i->heaps[k];
		char unit[SEEP_UNIT_MAX], alloc[SEEP_UNIT_MAX];

		if (i->nr_heaps > 1)
			line(out, k ? "" : "heaps", "%10s of %10s allocated  %s",
			     seep_format_bytes(unit, h->inuse.bytes), seep_format_bytes(alloc, h->alloc.bytes),
			     h->name);
	}
}

static void say_peak(const struct info *i, FILE *out)
{
	char bytes[SEEP_UNIT_MAX], when[32], ago[SEEP_UNIT_MAX];

	if (isnan(i->peak_bytes) || i->peak_bytes <= 0)
		return;
	seep_format_bytes(bytes, i->peak_bytes);
	if (i->peak.source == SEEP_MOMENT_OF_PEAK)
		line(out, "peak", "%s of the heap at %s, %s before %s (seep top --at=peak)", bytes,
		     info_time(i->r, (uint64_t)(i->peak.used_s * 1e6), when),
		     seep_format_seconds(ago, fmax(i->target->now_s - i->peak.used_s, 0)),
		     i->target->is_alive ? "now" : "the end");
	else
		line(out, "peak", "%s of the heap, %s", bytes, i->target->is_alive ? "now" : "at the end");
}

static void say_marks(const struct info *i, FILE *out)
{
	for (size_t k = 0; k < i->r->nr_marks; k++) {
		const struct seep_rec_named_mark *m = &i->r->marks[k];
		char when[32], ago[SEEP_UNIT_MAX];

		line(out, k ? "" : "marks", "%s, %s before %s: %s (by %s)", info_time(i->r, m->time_us, when),
		     seep_format_seconds(ago, fmax(i->target->now_s - (double)m->time_us / 1e6, 0)),
		     i->target->is_alive ? "now" : "the end", m->name, info_mark_by(m->by));
	}
}

/* How far back totals go. */
static void say_reach(const struct info *i, FILE *out)
{
	char ring[SEEP_UNIT_MAX], system[SEEP_UNIT_MAX];
	const struct seep_recording *r = i->r;

	if (!r->nr_ring)
		return;
	seep_format_seconds(ring, fmax(i->target->now_s - (double)r->ring[0].time_us / 1e6, 0));
	if (!r->nr_system) {
		line(out, "over time", "%zu totals that reach back %s, what the system said nobody wrote", r->nr_ring,
		     ring);
		return;
	}
	seep_format_seconds(system, fmax(i->target->now_s - (double)r->system[0].time_us / 1e6, 0));
	line(out, "over time", "%zu totals that reach back %s, %zu of the system that reach back %s", r->nr_ring, ring,
	     r->nr_system, system);
}

static void say_cost(const struct info *i, FILE *out)
{
	char bytes[SEEP_UNIT_MAX], file[SEEP_UNIT_MAX], time[SEEP_UNIT_MAX], calls[SEEP_UNIT_MAX];
	const struct seep_rec_status *s = &i->r->status;

	if (isnan(i->cost_share))
		line(out, "cost", "time not known");
	else
		line(out, "cost", "%s in %s samplings, %.3g %% of one CPU",
		     seep_format_seconds(time, (double)s->cost_ns / 1e9),
		     seep_format_count(calls, (double)s->slow_calls), 100 * i->cost_share);
	if (i->r->header.budget_ppm)
		line(out, "", "its budget is %.4g %% of one CPU", i->r->header.budget_ppm / 1e4);
	line(out, "", "at most %s of memory for its tables, a recording of %s",
	     seep_format_bytes(bytes, (double)s->private_bytes), seep_format_bytes(file, (double)i->file_bytes));
	line(out, "tables", "%zu live samples, %" PRIu64 " stacks, %" PRIu64 " modules, %" PRIu64 " threads",
	     i->r->nr_samples, s->nr_stacks, s->nr_modules, s->nr_threads);
}

static void say_lost(const struct info *i, FILE *out)
{
	const char *label = "lost", *reason;
	char unit[SEEP_UNIT_MAX];

	if (!i->nr_losses)
		line(out, label, "nothing");
	for (size_t k = 0; k < i->nr_losses; k++, label = "") {
		const struct cli_loss *l = &i->losses[k];

		line(out, label, "%s %s",
		     l->is_bytes ? seep_format_bytes(unit, l->count) : seep_format_count(unit, l->count), l->text);
	}
	label = "notes";
	for (size_t k = 0; (reason = info_reason(i->r, k)); k++, label = "")
		line(out, label, "%s", reason);
}

/* ---- RSS ---- */

static void part(FILE *out, const char *what, double bytes)
{
	char unit[SEEP_UNIT_MAX];

	if (!isnan(bytes))
		line(out, "", "%10s  %s", seep_format_bytes(unit, bytes), what);
}

static double or_nan(uint64_t v)
{
	return v == INFO_UNKNOWN ? NAN : (double)v;
}

static void say_cgroup(const struct info_memory *m, FILE *out)
{
	char usage[SEEP_UNIT_MAX], limit[SEEP_UNIT_MAX];

	if (m->cgroup_usage == INFO_UNKNOWN && m->cgroup_limit == INFO_UNKNOWN)
		return;
	if (m->cgroup_usage == INFO_UNKNOWN)
		line(out, "limit", "%s", seep_format_bytes(limit, (double)m->cgroup_limit));
	else if (m->cgroup_limit == INFO_UNKNOWN)
		line(out, "limit", "none; its cgroup uses %s", seep_format_bytes(usage, (double)m->cgroup_usage));
	else
		line(out, "limit", "%s of %s used by its cgroup", seep_format_bytes(usage, (double)m->cgroup_usage),
		     seep_format_bytes(limit, (double)m->cgroup_limit));
}

static void say_memory(const struct info *i, FILE *out)
{
	const struct info_memory *m = &i->memory;
	char unit[SEEP_UNIT_MAX], age[SEEP_UNIT_MAX];

	if (!m->is_known) {
		line(out, "RSS", "not known: nobody wrote what the system said while it ran ('seep run' does)");
		return;
	}
	if (m->is_now)
		line(out, "RSS", "%s now, of which", seep_format_bytes(unit, (double)m->rss));
	else
		line(out, "RSS", "%s %s after the start, of which", seep_format_bytes(unit, (double)m->rss),
		     seep_format_seconds(age, m->time_s));
	part(out, "live heap", m->heap);
	part(out, "the program's own mappings", m->mappings);
	part(out, "stack of the first thread", or_nan(m->stack));
	part(out, "pages of files", or_nan(m->file));
	part(out, "shared memory, the recording in it", or_nan(m->shmem));
	part(out, "not told apart: allocator slack, thread stacks, the recorder's tables, other", m->rest);
	if (!isnan(m->untouched))
		line(out, "", "the live bytes exceed this by %s: never touched, or swapped out",
		     seep_format_bytes(unit, m->untouched));
	part(out, "swapped out, beside the RSS", m->swap && m->swap != INFO_UNKNOWN ? (double)m->swap : NAN);
	say_cgroup(m, out);
}

void info_text(const struct info *i, FILE *out)
{
	const struct seep_rec_header *h = &i->r->header;
	char name[4 * sizeof(h->name)];

	seep_text_clean(name, sizeof(name), i->target->label, strlen(i->target->label));
	fprintf(out, "%s\n", name);
	say_end(i, out);
	for (size_t k = 0; k < i->nr_spots; k++) {
		line(out, i->is_blind && !k ? "blind" : "partial", "%s", i->spots[k]->text);
		line(out, "", "seen by: %s", i->spots[k]->way);
	}
	say_who(i, out);
	line(out, "recording", "%s, format %u.%u by seep %s", i->target->path, h->major, h->minor, h->recorder_version);
	say_period(i, out);
	say_estimate(out, "live heap", &i->inuse);
	say_estimate(out, "allocated", &i->alloc);
	if (h->options & SEEP_REC_OPT_MMAP)
		say_estimate(out, "mappings", &i->mmap_inuse);
	say_heaps(i, out);
	say_peak(i, out);
	say_marks(i, out);
	say_reach(i, out);
	say_memory(i, out);
	say_lost(i, out);
	say_cost(i, out);
}
