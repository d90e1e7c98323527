#include "names.h"

#include <stdlib.h>
#include <string.h>

struct section_end {
	Elf *elf;
	size_t shndx;
	uint64_t end; /* 0: not code */
};

/* Where the section ends that a symbol is in; 0 when it holds no code. Symbols come in runs: the last answer is
 * kept. */
static uint64_t code_end(struct section_end *last, Elf *elf, size_t shndx, uint64_t bias)
{
	Elf_Scn *scn;
	GElf_Shdr shdr;

	if (last->elf == elf && last->shndx == shndx)
		return last->end;
	scn = elf ? elf_getscn(elf, shndx) : NULL;
	*last = (struct section_end){ elf, shndx, 0 };
	if (scn && gelf_getshdr(scn, &shdr) && (shdr.sh_flags & SHF_EXECINSTR))
		last->end = shdr.sh_addr + shdr.sh_size + bias;
	return last->end;
}

/* Global before weak before local, functions before labels, few underscores before many. */
static uint8_t rank_of(const GElf_Sym *sym, const char *name)
{
	unsigned rank = GELF_ST_TYPE(sym->st_info) == STT_NOTYPE ? 64 : 0;

	rank += GELF_ST_BIND(sym->st_info) == STB_LOCAL ? 32 : GELF_ST_BIND(sym->st_info) == STB_WEAK ? 16 : 0;
	return (uint8_t)(rank + (strncmp(name, "_Z", 2) && strncmp(name, "_R", 2) ? strspn(name, "_") & 15 : 0));
}

static bool is_function(const GElf_Sym *sym, const char *name)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	/* "$x" and "$d" mark code and data on ARM. */
	return name && *name && *name != '$' && (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static int compare_entries(const void *a, const void *b)
{
	const struct symtab_entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if ((x->end == 0) != (y->end == 0))
		return x->end == 0 ? 1 : -1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void collect(struct symtab *t, Dwfl_Module *module, int nr)
{
	struct section_end last = { NULL, 0, 0 };

	for (int i = 1; i < nr; i++) {
		GElf_Sym sym;
		GElf_Addr addr, bias = 0;
		GElf_Word shndx;
		Elf *elf = NULL;
		const char *name = dwfl_module_getsym_info(module, i, &sym, &addr, &shndx, &elf, &bias);
		uint64_t end;

		if (!is_function(&sym, name) || shndx == SHN_UNDEF || shndx == SHN_ABS)
			continue;
		end = code_end(&last, elf, shndx, bias);
		if (end == 0 || addr >= end)
			continue;
		/* A size of 0 (assembly) is settled when the neighbours are known: `reach` keeps the section's end. */
		t->entries[t->nr++] = (struct symtab_entry){ .start = addr,
			                                     .end = sym.st_size ? addr + sym.st_size : 0,
			                                     .reach = end,
			                                     .name = name,
			                                     .rank = rank_of(&sym, name) };
	}
}

/* Keeps the best name of each start, gives sizeless symbols the room up to their neighbour, and fills `reach`. */
static void settle(struct symtab *t)
{
	uint64_t reach = 0;
	size_t nr = 0;

	for (size_t i = 0; i < t->nr; i++)
		if (nr == 0 || t->entries[nr - 1].start != t->entries[i].start)
			t->entries[nr++] = t->entries[i];
	t->nr = nr;
	for (size_t i = 0; i < nr; i++) {
		struct symtab_entry *e = &t->entries[i];

		if (e->end == 0)
			e->end = i + 1 < nr && e[1].start < e->reach ? e[1].start : e->reach;
		reach = e->end > reach ? e->end : reach;
		e->reach = reach;
	}
}

bool symtab_init(struct symtab *t, Dwfl_Module *module)
{
	int nr = dwfl_module_getsymtab(module);

	*t = (struct symtab){ .nr = 0 };
	if (nr <= 0)
		return true;
	t->entries = calloc((size_t)nr, sizeof(*t->entries));
	if (!t->entries)
		return false;
	collect(t, module, nr);
	qsort(t->entries, t->nr, sizeof(*t->entries), compare_entries);
	settle(t);
	return true;
}

void symtab_release(struct symtab *t)
{
	free(t->entries);
	*t = (struct symtab){ .nr = 0 };
}

const struct symtab_entry *symtab_find(const struct symtab *t, uint64_t addr)
{
	size_t low = 0, high = t->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->entries[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i-- > 0 && t->entries[i].reach > addr;)
		if (addr < t->entries[i].end)
			return &t->entries[i];
	return NULL;
}
