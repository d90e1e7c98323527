#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/private.h"

static int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_stacks(const struct seep_profile *p, uint32_t a, uint32_t b)
{
	const struct seep_stack *x = &p->stacks[a], *y = &p->stacks[b];
	uint32_t nr = x->nr < y->nr ? x->nr : y->nr;

	if (a == b)
		return 0;
	for (uint32_t i = 0; i < nr; i++)
		if (p->frames[x->first + i] != p->frames[y->first + i])
			return compare_u32(p->frames[x->first + i], p->frames[y->first + i]);
	return x->nr != y->nr ? compare_u32(x->nr, y->nr) : compare_u32(x->flags, y->flags);
}

static uint32_t thread_of(const struct seep_profile *p, uint32_t row)
{
	return p->samples.thread ? p->samples.thread[row] : 0;
}

static uint32_t tid_of(const struct seep_profile *p, uint32_t row)
{
	return p->samples.tid ? p->samples.tid[row] : 0;
}

static uint32_t heap_of(const struct seep_profile *p, uint32_t row)
{
	return p->samples.heap ? p->samples.heap[row] : 0;
}

static uint32_t process_of(const struct seep_profile *p, uint32_t row)
{
	return p->samples.process ? p->samples.process[row] : 0;
}

static int compare_groups(const struct seep_profile *p, uint32_t a, uint32_t b)
{
	int order = compare_u32(process_of(p, a), process_of(p, b));

	if (!order)
		order = compare_stacks(p, p->samples.stack[a], p->samples.stack[b]);
	if (!order)
		order = compare_u32(heap_of(p, a), heap_of(p, b));
	if (!order)
		order = compare_u32(thread_of(p, a), thread_of(p, b));
	return order ? order : compare_u32(tid_of(p, a), tid_of(p, b));
}

static int compare_rows(const void *a, const void *b, void *profile)
{
	uint32_t x, y;
	int order;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	order = compare_groups(profile, x, y);
	return order ? order : compare_u32(x, y);
}

static void add_row(const struct seep_profile *p, struct total_row *to, uint32_t row)
{
	const struct seep_samples *s = &p->samples;

	for (uint32_t t = 0; t < p->nr_types; t++) {
		to->values[t] += s->values[t * s->cap + row];
		if (s->variances)
			to->variances[t] += s->variances[t * s->cap + row];
	}
	to->nr_rows++;
}

bool totals_new(const struct seep_profile *p, struct totals *t)
{
	size_t nr = p->samples.nr;

	t->nr = 0;
	t->rows = malloc((nr + 1) * sizeof(*t->rows));
	t->items = calloc(nr + 1, sizeof(*t->items));
	if (!t->rows || !t->items) {
		totals_release(t);
		return false;
	}
	for (size_t i = 0; i < nr; i++)
		t->rows[i] = (uint32_t)i;
	qsort_r(t->rows, nr, sizeof(*t->rows), compare_rows, (void *)(uintptr_t)p);
	for (size_t i = 0; i < nr; i++) {
		uint32_t row = t->rows[i];

		if (!i || compare_groups(p, t->rows[i - 1], row))
			t->items[t->nr++] = (struct total_row){ .stack = p->samples.stack[row],
				                                .thread = thread_of(p, row),
				                                .tid = tid_of(p, row),
				                                .heap = heap_of(p, row),
				                                .process = process_of(p, row),
				                                .first_row = i };
		add_row(p, &t->items[t->nr - 1], row);
	}
	return true;
}

void totals_release(struct totals *t)
{
	free(t->rows);
	free(t->items);
	memset(t, 0, sizeof(*t));
}

int64_t round_next(struct rounding *r, double value)
{
	int64_t now, part;

	r->total += value;
	now = fabs(r->total) < 0x1p62 ? llround(r->total) : r->total < 0 ? -(1ll << 62) : 1ll << 62;
	part = now - r->written;
	r->written = now;
	return part;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *frame_name(const struct seep_profile *p, const struct seep_location *l, uint32_t line,
                       struct seep_arena *arena)
{
	const struct seep_mapping *m = l->mapping == SEEP_NO_ID ? NULL : &p->mappings[l->mapping];

	if (line < l->nr_lines) {
		const char *name = seep_profile_str(p, p->functions[p->lines[l->first_line + line].function].name);

		if (*name)
			return name;
	}
	if (!m)
		return l->addr ? seep_arena_printf(arena, "0x%llx", (unsigned long long)l->addr) : "[unknown]";
	return seep_arena_printf(arena, "%s+0x%llx", base_name(seep_profile_str(p, m->file)),
	                         (unsigned long long)(l->addr - m->bias));
}

const char *process_label(const struct seep_profile *p, uint32_t process, struct seep_arena *arena)
{
	const struct seep_process *of;

	if (process >= p->nr_processes)
		return "";
	of = &p->processes[process];
	return seep_arena_printf(arena, "%s[%llu]", seep_profile_str(p, of->name), (unsigned long long)of->pid);
}
