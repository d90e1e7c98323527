#include "recorder/objects.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "recorder/linked.h"
#include "recorder/text.h"

struct tables {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *gnu_hash, *hash;
	const uint16_t *versions;
};

struct search {
	const char *name;
	enum { ANYWHERE, BEFORE, BEHIND } where; /* of this library */
	bool is_behind;
	struct seep_symbol found;
};

/* The loader relocates these pointers in place in most objects, but not in the vdso. */
static const void *at(uint64_t base, uint64_t value)
{
	return (const void *)(uintptr_t)(value < base ? value + base : value);
}

static bool read_tables(uint64_t bias, const ElfW(Dyn) * dyn, struct tables *t)
{
	*t = (struct tables){ 0 };
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *p = at(bias, dyn->d_un.d_ptr);

		if (dyn->d_tag == DT_SYMTAB)
			t->symbols = p;
		else if (dyn->d_tag == DT_STRTAB)
			t->strings = p;
		else if (dyn->d_tag == DT_GNU_HASH)
			t->gnu_hash = p;
		else if (dyn->d_tag == DT_HASH)
			t->hash = p;
		else if (dyn->d_tag == DT_VERSYM)
			t->versions = p;
	}
	return t->symbols && t->strings && (t->gnu_hash || t->hash);
}

/* Exported, defined here; a hidden version is an old one that only programs linked against it get. */
static bool is_definition(const struct tables *t, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &t->symbols[i];

	if (s->st_shndx == SHN_UNDEF || !s->st_value || ELF64_ST_BIND(s->st_info) == STB_LOCAL)
		return false;
	return text_equal(t->strings + s->st_name, name) && !(t->versions && t->versions[i] & 0x8000);
}

/* glibc manual and binutils: bloom filter words, buckets, then chains whose last entry has its lowest bit set. */
static const ElfW(Sym) * find_gnu(const struct tables *t, const char *name)
{
	uint32_t nr_buckets = t->gnu_hash[0], first = t->gnu_hash[1], nr_bloom = t->gnu_hash[2], hash = 5381;
	const uint32_t *buckets = t->gnu_hash + 4 + nr_bloom * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chains = buckets + nr_buckets;
	uint32_t i;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	i = nr_buckets ? buckets[hash % nr_buckets] : 0;
	for (; i >= first && i; i++) {
		uint32_t h = chains[i - first];

		if ((h | 1) == (hash | 1) && is_definition(t, i, name))
			return &t->symbols[i];
		if (h & 1)
			break;
	}
	return NULL;
}

static const ElfW(Sym) * find_symbol(const struct tables *t, const char *name)
{
	if (t->gnu_hash)
		return find_gnu(t, name);
	for (uint32_t i = 1; i < t->hash[1]; i++)
		if (is_definition(t, i, name))
			return &t->symbols[i];
	return NULL;
}

static const ElfW(Dyn) * dynamic_of(const ElfW(Phdr) * headers, uint64_t nr, uint64_t bias)
{
	for (uint64_t i = 0; i < nr; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			return (const ElfW(Dyn) *)(uintptr_t)(bias + headers[i].p_vaddr);
	return NULL;
}

static bool read_tables_of(const struct dl_phdr_info *info, struct tables *t)
{
	return read_tables(info->dlpi_addr, dynamic_of(info->dlpi_phdr, info->dlpi_phnum, info->dlpi_addr), t);
}

/* ---- walking the objects ---- */

/* The loader's list, which every object is in before the first constructor runs; NULL: a program without a loader. */
static const struct link_map *first_object(void)
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	uint64_t nr = getauxval(AT_PHNUM);
	const ElfW(Dyn) *dyn = NULL;

	/* Whoever has a loader has this entry. */
	for (uint64_t i = 0; headers && i < nr; i++)
		if (headers[i].p_type == PT_PHDR)
			dyn = dynamic_of(headers, nr, (uint64_t)(uintptr_t)headers - headers[i].p_vaddr);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_DEBUG && dyn->d_un.d_ptr)
			return ((const struct r_debug *)(uintptr_t)dyn->d_un.d_ptr)->r_map;
	return NULL;
}

static bool is_c_library(const char *path)
{
	const char *base = text_base(path);

	return text_starts(base, "libc.so.6") || text_starts(base, "libc-2.") || text_starts(base, "ld-musl-") ||
	       text_starts(base, "libc.musl-") || text_equal(base, "libc.so");
}

typedef int iterate_fn(int (*)(struct dl_phdr_info *, size_t, void *), void *);

/* Another library's of that name (ThreadSanitizer's) is not ready while that library starts, and may allocate. */
static iterate_fn *find_iterate(void)
{
	for (const struct link_map *l = first_object(); l; l = l->l_next) {
		const ElfW(Sym) * symbol;
		struct tables t;

		if (!l->l_name || !is_c_library(l->l_name) || !read_tables(l->l_addr, l->l_ld, &t))
			continue;
		symbol = find_symbol(&t, "dl_iterate_phdr");
		if (symbol) {
			const void *address = at(l->l_addr, l->l_addr + symbol->st_value);
			iterate_fn *fn;

			__builtin_memcpy(&fn, &address, sizeof(fn));
			return fn;
		}
	}
	return dl_iterate_phdr;
}

static iterate_fn *c_iterate(void)
{
	static iterate_fn *found; /* two threads find the same */
	iterate_fn *fn = __atomic_load_n(&found, __ATOMIC_RELAXED);

	if (!fn) {
		fn = find_iterate();
		__atomic_store_n(&found, fn, __ATOMIC_RELAXED);
	}
	return fn;
}

void seep_objects_visit(int (*visit)(struct dl_phdr_info *, size_t, void *), void *data)
{
	(void)c_iterate()(visit, data);
}

uint64_t seep_c_library_address(void)
{
	return (uint64_t)(uintptr_t)c_iterate();
}

/* ---- searching them ---- */

static void note_range(const struct dl_phdr_info *info, struct seep_symbol *found)
{
	found->start = UINT64_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (info->dlpi_addr + p->p_vaddr < found->start)
			found->start = info->dlpi_addr + p->p_vaddr;
		if (info->dlpi_addr + p->p_vaddr + p->p_memsz > found->end)
			found->end = info->dlpi_addr + p->p_vaddr + p->p_memsz;
	}
}

static bool is_ourselves(const struct dl_phdr_info *info)
{
	struct seep_symbol range = { 0 };

	note_range(info, &range);
	return (uint64_t)(uintptr_t)&is_ourselves >= range.start && (uint64_t)(uintptr_t)&is_ourselves < range.end;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	struct search *s = data;
	const ElfW(Sym) * symbol;
	struct tables t;

	(void)size;
	if (is_ourselves(info)) {
		s->is_behind = true;
		return s->where == BEFORE;
	}
	if ((s->where == BEHIND && !s->is_behind) || !read_tables_of(info, &t))
		return 0;
	symbol = find_symbol(&t, s->name);
	if (!symbol)
		return 0;
	s->found.address = (void *)(uintptr_t)(info->dlpi_addr + symbol->st_value);
	if (ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC) {
		void *(*resolve)(void);

		__builtin_memcpy(&resolve, &s->found.address, sizeof(resolve));
		s->found.address = resolve();
	}
	s->found.path = info->dlpi_name ? info->dlpi_name : "";
	s->found.is_executable = !s->found.path[0];
	note_range(info, &s->found);
	return 1;
}

struct seep_symbol seep_symbol_next(const char *name)
{
	struct search s = { .name = name, .where = BEHIND };

	if (seep_linked_is_wrapped()) {
		s.found.address = seep_linked_real(name);
		s.found.path = "linked";
		return s.found;
	}
	seep_objects_visit(visit, &s);
	return s.found;
}

struct seep_symbol seep_symbol_before(const char *name)
{
	struct search s = { .name = name, .where = BEFORE };

	seep_objects_visit(visit, &s);
	return s.found;
}

struct seep_symbol seep_symbol_anywhere(const char *name)
{
	struct search s = { .name = name };

	seep_objects_visit(visit, &s);
	return s.found;
}

/* ---- another recorder ---- */

static bool is_our_note(const ElfW(Nhdr) * note)
{
	return note->n_namesz == 5 && note->n_type == 1 && __builtin_memcmp(note + 1, "seep", 5) == 0;
}

/* The note of note.S. */
static bool has_recorder(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + p->p_vaddr, end = at + p->p_memsz;

		if (p->p_type != PT_NOTE || p->p_align > 4)
			continue;
		while (at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(uintptr_t)at;

			if (is_our_note(note))
				return true;
			at += sizeof(*note) + ((note->n_namesz + 3ull) & ~3ull) + ((note->n_descsz + 3ull) & ~3ull);
		}
	}
	return false;
}

struct rival {
	uint32_t nr_seen;
	bool is_other;
};

static int visit_rival(struct dl_phdr_info *info, size_t size, void *data)
{
	struct rival *r = data;
	struct tables t;
	bool is_first = !r->nr_seen++;

	(void)size;
	if (is_ourselves(info))
		return 1;
	if (!is_first && !(read_tables_of(info, &t) && find_symbol(&t, "malloc")))
		return 0;
	r->is_other = has_recorder(info);
	return r->is_other || !is_first || (read_tables_of(info, &t) && find_symbol(&t, "malloc"));
}

bool seep_other_recorder(void)
{
	struct rival r = { 0 };

	seep_objects_visit(visit_rival, &r);
	return r.is_other;
}
