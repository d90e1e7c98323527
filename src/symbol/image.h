/*
 * One ELF file opened for its names, together with its separate debug file. Private to symbol/.
 */
#ifndef SEEP_SYMBOL_IMAGE_H
#define SEEP_SYMBOL_IMAGE_H

#include "locate.h"
#include "names.h"

struct image;

/*
 * Opens the file at `fd` (taken over in any case). `hex` is its build id ("" none); `locator` finds its debug file and
 * must stay. NULL when memory is out or elfutils cannot read it; then *why says so.
 */
struct image *image_open(struct locator *locator, int fd, const char *path, const char *hex, const char **why);
void image_close(struct image *im);
/* Frames at an address of the file, innermost first; 0 when nothing is known. Strings are the image's. */
uint32_t image_find(struct image *im, uint64_t addr, struct name_frame *frames);

#endif
