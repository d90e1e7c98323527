/* Verdicts on evidence made by a small simulation: programs whose cause is known because it is written here. */
#include "verdict/verdict.h"

#include <stdlib.h>

#include "tap.h"
#include "verdict/wrapper.h"

#define MAX_STACKS 16
#define NR_POINTS 24
#define PERIOD 524288.0

static const double bounds_s[SEEP_EVIDENCE_LIFETIMES - 1] = {
	1e-3, 1e-2, 0.1, 1, 10, 60, 300, 1800, 7200, 43200, 259200
};

struct sim {
	uint64_t state;
	double now_s;
	struct seep_evidence e;
	struct seep_evidence_frame frames[16];
	struct seep_evidence_stack stacks[MAX_STACKS];
	uint32_t stack_frames[MAX_STACKS][4];
	struct seep_evidence_block *blocks[MAX_STACKS];
	size_t cap[MAX_STACKS];
	float history[MAX_STACKS][NR_POINTS];
	struct seep_evidence_total totals[120];
	struct seep_evidence_system system[60];
	double change[121]; /* of the true in-use between the times of `totals`: the RSS knows what sampling only
	                       estimates */
};

static double sim_random(struct sim *s)
{
	uint64_t z = (s->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static void sim_init(struct sim *s, uint64_t seed, double now_s)
{
	memset(s, 0, sizeof(*s));
	s->state = seed * 1000003;
	s->now_s = now_s;
	s->e = (struct seep_evidence){ .process = "sim",
		                       .pid = 1,
		                       .now_s = now_s,
		                       .is_now_certain = true,
		                       .end = SEEP_END_KILLED,
		                       .period_bytes = PERIOD,
		                       .has_mmap = true,
		                       .frames = s->frames,
		                       .stacks = s->stacks,
		                       .lifetime_bounds_s = bounds_s,
		                       .totals = s->totals,
		                       .system = s->system };
	for (size_t i = 0; i < ARRAY_SIZE(s->totals); i++)
		s->totals[i].time_s = now_s * (double)(i + 1) / (double)ARRAY_SIZE(s->totals);
	s->e.nr_totals = ARRAY_SIZE(s->totals);
}

static uint32_t sim_frame(struct sim *s, const char *function)
{
	for (size_t i = 0; i < s->e.nr_frames; i++)
		if (!strcmp(s->frames[i].function, function))
			return (uint32_t)i;
	s->frames[s->e.nr_frames] =
		(struct seep_evidence_frame){ (uint32_t)s->e.nr_frames, 1, function, "sim.c", "sim", true };
	return (uint32_t)s->e.nr_frames++;
}

/* A stack of up to four user functions, leaf first. */
static size_t sim_stack(struct sim *s, enum seep_evidence_kind kind, const char *f0, const char *f1, const char *f2)
{
	size_t k = s->e.nr_stacks++;
	const char *functions[] = { f0, f1, f2, "main" };
	struct seep_evidence_stack *stack = &s->stacks[k];

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		if (functions[i])
			s->stack_frames[k][stack->nr_frames++] = sim_frame(s, functions[i]);
	stack->kind = kind;
	stack->frames = s->stack_frames[k];
	stack->interval_s = s->now_s / NR_POINTS;
	stack->nr_points = NR_POINTS - 1;
	stack->inuse_bytes = s->history[k];
	return k;
}

static void book_life(struct sim *s, size_t k, double bytes, double birth_s, double death_s)
{
	double interval_s = s->stacks[k].interval_s;

	for (int i = 0; i < NR_POINTS; i++)
		if (birth_s <= (i + 1) * interval_s && death_s > (i + 1) * interval_s)
			s->history[k][i] += (float)bytes;
	for (size_t i = 0; i < s->e.nr_totals; i++) {
		struct seep_evidence_total *t = &s->totals[i];

		if (birth_s <= t->time_s)
			t->alloc_bytes += bytes;
		if (birth_s <= t->time_s && death_s > t->time_s)
			t->inuse_bytes += bytes;
	}
}

static size_t total_after(const struct sim *s, double time_s)
{
	double at = ceil(time_s / s->now_s * (double)s->e.nr_totals) - 1;

	return at < 0 ? 0 : at > (double)s->e.nr_totals ? s->e.nr_totals : (size_t)at;
}

static void keep_block(struct sim *s, size_t k, struct seep_evidence_block b)
{
	struct seep_evidence_stack *stack = &s->stacks[k];

	if (!seep_grow(&s->blocks[k], &s->cap[k], stack->nr_blocks + 1, sizeof(b)))
		abort();
	s->blocks[k][stack->nr_blocks++] = b;
	stack->blocks = s->blocks[k];
}

/* One allocation that lives from birth to death, sampled as the recorder would. */
static void sim_alloc(struct sim *s, size_t k, double size, double birth_s, double death_s)
{
	struct seep_evidence_stack *stack = &s->stacks[k];
	double p = 1 - exp(-size / PERIOD), bytes = size / p;
	int bucket = 0;

	if (birth_s > s->now_s)
		return;
	if (stack->kind == SEEP_EVIDENCE_HEAP) {
		s->change[total_after(s, birth_s)] += size;
		s->change[total_after(s, fmin(death_s, 2 * s->now_s))] -= size;
	}
	if (sim_random(s) >= p)
		return;
	stack->nr_alloc++;
	stack->alloc_bytes += bytes;
	stack->last_alloc_s = fmax(stack->last_alloc_s, birth_s);
	book_life(s, k, bytes, birth_s, death_s);
	if (death_s > s->now_s) {
		double age_s = s->now_s - birth_s;

		keep_block(s, k, (struct seep_evidence_block){ age_s, age_s, bytes, (1 - p) * bytes * bytes, 0, 0 });
		return;
	}
	while (bucket < SEEP_EVIDENCE_LIFETIMES - 1 && death_s - birth_s >= bounds_s[bucket])
		bucket++;
	stack->lifetimes[bucket]++;
	stack->nr_freed++;
}

/* Allocations of `size` at `bytes_per_s` between two times, each living for `stay_s`. */
static void sim_flow(struct sim *s, size_t k, double size, double bytes_per_s, double from_s, double to_s,
                     double stay_s)
{
	double step = size / bytes_per_s;

	for (double t = from_s + step / 2; t < to_s; t += step)
		sim_alloc(s, k, size, t, t + stay_s);
}

/* RSS follows the live heap, plus `extra` that grows over the life. */
static void sim_system(struct sim *s, double extra_now, double nr_threads_now, double nr_fds_now)
{
	double live = 0;

	s->e.nr_system = ARRAY_SIZE(s->system);
	for (size_t i = 0, total = 0; i < s->e.nr_system; i++) {
		double share = (double)(i + 1) / (double)s->e.nr_system;

		while (total < (i + 1) * s->e.nr_totals / s->e.nr_system)
			live += s->change[total++];
		s->system[i] = (struct seep_evidence_system){
			.time_s = s->now_s * share,
			.rss = live + 3e6,
			.rss_anon = live + 2e6 + extra_now * share,
			.rss_file = 1e6,
			.rss_shmem = 0,
			.swap = 0,
			.cgroup_usage = NAN,
			.cgroup_limit = NAN,
			.cgroup_anon = NAN,
			.cgroup_file = NAN,
			.cgroup_shmem = NAN,
			.cgroup_kernel = NAN,
			.cgroup_failcnt = NAN,
			.nr_threads = 2 + floor(nr_threads_now * share),
			.nr_mappings = 50,
			.nr_fds = 5 + floor(nr_fds_now * share),
			.nr_pids = 1,
			.virtual_bytes = 1e8,
			.stacks_bytes = 1e5,
		};
	}
}

static void sim_release(struct sim *s)
{
	for (size_t k = 0; k < MAX_STACKS; k++)
		free(s->blocks[k]);
}

typedef void (*make_function)(struct sim *s);

/* The word of one run; *function is the first suspect's, "" none. Adds honest traffic and the system's view. */
static enum seep_verdict_word word_of(make_function make, uint64_t seed, char function[64], enum seep_pattern *pattern)
{
	struct sim *s = malloc(sizeof(*s));
	struct seep_verdict *v = NULL;
	enum seep_verdict_word word = SEEP_VERDICT_UNKNOWN;

	if (!s)
		abort();
	sim_init(s, seed, 15);
	sim_flow(s, sim_stack(s, SEEP_EVIDENCE_HEAP, "serve", NULL, NULL), 6000, 10e6, 0, s->now_s, 0.002);
	make(s);
	if (!s->e.nr_system)
		sim_system(s, 0, 0, 0);
	function[0] = '\0';
	if (seep_verdict_of(&s->e, &v, NULL) == SEEP_OK) {
		word = v->word;
		if (v->nr_suspects && v->suspects[0].frame)
			snprintf(function, 64, "%s", v->suspects[0].frame->function);
		*pattern = v->nr_suspects ? v->suspects[0].pattern : SEEP_PATTERN_FEW;
	}
	seep_verdict_free(v);
	sim_release(s);
	free(s);
	return word;
}

#define NR_SEEDS 40
/*
 * Runs a scenario with many seeds: at least 90 % must give the word and the function (NULL: any). `unknown` is as good
 * as `growing`: both claim no cause. An honest scenario must never be called a leak.
 */
static void expect(const char *claim, make_function make, enum seep_verdict_word want, const char *function)
{
	int nr_right = 0, nr_leak = 0, nr_named = 0;
	bool ok;

	for (uint64_t seed = 1; seed <= NR_SEEDS; seed++) {
		char name[64];
		enum seep_pattern pattern = SEEP_PATTERN_FEW;
		enum seep_verdict_word word = word_of(make, seed, name, &pattern);
		bool named = !function || !strcmp(name, function);

		nr_right += word == want || (want == SEEP_VERDICT_GROWING && word == SEEP_VERDICT_UNKNOWN);
		nr_named += named;
		nr_leak += word == SEEP_VERDICT_LEAK || word == SEEP_VERDICT_MAPPINGS;
		if (word != want || !named)
			printf("# %s, seed %d: %s (%s) at %s\n", claim, (int)seed, seep_verdict_word(word),
			       seep_pattern_word(pattern), name);
	}
	ok = nr_right * 10 >= NR_SEEDS * 9 && nr_named * 10 >= NR_SEEDS * 9;
	if (want != SEEP_VERDICT_LEAK && want != SEEP_VERDICT_MAPPINGS)
		ok = ok && nr_leak == 0;
	tap_check(ok, claim, TAP_AT);
}

static size_t heap(struct sim *s, const char *f0, const char *f1, const char *f2)
{
	return sim_stack(s, SEEP_EVIDENCE_HEAP, f0, f1, f2);
}

static void make_leak(struct sim *s)
{
	sim_flow(s, heap(s, "add", "login", NULL), 800, 3e6, 0, 15, 1e9);
}

static void make_late_leak(struct sim *s)
{
	sim_flow(s, heap(s, "add", "login", NULL), 800, 5e6, 6, 15, 1e9);
}

static void make_error_path(struct sim *s)
{
	size_t k = heap(s, "read_body", "handle", NULL);

	sim_flow(s, k, 5000, 97e6, 0, 15, 0.0004);
	sim_flow(s, k, 5000, 3e6, 0, 15, 1e9);
}

/* One caller forgets, the other does not; the function that allocates is the same. */
static void make_one_caller(struct sim *s)
{
	sim_flow(s, heap(s, "make_item", "import", NULL), 3000, 30e6, 0, 15, 0.3);
	sim_flow(s, heap(s, "make_item", "notify", NULL), 3000, 4e6, 0, 15, 1e9);
}

static void make_pool(struct sim *s)
{
	sim_flow(s, heap(s, "pool_grow", "pool_get", "open_session"), 64e3, 6e6, 0, 15, 1e9);
	sim_flow(s, heap(s, "pool_grow", "pool_get", "use_scratch"), 64e3, 6e6, 0, 0.5, 1e9);
}

static void make_small_beside_big(struct sim *s)
{
	sim_flow(s, heap(s, "load_table", NULL, NULL), 20e3, 200e6, 0, 1, 1e9);
	sim_flow(s, heap(s, "cache_put", NULL, NULL), 8000, 15e6, 0, 15, 3);
	sim_flow(s, heap(s, "label", NULL, NULL), 500, 2e6, 0, 15, 1e9);
}

static void make_backlog(struct sim *s)
{
	size_t k = heap(s, "push", "produce", NULL);

	for (double t = 0; t < 15; t += 1 / 3000.0)
		sim_alloc(s, k, 5000, t, t / 0.6);
}

static void make_buffer(struct sim *s)
{
	size_t k = heap(s, "append", NULL, NULL);
	double cap = 4096, since = 0;

	for (double len = 0, t = 0; t < 15; t += 1e-3, len += 3000)
		if (len + 3000 > cap) {
			book_life(s, k, cap, since, t);
			s->stacks[k].nr_alloc++;
			s->stacks[k].nr_freed++;
			s->stacks[k].alloc_bytes += cap;
			s->stacks[k].lifetimes[3]++;
			since = t;
			cap *= 2;
		}
	s->stacks[k].nr_alloc++;
	book_life(s, k, cap, since, 1e9);
	keep_block(s, k, (struct seep_evidence_block){ 15 - since, 15, cap, 0, 13, 0 });
	sim_system(s, 0, 0, 0);
	for (size_t i = 0; i < s->e.nr_system; i++)
		s->system[i].rss_anon = 1e6 + 3e6 * s->system[i].time_s; /* what has been written to */
}

static void make_mapping(struct sim *s)
{
	sim_flow(s, sim_stack(s, SEEP_EVIDENCE_MMAP, "map_segment", "import", NULL), 200e3, 30e6, 0, 15, 0.01);
	sim_flow(s, sim_stack(s, SEEP_EVIDENCE_MMAP, "map_segment", "import", NULL), 200e3, 5e6, 0, 15, 1e9);
}

static void make_threads(struct sim *s)
{
	sim_system(s, 4e6, 300, 0);
}

/* A life so long that of its first half nothing is kept. */
static void make_old_threads(struct sim *s)
{
	size_t nr_lost;

	sim_system(s, 4e6, 300, 0);
	nr_lost = s->e.nr_system * 11 / 20;
	s->e.nr_system -= nr_lost;
	memmove(s->system, s->system + nr_lost, s->e.nr_system * sizeof(s->system[0]));
	for (size_t i = 0; i < s->e.nr_system; i++)
		s->system[i].nr_threads = 2 + 12 * (double)i;
}

static void make_fds(struct sim *s)
{
	sim_system(s, 0, 0, 400);
}

static void make_lru(struct sim *s)
{
	double horizon = 1 + 4 * sim_random(s);

	sim_flow(s, heap(s, "put", NULL, NULL), 3000, 12e6, 0, 15, horizon);
}

static void make_random_cache(struct sim *s)
{
	size_t k = heap(s, "store", NULL, NULL);

	for (double t = 0; t < 15; t += 3000 / 12e6)
		sim_alloc(s, k, 3000, t, t - 1.5 * log(1 - sim_random(s)));
}

static void make_tables(struct sim *s)
{
	sim_flow(s, heap(s, "load_table", NULL, NULL), 5000, 15e6, 0, 1 + 3.5 * sim_random(s), 1e9);
}

static void make_ramp(struct sim *s)
{
	size_t k = heap(s, "open_session", NULL, NULL);

	for (double t = 0.05; t < 15; t += 8000 / (40e6 * t / 15))
		sim_alloc(s, k, 8000, t, t + 1.5);
}

/* Connections that stay for the whole run, each with its traffic: nothing is freed, but nothing is lost. */
static void make_ramp_that_stays(struct sim *s)
{
	size_t k = heap(s, "accept_connection", NULL, NULL), traffic = heap(s, "serve_connection", NULL, NULL);

	sim_flow(s, k, 50e3, 5e6, 0, 15, 1e9);
	for (double t = 0.05; t < 15; t += 8000 / (80e6 * t / 15))
		sim_alloc(s, traffic, 8000, t, t + 0.01);
}

static void make_periodic(struct sim *s)
{
	size_t k = heap(s, "collect", NULL, NULL);
	double every = 2 + 5 * sim_random(s);

	for (double t = 0; t < 15; t += 3000 / 15e6)
		sim_alloc(s, k, 3000, t, (floor(t / every) + 1) * every);
}

static void make_burst(struct sim *s)
{
	sim_flow(s, heap(s, "accept_job", NULL, NULL), 5000, 20e6, 4, 7, 3.5);
}

static void make_off_heap(struct sim *s)
{
	sim_system(s, 100e6, 0, 0);
}

static void make_fragmented(struct sim *s)
{
	size_t k = heap(s, "import_rows", NULL, NULL);

	sim_flow(s, k, 500, 60e6, 0, 1, 3);
	sim_flow(s, k, 500, 4e6, 0, 1, 1e9);
	sim_system(s, 0, 0, 0);
	for (size_t i = 10; i < s->e.nr_system; i++)
		s->system[i].rss_anon = 70e6;
}

/* Two connections' worth of samples say nothing. */
static void make_few(struct sim *s)
{
	sim_flow(s, heap(s, "add", NULL, NULL), 50e3, 0.4e6, 0, 15, 1e9);
}

/* The system's view of a process at its limit, which the OOM killer ends. */
static void sim_out_of_memory(struct sim *s)
{
	sim_system(s, 0, 0, 0);
	for (size_t i = 0; i < s->e.nr_system; i++) {
		s->system[i].cgroup_usage = s->system[i].rss;
		s->system[i].cgroup_limit = s->system[s->e.nr_system - 1].rss * 1.02;
	}
	s->e.end = SEEP_END_OOM;
}

/* Half of it in the first sixth; then slower and slower, as what is short of memory gets slow. */
static void make_slowing(struct sim *s)
{
	size_t k = heap(s, "remember", NULL, NULL);

	sim_flow(s, k, 1500, 26e6, 0, 2.5, 1e9);
	sim_flow(s, k, 1500, 8e6, 2.5, 8, 1e9);
	sim_flow(s, k, 1500, 3.9e6, 8, 15, 1e9);
	sim_out_of_memory(s);
}

static void make_at_its_limit(struct sim *s)
{
	sim_flow(s, heap(s, "load_table", NULL, NULL), 5000, 15e6, 0, 3, 1e9);
	sim_out_of_memory(s);
}

static void names_of_wrappers(void)
{
	static const char *const yes[] = { "xmalloc",
		                           "pool_grow",
		                           "mem_alloc",
		                           "safe_strdup",
		                           "ObjectPool<Session>::acquire(int)",
		                           "Arena::allocate(unsigned long)",
		                           "my_calloc",
		                           "PoolAllocator::newChunk",
		                           "g_malloc0" };
	static const char *const no[] = { "session_alloc",
		                          "open_session",
		                          "alloc_request",
		                          "SessionPool::close",
		                          "add_listener",
		                          "Journal::append",
		                          "grow_buffer",
		                          "main",
		                          "",
		                          "std::map<Pool, Arena>::get" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		tap_check(wrapper_by_name(yes[i]), yes[i], TAP_AT);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		tap_check(!wrapper_by_name(no[i]), no[i], TAP_AT);
}

static void says_what_it_cannot_tell(void)
{
	struct sim *s = malloc(sizeof(*s));
	struct seep_verdict *v;
	bool has_fragmentation = false;

	if (!s)
		abort();
	sim_init(s, 1, 15);
	make_leak(s);
	if (seep_verdict_of(&s->e, &v, NULL) != SEEP_OK)
		abort();
	for (size_t i = 0; i < v->nr_cannot_tell; i++)
		has_fragmentation |= v->cannot_tell[i].word == SEEP_VERDICT_FRAGMENTATION &&
		                     v->cannot_tell[i].missing == SEEP_MISSING_SYSTEM;
	EQ_S(seep_verdict_word(v->word), "leak");
	OK(has_fragmentation);
	seep_verdict_free(v);
	sim_release(s);
	free(s);
}

static void empty_evidence_is_unknown(void)
{
	struct seep_evidence e = { .process = "none", .lifetime_bounds_s = bounds_s };
	struct seep_verdict *v;

	OK(seep_verdict_of(&e, &v, NULL) == SEEP_OK);
	EQ_S(seep_verdict_word(v->word), "unknown");
	seep_verdict_free(v);
}

int main(void)
{
	expect("what is never freed is a leak", make_leak, SEEP_VERDICT_LEAK, "add");
	expect("a leak that begins late is a leak", make_late_leak, SEEP_VERDICT_LEAK, "add");
	expect("a leak of three percent of a place's traffic is a leak", make_error_path, SEEP_VERDICT_LEAK,
	       "read_body");
	expect("the caller that forgets is named, not the function it shares", make_one_caller, SEEP_VERDICT_LEAK,
	       "notify");
	expect("the pool's caller is named", make_pool, SEEP_VERDICT_LEAK, "open_session");
	expect("a small leak beside big honest holders is found", make_small_beside_big, SEEP_VERDICT_LEAK, "label");
	expect("a backlog is a leak though all is freed", make_backlog, SEEP_VERDICT_LEAK, "push");
	expect("a buffer that only realloc grows is a leak", make_buffer, SEEP_VERDICT_LEAK, "append");
	expect("mappings that stay are told from the heap", make_mapping, SEEP_VERDICT_MAPPINGS, "map_segment");
	expect("threads that never end", make_threads, SEEP_VERDICT_THREADS, NULL);
	expect("threads that never end in a long life", make_old_threads, SEEP_VERDICT_THREADS, NULL);
	expect("descriptors that are never closed", make_fds, SEEP_VERDICT_FDS, NULL);
	expect("a bounded cache is steady", make_lru, SEEP_VERDICT_STEADY, "put");
	expect("a cache that evicts at random is steady", make_random_cache, SEEP_VERDICT_STEADY, "store");
	expect("tables loaded at the start are warm-up", make_tables, SEEP_VERDICT_WARM_UP, "load_table");
	expect("ever more sessions are load", make_ramp, SEEP_VERDICT_LOAD, "open_session");
	expect("connections in step with their traffic are no leak", make_ramp_that_stays, SEEP_VERDICT_GROWING, NULL);
	expect("periodic release is steady", make_periodic, SEEP_VERDICT_STEADY, "collect");
	expect("a burst that is over is load", make_burst, SEEP_VERDICT_LOAD, NULL);
	expect("memory that no hook sees is off-heap", make_off_heap, SEEP_VERDICT_OFF_HEAP, NULL);
	expect("freed memory that stays resident is fragmentation", make_fragmented, SEEP_VERDICT_FRAGMENTATION, NULL);
	expect("a dozen samples are no leak", make_few, SEEP_VERDICT_GROWING, NULL);
	expect("use that still grew when it was killed is not called honest", make_slowing, SEEP_VERDICT_GROWING,
	       "remember");
	expect("use that had settled is, and its limit is too low", make_at_its_limit, SEEP_VERDICT_LIMIT,
	       "load_table");
	names_of_wrappers();
	says_what_it_cannot_tell();
	empty_evidence_is_unknown();
	return tap_done();
}
