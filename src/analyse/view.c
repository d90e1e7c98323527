#include "view.h"

#include "figure.h"
#include "symbol/symbol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A made-up profile may repeat a location with many lines at will; real ones stay far below. */
#define MAX_STACK_ROWS (1u << 30)
/* No ELF file has code there, so nothing shares a label's row but the label of the same thread. */
#define LABEL_ADDR (UINT64_MAX / 2)
#define CLASS_FOLDABLE 1u
#define CLASS_START 2u
#define CLASS_ALLOCATOR 4u

/* What a frame's name and module say about folding; asked once for each pair. */
static uint32_t class_of(struct view *v, uint32_t name, uint32_t module)
{
	bool is_new;
	uint32_t id = map_id(&v->classes, MAP_KEY(name, module), &is_new);

	if (id == SEEP_NO_ID || !seep_grow(&v->class_flags, &v->cap_class_flags, (size_t)id + 1, 1))
		return SEEP_NO_ID;
	if (is_new) {
		const char *function = seep_profile_str(v->p, name), *path = seep_profile_str(v->p, module);
		enum seep_frame_class class = seep_frame_class_of(function, path);

		v->class_flags[id] = class != SEEP_FRAME_USER ? CLASS_FOLDABLE : 0;
		if (class != SEEP_FRAME_USER && seep_frame_is_start(function, path))
			v->class_flags[id] |= CLASS_START;
		if (class == SEEP_FRAME_ALLOCATOR)
			v->class_flags[id] |= CLASS_ALLOCATOR;
	}
	return v->class_flags[id];
}

/* Equal rows share an id: name, file and module, then line, then address, as the granularity asks. */
static uint32_t place_of(struct view *v, const struct view_row *row, uint64_t addr)
{
	uint32_t id = map_id(&v->files, MAP_KEY(row->name, row->file), NULL);

	if (id != SEEP_NO_ID)
		id = map_id(&v->modules, MAP_KEY(id, row->module), NULL);
	if (id != SEEP_NO_ID)
		id = map_id(&v->lines, MAP_KEY(id, row->line), NULL);
	if (id != SEEP_NO_ID) {
		uint32_t address = map_id(&v->addresses, addr, NULL);

		id = address == SEEP_NO_ID ? SEEP_NO_ID : map_id(&v->places, MAP_KEY(id, address), NULL);
	}
	return id;
}

static uint32_t add_row(struct view *v, struct view_row row, uint64_t addr)
{
	uint32_t id = place_of(v, &row, addr), flags;

	if (id == SEEP_NO_ID || id < v->nr_rows)
		return id;
	flags = class_of(v, row.name, row.module);
	if (flags == SEEP_NO_ID || !seep_grow(&v->rows, &v->cap_rows, v->nr_rows + 1, sizeof(*v->rows)))
		return SEEP_NO_ID;
	row.is_foldable = !row.is_label && flags & CLASS_FOLDABLE;
	row.is_start = !row.is_label && flags & CLASS_START;
	row.is_allocator = !row.is_label && flags & CLASS_ALLOCATOR;
	v->rows[v->nr_rows++] = row;
	return id;
}

static uint64_t elf_address(const struct seep_profile *p, const struct seep_location *l)
{
	return l->mapping < p->nr_mappings ? l->addr - p->mappings[l->mapping].bias : l->addr;
}

static uint32_t line_number(const struct seep_profile *p, const struct seep_location *l, uint32_t i)
{
	return i < l->nr_lines ? p->lines[l->first_line + i].line : 0;
}

/* The row of line `i` of a location (a location without lines has one, nameless). */
static uint32_t row_of_line(struct view *v, uint32_t location, uint32_t i)
{
	const struct seep_profile *p = v->p;
	const struct seep_location *l = &p->locations[location];
	struct view_row row = { .location = location, .is_inlined = i + 1 < l->nr_lines };
	bool by_address = v->o->by == SEEP_BY_ADDRESS;

	row.is_label = l->is_label;
	if (l->mapping < p->nr_mappings)
		row.module = p->mappings[l->mapping].file;
	if (i < l->nr_lines) {
		const struct seep_line *line = &p->lines[l->first_line + i];
		const struct seep_function *f = line->function < p->nr_functions ? &p->functions[line->function] : NULL;

		row.name = f ? f->name : 0;
		row.file = f ? f->file : 0;
		row.line = v->o->by == SEEP_BY_FUNCTION || l->is_label ? 0 : line->line;
	}
	if (l->is_label)
		return add_row(v, row, LABEL_ADDR + line_number(p, l, i));
	return add_row(v, row, by_address || row.name == 0 ? elf_address(p, l) : 0);
}

static bool expand_locations(struct view *v)
{
	v->of_location = calloc(v->p->nr_locations + 1, sizeof(*v->of_location));
	if (!v->of_location)
		return false;
	for (uint32_t l = 0; l < v->p->nr_locations; l++) {
		uint32_t nr = v->p->locations[l].nr_lines ? v->p->locations[l].nr_lines : 1;

		if (!seep_grow(&v->location_rows, &v->cap_location_rows, v->nr_location_rows + nr,
		               sizeof(*v->location_rows)) ||
		    !seep_grow(&v->location_lines, &v->cap_location_lines, v->nr_location_rows + nr,
		               sizeof(*v->location_lines)))
			return false;
		v->of_location[l] = (struct view_range){ (uint32_t)v->nr_location_rows, nr };
		for (uint32_t i = 0; i < nr; i++) {
			uint32_t row = row_of_line(v, l, i);

			if (row == SEEP_NO_ID)
				return false;
			v->location_lines[v->nr_location_rows] = line_number(v->p, &v->p->locations[l], i);
			v->location_rows[v->nr_location_rows++] = row;
		}
	}
	return true;
}

/* A nameless function that an allocator of its own library calls is a part of that allocator. */
static bool is_inside_allocator(const struct view *v, const uint32_t *rows, uint32_t nr)
{
	const struct view_row *leaf = &v->rows[rows[0]];

	for (uint32_t i = 0; i < nr && v->rows[rows[i]].module == leaf->module; i++) {
		if (v->rows[rows[i]].is_allocator)
			return true;
		if (v->rows[rows[i]].name)
			return false;
	}
	return false;
}

/*
 * How many rows at the leaf are allocators, containers and runtimes to be folded. Where all are, the outermost that
 * does not just start the program stays, so that no byte is lost.
 */
static uint32_t nr_folded(const struct view *v, const uint32_t *rows, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (!v->rows[rows[i]].is_foldable && !is_inside_allocator(v, rows + i, nr - i))
			return i;
	for (uint32_t i = nr; i-- > 0;)
		if (!v->rows[rows[i]].is_start)
			return i;
	return 0;
}

static bool grow_stack_rows(struct view *v, uint32_t nr)
{
	size_t want = v->nr_stack_rows + nr;

	return want <= MAX_STACK_ROWS && seep_grow(&v->stack_rows, &v->cap_stack_rows, want, sizeof(*v->stack_rows)) &&
	       seep_grow(&v->stack_lines, &v->cap_stack_lines, want, sizeof(*v->stack_lines));
}

/*
 * Whether the outermost of `nr` rows starts the program: of its runtime, the entry point of a stripped program, or the
 * C main that only calls Rust's.
 */
static bool is_below_program(const struct view *v, const uint32_t *rows, uint32_t nr)
{
	static const char rust_start[] = "std::rt::lang_start";
	const struct view_row *outermost = &v->rows[rows[nr - 1]], *next = &v->rows[rows[nr - 2]];

	if (outermost->is_foldable || (next->is_start && !outermost->name))
		return true;
	return next->is_start && !strcmp(seep_profile_str(v->p, outermost->name), "main") &&
	       !strncmp(seep_profile_str(v->p, next->name), rust_start, sizeof(rust_start) - 1);
}

/* A label stands below all that starts the program, which is taken off. */
static bool add_label_row(struct view *v, uint32_t location, struct view_range *range)
{
	size_t at = (size_t)range->first + range->nr;

	if (location >= v->p->nr_locations)
		return true;
	if (at == v->nr_stack_rows) {
		if (!grow_stack_rows(v, 1))
			return false;
		v->nr_stack_rows++;
	}
	v->stack_rows[at] = v->location_rows[v->of_location[location].first];
	v->stack_lines[at] = 0;
	range->nr++;
	return true;
}

static bool expand_stack(struct view *v, const struct seep_stack *stack, struct view_range *range)
{
	size_t first = v->nr_stack_rows;
	bool is_labelled = stack->nr && stack->flags & SEEP_STACK_LABELLED;
	uint32_t nr_skipped, nr_frames = stack->nr - is_labelled;

	for (uint32_t i = 0; i < nr_frames; i++) {
		uint32_t location = v->p->frames[stack->first + i];
		const struct view_range *rows;

		if (location >= v->p->nr_locations)
			continue;
		rows = &v->of_location[location];
		if (!grow_stack_rows(v, rows->nr))
			return false;
		memcpy(v->stack_rows + v->nr_stack_rows, v->location_rows + rows->first,
		       rows->nr * sizeof(*v->stack_rows));
		memcpy(v->stack_lines + v->nr_stack_rows, v->location_lines + rows->first,
		       rows->nr * sizeof(*v->stack_lines));
		v->nr_stack_rows += rows->nr;
	}
	if (v->nr_stack_rows == first) {
		if (!grow_stack_rows(v, 1))
			return false;
		v->stack_lines[v->nr_stack_rows] = 0;
		v->stack_rows[v->nr_stack_rows++] = v->unknown_row;
	}
	range->nr = (uint32_t)(v->nr_stack_rows - first);
	nr_skipped = v->o->all_frames ? 0 : nr_folded(v, v->stack_rows + first, range->nr);
	range->first = (uint32_t)first + nr_skipped;
	range->nr -= nr_skipped;
	/* What starts the program or a thread stands below every stack and says nothing. */
	while (!v->o->all_frames && range->nr > 1 && is_below_program(v, v->stack_rows + range->first, range->nr))
		range->nr--;
	return !is_labelled || add_label_row(v, v->p->frames[stack->first + nr_frames], range);
}

static bool expand_stacks(struct view *v)
{
	v->of_stack = calloc(v->p->nr_stacks + 1, sizeof(*v->of_stack));
	if (!v->of_stack)
		return false;
	for (size_t s = 0; s < v->p->nr_stacks; s++)
		if (!expand_stack(v, &v->p->stacks[s], &v->of_stack[s]))
			return false;
	return true;
}

static void sum_type(struct view *v, uint32_t type)
{
	const struct seep_samples *s = &v->p->samples;
	struct row_type t = row_type_of(v->p, type, v->o->period);

	for (size_t i = 0; i < s->nr; i++) {
		struct seep_figure one;

		if (s->stack[i] >= v->p->nr_stacks)
			continue;
		one = figure_of_row(&t, i);
		seep_figure_add(&v->figures[s->stack[i] * v->p->nr_types + type], &one);
	}
}

/* Sums of allocations tell the mean size alone: what lives on may tell of blocks that are harder to see. */
static void learn_from_live(struct view *v, const char *of, const char *from)
{
	uint32_t a = seep_profile_find_type(v->p, of), b = seep_profile_find_type(v->p, from);

	for (size_t s = 0; a != SEEP_NO_ID && b != SEEP_NO_ID && s < v->p->nr_stacks; s++) {
		struct seep_spread *all = &v->figures[s * v->p->nr_types + a].spread;
		const struct seep_spread *live = &view_figure(v, s, b)->spread;

		if (live->reach_variance > 0)
			all->reach_cubes =
				fmax(all->reach_cubes, all->reach_variance * live->reach_cubes / live->reach_variance);
	}
}

static bool sum_stacks(struct view *v)
{
	const struct seep_samples *s = &v->p->samples;

	v->figures = calloc((v->p->nr_stacks + 1) * (v->p->nr_types + 1), sizeof(*v->figures));
	v->live = calloc(v->p->nr_stacks + 1, sizeof(*v->live));
	if (!v->figures || !v->live)
		return false;
	for (uint32_t t = 0; t < v->p->nr_types; t++)
		sum_type(v, t);
	learn_from_live(v, "alloc_objects", "inuse_objects");
	for (size_t i = 0; s->age_s && i < s->nr; i++)
		if (!isnan(s->age_s[i]) && s->stack[i] < v->p->nr_stacks)
			v->live[s->stack[i]] += fabs(s->values[v->live_type * s->cap + i]);
	return true;
}

/* Ages weigh bytes in use, whatever the report is sorted by; another kind of profile weighs what it is sorted by. */
static uint32_t live_type_of(const struct seep_profile *p, const struct seep_analyse_options *o)
{
	for (uint32_t t = 0; t < p->nr_types; t++)
		if (!strcmp(seep_profile_str(p, p->types[t].type), "inuse_space"))
			return t;
	return o->type;
}

bool view_is_empty(const struct view *v, size_t stack)
{
	for (uint32_t t = 0; t < v->p->nr_types; t++) {
		const struct seep_figure *f = view_figure(v, stack, t);

		if (f->value != 0 || f->nr != 0)
			return false;
	}
	return true;
}

bool view_init(struct view *v, const struct seep_profile *p, const struct seep_analyse_options *o)
{
	struct view_row unknown = { .location = SEEP_NO_ID };

	*v = (struct view){ .p = p, .o = o, .live_type = live_type_of(p, o) };
	/* No ELF file has code at this address, so no nameless location shares the row. */
	v->unknown_row = add_row(v, unknown, UINT64_MAX);
	if (v->unknown_row == SEEP_NO_ID || !expand_locations(v) || !expand_stacks(v) || !sum_stacks(v))
		return false;
	for (size_t s = 0; s < p->nr_stacks; s++)
		for (uint32_t i = 0; !view_is_empty(v, s) && i < v->of_stack[s].nr; i++)
			v->rows[v->stack_rows[v->of_stack[s].first + i]].is_used = true;
	return true;
}

void view_release(struct view *v)
{
	free(v->rows);
	free(v->of_location);
	free(v->location_rows);
	free(v->location_lines);
	free(v->of_stack);
	free(v->stack_rows);
	free(v->stack_lines);
	free(v->figures);
	free(v->live);
	free(v->class_flags);
	map_release(&v->files);
	map_release(&v->modules);
	map_release(&v->lines);
	map_release(&v->addresses);
	map_release(&v->places);
	map_release(&v->classes);
}
