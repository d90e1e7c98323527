#include "recorder/elfimage.h"

#define FIRST_PAGE 4096u
#define MAX_BUILD_ID 32u

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *p, uint64_t nr)
{
	const uint8_t *bytes = p;

	for (; nr >= 8; nr -= 8, bytes += 8) {
		uint64_t word;

		__builtin_memcpy(&word, bytes, 8);
		h = mix(h, word);
	}
	for (; nr; nr--)
		h = mix(h, *bytes++);
	return h;
}

static void note_segments(struct elfimage *image, const ElfW(Phdr) * headers, uint32_t nr)
{
	image->start = UINT64_MAX;
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t at = image->bias + headers[i].p_vaddr;

		if (headers[i].p_type == PT_LOAD && at < image->start)
			image->start = at & ~(uint64_t)(FIRST_PAGE - 1);
		if (headers[i].p_type == PT_LOAD && at + headers[i].p_memsz > image->end)
			image->end = at + headers[i].p_memsz;
		if (headers[i].p_type == PT_GNU_EH_FRAME)
			image->header = at;
		if (headers[i].p_type == PT_DYNAMIC)
			image->dynamic = at;
	}
}

/* A note may be described and not be loaded. */
static bool is_loaded(const struct elfimage *image, const ElfW(Phdr) * headers, uint32_t nr, uint64_t at,
                      uint64_t nr_bytes)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t start = image->bias + headers[i].p_vaddr;

		if (headers[i].p_type == PT_LOAD && headers[i].p_flags & PF_R && at >= start &&
		    at - start <= headers[i].p_filesz && nr_bytes <= headers[i].p_filesz - (at - start))
			return true;
	}
	return false;
}

static bool is_build_id(const ElfW(Nhdr) * note)
{
	return note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && note->n_descsz &&
	       note->n_descsz <= MAX_BUILD_ID && __builtin_memcmp(note + 1, "GNU", 4) == 0;
}

static void find_build_id(struct elfimage *image, uint64_t at, uint64_t nr_bytes)
{
	while (nr_bytes >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(uintptr_t)at;
		uint64_t name = (note->n_namesz + 3ull) & ~3ull, content = (note->n_descsz + 3ull) & ~3ull;
		uint64_t size = sizeof(*note) + name + content;

		if (size > nr_bytes)
			return;
		if (is_build_id(note)) {
			image->build_id = (const uint8_t *)(note + 1) + 4;
			image->build_id_bytes = note->n_descsz;
			return;
		}
		at += size;
		nr_bytes -= size;
	}
}

void elfimage_from_headers(struct elfimage *image, const ElfW(Phdr) * headers, uint32_t nr, uint64_t bias)
{
	uint64_t h;

	*image = (struct elfimage){ .bias = bias };
	note_segments(image, headers, nr);
	for (uint32_t i = 0; i < nr && !image->build_id_bytes; i++) {
		uint64_t at = bias + headers[i].p_vaddr;

		if (headers[i].p_type == PT_NOTE && at % 4 == 0 &&
		    is_loaded(image, headers, nr, at, headers[i].p_memsz))
			find_build_id(image, at, headers[i].p_memsz);
	}
	h = mix(mix(1, image->end - image->start), image->start - bias);
	if (image->build_id_bytes)
		h = mix_bytes(h, image->build_id, image->build_id_bytes);
	else
		h = mix_bytes(mix(h, image->start), headers, nr * sizeof(*headers));
	image->identity = h ? h : 1;
}

bool elfimage_from_start(struct elfimage *image, uint64_t start)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)(uintptr_t)start;
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)(uintptr_t)(start + sizeof(*elf));
	uint64_t bias = 0;
	bool has_first = false;

	if (__builtin_memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->e_phoff != sizeof(*elf) || elf->e_phentsize != sizeof(ElfW(Phdr)) ||
	    sizeof(*elf) + elf->e_phnum * sizeof(ElfW(Phdr)) > FIRST_PAGE)
		return false;
	for (uint32_t i = 0; i < elf->e_phnum && !has_first; i++) {
		if (headers[i].p_type != PT_LOAD)
			continue;
		if (headers[i].p_offset != 0)
			return false;
		bias = start - headers[i].p_vaddr;
		has_first = true;
	}
	if (!has_first)
		return false;
	elfimage_from_headers(image, headers, elf->e_phnum, bias);
	return image->start == start;
}

void elfimage_from_range(struct elfimage *image, uint64_t start, uint64_t end, uint64_t header)
{
	*image = (struct elfimage){ .start = start, .end = end, .bias = start, .header = header };
	image->identity = mix(mix(mix(2, start), end), header);
	image->identity += !image->identity;
}
