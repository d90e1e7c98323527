#include "cli/evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define S_PER_US 1e-6

/* Frames of the profile by address: which location a recording's frame became. */
struct place {
	uint64_t addr, module_start;
	uint32_t location;
};

struct builder {
	struct cli_evidence *out;
	const struct seep_recording *r;
	const struct seep_profile *profile[2]; /* by kind */
	struct place *places[2];               /* sorted */
	size_t nr_places[2];
	struct seep_evidence_frame *frames;
	size_t nr_frames, cap_frames;
	uint32_t *first_frame[2]; /* per location: its index in frames + 1, 0 not yet made */
	uint32_t function_base[2];
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x->module_start > y->module_start) - (x->module_start < y->module_start);
}

static void index_places(struct builder *b, int kind)
{
	const struct seep_profile *p = b->profile[kind];

	b->places[kind] = cli_alloc(p->nr_locations + 1, sizeof(struct place));
	b->first_frame[kind] = cli_alloc(p->nr_locations + 1, sizeof(uint32_t));
	for (uint32_t i = 0; i < p->nr_locations; i++) {
		const struct seep_location *l = &p->locations[i];

		b->places[kind][b->nr_places[kind]++] =
			(struct place){ l->addr, l->mapping == SEEP_NO_ID ? 0 : p->mappings[l->mapping].start, i };
	}
	qsort(b->places[kind], b->nr_places[kind], sizeof(struct place), compare_places);
}

static uint32_t find_place(const struct builder *b, int kind, uint64_t frame)
{
	uint32_t module = SEEP_REC_FRAME_MODULE(frame);
	uint64_t start = module && module < b->r->nr_modules ? b->r->modules[module].start : 0;
	struct place want = { start + SEEP_REC_FRAME_OFFSET(frame), start, 0 }, *found;

	found = bsearch(&want, b->places[kind], b->nr_places[kind], sizeof(want), compare_places);
	return found ? found->location : SEEP_NO_ID;
}

static struct seep_evidence_frame *add_frame(struct builder *b)
{
	cli_grow(&b->frames, &b->cap_frames, b->nr_frames + 1, sizeof(*b->frames));
	return &b->frames[b->nr_frames++];
}

static const char *module_of(const struct seep_profile *p, const struct seep_location *l)
{
	return l->mapping == SEEP_NO_ID ? "" : seep_profile_str(p, p->mappings[l->mapping].file);
}

/* A place without a name is its module and the address in it; each is a function of its own. */
static void add_bare_frame(struct builder *b, int kind, uint32_t location)
{
	const struct seep_profile *p = b->profile[kind];
	const struct seep_location *l = &p->locations[location];
	const char *module = module_of(p, l), *slash = strrchr(module, '/');
	uint64_t bias = l->mapping == SEEP_NO_ID ? 0 : p->mappings[l->mapping].bias;
	char *name = seep_arena_printf(&b->out->arena, "%s%s0x%llx", slash ? slash + 1 : module, *module ? "+" : "",
	                               (unsigned long long)(l->addr - bias));

	*add_frame(b) = (struct seep_evidence_frame){
		.function_id = b->function_base[kind] + (uint32_t)p->nr_functions + location,
		.function = name ? name : "",
		.file = "",
		.module = module,
		.is_user = seep_frame_class_of("", module) == SEEP_FRAME_USER,
	};
}

static void add_line_frame(struct builder *b, int kind, uint32_t location, const struct seep_line *line)
{
	const struct seep_profile *p = b->profile[kind];
	const struct seep_function *f = &p->functions[line->function];
	const char *module = module_of(p, &p->locations[location]), *name = seep_profile_str(p, f->name);

	*add_frame(b) = (struct seep_evidence_frame){
		.function_id = b->function_base[kind] + line->function,
		.line = line->line,
		.function = name,
		.file = seep_profile_str(p, f->file),
		.module = module,
		.is_user = seep_frame_class_of(name, module) == SEEP_FRAME_USER,
	};
}

/* Index of the first frame of a location, innermost first; *nr how many follow each other. */
static uint32_t frames_of_location(struct builder *b, int kind, uint32_t location, uint32_t *nr)
{
	const struct seep_profile *p = b->profile[kind];
	const struct seep_location *l = &p->locations[location];

	*nr = l->nr_lines ? l->nr_lines : 1;
	if (!b->first_frame[kind][location]) {
		b->first_frame[kind][location] = (uint32_t)b->nr_frames + 1;
		for (uint32_t i = 0; i < l->nr_lines; i++)
			add_line_frame(b, kind, location, &p->lines[l->first_line + i]);
		if (!l->nr_lines)
			add_bare_frame(b, kind, location);
	}
	return b->first_frame[kind][location] - 1;
}

static void fill_frames(struct builder *b, int kind, uint32_t index, struct seep_evidence_stack *out)
{
	const struct seep_rec_stack *s = &b->r->stacks[index];
	uint32_t *list = NULL;
	size_t cap = 0;

	for (uint32_t i = 0; i < s->nr_frames && s->first_frame + i < b->r->nr_frames; i++) {
		uint32_t location = find_place(b, kind, b->r->frames[s->first_frame + i]), first, nr;

		if (location == SEEP_NO_ID)
			continue;
		first = frames_of_location(b, kind, location, &nr);
		cli_grow(&list, &cap, out->nr_frames + nr, sizeof(*list));
		for (uint32_t k = 0; k < nr; k++)
			list[out->nr_frames++] = first + k;
	}
	if (out->nr_frames) {
		uint32_t *kept = seep_arena_alloc(&b->out->arena, out->nr_frames, sizeof(*kept));

		if (kept)
			memcpy(kept, list, out->nr_frames * sizeof(*kept));
		else
			out->nr_frames = 0;
		out->frames = kept;
	}
	free(list);
}

static void fill_counters(const struct builder *b, uint32_t index, struct seep_evidence_stack *out)
{
	const struct seep_rec_counters *c = &b->r->counters[index].c;
	const struct seep_rec_history *h = &b->r->counters[index].history;

	out->alloc_bytes = c->alloc_bytes;
	out->nr_alloc = c->nr_alloc;
	out->nr_freed = c->nr_freed;
	out->last_alloc_s = (double)c->last_alloc_us * S_PER_US;
	for (int i = 0; i < SEEP_EVIDENCE_LIFETIMES; i++)
		out->lifetimes[i] = c->lifetimes[i];
	out->interval_s = (double)h->interval_us * S_PER_US;
	out->inuse_bytes = h->inuse_bytes;
	out->nr_points = h->nr_points < SEEP_REC_NR_HISTORY ? h->nr_points : SEEP_REC_NR_HISTORY;
}

static void count_blocks(const struct builder *b, size_t *nr)
{
	for (size_t i = 0; i < b->r->nr_samples; i++)
		if (b->r->samples[i].stack < b->r->nr_stacks)
			nr[b->r->samples[i].stack]++;
}

static void add_block(const struct builder *b, const struct seep_rec_sample *s, struct seep_evidence_block *out)
{
	struct seep_weight w = seep_weight_of(s->size, s->period);
	double now_s = b->out->e.now_s;

	*out = (struct seep_evidence_block){
		.age_s = fmax(0, now_s - (double)s->birth_us * S_PER_US),
		.first_age_s = fmax(0, now_s - (double)s->first_birth_us * S_PER_US),
		.bytes = w.bytes,
		.bytes_var = w.bytes_var,
		.nr_reallocs = s->nr_reallocs,
		.thread = s->thread,
	};
}

static bool is_shown_kind(uint8_t kind)
{
	return kind == SEEP_REC_KIND_HEAP || kind == SEEP_REC_KIND_MMAP;
}

static void fill_stacks(struct builder *b)
{
	size_t *nr_blocks = cli_alloc(b->r->nr_stacks + 1, sizeof(*nr_blocks));
	struct seep_evidence_block **at = cli_alloc(b->r->nr_stacks + 1, sizeof(struct seep_evidence_block *));
	struct seep_evidence_stack *stacks = seep_arena_alloc(&b->out->arena, b->r->nr_stacks + 1, sizeof(*stacks));

	count_blocks(b, nr_blocks);
	for (size_t i = 0; i < b->r->nr_stacks && stacks; i++) {
		uint8_t kind = b->r->stacks[i].kind;
		struct seep_evidence_stack *s = &stacks[b->out->e.nr_stacks];

		if (!is_shown_kind(kind) || (!nr_blocks[i] && !b->r->counters[i].c.nr_alloc))
			continue;
		at[i] = seep_arena_alloc(&b->out->arena, nr_blocks[i] + 1, sizeof(**at));
		if (!at[i])
			break;
		s->kind = kind == SEEP_REC_KIND_MMAP ? SEEP_EVIDENCE_MMAP : SEEP_EVIDENCE_HEAP;
		s->blocks = at[i];
		s->nr_blocks = nr_blocks[i];
		fill_frames(b, s->kind, (uint32_t)i, s);
		fill_counters(b, (uint32_t)i, s);
		b->out->e.nr_stacks++;
	}
	for (size_t i = 0; i < b->r->nr_samples; i++) {
		const struct seep_rec_sample *s = &b->r->samples[i];

		if (s->stack < b->r->nr_stacks && at[s->stack])
			add_block(b, s, at[s->stack]++);
	}
	b->out->e.stacks = stacks;
	free(nr_blocks);
	free(at);
}

/* The ring, and the present figures as its last entry. */
static void fill_totals(struct builder *b)
{
	struct seep_evidence *e = &b->out->e;
	struct seep_evidence_total *t = seep_arena_alloc(&b->out->arena, b->r->nr_ring + 1, sizeof(*t));

	if (!t)
		return;
	for (size_t i = 0; i < b->r->nr_ring; i++) {
		const struct seep_rec_ring *g = &b->r->ring[i];

		t[e->nr_totals++] = (struct seep_evidence_total){ (double)g->time_us * S_PER_US, g->inuse_bytes,
			                                          g->alloc_bytes, g->mmap_bytes };
	}
	if (!e->nr_totals || t[e->nr_totals - 1].time_s < e->now_s)
		t[e->nr_totals++] = (struct seep_evidence_total){
			e->now_s,
			seep_recording_inuse(b->r, SEEP_REC_KIND_HEAP).bytes,
			seep_recording_alloc(b->r, SEEP_REC_KIND_HEAP).bytes,
			seep_recording_inuse(b->r, SEEP_REC_KIND_MMAP).bytes,
		};
	e->totals = t;
}

static double known64(uint64_t v)
{
	return v == UINT64_MAX ? NAN : (double)v;
}

static double known32(uint32_t v)
{
	return v == UINT32_MAX ? NAN : (double)v;
}

static void fill_system(struct builder *b)
{
	struct seep_evidence *e = &b->out->e;
	struct seep_evidence_system *out = seep_arena_alloc(&b->out->arena, b->r->nr_system + 1, sizeof(*out));

	for (size_t i = 0; i < b->r->nr_system && out; i++) {
		const struct seep_rec_system *s = &b->r->system[i];

		out[e->nr_system++] = (struct seep_evidence_system){
			.time_s = (double)s->time_us * S_PER_US,
			.rss = known64(s->rss),
			.rss_anon = known64(s->rss_anon),
			.rss_file = known64(s->rss_file),
			.rss_shmem = known64(s->rss_shmem),
			.swap = known64(s->swap),
			.cgroup_usage = known64(s->cgroup_usage),
			.cgroup_limit = known64(s->cgroup_limit),
			.cgroup_anon = known64(s->cgroup_anon),
			.cgroup_file = known64(s->cgroup_file),
			.cgroup_shmem = known64(s->cgroup_shmem),
			.cgroup_kernel = known64(s->cgroup_kernel),
			.cgroup_failcnt = known64(s->cgroup_failcnt),
			.nr_threads = known32(s->nr_threads),
			.nr_mappings = known32(s->nr_mappings),
			.nr_fds = known32(s->nr_fds),
			.nr_pids = known32(s->nr_pids),
			.virtual_bytes = known64(s->virtual_bytes),
			.stacks_bytes = known64(s->stacks_bytes),
		};
	}
	e->system = out;
}

/*
 * What glibc adds to the live blocks: 8 bytes of header, rounding to 16, at least 32; whole pages beyond 128 KiB. Other
 * allocators round to size classes, which is about as much.
 */
static double overhead_of(const struct seep_recording *r)
{
	double sum = 0;

	for (size_t i = 0; i < r->nr_samples; i++) {
		const struct seep_rec_sample *s = &r->samples[i];
		uint64_t chunk = (s->size + 8 + 15) & ~15ull;

		if (s->kind != SEEP_REC_KIND_HEAP)
			continue;
		if (s->size >= 128 << 10)
			chunk = (s->size + 16 + 4095) & ~4095ull;
		else if (chunk < 32)
			chunk = 32;
		sum += (double)(chunk - s->size) * seep_weight_of(s->size, s->period).objects;
	}
	return sum;
}

/* When anybody last saw the process alive (an entry without threads was written of the dead); NaN nobody did. */
static double last_seen_s(const struct seep_recording *r)
{
	for (size_t i = r->nr_system; i > 0; i--)
		if (r->system[i - 1].nr_threads != UINT32_MAX)
			return (double)r->system[i - 1].time_us * S_PER_US;
	return NAN;
}

/* The recorder's newest sign of life. */
static double last_event_s(const struct seep_recording *r)
{
	uint64_t heartbeat_us =
		r->words.heartbeat_us < 1ull << 52 ? r->words.heartbeat_us : 0; /* a word without a checksum */
	uint64_t ring_us = r->nr_ring ? r->ring[r->nr_ring - 1].time_us : 0;
	double last_us = fmax((double)heartbeat_us, (double)ring_us);

	return fmax(last_us, fmax((double)r->status.time_us, (double)r->status.exit_us)) * S_PER_US;
}

/*
 * The end of the life: now, or the last instant at which it is known to have been alive. When its end was noticed does
 * not count: a rate over time in which it was gone already would be too low.
 */
static void fill_time(struct cli_target *t, struct cli_evidence *out)
{
	const struct seep_recording *r = t->recording;
	struct seep_evidence *e = &out->e;
	double seen_s = last_seen_s(r);

	e->start_s = (double)r->header.start_us * S_PER_US;
	e->now_s = t->is_alive ? t->now_s : fmax(last_event_s(r), isnan(seen_s) ? 0 : seen_s);
	if (!t->is_alive && isnan(seen_s) && out->end.time_s > e->now_s)
		e->now_s = out->end.time_s;
	e->is_now_certain = t->is_alive || out->end.how == CLI_END_OOM || !isnan(seen_s) || !isnan(out->end.time_s);
}

static enum seep_evidence_end end_of(enum cli_end_how how)
{
	switch (how) {
	case CLI_END_RUNNING: return SEEP_END_ALIVE;
	case CLI_END_EXITED:
	case CLI_END_EXEC: return SEEP_END_EXITED;
	case CLI_END_KILLED: return SEEP_END_KILLED;
	case CLI_END_OOM: return SEEP_END_OOM;
	case CLI_END_UNKNOWN:
	default: return SEEP_END_UNKNOWN;
	}
}

static void fill_head(struct builder *b, struct cli_target *t)
{
	static const uint64_t bounds_us[] = SEEP_REC_LIFETIME_BOUNDS_US;
	double *bounds_s = seep_arena_alloc(&b->out->arena, ARRAY_SIZE(bounds_us), sizeof(*bounds_s));
	const struct seep_recording *r = t->recording;
	struct seep_evidence *e = &b->out->e;

	_Static_assert(SEEP_REC_NR_LIFETIMES == SEEP_EVIDENCE_LIFETIMES, "the verdict's buckets are the recording's");
	for (size_t i = 0; i < ARRAY_SIZE(bounds_us) && bounds_s; i++)
		bounds_s[i] = (double)bounds_us[i] * S_PER_US;
	e->process = r->header.name;
	e->pid = r->header.pid;
	e->end = end_of(b->out->end.how);
	e->period_bytes = (double)(r->status.period ? r->status.period : 1);
	e->overhead_bytes = overhead_of(r);
	e->nr_lost = r->status.lost[SEEP_REC_LOST_SAMPLES] + r->status.lost[SEEP_REC_LOST_REENTRANT];
	e->is_cut = r->missing_bytes > 0;
	e->has_mmap = r->header.options & SEEP_REC_OPT_MMAP;
	e->lifetime_bounds_s = bounds_s;
	fill_time(t, b->out);
}

/* A process with much memory of its own whose allocations were never seen has an allocator that cannot be preloaded
 * over. */
static void look_for_blindness(struct seep_evidence *e, const struct seep_recording *r, const char *sysroot)
{
	const struct seep_blind_spot *spots[SEEP_BLIND_SPOTS_MAX];
	size_t nr;
	bool is_blind = cli_blind_spots(sysroot, r, spots, &nr);
	double rss_anon = e->nr_system ? e->system[e->nr_system - 1].rss_anon : NAN;

	e->is_blind = r->status.samples_made == 0 && !r->header.forked_from && (is_blind || rss_anon > 32e6);
	e->has_runtime = nr > 0;
}

static int open_profiles(struct builder *b, struct cli_targets *t, size_t i)
{
	static const uint8_t kinds[2] = { SEEP_REC_KIND_HEAP, SEEP_REC_KIND_MMAP };

	for (int kind = 0; kind < 2; kind++) {
		struct seep_profile *p = NULL;
		int rc = cli_target_profile(t, i, kinds[kind], &p);

		if (rc != CLI_OK)
			return rc;
		b->profile[kind] = p;
		index_places(b, kind);
	}
	b->function_base[1] = (uint32_t)(b->profile[0]->nr_functions + b->profile[0]->nr_locations);
	return CLI_OK;
}

static void keep_frames(struct builder *b)
{
	struct seep_evidence_frame *kept = seep_arena_alloc(&b->out->arena, b->nr_frames + 1, sizeof(*kept));

	if (kept && b->nr_frames)
		memcpy(kept, b->frames, b->nr_frames * sizeof(*kept));
	b->out->e.frames = kept;
	b->out->e.nr_frames = kept ? b->nr_frames : 0;
}

int cli_evidence_of(struct cli_targets *t, size_t i, struct cli_end_sources *ends, struct cli_evidence *out)
{
	struct builder b = { .out = out, .r = t->items[i].recording };
	int rc;

	memset(out, 0, sizeof(*out));
	seep_arena_init(&out->arena);
	cli_end_of(ends, b.r, &out->end);
	rc = open_profiles(&b, t, i);
	if (rc == CLI_OK) {
		fill_head(&b, &t->items[i]);
		fill_stacks(&b);
		fill_totals(&b);
		fill_system(&b);
		look_for_blindness(&out->e, b.r, ends->sysroot);
		keep_frames(&b);
		if (!out->e.stacks || !out->e.frames || !out->e.totals || !out->e.lifetime_bounds_s) {
			cli_error("out of memory");
			rc = CLI_SYSTEM;
		}
	}
	free(b.frames);
	for (int kind = 0; kind < 2; kind++) {
		free(b.places[kind]);
		free(b.first_frame[kind]);
	}
	return rc;
}

void cli_evidence_release(struct cli_evidence *ev)
{
	seep_arena_release(&ev->arena);
}
