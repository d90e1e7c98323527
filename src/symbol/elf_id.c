#include "locate.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int elf_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool has_section(Elf *elf, const char *name, uint32_t without_type)
{
	Elf_Scn *scn = NULL;
	size_t strings;

	if (elf_getshdrstrndx(elf, &strings))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		const char *own = gelf_getshdr(scn, &shdr) ? elf_strptr(elf, strings, shdr.sh_name) : NULL;

		if (own && !strcmp(own, name) && shdr.sh_type != without_type)
			return true;
	}
	return false;
}

/* A file of names for another one: debug information, or only the symbols that were stripped from it. */
static bool is_for_debugging(Elf *elf)
{
	if (has_section(elf, ".debug_info", SHT_NOBITS) || has_section(elf, ".zdebug_info", SHT_NOBITS))
		return true;
	return has_section(elf, ".symtab", SHT_NOBITS) && !has_section(elf, ".text", SHT_NOBITS);
}

void elf_identify(int fd, struct elf_id *out)
{
	const void *bits = NULL;
	char magic[SELFMAG];
	ssize_t len;
	Elf *elf;

	*out = (struct elf_id){ .is_elf = false };
	if (pread(fd, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) || memcmp(magic, ELFMAG, SELFMAG))
		return;
	elf_version(EV_CURRENT);
	/* Not by mmap: the file may shrink under our eyes. */
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		out->is_elf = true;
		len = dwelf_elf_gnu_build_id(elf, &bits);
		if (len > 0 && len <= BUILD_ID_MAX)
			seep_format_hex(out->hex, bits, (size_t)len);
		out->has_debuginfo = is_for_debugging(elf);
	}
	elf_end(elf);
}
