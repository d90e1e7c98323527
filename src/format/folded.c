#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/private.h"

struct folded_line {
	const char *text;
	double value;
};

struct folding {
	const struct seep_profile *p;
	struct seep_arena arena; /* of names and lines */
	struct seep_buf buf;     /* the line under construction */
	struct folded_line *lines;
	size_t nr;
};

/* ';' separates frames, a line break lines. */
static void add_frame(struct folding *f, const char *name)
{
	if (f->buf.len)
		seep_buf_add(&f->buf, ";", 1);
	for (; *name; name++) {
		char c = *name == ';' ? ':' : *name == '\n' ? ' ' : *name;

		seep_buf_add(&f->buf, &c, 1);
	}
}

static bool add_location(struct folding *f, const struct seep_location *l)
{
	uint32_t nr = l->nr_lines ? l->nr_lines : 1;

	for (uint32_t i = nr; i-- > 0;) {
		const char *name = frame_name(f->p, l, i, &f->arena);

		if (!name)
			return false;
		add_frame(f, name);
	}
	return true;
}

static bool fold(struct folding *f, const struct total_row *row)
{
	const struct seep_stack *stack = &f->p->stacks[row->stack];
	const char *process = f->p->nr_processes > 1 ? process_label(f->p, row->process, &f->arena) : "";

	f->buf.len = 0;
	if (!process)
		return false;
	if (*process)
		add_frame(f, process);
	if (stack->flags & (SEEP_STACK_CUT | SEEP_STACK_DEEP))
		add_frame(f, stack->flags & SEEP_STACK_CUT ? "[cut]" : "[deep]");
	for (uint32_t i = stack->nr; i-- > 0;)
		if (!add_location(f, &f->p->locations[f->p->frames[stack->first + i]]))
			return false;
	if (!stack->nr)
		add_frame(f, "[unknown]");
	if (f->buf.failed)
		return false;
	f->lines[f->nr].text = seep_arena_strndup(&f->arena, (const char *)f->buf.p, f->buf.len);
	return f->lines[f->nr].text;
}

static int compare_lines(const void *a, const void *b)
{
	const struct folded_line *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* Stacks that differ only in addresses are one line. */
static void write_lines(const struct folding *f, FILE *out)
{
	struct rounding rounding = { 0 };

	for (size_t i = 0, next; i < f->nr; i = next) {
		double sum = 0;
		int64_t value;

		for (next = i; next < f->nr && !strcmp(f->lines[i].text, f->lines[next].text); next++)
			sum += f->lines[next].value;
		value = round_next(&rounding, sum);
		if (value)
			fprintf(out, "%s %" PRIi64 "\n", f->lines[i].text, value);
	}
}

static bool fold_all(struct folding *f, uint32_t type)
{
	struct totals totals;
	bool is_done = true;

	if (!totals_new(f->p, &totals))
		return false;
	f->lines = calloc(totals.nr + 1, sizeof(*f->lines));
	is_done = f->lines != NULL;
	for (size_t i = 0; is_done && i < totals.nr; i++) {
		double value = totals.items[i].values[type];

		if (value <= 0 && value >= 0)
			continue;
		is_done = fold(f, &totals.items[i]);
		f->lines[f->nr].value = value;
		f->nr += is_done;
	}
	totals_release(&totals);
	return is_done;
}

enum seep_status seep_folded_write(const struct seep_profile *p, uint32_t type, FILE *out, struct seep_error *err)
{
	struct folding f = { .p = p };
	enum seep_status status = SEEP_OK;

	if (type >= p->nr_types)
		return seep_fail(err, SEEP_ERR_USAGE, "the profile has no such value");
	seep_arena_init(&f.arena);
	if (fold_all(&f, type)) {
		qsort(f.lines, f.nr, sizeof(*f.lines), compare_lines);
		write_lines(&f, out);
	} else {
		status = seep_fail(err, SEEP_ERR_NOMEM, "cannot write folded stacks: out of memory");
	}
	free(f.lines);
	seep_buf_release(&f.buf);
	seep_arena_release(&f.arena);
	return status;
}
