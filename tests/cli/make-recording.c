/*
 * make-recording KIND FILE: writes a recording for a golden test. Its stacks are those of fixture.cc, walked while it
 * runs, so that functions, lines and inlined calls have real names; everything else is the same on every machine.
 */
#include <link.h>

#include "fixture.h"
#include "synth.h"

#define SECOND 1000000ull
#define MINUTE (60 * SECOND)
#define KIB 1024ull

/* ---- the fixture's module ---- */

struct module {
	char path[4096], build_id[65];
	uint64_t start, end;
};

static void read_build_id(const char *note, size_t len, struct module *m)
{
	while (len > sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *n = (const void *)note;
		size_t name = (n->n_namesz + 3u) & ~3u, all = sizeof(*n) + name + ((n->n_descsz + 3u) & ~3u);
		const unsigned char *id = (const unsigned char *)note + sizeof(*n) + name;

		for (size_t i = 0; n->n_type == NT_GNU_BUILD_ID && i < n->n_descsz && i < 32; i++)
			sprintf(m->build_id + 2 * i, "%02x", id[i]);
		note += all;
		len -= all < len ? all : len;
	}
}

static int read_module(struct dl_phdr_info *info, size_t size, void *data)
{
	struct module *m = data;

	(void)size;
	if (!strstr(info->dlpi_name, "fixture") || !realpath(info->dlpi_name, m->path))
		return 0;
	m->start = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && m->start + ph->p_vaddr + ph->p_memsz > m->end)
			m->end = m->start + ph->p_vaddr + ph->p_memsz;
		if (ph->p_type == PT_NOTE)
			read_build_id((const char *)(m->start + ph->p_vaddr), ph->p_memsz, m);
	}
	return 1;
}

/* ---- what is recorded of each stack ---- */

struct blocks { /* sampled blocks that live, and such as were freed again */
	uint32_t nr;
	uint64_t size, from_us, to_us;
	uint32_t nr_freed;
};

/* In the order in which the fixture allocates: warm-up, header, basket, index. */
#define NR_STACKS 4
struct plan {
	const char *kind;
	uint64_t period;
	uint8_t what; /* SEEP_REC_KIND_… */
	struct blocks blocks[NR_STACKS];
};

static const struct plan plans[] = {
	{ "shop",
	  512 * KIB,
	  SEEP_REC_KIND_HEAP,
	  { { 40, 64 * KIB, 0, 5 * SECOND, 0 },
	    { 3, 16, 59 * MINUTE, 60 * MINUTE, 200 },
	    { 100, 64, MINUTE, 60 * MINUTE, 10 },
	    { 30, 1000 * KIB, 30 * MINUTE, 60 * MINUTE, 30 } } },
	{ "exact",
	  1,
	  SEEP_REC_KIND_HEAP,
	  { { 40, 64 * KIB, 0, 5 * SECOND, 0 }, { 0 }, { 100, 64, MINUTE, 60 * MINUTE, 10 }, { 0 } } },
	{ "few", 512 * KIB, SEEP_REC_KIND_HEAP, { { 0 }, { 0 }, { 5, 4096, MINUTE, 2 * MINUTE, 0 }, { 0 } } },
	{ "mmap", 512 * KIB, SEEP_REC_KIND_MMAP, { { 4, 2048 * KIB, MINUTE, 2 * MINUTE, 0 }, { 0 }, { 0 }, { 0 } } },
	{ "nothing", 512 * KIB, SEEP_REC_KIND_HEAP, { { 0 } } },
};

static struct {
	struct synth *synth;
	const struct plan *plan;
	struct module module;
	uint32_t module_idx;
	size_t nr_stacks;
} now;

static void record_stack(int which, void *const *frames, size_t nr, size_t size)
{
	const struct blocks *b = &now.plan->blocks[now.nr_stacks++ % NR_STACKS];
	uint64_t kept[FIXTURE_MAX_FRAMES];
	uint32_t nr_kept = 0, stack;

	(void)which;
	(void)size;
	for (size_t i = 0; i < nr; i++) {
		uint64_t addr = (uint64_t)(uintptr_t)frames[i] - 1;

		if (addr >= now.module.start && addr < now.module.end)
			kept[nr_kept++] = SEEP_REC_FRAME(now.module_idx, addr - now.module.start);
	}
	if (!b->nr && !b->nr_freed)
		return;
	stack = synth_stack_of(now.synth, now.plan->what, nr_kept, kept, 0);
	if (b->nr)
		synth_blocks(now.synth, stack, b->nr, b->size, now.plan->period, b->from_us, b->to_us);
	if (b->nr_freed)
		synth_freed(now.synth, stack, b->nr_freed, b->size, now.plan->period, SECOND, 60 * MINUTE);
}

/* ---- variations ---- */

static void end_by_oom(struct synth *s)
{
	synth_event(s, 60 * MINUTE);
	synth_ended(s, 60 * MINUTE, SEEP_REC_ENDED_OOM, 9, "seep run", "");
}

static void lose_some(struct synth *s)
{
	end_by_oom(s);
	s->status.reasons |= SEEP_REC_WHY_SAMPLES_FULL;
	s->status.lost[SEEP_REC_LOST_SAMPLES] = 12;
	s->status.lost[SEEP_REC_LOST_SAMPLES_WEIGHT] = 6 << 20;
	s->status.lost[SEEP_REC_LOST_CUT] = 3;
}

static void double_period(struct synth *s)
{
	synth_period(s, 10 * MINUTE, 1024 * KIB, SEEP_REC_CAUSE_FULL);
	s->status.estimated_since_us = 10 * MINUTE;
	synth_exit_mark(s, 60 * MINUTE);
	synth_ended(s, 60 * MINUTE, SEEP_REC_ENDED_EXITED, 3, "seep run", "");
}

/*
 * A life of an hour with a peak, two marks, an arena and a changed period. Of the first stack all that lives is old and
 * as much again was freed since the peak; the third grew in the last minutes.
 */
static void moments(struct synth *s)
{
	uint8_t pool = synth_heap(s, "frames");
	uint32_t in_pool = synth_stack(s, pool, 1, SEEP_REC_FRAME(0, 0x1234));
	struct seep_rec_counters c = synth_counters_of(s, 2);
	double before = c.alloc_bytes - c.freed_bytes;
	float points[SEEP_REC_NR_TRAIL];

	synth_thread(s, 4243, "decoder");
	synth_blocks(s, in_pool, 12, 256 * KIB, now.plan->period, 10 * MINUTE, 50 * MINUTE);
	for (uint32_t i = 0; i < SEEP_REC_NR_TRAIL; i++)
		points[i] = (float)(before * 2);
	synth_freed(s, 2, 40, 64 * KIB, now.plan->period, MINUTE, 40 * MINUTE);
	synth_trail(s, 2, 40 * 60, 1, points);
	synth_snap(s, 2, SYNTH_PEAK,
	           (struct seep_rec_snap){ .number = 3,
	                                   .bytes = before * 2,
	                                   .objects = 80,
	                                   .bytes_var = (float)(2 * c.alloc_bytes_var) });
	for (uint32_t stack = 3; stack <= 5; stack++) {
		for (uint32_t i = 0; i < SEEP_REC_NR_TRAIL; i++)
			points[i] = 0;
		synth_trail(s, stack, 60 * 60 - 1, 1, points);
	}
	s->words.peak = 3 << 1 | SEEP_REC_PEAK_FALLEN;
	s->words.peak_bytes = before * 2;
	s->words.peak_us = 30 * MINUTE;
	synth_mark(s, 20 * MINUTE, SEEP_REC_MARK_BY_PROGRAM, "loaded");
	synth_mark(s, 50 * MINUTE, SEEP_REC_MARK_BY_TOOL, "deploy");
	s->words.mark = 2 << 8 | 1;
	s->words.control |= 1ull << 55;
	synth_period(s, 10 * MINUTE, 1024 * KIB, SEEP_REC_CAUSE_BUDGET);
	synth_period(s, 20 * MINUTE, 512 * KIB, SEEP_REC_CAUSE_CONTROL);
	s->header.budget_ppm = 5000;
	synth_ring(s, (struct seep_rec_ring){ .time_us = MINUTE, .inuse_bytes = before });
	end_by_oom(s);
}

static void other_version(struct synth *s)
{
	s->header.major = SEEP_REC_MAJOR + 1;
}

static void hostile_name(struct synth *s)
{
	strcpy(s->header.name, "a\033[31mb\nc");
	end_by_oom(s);
}

static const struct {
	const char *kind, *plan;
	void (*change)(struct synth *s);
} kinds[] = {
	{ "shop", "shop", end_by_oom },      { "exact", "exact", end_by_oom },     { "few", "few", end_by_oom },
	{ "mmap", "mmap", end_by_oom },      { "nothing", "nothing", end_by_oom }, { "lossy", "shop", lose_some },
	{ "moments", "shop", moments },      { "doubled", "shop", double_period }, { "version", "shop", other_version },
	{ "hostile", "shop", hostile_name },
};

static const struct plan *plan_of(const char *name)
{
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		if (!strcmp(plans[i].kind, name))
			return &plans[i];
	abort();
}

static void write_recording(size_t kind, const char *path)
{
	dl_iterate_phdr(read_module, &now.module);
	now.plan = plan_of(kinds[kind].plan);
	now.synth = synth_new(NULL);
	now.module_idx =
		synth_module(now.synth, now.module.path, now.module.start, now.module.end, now.module.build_id);
	if (now.plan->period != SEEP_REC_DEFAULT_PERIOD)
		now.synth->nr_periods = 0;
	synth_period(now.synth, 0, now.plan->period, SEEP_REC_CAUSE_START);
	now.synth->status.estimated_since_us = now.plan->period == 1 ? UINT64_MAX : 0;
	fixture_run(0, record_stack);
	kinds[kind].change(now.synth);
	synth_write(now.synth, path);
	synth_free(now.synth);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].kind, argv[1])) {
			write_recording(i, argv[2]);
			return 0;
		}
	fprintf(stderr, "usage: make-recording KIND FILE\n");
	return 2;
}
