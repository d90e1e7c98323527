/* A loaded ELF object, read from its program headers in memory. */
#ifndef SEEP_RECORDER_ELFIMAGE_H
#define SEEP_RECORDER_ELFIMAGE_H

#include <elf.h>
#include <link.h>

#include <stdbool.h>
#include <stdint.h>

struct elfimage {
	uint64_t start, end; /* whole pages of no program header are rounded: as _dl_find_object gives them */
	uint64_t bias;
	uint64_t header;  /* .eh_frame_hdr, 0 none */
	uint64_t dynamic; /* 0 none */
	const uint8_t *build_id;
	uint32_t build_id_bytes; /* 0 none; at most 32 */
	/*
	 * Of the file, wherever it is loaded: size and build id. Without one: range and program headers. Never 0.
	 */
	uint64_t identity;
};

/* From program headers that are known. */
void elfimage_from_headers(struct elfimage *image, const ElfW(Phdr) * headers, uint32_t nr, uint64_t bias);
/* From an ELF header at `start`, whose page must be readable. False: there is none, or its program headers lie
 * elsewhere. */
bool elfimage_from_start(struct elfimage *image, uint64_t start);
/* Nothing but a range is known. */
void elfimage_from_range(struct elfimage *image, uint64_t start, uint64_t end, uint64_t header);

#endif
