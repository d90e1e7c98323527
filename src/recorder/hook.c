/*
 * The malloc family as the program sees it. Fast path: one thread-local subtraction and one branch on malloc, one load
 * from the filter and one branch on free, then a tail call into the allocator behind us. The slow paths are tail calls
 * too (entry-*.S), so that the caller's registers are still there to walk the stack from.
 *
 * What is sampled is removed before the real call that ends its life, because another thread may get the address at
 * once, and put back if that call fails. Neither pointer nor size is ever changed.
 */
#include <errno.h>

#include "recorder/hook.h"
#include "recorder/recorder.h"

/* ---- malloc, calloc ---- */

SEEP_EXPORT void *malloc(size_t size)
{
	if (likely(seep_is_fast(size)))
		return seep_next.malloc(size);
	return seep_slow_malloc(size);
}

static void *sampled(void *p, size_t size, uint64_t period, uint8_t entry, const struct seep_regs *regs)
{
	struct seep_block b = { .addr = p, .size = size, .period = period, .entry = entry };

	if (p)
		seep_record(&b, regs);
	return p;
}

void *seep_sample_malloc(size_t size, const struct seep_regs *regs)
{
	uint64_t period = seep_draw(size);
	void *p = seep_next.malloc(size);

	return period ? sampled(p, size, period, SEEP_REC_BY_MALLOC, regs) : p;
}

SEEP_EXPORT void *calloc(size_t nr, size_t size)
{
	size_t total;

	if (unlikely(__builtin_mul_overflow(nr, size, &total)) || likely(seep_is_fast(total)))
		return seep_next.calloc(nr, size);
	return seep_slow_calloc(nr, size);
}

void *seep_sample_calloc(size_t nr, size_t size, const struct seep_regs *regs)
{
	uint64_t period = seep_draw(nr * size);
	void *p = seep_next.calloc(nr, size);

	return period ? sampled(p, nr * size, period, SEEP_REC_BY_CALLOC, regs) : p;
}

/* ---- free ---- */

SEEP_EXPORT void free(void *p)
{
	if (likely(seep_is_unsampled(p))) {
		seep_next.free(p);
		return;
	}
	seep_slow_free(p);
}

__attribute__((noinline, cold)) void seep_slow_free(void *p)
{
	if (seep_is_bootstrap(p))
		return;
	seep_forget(p);
	seep_next.free(p);
}

SEEP_EXPORT void free_sized(void *p, size_t size)
{
	if (unlikely(!seep_is_unsampled(p))) {
		if (seep_is_bootstrap(p))
			return;
		seep_forget(p);
	}
	if (seep_next.free_sized)
		seep_next.free_sized(p, size);
	else
		seep_next.free(p);
}

SEEP_EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
	if (unlikely(!seep_is_unsampled(p))) {
		if (seep_is_bootstrap(p))
			return;
		seep_forget(p);
	}
	if (seep_next.free_aligned_sized)
		seep_next.free_aligned_sized(p, align, size);
	else
		seep_next.free(p);
}

/* Left out of newer C libraries, still called by old programs. */
SEEP_EXPORT void cfree(void *p);
SEEP_EXPORT void cfree(void *p)
{
	free(p);
}

/* ---- realloc: the end of one block and an ordinary new one ---- */

SEEP_EXPORT void *realloc(void *p, size_t size)
{
	if (likely(seep_is_unsampled(p)) && likely(seep_is_fast(size)))
		return seep_next.realloc(p, size);
	return seep_slow_realloc(p, size);
}

static void *realloc_bootstrap(void *p, size_t size)
{
	size_t old = seep_bootstrap_size(p);
	void *new = seep_next.malloc(size);

	if (new)
		__builtin_memcpy(new, p, old < size ? old : size);
	return new;
}

/* size 0 frees in glibc (result NULL), but not everywhere: then the result is a block of 0 bytes. */
void *seep_sample_realloc(void *p, size_t size, const struct seep_regs *regs)
{
	struct seep_block old = { 0 }, new = { .size = size, .entry = SEEP_REC_BY_REALLOC };
	uint64_t period;
	bool had;
	void *q;

	if (p && seep_is_bootstrap(p))
		return realloc_bootstrap(p, size);
	had = p && !seep_is_unsampled(p) && seep_take(p, &old);
	period = seep_is_fast(size) ? 0 : seep_draw(size);
	q = seep_next.realloc(p, size);
	if (had && !q && size) {
		seep_put_back(&old);
		return NULL;
	}
	if (had)
		seep_book_free(&old);
	if (!q || !period)
		return q;
	new.addr = q;
	new.period = period;
	if (had) {
		new.first_birth_us = old.first_birth_us;
		new.nr_reallocs = old.nr_reallocs < UINT16_MAX ? (uint16_t)(old.nr_reallocs + 1) : UINT16_MAX;
	} else {
		new.nr_reallocs = p != NULL;
	}
	seep_record(&new, regs);
	return q;
}

SEEP_EXPORT void *reallocarray(void *p, size_t nr, size_t size)
{
	size_t total;

	if (unlikely(__builtin_mul_overflow(nr, size, &total))) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, total);
}

/* ---- aligned blocks ---- */

SEEP_EXPORT void *memalign(size_t align, size_t size)
{
	if (likely(seep_is_fast(size)))
		return seep_next.memalign(align, size);
	return seep_slow_aligned(align, size, seep_next.memalign);
}

SEEP_EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (likely(seep_is_fast(size)))
		return seep_next.aligned_alloc(align, size);
	return seep_slow_aligned(align, size, seep_next.aligned_alloc);
}

static void *call_valloc(size_t align, size_t size)
{
	(void)align;
	return seep_next.valloc(size);
}

static void *call_pvalloc(size_t align, size_t size)
{
	(void)align;
	return seep_next.pvalloc(size);
}

SEEP_EXPORT void *valloc(size_t size)
{
	if (likely(seep_is_fast(size)))
		return seep_next.valloc(size);
	return seep_slow_aligned(0, size, call_valloc);
}

SEEP_EXPORT void *pvalloc(size_t size)
{
	if (likely(seep_is_fast(size)))
		return seep_next.pvalloc(size);
	return seep_slow_aligned(0, size, call_pvalloc);
}

void *seep_sample_aligned(size_t align, size_t size, void *(*next)(size_t, size_t), const struct seep_regs *regs)
{
	uint64_t period = seep_draw(size);
	void *p = next(align, size);

	return period ? sampled(p, size, period, SEEP_REC_BY_ALIGNED, regs) : p;
}

SEEP_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	if (likely(seep_is_fast(size)))
		return seep_next.posix_memalign(out, align, size);
	return seep_slow_posix_memalign(out, align, size);
}

int seep_sample_posix_memalign(void **out, size_t align, size_t size, const struct seep_regs *regs)
{
	uint64_t period = seep_draw(size);
	int result = seep_next.posix_memalign(out, align, size);

	if (!result && period)
		(void)sampled(*out, size, period, SEEP_REC_BY_ALIGNED, regs);
	return result;
}
