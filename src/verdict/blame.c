#include "verdict/blame.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/wrapper.h"

#define NO_FRAME SIZE_MAX

/* The stacks of one kind that share their first `depth` user functions. */
struct group {
	uint32_t *stacks;
	size_t nr;
	size_t depth;
	enum seep_evidence_kind kind;
};

struct ordered {
	const struct seep_evidence *e;
	struct seep_arena *arena;
	struct blames *out;
};

/* Index in e->frames of the user frame at `depth` of a stack, leaf first; NO_FRAME past the root. */
static size_t user_frame(const struct seep_evidence *e, uint32_t stack, size_t depth)
{
	const struct seep_evidence_stack *k = &e->stacks[stack];

	for (size_t i = 0; i < k->nr_frames; i++)
		if (e->frames[k->frames[i]].is_user && depth-- == 0)
			return k->frames[i];
	return NO_FRAME;
}

static uint32_t function_at(const struct seep_evidence *e, uint32_t stack, size_t depth)
{
	size_t frame = user_frame(e, stack, depth);

	return frame == NO_FRAME ? UINT32_MAX : e->frames[frame].function_id;
}

struct keyed {
	uint32_t function, stack;
};

static int compare_keys(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* Splits a group by the function at its depth; *out has *nr groups of depth + 1. */
static bool split_group(const struct seep_evidence *e, struct seep_arena *arena, const struct group *g,
                        struct group **out, size_t *nr)
{
	struct keyed *keys = seep_arena_alloc(arena, g->nr + 1, sizeof(*keys));
	struct group *groups = seep_arena_alloc(arena, g->nr + 1, sizeof(*groups));
	uint32_t *stacks = seep_arena_alloc(arena, g->nr + 1, sizeof(*stacks));

	*nr = 0;
	if (!keys || !groups || !stacks)
		return false;
	for (size_t i = 0; i < g->nr; i++)
		keys[i] = (struct keyed){ function_at(e, g->stacks[i], g->depth), g->stacks[i] };
	qsort(keys, g->nr, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < g->nr; i++) {
		if (i == 0 || keys[i].function != keys[i - 1].function)
			groups[(*nr)++] =
				(struct group){ .stacks = stacks + i, .depth = g->depth + 1, .kind = g->kind };
		stacks[i] = keys[i].stack;
		groups[*nr - 1].nr++;
	}
	*out = groups;
	return true;
}

/* All stacks of `g` that are not in `except`: what the other callers do. */
static bool rest_of(const struct ordered *o, const struct group *g, const struct group *except, struct site *rest)
{
	uint32_t *stacks = seep_arena_alloc(o->arena, g->nr + 1, sizeof(*stacks));
	uint32_t function = function_at(o->e, except->stacks[0], except->depth - 1);
	size_t nr = 0;

	if (!stacks)
		return false;
	for (size_t i = 0; i < g->nr; i++)
		if (function_at(o->e, g->stacks[i], except->depth - 1) != function)
			stacks[nr++] = g->stacks[i];
	return site_init(rest, o->arena, o->e, g->kind, stacks, nr);
}

/* The group with the most lost bytes (most in-use bytes where nothing leaks). */
static bool dominant_child(const struct ordered *o, const struct group *children, size_t nr, struct group *best,
                           struct site *best_site, double *total)
{
	double best_value = -1;

	*total = 0;
	for (size_t i = 0; i < nr; i++) {
		struct site s;
		double value;

		if (!site_init(&s, o->arena, o->e, children[i].kind, children[i].stacks, children[i].nr))
			return false;
		/* A child with too few samples to be called a leak by itself still counts with what it holds. */
		value = site_is_leak(&s) ? s.kept_bytes : s.pattern == SEEP_PATTERN_OLD ? 0 : s.inuse_bytes / 2;
		*total += value;
		if (value > best_value) {
			best_value = value;
			*best = children[i];
			*best_site = s;
		}
	}
	return true;
}

/* Other callers of the same function prove it innocent when they give back what they take. */
static bool others_are_honest(const struct site *rest)
{
	return rest->nr_alloc >= RULE_MIN_SAMPLES && !site_is_leak(rest) && rest->nr_freed * 2 >= rest->nr_alloc;
}

/*
 * Goes up from the function that allocates while (a) its name says that it only hands memory out, or (b) one caller
 * makes nearly all of the growth while the others give everything back. What is named is then that caller. On return
 * `g` and `s` are the group and the site to name.
 */
static bool refine(const struct ordered *o, struct group *g, struct site *s)
{
	struct group at = *g;

	while (at.depth < RULE_BLAME_DEPTH) {
		size_t frame = user_frame(o->e, at.stacks[0], at.depth - 1), nr;
		bool is_named = g->depth == at.depth, is_wrapper;
		struct group *children, best = { 0 };
		struct site best_site = { 0 }, rest;
		double total;

		if (frame == NO_FRAME || user_frame(o->e, at.stacks[0], at.depth) == NO_FRAME)
			return true;
		is_wrapper = is_named && wrapper_by_name(o->e->frames[frame].function);
		if (!split_group(o->e, o->arena, &at, &children, &nr) ||
		    !dominant_child(o, children, nr, &best, &best_site, &total))
			return false;
		if (!best.nr || function_at(o->e, best.stacks[0], best.depth - 1) == UINT32_MAX)
			return true;
		if (nr > 1) {
			if (!rest_of(o, &at, &best, &rest))
				return false;
			if (!is_wrapper &&
			    !(others_are_honest(&rest) && best_site.kept_bytes >= RULE_BLAME_SHARE * total))
				return true;
			*g = best;
			*s = best_site;
		} else if (is_wrapper) {
			*g = best;
			*s = best_site;
		}
		at = best;
	}
	return true;
}

static const struct seep_evidence_frame *frame_of(const struct seep_evidence *e, uint32_t stack, size_t depth)
{
	size_t frame = user_frame(e, stack, depth);

	return frame == NO_FRAME ? NULL : &e->frames[frame];
}

/* The stack of a group that holds most: its lines are shown. */
static uint32_t heaviest_stack(const struct seep_evidence *e, const struct group *g)
{
	uint32_t best = g->stacks[0];
	double best_bytes = -1;

	for (size_t i = 0; i < g->nr; i++) {
		const struct seep_evidence_stack *k = &e->stacks[g->stacks[i]];
		double bytes = 0;

		for (size_t j = 0; j < k->nr_blocks; j++)
			bytes += k->blocks[j].bytes;
		if (bytes > best_bytes) {
			best_bytes = bytes;
			best = g->stacks[i];
		}
	}
	return best;
}

static void fill_suspect(struct seep_suspect *out, const struct seep_evidence *e, const struct group *g,
                         const struct site *s)
{
	uint32_t stack = heaviest_stack(e, g);
	double half = site_inuse_at(s, 0.5), span_s = s->life_s / 2;

	*out = (struct seep_suspect){
		.frame = frame_of(e, stack, g->depth - 1),
		.site = g->depth > 1 ? frame_of(e, stack, 0) : NULL,
		.caller = frame_of(e, stack, g->depth),
		.kind = g->kind,
		.pattern = s->pattern,
		.inuse_bytes = s->inuse_bytes,
		.inuse_stderr = sqrt(s->inuse_var),
		.nr_samples = s->nr_blocks,
		.nr_old = s->nr_old,
		.growth_bytes_per_s = (s->inuse_bytes - half) / span_s,
		.growth_stderr = site_change_stderr(s, 0.5) / span_s,
		.age_median_s = site_age_median(s),
		.age_oldest_s = s->nr_blocks ? s->blocks[0].age_s : NAN,
		.settled_s = s->settled_s,
		.freed_share = s->freed_share,
		.rate_change = s->rate_change,
		.nr_releases = s->nr_releases,
		.peak_bytes = s->peak_bytes,
	};
}

static bool add_blame(const struct ordered *o, const struct group *g, const struct site *s)
{
	struct blame *b;

	if (o->out->nr == o->out->cap)
		return true;
	b = &o->out->list[o->out->nr++];
	b->site = *s;
	fill_suspect(&b->suspect, o->e, g, s);
	return true;
}

/* A leak may hide behind honest traffic of the same function: looks at its callers one by one. */
static bool look_deeper(const struct ordered *o, const struct group *g, size_t *found)
{
	struct group *children;
	size_t nr;

	*found = 0;
	if (g->depth >= RULE_BLAME_DEPTH)
		return true;
	if (!split_group(o->e, o->arena, g, &children, &nr))
		return false;
	for (size_t i = 0; i < nr; i++) {
		struct site s;
		size_t deeper = 0;

		if (function_at(o->e, children[i].stacks[0], g->depth) == UINT32_MAX)
			continue;
		if (!site_init(&s, o->arena, o->e, g->kind, children[i].stacks, children[i].nr))
			return false;
		if (s.nr_blocks < RULE_FEW_SAMPLES)
			continue;
		if (nr > 1 && site_is_leak(&s)) {
			struct group at = children[i];

			if (!refine(o, &at, &s) || !add_blame(o, &at, &s))
				return false;
			(*found)++;
		} else if (!look_deeper(o, &children[i], &deeper)) {
			return false;
		}
		*found += deeper;
	}
	return true;
}

static bool judge_group(const struct ordered *o, struct group *g)
{
	struct site s;
	size_t found = 0;

	if (!site_init(&s, o->arena, o->e, g->kind, g->stacks, g->nr))
		return false;
	if (site_is_leak(&s)) {
		if (!refine(o, g, &s))
			return false;
	} else if (s.nr_blocks >= RULE_FEW_SAMPLES && !look_deeper(o, g, &found)) {
		return false;
	}
	return found || !s.nr_blocks || add_blame(o, g, &s);
}

static int compare_blames(const void *a, const void *b)
{
	const struct blame *x = a, *y = b;
	bool x_leaks = site_is_leak(&x->site), y_leaks = site_is_leak(&y->site);
	double x_by = x_leaks ? x->suspect.growth_bytes_per_s : x->site.inuse_bytes;
	double y_by = y_leaks ? y->suspect.growth_bytes_per_s : y->site.inuse_bytes;

	if (x_leaks != y_leaks)
		return x_leaks ? -1 : 1;
	return (y_by > x_by) - (y_by < x_by);
}

static bool blame_kind(const struct ordered *o, enum seep_evidence_kind kind)
{
	struct group all = { .kind = kind }, *groups;
	size_t nr;

	all.stacks = seep_arena_alloc(o->arena, o->e->nr_stacks + 1, sizeof(*all.stacks));
	if (!all.stacks)
		return false;
	for (size_t i = 0; i < o->e->nr_stacks; i++)
		if (o->e->stacks[i].kind == kind)
			all.stacks[all.nr++] = (uint32_t)i;
	if (!split_group(o->e, o->arena, &all, &groups, &nr))
		return false;
	for (size_t i = 0; i < nr; i++)
		if (!judge_group(o, &groups[i]))
			return false;
	return true;
}

bool blame_all(struct blames *out, struct seep_arena *arena, const struct seep_evidence *e)
{
	struct ordered o = { e, arena, out };

	*out = (struct blames){ .cap = 2 * e->nr_stacks + 1 };
	out->list = seep_arena_alloc(arena, out->cap, sizeof(*out->list));
	if (!out->list)
		return false;
	if (!blame_kind(&o, SEEP_EVIDENCE_HEAP) || !blame_kind(&o, SEEP_EVIDENCE_MMAP))
		return false;
	qsort(out->list, out->nr, sizeof(*out->list), compare_blames);
	return true;
}
