#include "names.h"

#include "signature.h"
#include "symbol.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

/*
 * Asking libdw "what is at this address" walks a whole compilation unit each time and relies on .debug_aranges, which
 * clang does not write. So the ranges of all units are listed once (cheap: only their first entry is read), and the
 * functions of a unit when the first address falls into it.
 */
struct range {
	uint64_t start, end, reach; /* reach: largest end up to here */
	size_t what;                /* index in units[] or functions[] */
};

struct ranges {
	struct range *p;
	size_t nr, cap;
};

struct unit {
	Dwarf_Die cu;                       /* has the line table */
	Dwarf_Die root;                     /* has the functions: cu itself, or the .dwo's */
	const char *comp_dir;               /* "" unknown */
	const char *relative_path, *joined; /* the last path that comp_dir was put before */
	bool is_listed;
	Dwarf_Die *functions;
	size_t nr_functions, cap_functions;
	struct ranges ranges;
};

/* What a function's entry says, found once. */
struct function {
	const void *key; /* the entry's place in memory */
	const char *name, *system_name;
	uint32_t start_line;
};

struct debuginfo {
	Dwarf *dwarf;
	uint64_t bias;
	const struct symtab *symtab;
	struct seep_arena arena;
	struct unit *units;
	size_t nr_units, cap_units;
	struct ranges ranges;
	struct function *functions; /* open addressing, a power of two */
	size_t nr_functions, nr_slots;
};

#define MAX_DEPTH 64

static bool add_range(struct ranges *r, uint64_t start, uint64_t end, size_t what)
{
	/* Code that the linker dropped keeps its entry at address 0 (or at the top, by newer linkers). */
	if (start == 0 || end <= start)
		return true;
	if (!seep_grow(&r->p, &r->cap, r->nr + 1, sizeof(*r->p)))
		return false;
	r->p[r->nr++] = (struct range){ .start = start, .end = end, .what = what };
	return true;
}

/* All ranges of an entry: low and high pc, or DW_AT_ranges. */
static bool add_ranges_of(struct ranges *r, Dwarf_Die *die, size_t what)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0)
		if (!add_range(r, start, end, what))
			return false;
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* The smaller one last: it is found first. */
	return x->end > y->end ? -1 : x->end < y->end;
}

static void sort_ranges(struct ranges *r)
{
	uint64_t reach = 0;

	if (r->nr)
		qsort(r->p, r->nr, sizeof(*r->p), compare_ranges);
	for (size_t i = 0; i < r->nr; i++) {
		reach = r->p[i].end > reach ? r->p[i].end : reach;
		r->p[i].reach = reach;
	}
}

static const struct range *find_range(const struct ranges *r, uint64_t addr)
{
	size_t low = 0, high = r->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->p[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i-- > 0 && r->p[i].reach > addr;)
		if (addr < r->p[i].end)
			return &r->p[i];
	return NULL;
}

/* ---- units and their functions ---- */

static bool list_units(struct debuginfo *d)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die, sub;
	uint8_t type;

	while (dwarf_get_units(d->dwarf, cu, &cu, NULL, &type, &die, &sub) == 0) {
		struct unit *unit;

		if (type != DW_UT_compile && type != DW_UT_skeleton && type != DW_UT_partial)
			continue;
		if (!seep_grow(&d->units, &d->cap_units, d->nr_units + 1, sizeof(*d->units)))
			return false;
		unit = &d->units[d->nr_units];
		*unit = (struct unit){ .cu = die, .root = type == DW_UT_skeleton && sub.cu ? sub : die };
		if (!add_ranges_of(&d->ranges, &die, d->nr_units++))
			return false;
	}
	sort_ranges(&d->ranges);
	return true;
}

static bool holds_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_subprogram: /* nested functions, and functions of local classes */
	case DW_TAG_lexical_block: return true;
	default: return false;
	}
}

static bool list_functions(struct unit *u, Dwarf_Die *parent, unsigned depth)
{
	Dwarf_Die die;

	if (depth > MAX_DEPTH || dwarf_child(parent, &die) != 0)
		return true;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram &&
		    (dwarf_hasattr(&die, DW_AT_low_pc) || dwarf_hasattr(&die, DW_AT_ranges))) {
			if (!seep_grow(&u->functions, &u->cap_functions, u->nr_functions + 1, sizeof(*u->functions)))
				return false;
			u->functions[u->nr_functions] = die;
			if (!add_ranges_of(&u->ranges, &die, u->nr_functions++))
				return false;
		}
		if (holds_functions(tag) && !list_functions(u, &die, depth + 1))
			return false;
	} while (dwarf_siblingof(&die, &die) == 0);
	return true;
}

static Dwarf_Die *function_at(struct unit *u, uint64_t addr)
{
	const struct range *range;

	if (!u->is_listed) {
		u->is_listed = true;
		if (!list_functions(u, &u->root, 0))
			return NULL;
		sort_ranges(&u->ranges);
	}
	range = find_range(&u->ranges, addr);
	return range ? &u->functions[range->what] : NULL;
}

/* ---- names of functions ---- */

/* The entry that describes the function itself: what an inlined call or an outlined copy refers to. */
static Dwarf_Die origin_of(Dwarf_Die *die)
{
	Dwarf_Attribute attr;
	Dwarf_Die origin;

	if (dwarf_attr(die, DW_AT_abstract_origin, &attr) && dwarf_formref_die(&attr, &origin))
		return origin;
	return *die;
}

static const char *linkage_name(Dwarf_Die *die)
{
	Dwarf_Attribute attr;

	if (!dwarf_attr_integrate(die, DW_AT_linkage_name, &attr) &&
	    !dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attr))
		return NULL;
	return dwarf_formstring(&attr);
}

static bool has_scopes(Dwarf_Die *die)
{
	Dwarf_Die cu;

	if (!dwarf_diecu(die, &cu, NULL, NULL))
		return false;
	switch (dwarf_srclang(&cu)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case 0x2a: /* C++17, C++20: newer than libdw 0.188 */
	case 0x2b:
	case DW_LANG_Rust: return true;
	default: return false;
	}
}

/* In C, and for what C++ declares extern "C", the name is all; else it is put together from the scopes around it. */
static const char *name_without_linkage(struct debuginfo *d, Dwarf_Die *die, const char *name)
{
	return signature_is_plain(die) || !has_scopes(die) ? name : signature_of(&d->arena, die);
}

static const char *copy_demangled(struct debuginfo *d, const char *mangled)
{
	char *text = seep_demangle(mangled);
	const char *copy = text ? seep_arena_strndup(&d->arena, text, strlen(text)) : NULL;

	free(text);
	return copy;
}

static void name_function(struct debuginfo *d, struct function *f, Dwarf_Die *die, bool is_concrete)
{
	Dwarf_Die origin = origin_of(die);
	const char *linkage = linkage_name(die), *name = dwarf_diename(die);
	Dwarf_Addr entry;
	int line;

	if (!linkage && is_concrete && name && has_scopes(die) && dwarf_entrypc(die, &entry) == 0) {
		const struct symtab_entry *symbol = symtab_find(d->symtab, entry + d->bias);

		if (symbol && symbol->start == entry + d->bias)
			linkage = symbol->name;
	}
	f->system_name = linkage ? linkage : name;
	if (linkage)
		f->name = copy_demangled(d, linkage);
	else if (name)
		f->name = name_without_linkage(d, &origin, name);
	if (dwarf_decl_line(die, &line) == 0 && line > 0)
		f->start_line = (uint32_t)line;
}

static bool grow_functions(struct debuginfo *d)
{
	size_t nr_slots = d->nr_slots ? d->nr_slots * 2 : 256;
	struct function *bigger = calloc(nr_slots, sizeof(*bigger));

	if (!bigger)
		return false;
	for (size_t i = 0; i < d->nr_slots; i++) {
		size_t slot;

		if (!d->functions[i].key)
			continue;
		slot = seep_hash(&d->functions[i].key, sizeof(d->functions[i].key)) & (nr_slots - 1);
		while (bigger[slot].key)
			slot = (slot + 1) & (nr_slots - 1);
		bigger[slot] = d->functions[i];
	}
	free(d->functions);
	d->functions = bigger;
	d->nr_slots = nr_slots;
	return true;
}

static const struct function *function_of(struct debuginfo *d, Dwarf_Die *die, bool is_concrete)
{
	const void *key = is_concrete ? die->addr : origin_of(die).addr;
	size_t slot;

	if (d->nr_functions * 2 >= d->nr_slots && !grow_functions(d))
		return NULL;
	slot = seep_hash(&key, sizeof(key)) & (d->nr_slots - 1);
	while (d->functions[slot].key && d->functions[slot].key != key)
		slot = (slot + 1) & (d->nr_slots - 1);
	if (!d->functions[slot].key) {
		d->nr_functions++;
		d->functions[slot].key = key;
		name_function(d, &d->functions[slot], die, is_concrete);
	}
	return &d->functions[slot];
}

/* ---- frames ---- */

/* Descends to the innermost inlined call at `addr`: chain[0] is the function, each next one was inlined into it. */
static uint32_t inline_chain(Dwarf_Die *function, uint64_t addr, Dwarf_Die *chain)
{
	Dwarf_Die at = *function, child;
	uint32_t nr = 1;

	chain[0] = *function;
	for (unsigned depth = 0; depth < 4 * NAME_MAX_FRAMES && dwarf_child(&at, &child) == 0; depth++) {
		bool found = false;

		do {
			int tag = dwarf_tag(&child);

			if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block &&
			    tag != DW_TAG_try_block && tag != DW_TAG_catch_block)
				continue;
			found = dwarf_haspc(&child, addr) > 0;
			if (found && tag == DW_TAG_inlined_subroutine && nr < NAME_MAX_FRAMES)
				chain[nr++] = child;
		} while (!found && dwarf_siblingof(&child, &child) == 0);
		if (!found)
			break;
		at = child;
	}
	return nr;
}

/* A path as the compiler's working directory makes it. */
static const char *full_path(struct debuginfo *d, struct unit *u, const char *path)
{
	Dwarf_Attribute attr;

	if (*path == '/')
		return path;
	if (!u->comp_dir) {
		u->comp_dir = dwarf_attr(&u->cu, DW_AT_comp_dir, &attr) ? dwarf_formstring(&attr) : NULL;
		u->comp_dir = u->comp_dir ? u->comp_dir : "";
	}
	if (!*u->comp_dir)
		return path;
	if (u->relative_path != path) {
		u->relative_path = path;
		u->joined = seep_arena_printf(&d->arena, "%s/%s", u->comp_dir, path);
	}
	return u->joined ? u->joined : path;
}

static void place_innermost(struct debuginfo *d, struct unit *u, uint64_t addr, struct name_frame *frame)
{
	Dwarf_Line *line = dwarf_getsrc_die(&u->cu, addr);
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	int number;

	if (file)
		frame->file = full_path(d, u, file);
	if (line && dwarf_lineno(line, &number) == 0 && number > 0)
		frame->line = (uint32_t)number;
}

/* Where `inlined` was called: the place in the function around it. */
static void place_call(struct debuginfo *d, struct unit *u, Dwarf_Die *inlined, struct name_frame *frame)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;
	Dwarf_Files *files;
	size_t nr_files;

	if (dwarf_attr(inlined, DW_AT_call_line, &attr) && dwarf_formudata(&attr, &value) == 0 && value <= UINT32_MAX)
		frame->line = (uint32_t)value;
	if (dwarf_attr(inlined, DW_AT_call_file, &attr) && dwarf_formudata(&attr, &value) == 0 &&
	    dwarf_getsrcfiles(&u->root, &files, &nr_files) == 0 && value < nr_files) {
		const char *file = dwarf_filesrc(files, value, NULL, NULL);

		if (file)
			frame->file = full_path(d, u, file);
	}
}

static uint32_t frames_of(struct debuginfo *d, struct unit *u, Dwarf_Die *function, uint64_t addr,
                          struct name_frame *frames)
{
	Dwarf_Die chain[NAME_MAX_FRAMES];
	uint32_t nr = inline_chain(function, addr, chain);

	for (uint32_t i = 0; i < nr; i++) {
		Dwarf_Die *die = &chain[nr - 1 - i];
		const struct function *f = function_of(d, die, i == nr - 1);

		if (!f || !f->name)
			return 0;
		frames[i] = (struct name_frame){ f->name, f->system_name, "", 0, f->start_line };
		if (i == 0)
			place_innermost(d, u, addr, &frames[i]);
		else
			place_call(d, u, &chain[nr - i], &frames[i]);
	}
	return nr;
}

static struct unit *unit_at(struct debuginfo *d, uint64_t addr)
{
	const struct range *range = find_range(&d->ranges, addr);

	return range ? &d->units[range->what] : NULL;
}

uint32_t debuginfo_find(struct debuginfo *d, uint64_t addr, struct name_frame *frames)
{
	struct unit *unit = unit_at(d, addr - d->bias);
	Dwarf_Die *function = unit ? function_at(unit, addr - d->bias) : NULL;

	return function ? frames_of(d, unit, function, addr - d->bias, frames) : 0;
}

void debuginfo_place(struct debuginfo *d, uint64_t addr, struct name_frame *frame)
{
	struct unit *unit = unit_at(d, addr - d->bias);

	if (unit)
		place_innermost(d, unit, addr - d->bias, frame);
}

struct debuginfo *debuginfo_new(Dwarf *dwarf, uint64_t bias, const struct symtab *symtab)
{
	struct debuginfo *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct debuginfo){ .dwarf = dwarf, .bias = bias, .symtab = symtab };
	seep_arena_init(&d->arena);
	if (!list_units(d)) {
		debuginfo_free(d);
		return NULL;
	}
	return d;
}

void debuginfo_free(struct debuginfo *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->nr_units; i++) {
		free(d->units[i].functions);
		free(d->units[i].ranges.p);
	}
	free(d->units);
	free(d->ranges.p);
	free(d->functions);
	seep_arena_release(&d->arena);
	free(d);
}
