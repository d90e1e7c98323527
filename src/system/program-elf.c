#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "system/program.h"

/* Symbols that tell an allocator, or what a program is, when the executable itself defines them. */
struct mark {
	const char *symbol, *allocator;
};
static const struct mark marks[] = {
	{ "tc_malloc", "tcmalloc" }, { "TCMallocInternalMalloc", "tcmalloc" },
	{ "je_malloc", "jemalloc" }, { "_rjem_malloc", "jemalloc" },
	{ "mallocx", "jemalloc" },   { "mi_malloc", "mimalloc" },
	{ "rpmalloc", "rpmalloc" },
};

static void take_symbol(const char *name, bool is_dynamic, struct seep_program *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (!strcmp(name, marks[i].symbol))
			snprintf(out->own_allocator, sizeof(out->own_allocator), "%s", marks[i].allocator);
	if (!strcmp(name, "malloc")) {
		out->exports_malloc |= is_dynamic;
		if (!out->own_allocator[0])
			strcpy(out->own_allocator, "malloc");
	}
	out->is_luajit |= !strcmp(name, "luaJIT_setmode");
	out->is_v8 |= !strncmp(name, "_ZN2v87Isolate", 14);
	out->has_asan_inside |= !strcmp(name, "__asan_init");
	out->is_cgo |= !strcmp(name, "_cgo_init") || !strcmp(name, "x_cgo_init");
}

static void read_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *sh, struct seep_program *out)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t nr = sh->sh_entsize ? sh->sh_size / sh->sh_entsize : 0;

	for (size_t i = 0; data && i < nr; i++) {
		GElf_Sym sym;
		const char *name;

		if (!gelf_getsym(data, (int)i, &sym))
			return;
		if (sym.st_shndx == SHN_UNDEF || GELF_ST_TYPE(sym.st_info) != STT_FUNC)
			continue;
		name = elf_strptr(elf, sh->sh_link, sym.st_name);
		if (name)
			take_symbol(name, sh->sh_type == SHT_DYNSYM, out);
	}
}

static void read_needed(Elf *elf, Elf_Scn *section, const GElf_Shdr *sh, struct seep_program *out)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t nr = sh->sh_entsize ? sh->sh_size / sh->sh_entsize : 0;

	for (size_t i = 0; data && i < nr; i++) {
		GElf_Dyn dyn;
		const char *name;

		if (!gelf_getdyn(data, (int)i, &dyn) || dyn.d_tag != DT_NEEDED)
			continue;
		name = elf_strptr(elf, sh->sh_link, dyn.d_un.d_val);
		if (!name)
			continue;
		out->needs_asan |= !strncmp(name, "libasan.so", 10) || !strncmp(name, "libclang_rt.asan", 16);
		out->is_jvm |= !strncmp(name, "libjvm.so", 9) || !strncmp(name, "libjli.so", 9);
		out->is_node |= !strncmp(name, "libnode.so", 10);
		out->is_python |= !strncmp(name, "libpython3", 10);
		out->is_luajit |= !strncmp(name, "libluajit", 9);
	}
}

static void read_notes(Elf_Scn *section, struct seep_program *out)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t at = 0, next, name, desc;
	GElf_Nhdr note;

	while (data && (next = gelf_getnote(data, at, &note, &name, &desc)) > at) {
		const char *bytes = data->d_buf;

		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(bytes + name, "GNU", 4) &&
		    note.n_descsz <= sizeof(out->build_id)) {
			memcpy(out->build_id, bytes + desc, note.n_descsz);
			out->build_id_bytes = note.n_descsz;
		}
		out->is_linked |= note.n_type == 1 && note.n_namesz == 5 && !memcmp(bytes + name, "seep", 5);
		at = next;
	}
}

static void read_sections(Elf *elf, struct seep_program *out)
{
	bool has_hooks = false, has_protected = false;
	size_t names;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr sh;
		const char *name;

		if (!gelf_getshdr(section, &sh))
			continue;
		if (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM)
			read_symbols(elf, section, &sh, out);
		if (sh.sh_type == SHT_NOTE)
			read_notes(section, out);
		if (sh.sh_type == SHT_DYNAMIC)
			read_needed(elf, section, &sh, out);
		name = elf_strptr(elf, names, sh.sh_name);
		if (!name)
			continue;
		has_hooks |= !strcmp(name, "malloc_hook");
		has_protected |= !strcmp(name, "protected_memory");
		if (!strcmp(name, "google_malloc"))
			strcpy(out->own_allocator, "tcmalloc");
		out->is_go |= !strcmp(name, ".note.go.buildid") || !strcmp(name, ".gopclntab") ||
		              !strcmp(name, ".go.buildinfo");
	}
	out->has_partition_alloc = has_hooks && has_protected; /* its names are stripped, these sections stay */
}

/* The loader itself, started as a program, has no interpreter either; what it starts is not known. */
static bool is_loader(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	return !strncmp(base, "ld-", 3) || !strncmp(base, "ld.so", 5);
}

static void read_interpreter(Elf *elf, struct seep_program *out)
{
	size_t nr = 0, file_bytes = 0;
	const char *bytes = elf_rawfile(elf, &file_bytes);

	out->is_static = !is_loader(out->path);
	if (elf_getphdrnum(elf, &nr))
		return;
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_INTERP)
			continue;
		out->is_static = false;
		if (bytes && ph.p_offset < file_bytes && ph.p_filesz <= file_bytes - ph.p_offset)
			snprintf(out->interpreter, sizeof(out->interpreter), "%.*s", (int)ph.p_filesz,
			         bytes + ph.p_offset);
	}
	if (strstr(out->interpreter, "ld-musl"))
		out->libc = SEEP_LIBC_MUSL;
	else if (strstr(out->interpreter, "ld-linux"))
		out->libc = SEEP_LIBC_GLIBC;
}

void program_read_elf(int fd, struct seep_program *out)
{
	GElf_Ehdr header;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
	    (header.e_type == ET_EXEC || header.e_type == ET_DYN)) {
		out->is_elf = true;
		out->machine = header.e_machine;
		out->is_64 = header.e_ident[EI_CLASS] == ELFCLASS64;
		read_interpreter(elf, out);
		read_sections(elf, out);
		out->is_cgo &= out->is_go;
		out->is_cgo |= out->is_go && !out->is_static;
	}
	elf_end(elf);
}
