#include "recorder/root.h"

#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "recorder/elfimage.h"

/* Frames between the kernel's words on the stack and main's are fewer bytes than these. */
#define ROOT_BYTES 256u

static uint64_t loader_start = 1;
static uint64_t arguments; /* where the kernel put them, their number first; 0 not known */

static bool is_c_library(uint64_t start, uint64_t end)
{
	uint64_t inside = (uint64_t)(uintptr_t)&dl_iterate_phdr;

	return inside >= start && inside < end;
}

/* A loader of its own; musl's is the C library, whose functions are called by all. */
static void find_loader(void)
{
	uint64_t start = getauxval(AT_BASE);
	struct elfimage image;

	if (start && elfimage_from_start(&image, start) && !is_c_library(start, image.end))
		loader_start = start;
}

static void find_arguments(void)
{
	const uint64_t *word = (const uint64_t *)(const void *)environ - 2;
	uint64_t sp = (uint64_t)(uintptr_t)__builtin_frame_address(0), at = (uint64_t)(uintptr_t)environ;

	if (at < sp || at > getauxval(AT_EXECFN) || word[1]) /* another stack, or another environment */
		return;
	for (uint64_t nr = 0; (uint64_t)(uintptr_t)word > sp; nr++, word--)
		if (*word == nr) {
			arguments = (uint64_t)(uintptr_t)word;
			return;
		}
}

void root_init(void)
{
	find_loader();
	find_arguments();
}

bool root_is_reached(const struct cfi_object *object, uint64_t sp)
{
	if (object->start == loader_start)
		return true;
	return arguments - sp < ROOT_BYTES && is_c_library(object->start, object->end);
}
