/*
 * C++ operators new and delete.
 *
 * Each is counted here only where its next definition lives in the object that defines malloc (tcmalloc, jemalloc,
 * mimalloc): there it does not call malloc. Elsewhere (libstdc++) they call malloc, which counts; ours pass through, so
 * nothing is counted twice. A C program may load a C++ library later and privately: its operators are bound to ours,
 * and there is no next one; then they are what they are in libstdc++, malloc and free, and only a failure looks for the
 * real one, which calls the new handler and throws.
 */
#include "recorder/hook.h"
#include "recorder/objects.h"
#include "recorder/recorder.h"

enum {
	NEW,
	NEW_ARRAY,
	NEW_NOTHROW,
	NEW_ARRAY_NOTHROW,
	NEW_ALIGNED,
	NEW_ARRAY_ALIGNED,
	NEW_ALIGNED_NOTHROW,
	NEW_ARRAY_ALIGNED_NOTHROW,
	NR_NEW
};
enum {
	DELETE,
	DELETE_ARRAY,
	DELETE_SIZED,
	DELETE_ARRAY_SIZED,
	DELETE_NOTHROW,
	DELETE_ARRAY_NOTHROW,
	DELETE_ALIGNED,
	DELETE_ARRAY_ALIGNED,
	DELETE_SIZED_ALIGNED,
	DELETE_ARRAY_SIZED_ALIGNED,
	DELETE_ALIGNED_NOTHROW,
	DELETE_ARRAY_ALIGNED_NOTHROW,
	NR_DELETE
};

static const char *const new_names[NR_NEW] = {
	"_Znwm",
	"_Znam",
	"_ZnwmRKSt9nothrow_t",
	"_ZnamRKSt9nothrow_t",
	"_ZnwmSt11align_val_t",
	"_ZnamSt11align_val_t",
	"_ZnwmSt11align_val_tRKSt9nothrow_t",
	"_ZnamSt11align_val_tRKSt9nothrow_t",
};
static const char *const delete_names[NR_DELETE] = {
	"_ZdlPv",
	"_ZdaPv",
	"_ZdlPvm",
	"_ZdaPvm",
	"_ZdlPvRKSt9nothrow_t",
	"_ZdaPvRKSt9nothrow_t",
	"_ZdlPvSt11align_val_t",
	"_ZdaPvSt11align_val_t",
	"_ZdlPvmSt11align_val_t",
	"_ZdaPvmSt11align_val_t",
	"_ZdlPvSt11align_val_tRKSt9nothrow_t",
	"_ZdaPvSt11align_val_tRKSt9nothrow_t",
};

/* (size, nothrow or alignment, nothrow): surplus arguments are ignored by the callee. */
typedef void *new_fn(size_t, size_t, const void *);
typedef void delete_fn(void *, size_t, size_t);

static new_fn *next_new[NR_NEW];
static delete_fn *next_delete[NR_DELETE];
static bool is_counted_new[NR_NEW], is_counted_delete[NR_DELETE];

bool seep_new_is_counted(void)
{
	return is_counted_new[NEW];
}

static struct seep_symbol set(void *entry, const char *name)
{
	struct seep_symbol found = seep_symbol_next(name);

	if (found.address)
		__builtin_memcpy(entry, &found.address, sizeof(found.address));
	return found;
}

void seep_new_find(void)
{
	for (int i = 0; i < NR_NEW; i++) {
		struct seep_symbol found = set(&next_new[i], new_names[i]);

		is_counted_new[i] = found.address && found.start == seep_allocator_start;
	}
	for (int i = 0; i < NR_DELETE; i++) {
		struct seep_symbol found = set(&next_delete[i], delete_names[i]);

		is_counted_delete[i] = found.address && found.start == seep_allocator_start;
	}
}

/* Nothing behind us defines it. */
static void *by_malloc(size_t size, size_t align, const void *nothrow, unsigned which)
{
	void *p = align ? memalign(align, size ? size : 1) : malloc(size ? size : 1);
	struct seep_symbol real;
	new_fn *fn;

	if (p)
		return p;
	real = seep_symbol_anywhere(new_names[which]);
	if (!real.address)
		return NULL;
	__builtin_memcpy(&fn, &real.address, sizeof(fn));
	return align ? fn(size, align, nothrow) : fn(size, (size_t)nothrow, NULL);
}

static void *call_next(size_t size, size_t align, const void *nothrow, unsigned which)
{
	new_fn *fn = next_new[which];

	if (unlikely(!fn)) {
		seep_start(); /* a constructor before ours */
		fn = next_new[which];
		if (!fn)
			return by_malloc(size, align, nothrow, which);
	}
	return align ? fn(size, align, nothrow) : fn(size, (size_t)nothrow, NULL);
}

void *seep_sample_new(size_t size, size_t align, const void *nothrow, unsigned which, const struct seep_regs *regs)
{
	uint64_t period = seep_draw(size);
	void *p = call_next(size, align, nothrow, which);
	struct seep_block b = { .addr = p, .size = size, .period = period, .entry = SEEP_REC_BY_NEW };

	if (p && period)
		seep_record(&b, regs);
	return p;
}

static inline __attribute__((always_inline)) void *operator_new(size_t size, size_t align, const void *nothrow,
                                                                unsigned which)
{
	if (likely(!is_counted_new[which]) || seep_is_fast(size))
		return call_next(size, align, nothrow, which);
	return seep_slow_new(size, align, nothrow, which);
}

/* `a` and `b`: size and alignment in the order of the operator's own parameters. */
static inline __attribute__((always_inline)) void operator_delete(void *p, size_t a, size_t b, unsigned which)
{
	delete_fn *fn = next_delete[which];

	if (unlikely(!fn)) {
		free(p);
		return;
	}
	if (is_counted_delete[which] && !seep_is_unsampled(p))
		seep_forget(p);
	fn(p, a, b);
}

#define OPERATOR_NEW(mangled, which, parameters, align, nothrow)       \
	SEEP_EXPORT void *seep_op_##which parameters __asm__(mangled); \
	void *seep_op_##which parameters                               \
	{                                                              \
		return operator_new(size, align, nothrow, which);      \
	}

OPERATOR_NEW("_Znwm", NEW, (size_t size), 0, NULL)
OPERATOR_NEW("_Znam", NEW_ARRAY, (size_t size), 0, NULL)
OPERATOR_NEW("_ZnwmRKSt9nothrow_t", NEW_NOTHROW, (size_t size, const void *tag), 0, tag)
OPERATOR_NEW("_ZnamRKSt9nothrow_t", NEW_ARRAY_NOTHROW, (size_t size, const void *tag), 0, tag)
OPERATOR_NEW("_ZnwmSt11align_val_t", NEW_ALIGNED, (size_t size, size_t align), align, NULL)
OPERATOR_NEW("_ZnamSt11align_val_t", NEW_ARRAY_ALIGNED, (size_t size, size_t align), align, NULL)
OPERATOR_NEW("_ZnwmSt11align_val_tRKSt9nothrow_t", NEW_ALIGNED_NOTHROW, (size_t size, size_t align, const void *tag),
             align, tag)
OPERATOR_NEW("_ZnamSt11align_val_tRKSt9nothrow_t", NEW_ARRAY_ALIGNED_NOTHROW,
             (size_t size, size_t align, const void *tag), align, tag)

#define OPERATOR_DELETE(mangled, which, parameters, a, b)             \
	SEEP_EXPORT void seep_op_##which parameters __asm__(mangled); \
	void seep_op_##which parameters                               \
	{                                                             \
		operator_delete(p, a, b, which);                      \
	}

OPERATOR_DELETE("_ZdlPv", DELETE, (void *p), 0, 0)
OPERATOR_DELETE("_ZdaPv", DELETE_ARRAY, (void *p), 0, 0)
OPERATOR_DELETE("_ZdlPvm", DELETE_SIZED, (void *p, size_t size), size, 0)
OPERATOR_DELETE("_ZdaPvm", DELETE_ARRAY_SIZED, (void *p, size_t size), size, 0)
OPERATOR_DELETE("_ZdlPvRKSt9nothrow_t", DELETE_NOTHROW, (void *p, size_t tag), tag, 0)
OPERATOR_DELETE("_ZdaPvRKSt9nothrow_t", DELETE_ARRAY_NOTHROW, (void *p, size_t tag), tag, 0)
OPERATOR_DELETE("_ZdlPvSt11align_val_t", DELETE_ALIGNED, (void *p, size_t align), align, 0)
OPERATOR_DELETE("_ZdaPvSt11align_val_t", DELETE_ARRAY_ALIGNED, (void *p, size_t align), align, 0)
OPERATOR_DELETE("_ZdlPvmSt11align_val_t", DELETE_SIZED_ALIGNED, (void *p, size_t size, size_t align), size, align)
OPERATOR_DELETE("_ZdaPvmSt11align_val_t", DELETE_ARRAY_SIZED_ALIGNED, (void *p, size_t size, size_t align), size, align)
OPERATOR_DELETE("_ZdlPvSt11align_val_tRKSt9nothrow_t", DELETE_ALIGNED_NOTHROW, (void *p, size_t align, size_t tag),
                align, tag)
OPERATOR_DELETE("_ZdaPvSt11align_val_tRKSt9nothrow_t", DELETE_ARRAY_ALIGNED_NOTHROW,
                (void *p, size_t align, size_t tag), align, tag)
