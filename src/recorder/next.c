/*
 * The allocator behind us: the next definition of each function after ours, found once.
 *
 * Until they are found, every entry leads to a function here that finds them and goes on. Who allocates while that is
 * under way (a signal handler, an indirect function's resolver) gets a block of a small static pool, which is never
 * freed; its address is pinned in the filter, so that free and realloc of it always come to the slow path.
 */
#include <errno.h>
#include <link.h>

#include "recorder/linked.h"
#include "recorder/objects.h"
#include "recorder/recorder.h"
#include "recorder/sys.h"
#include "recorder/text.h"

uint64_t seep_allocator_start, seep_allocator_end;
char seep_allocator_path[128];
bool seep_malloc_is_taken;

/* ---- bootstrap pool ---- */

#define POOL_BYTES 8192u
static uint8_t pool[POOL_BYTES] __attribute__((aligned(64)));
static uint32_t pool_used;

bool seep_is_bootstrap(const void *p)
{
	return (uintptr_t)p >= (uintptr_t)pool && (uintptr_t)p < (uintptr_t)pool + POOL_BYTES;
}

/* Each block is preceded by its size. */
size_t seep_bootstrap_size(const void *p)
{
	size_t size;

	__builtin_memcpy(&size, (const uint8_t *)p - 16, sizeof(size));
	return size;
}

static void *pool_alloc(size_t align, size_t size)
{
	uint32_t old = load_relaxed(&pool_used), at;

	if (align < 16)
		align = 16;
	do {
		at = (uint32_t)((old + 16 + align - 1) & ~(align - 1));
		if (size > POOL_BYTES || align > 4096 || at + size > POOL_BYTES) {
			errno = ENOMEM;
			return NULL;
		}
	} while (!cas(&pool_used, &old, (uint32_t)(at + size)));
	__builtin_memcpy(pool + at - 16, &size, sizeof(size));
	seep_filter_pin(pool + at);
	return pool + at;
}

/* ---- entries before they are found ---- */

static void *early_malloc(size_t n)
{
	return seep_next_find() ? seep_next.malloc(n) : pool_alloc(16, n);
}

static void early_free(void *p)
{
	if (seep_next_find())
		seep_next.free(p);
}

static void *early_calloc(size_t a, size_t b)
{
	size_t n;

	if (seep_next_find())
		return seep_next.calloc(a, b);
	return __builtin_mul_overflow(a, b, &n) ? NULL : pool_alloc(16, n);
}

static void *early_realloc(void *p, size_t n)
{
	if (seep_next_find())
		return seep_next.realloc(p, n);
	return p ? NULL : pool_alloc(16, n);
}

static void *early_memalign(size_t align, size_t n)
{
	return seep_next_find() ? seep_next.memalign(align, n) : pool_alloc(align, n);
}

static void *early_aligned_alloc(size_t align, size_t n)
{
	return seep_next_find() ? seep_next.aligned_alloc(align, n) : pool_alloc(align, n);
}

static int early_posix_memalign(void **out, size_t align, size_t n)
{
	void *p;

	if (seep_next_find())
		return seep_next.posix_memalign(out, align, n);
	p = pool_alloc(align, n);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

static void *early_valloc(size_t n)
{
	return seep_next_find() ? seep_next.valloc(n) : pool_alloc(4096, n);
}
static void *early_pvalloc(size_t n)
{
	return seep_next_find() ? seep_next.pvalloc(n) : pool_alloc(4096, n);
}

/* Nothing behind us has the function, or it is not found yet: what the C library would do. */
static long direct(long result)
{
	if (!sys_failed(result))
		return result;
	errno = (int)-result;
	return -1;
}

static void *direct_mmap(void *at, size_t n, int prot, int flags, int fd, int64_t offset)
{
	return (void *)direct(sys_call(SYS_mmap, (long)at, (long)n, prot, flags, fd, offset));
}

static int direct_munmap(void *at, size_t n)
{
	return (int)direct(sys_munmap(at, n));
}

static void *direct_mremap(void *at, size_t old, size_t n, int flags, void *to)
{
	return (void *)direct(sys_call(SYS_mremap, (long)at, (long)old, (long)n, flags, (long)to, 0));
}

static int direct_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return (int)direct(sys_call(SYS_prctl, option, (long)a, (long)b, (long)c, (long)d, 0));
}

static void direct_exit(int code)
{
	for (;;)
		(void)sys_call(SYS_exit_group, code, 0, 0, 0, 0, 0);
}

struct seep_next seep_next = {
	.malloc = early_malloc,
	.free = early_free,
	.calloc = early_calloc,
	.realloc = early_realloc,
	.memalign = early_memalign,
	.aligned_alloc = early_aligned_alloc,
	.posix_memalign = early_posix_memalign,
	.valloc = early_valloc,
	.pvalloc = early_pvalloc,
	.mmap = direct_mmap,
	.munmap = direct_munmap,
	.mremap = direct_mremap,
	.prctl = direct_prctl,
	.exit_now = direct_exit,
	.exit_c99 = direct_exit,
};

/* ---- finding them ---- */

/* ISO C has no conversion from object to function pointers; POSIX guarantees that this works. */
static void set(void *entry, const char *name)
{
	struct seep_symbol found = seep_symbol_next(name);

	if (found.address)
		__builtin_memcpy(entry, &found.address, sizeof(found.address));
}

static void find_all(struct seep_next *n)
{
	set(&n->malloc, "malloc");
	set(&n->free, "free");
	set(&n->calloc, "calloc");
	set(&n->realloc, "realloc");
	set(&n->reallocarray, "reallocarray");
	set(&n->memalign, "memalign");
	set(&n->aligned_alloc, "aligned_alloc");
	set(&n->posix_memalign, "posix_memalign");
	set(&n->valloc, "valloc");
	set(&n->pvalloc, "pvalloc");
	set(&n->free_sized, "free_sized");
	set(&n->free_aligned_sized, "free_aligned_sized");
	set(&n->mmap, "mmap");
	set(&n->munmap, "munmap");
	set(&n->mremap, "mremap");
	set(&n->prctl, "prctl");
	set(&n->pthread_setname_np, "pthread_setname_np");
	set(&n->exit_now, "_exit");
	set(&n->exit_c99, "_Exit");
}

/* Functions that some C libraries lack, by those that all have. */
static void *plain_memalign(size_t align, size_t n)
{
	void *p;

	return seep_next.posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, n) ? NULL : p;
}

static void *plain_valloc(size_t n)
{
	return plain_memalign(4096, n);
}
static void *plain_pvalloc(size_t n)
{
	return n > SIZE_MAX - 4095 ? NULL : plain_memalign(4096, (n + 4095) & ~4095ul);
}

static void fill_gaps(struct seep_next *n)
{
	if (n->memalign == early_memalign)
		n->memalign = plain_memalign;
	if (n->aligned_alloc == early_aligned_alloc)
		n->aligned_alloc = plain_memalign;
	if (n->valloc == early_valloc)
		n->valloc = plain_valloc;
	if (n->pvalloc == early_pvalloc)
		n->pvalloc = plain_pvalloc;
}

/*
 * ---- musl: calloc calls malloc, and all that align call aligned_alloc, by their public names ----
 *
 * So they come back to us, and what was counted would be counted again: these switch the countdown off for the time of
 * the call.
 */

static struct seep_next musl;

#define UNCOUNTED(call)                          \
	uint64_t left = seep_self.left;          \
	seep_self.left = UINT64_MAX / 4;         \
	__atomic_signal_fence(__ATOMIC_SEQ_CST); \
	call;                                    \
	__atomic_signal_fence(__ATOMIC_SEQ_CST); \
	seep_self.left = left

static void *musl_calloc(size_t a, size_t b)
{
	void *p;

	UNCOUNTED(p = musl.calloc(a, b));
	return p;
}

static void *musl_memalign(size_t align, size_t n)
{
	void *p;

	UNCOUNTED(p = musl.memalign(align, n));
	return p;
}

static int musl_posix_memalign(void **out, size_t align, size_t n)
{
	int result;

	UNCOUNTED(result = musl.posix_memalign(out, align, n));
	return result;
}

static void *musl_valloc(size_t n)
{
	void *p;

	UNCOUNTED(p = musl.valloc(n));
	return p;
}

/* The C library's own is behind us, and it is musl: glibc alone has this function. */
static bool is_musl_behind(void)
{
	struct seep_symbol found;
	uint64_t c_library;

	if (seep_linked_is_wrapped())
		return seep_linked_has_musl_calloc();
	found = seep_symbol_next("calloc");
	c_library = seep_c_library_address();
	return c_library >= found.start && c_library < found.end &&
	       !seep_symbol_anywhere("gnu_get_libc_version").address;
}

static void go_around_musl(struct seep_next *n)
{
	musl = *n;
	n->calloc = musl_calloc;
	n->memalign = musl_memalign;
	n->posix_memalign = musl_posix_memalign;
	n->valloc = musl_valloc;
}

/* Where the object that defines malloc lies, so that its own mmap calls can be told from the program's. */
static void note_allocator(void)
{
	struct text path = text_in(seep_allocator_path, sizeof(seep_allocator_path));
	struct seep_symbol found;

	if (seep_linked_is_wrapped()) {
		text_add(&path, "linked");
		return;
	}
	found = seep_symbol_before("malloc");
	seep_malloc_is_taken = found.address;
	if (!found.address)
		found = seep_symbol_next("malloc");
	if (!found.address)
		return;
	text_add(&path, found.is_executable ? "(the executable)" : found.path);
	seep_allocator_start = found.start;
	seep_allocator_end = found.end;
}

static uint32_t find_state; /* 0 not yet, 1 under way, 2 done */
static uint64_t finder;     /* thread pointer of who is at it */

bool seep_next_find(void)
{
	uint32_t old = 0;
	struct seep_next found = seep_next;

	if (load_acquire(&find_state) == 2)
		return true;
	if (!cas(&find_state, &old, 1u)) {
		if (old == 2)
			return true;
		if (load_relaxed(&finder) == seep_thread_pointer())
			return false; /* the look-up allocates, or a signal handler does: from the pool */
		while (load_acquire(&find_state) !=
		       2) /* only before main, and only if a constructor started a thread */
			(void)sys_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		return true;
	}
	store_relaxed(&finder, seep_thread_pointer());
	find_all(&found);
	fill_gaps(&found);
	if (is_musl_behind())
		go_around_musl(&found);
	seep_next = found;
	note_allocator();
	store_release(&find_state, 2u);
	return true;
}
