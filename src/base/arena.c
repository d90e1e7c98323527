#include "base/base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK 4096u
#define LAST_BLOCK (1u << 20)

struct seep_arena_block {
	struct seep_arena_block *next;
	size_t used, cap;
	_Alignas(max_align_t) uint8_t bytes[];
};

void seep_arena_init(struct seep_arena *a)
{
	a->head = NULL;
	a->nr_bytes = 0;
}

void seep_arena_release(struct seep_arena *a)
{
	while (a->head) {
		struct seep_arena_block *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	a->nr_bytes = 0;
}

static size_t next_block_bytes(const struct seep_arena *a)
{
	size_t last = a->head ? a->head->cap : FIRST_BLOCK / 2;

	return last >= LAST_BLOCK / 2 ? LAST_BLOCK : last * 2;
}

static struct seep_arena_block *add_block(struct seep_arena *a, size_t want)
{
	size_t cap = next_block_bytes(a);
	struct seep_arena_block *block;

	if (cap < want)
		cap = want;
	if (cap > SIZE_MAX - sizeof(*block))
		return NULL;
	block = calloc(1, sizeof(*block) + cap);
	if (!block)
		return NULL;
	block->cap = cap;
	block->next = a->head;
	a->head = block;
	return block;
}

void *seep_arena_alloc(struct seep_arena *a, size_t nmemb, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct seep_arena_block *block = a->head;
	size_t want;
	void *p;

	if (__builtin_mul_overflow(nmemb, size, &want) || want > SIZE_MAX - align)
		return NULL;
	want = (want + align - 1) / align * align;
	if (!block || want > block->cap - block->used)
		block = add_block(a, want);
	if (!block)
		return NULL;
	p = block->bytes + block->used;
	block->used += want;
	a->nr_bytes += want;
	return p;
}

char *seep_arena_strndup(struct seep_arena *a, const char *s, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : seep_arena_alloc(a, len + 1, 1);

	if (copy && len)
		memcpy(copy, s, len);
	return copy;
}

char *seep_arena_printf(struct seep_arena *a, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = len < 0 ? NULL : seep_arena_alloc(a, (size_t)len + 1, 1);
	if (!text)
		return NULL;
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

bool seep_grow(void *array_ptr, size_t *nr_alloc, size_t want, size_t size)
{
	size_t nr = *nr_alloc, nr_bytes;
	void *old, *grown;

	if (want <= nr)
		return true;
	nr = nr > SIZE_MAX / 2 ? want : nr * 2;
	if (nr < 16)
		nr = 16;
	if (nr < want)
		nr = want;
	if (__builtin_mul_overflow(nr, size, &nr_bytes))
		return false;
	memcpy(&old, array_ptr, sizeof(old));
	grown = realloc(old, nr_bytes);
	if (!grown)
		return false;
	memcpy(array_ptr, &grown, sizeof(grown));
	*nr_alloc = nr;
	return true;
}
