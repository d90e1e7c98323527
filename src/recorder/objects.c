#include "recorder/objects.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>

#include "recorder/text.h"

struct tables {
	const ElfW(Sym) * symbols;
	const char *strings;
	const uint32_t *gnu_hash, *hash;
	const uint16_t *versions;
};

struct search {
	const char *name;
	bool from_next; /* only behind this library */
	bool is_behind;
	struct seep_symbol found;
};

/* The loader relocates these pointers in place in most objects, but not in the vdso. */
static const void *at(uint64_t base, uint64_t value)
{
	return (const void *)(uintptr_t)(value < base ? value + base : value);
}

static bool read_tables(const struct dl_phdr_info *info, struct tables *t)
{
	const ElfW(Dyn) *dyn = NULL;

	*t = (struct tables){ 0 };
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dyn = (const ElfW(Dyn) *)(uintptr_t)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *p = at(info->dlpi_addr, dyn->d_un.d_ptr);

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
		return 0;
	}
	if ((s->from_next && !s->is_behind) || !read_tables(info, &t))
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

static struct seep_symbol search(const char *name, bool from_next)
{
	struct search s = { .name = name, .from_next = from_next };

	(void)dl_iterate_phdr(visit, &s);
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
	if (!is_first && !(read_tables(info, &t) && find_symbol(&t, "malloc")))
		return 0;
	r->is_other = has_recorder(info);
	return r->is_other || !is_first || (read_tables(info, &t) && find_symbol(&t, "malloc"));
}

bool seep_other_recorder(void)
{
	struct rival r = { 0 };

	(void)dl_iterate_phdr(visit_rival, &r);
	return r.is_other;
}

struct seep_symbol seep_symbol_next(const char *name)
{
	return search(name, true);
}
struct seep_symbol seep_symbol_anywhere(const char *name)
{
	return search(name, false);
}
