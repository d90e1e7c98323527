#include "image.h"

#include "symbol.h"

#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct image {
	struct locator *locator;
	const char *hex;
	Dwfl *dwfl;
	Dwfl_Module *module;
	struct symtab symtab;
	struct debuginfo *debuginfo;
	struct seep_arena arena;
	const char **names; /* readable names of symbols, by entry; NULL until asked for */
};

/* A path of its own, or one beside the debug file. */
static int open_alternate(const struct image *im, const char *debug_file, const char *link)
{
	const char *slash = strrchr(debug_file, '/');
	char path[4200];

	if (*link == '/')
		snprintf(path, sizeof(path), "%s%s", im->locator->sysroot, link);
	else
		snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash + 1 - debug_file) : 0, debug_file, link);
	return elf_open(path);
}

/*
 * Asked for the debug file, and once more (then with crc 0) for the file that dwz moved common parts to: `link` is its
 * path, and whether it is the right one is checked when all is open.
 */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                          const char *link, GElf_Word crc, char **found)
{
	const struct image *im = *userdata;
	const char *path = NULL;
	int fd;

	(void)module;
	(void)name;
	(void)base;
	if (!im)
		return -1;
	if (link && crc == 0 && strchr(link, '/'))
		return open_alternate(im, file ? file : "", link);
	fd = locate_debuginfo(im->locator, file ? file : "", im->hex, link, crc, &path);
	if (fd >= 0 && path)
		*found = strdup(path);
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

static bool is_alternate(Dwarf *alternate, const void *want, size_t len)
{
	const void *bits;
	ssize_t nr = dwelf_elf_gnu_build_id(dwarf_getelf(alternate), &bits);

	return nr > 0 && (size_t)nr == len && !memcmp(bits, want, len);
}

/* False when the debug information leans on a file that dwz made and the one at hand is another: its names would be
 * wrong. */
static bool has_right_alternate(Dwarf *dwarf)
{
	const char *name;
	const void *id;
	ssize_t len = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &id);
	Dwarf *alternate = len > 0 ? dwarf_getalt(dwarf) : NULL;

	return len <= 0 || (alternate && is_alternate(alternate, id, (size_t)len));
}

static bool open_module(struct image *im, int fd, const char *path)
{
	void **userdata;

	im->dwfl = dwfl_begin(&callbacks);
	if (!im->dwfl)
		return false;
	dwfl_report_begin(im->dwfl);
	/* At base 0 with p_vaddr added, addresses of the module are those in the file. */
	im->module = dwfl_report_elf(im->dwfl, path, path, fd, 0, true);
	if (!im->module)
		return false;
	dwfl_report_end(im->dwfl, NULL, NULL);
	dwfl_module_info(im->module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = im;
	return true;
}

static bool read_names(struct image *im)
{
	Dwarf_Addr bias = 0;
	Dwarf *dwarf;

	if (!symtab_init(&im->symtab, im->module))
		return false;
	im->names = calloc(im->symtab.nr + 1, sizeof(*im->names));
	if (!im->names)
		return false;
	dwarf = dwfl_module_getdwarf(im->module, &bias);
	if (!dwarf || !has_right_alternate(dwarf))
		return true;
	im->debuginfo = debuginfo_new(dwarf, bias, &im->symtab);
	return im->debuginfo != NULL;
}

struct image *image_open(struct locator *locator, int fd, const char *path, const char *hex, const char **why)
{
	struct image *im = calloc(1, sizeof(*im));

	if (!im) {
		close(fd);
		*why = "out of memory";
		return NULL;
	}
	im->locator = locator;
	im->hex = hex;
	seep_arena_init(&im->arena);
	if (!open_module(im, fd, path)) {
		/* On success the module owns the descriptor. */
		if (!im->module)
			close(fd);
		*why = dwfl_errmsg(-1);
		image_close(im);
		return NULL;
	}
	if (!read_names(im)) {
		*why = "out of memory";
		image_close(im);
		return NULL;
	}
	return im;
}

void image_close(struct image *im)
{
	if (!im)
		return;
	debuginfo_free(im->debuginfo);
	symtab_release(&im->symtab);
	free(im->names);
	if (im->dwfl)
		dwfl_end(im->dwfl);
	seep_arena_release(&im->arena);
	free(im);
}

static uint32_t from_symtab(struct image *im, uint64_t addr, struct name_frame *frame)
{
	const struct symtab_entry *entry = symtab_find(&im->symtab, addr);
	const char **name;

	if (!entry)
		return 0;
	name = &im->names[entry - im->symtab.entries];
	if (!*name) {
		char *text = seep_demangle(entry->name);

		*name = text ? seep_arena_strndup(&im->arena, text, strlen(text)) : NULL;
		free(text);
	}
	if (!*name)
		return 0;
	*frame = (struct name_frame){ .name = *name, .system_name = entry->name, .file = "" };
	return 1;
}

uint32_t image_find(struct image *im, uint64_t addr, struct name_frame *frames)
{
	uint32_t nr = im->debuginfo ? debuginfo_find(im->debuginfo, addr, frames) : 0;

	if (nr > 0)
		return nr;
	nr = from_symtab(im, addr, frames);
	if (nr > 0 && im->debuginfo)
		debuginfo_place(im->debuginfo, addr, &frames[0]);
	return nr;
}
