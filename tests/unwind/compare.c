/*
 * The walker against libunwind on the stacks of real programs. Preloaded into one (not beside the recorder), it walks
 * at every n-th allocation with both, from one context, and adds up how the walks compare in a file that all processes
 * share; what differs is described, up to a number of times.
 * Environment: COMPARE_FILE (the counters: an existing file of 4096 bytes; NAME.text gets the descriptions),
 * COMPARE_EVERY (n).
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compare.h"
#include "recorder/modules.h"
#include "recorder/unwind.h"

#define MODULES 1024
#define MAX_THEIRS (SEEP_REC_MAX_FRAMES + 8)
#define MAX_TEXTS 60

struct theirs {
	uint64_t frames[MAX_THEIRS];
	uint32_t nr;
	int end; /* what unw_step said last */
};

static struct compare_counts *counts;
static int text_fd = -1;
static uint64_t every = 1;
static struct seep_rec_module modules[MODULES];
static void *(*next_malloc)(size_t), *(*next_calloc)(size_t, size_t), *(*next_realloc)(void *, size_t);
static void (*next_free)(void *);

static __thread struct {
	struct seep_walk_thread thread;
	struct seep_walk walk;
	struct theirs theirs;
	uint64_t nr;
	int is_busy;
} self __attribute__((tls_model("initial-exec")));

static void count(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

/* ---- their walk ---- */

static void walk_theirs(struct theirs *t)
{
	unw_context_t context;
	unw_cursor_t cursor;
	bool is_exact = false, is_ours = true;

	t->nr = 0;
	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	do {
		unw_word_t ip = 0;

		unw_get_reg(&cursor, UNW_REG_IP, &ip);
		is_ours = is_ours && modules_is_recorder(ip - 1);
		if (!is_ours && ip)
			t->frames[t->nr++] = ip - !is_exact;
		is_exact = unw_is_signal_frame(&cursor) > 0;
		t->end = unw_step(&cursor);
	} while (t->end > 0 && t->nr < MAX_THEIRS);
}

/* ---- comparing ---- */

static uint64_t address_of(uint64_t frame)
{
	uint32_t index = SEEP_REC_FRAME_MODULE(frame);

	return SEEP_REC_FRAME_OFFSET(frame) + (index ? modules[index].start : 0);
}

/* Its call frame information says that nothing called it: the C library marks the entries of program and threads so. */
static bool is_root(uint64_t address)
{
	struct module_memo memo = { .nr = 0 };
	const struct module_place *place = modules_find(&memo, address);
	struct cfi_fde fde;
	struct cfi_row row;

	return place && cfi_find(&place->object, address, &fde) && cfi_row(&place->object, &fde, address, &row) &&
	       row.how[REG_RA] == CFI_UNDEFINED;
}

/* An object may have been loaded elsewhere before. */
static bool is_frame_of(uint64_t frame, uint64_t address)
{
	uint32_t index = SEEP_REC_FRAME_MODULE(frame);

	return address_of(frame) == address ||
	       (index && (address & 0xfff) == (address_of(frame) & 0xfff) && seep_unwind_module_of(address) == index);
}

static uint32_t nr_same(const struct seep_walk *w, const struct theirs *t)
{
	uint32_t i = 0;

	while (i < w->nr && i < t->nr && is_frame_of(w->frames[i], t->frames[i]))
		i++;
	return i;
}

static enum compare_class classify(const struct seep_walk *w, const struct theirs *t)
{
	uint32_t same = nr_same(w, t);
	bool is_ours_complete = w->nr && !w->flags && is_root(address_of(w->frames[w->nr - 1]));
	bool is_theirs_complete = t->nr && is_root(t->frames[t->nr - 1]);

	if (w->flags & SEEP_REC_STACK_DEEP)
		return same == w->nr ? COMPARE_DEEP : COMPARE_DEEP_DIFFERENT;
	if (same == w->nr && same == t->nr)
		return is_ours_complete ? COMPARE_EQUAL : COMPARE_EQUAL_INCOMPLETE;
	if (is_ours_complete)
		return is_theirs_complete ? COMPARE_BOTH_COMPLETE : COMPARE_OURS_COMPLETE;
	return is_theirs_complete ? COMPARE_THEIRS_COMPLETE : COMPARE_NEITHER_COMPLETE;
}

/* ---- describing ---- */

static int describe_address(char *to, size_t bytes, uint64_t address)
{
	Dl_info info;
	const char *file;

	if (!address || !dladdr((void *)(uintptr_t)address, &info) || !info.dli_fname)
		return snprintf(to, bytes, "%#llx", (unsigned long long)address);
	file = strrchr(info.dli_fname, '/');
	return snprintf(to, bytes, "%s+%#llx(%s)", file ? file + 1 : info.dli_fname,
	                (unsigned long long)(address - (uint64_t)(uintptr_t)info.dli_fbase),
	                info.dli_sname ? info.dli_sname : "?");
}

static void describe(enum compare_class class, const struct seep_walk *w, const struct theirs *t)
{
	uint32_t same = nr_same(w, t), from = same > 2 ? same - 2 : 0;
	char text[4096], ours[300], theirs[300];
	int n;

	if (__atomic_fetch_add(&counts->nr_texts[class], 1, __ATOMIC_RELAXED) >= MAX_TEXTS || text_fd < 0)
		return;
	n = snprintf(text, sizeof(text), "%s in %s %d: ours %u flags %u, theirs %u end %d\n", compare_names[class],
	             program_invocation_short_name, (int)getpid(), w->nr, w->flags, t->nr, t->end);
	for (uint32_t i = from; i < same + 4 && (i < w->nr || i < t->nr) && n < (int)sizeof(text) - 700; i++) {
		ours[0] = theirs[0] = 0;
		if (i < w->nr)
			describe_address(ours, sizeof(ours), address_of(w->frames[i]));
		if (i < t->nr)
			describe_address(theirs, sizeof(theirs), t->frames[i]);
		n += snprintf(text + n, sizeof(text) - (size_t)n, "  %3u %-50s %s\n", i, ours, theirs);
	}
	if (write(text_fd, text, (size_t)n) < 0)
		return;
}

static __attribute__((noinline)) void compare(void)
{
	int saved_errno = errno;
	struct seep_regs regs;
	enum compare_class class;

	self.is_busy = 1;
	seep_regs_capture(&regs);
	seep_unwind(&regs, &self.thread, &self.walk);
	walk_theirs(&self.theirs);
	class = classify(&self.walk, &self.theirs);
	count(&counts->nr[class], 1);
	count(&counts->nr_frames, self.walk.nr);
	count(&counts->nr_remembered, self.walk.serial != 0);
	if (class != COMPARE_EQUAL && class != COMPARE_DEEP)
		describe(class, &self.walk, &self.theirs);
	self.is_busy = 0;
	errno = saved_errno;
}

static inline void maybe_compare(void)
{
	if (counts && !self.is_busy && ++self.nr % every == 0)
		compare();
}

/* ---- start ---- */

static void mirror(uint32_t index)
{
	(void)index;
}
static uint64_t now_us(void)
{
	return 0;
}

static void open_counts(const char *path)
{
	char name[4096];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return;
	snprintf(name, sizeof(name), "%s.text", path);
	fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		text_fd = fcntl(fd, F_DUPFD_CLOEXEC, 200);
		close(fd);
	}
	counts = p;
}

static void fork_child(void)
{
	seep_unwind_after_fork();
}

__attribute__((constructor)) static void start(void)
{
	static const struct seep_modules_config config = {
		.table = modules, .count = MODULES, .mirror = mirror, .now_us = now_us, .exe_path = "exe"
	};
	const char *path = getenv("COMPARE_FILE"), *n = getenv("COMPARE_EVERY");

	if (!path)
		return;
	self.is_busy = 1;
	every = n && atol(n) > 0 ? (uint64_t)atol(n) : 1;
	seep_unwind_init(&config);
	pthread_atfork(NULL, NULL, fork_child);
	open_counts(path);
	self.is_busy = 0;
}

/* ---- the functions in front of the program's ---- */

static char bootstrap[65536] __attribute__((aligned(16)));
static size_t bootstrap_used;

static void *from_bootstrap(size_t bytes)
{
	size_t at = __atomic_fetch_add(&bootstrap_used, (bytes + 31) & ~(size_t)15, __ATOMIC_RELAXED);

	return at + bytes < sizeof(bootstrap) ? bootstrap + at : NULL;
}

static bool is_bootstrap(const void *p)
{
	return (const char *)p >= bootstrap && (const char *)p < bootstrap + sizeof(bootstrap);
}

static bool find_next(void)
{
	static __thread int is_finding __attribute__((tls_model("initial-exec")));

	if (is_finding)
		return false;
	is_finding = 1;
	*(void **)&next_free = dlsym(RTLD_NEXT, "free");
	*(void **)&next_calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&next_realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&next_malloc = dlsym(RTLD_NEXT, "malloc");
	is_finding = 0;
	return true;
}

#define EXPORT __attribute__((visibility("default"), noinline))

EXPORT void *malloc(size_t bytes)
{
	void *p;

	if (!next_malloc && !find_next())
		return from_bootstrap(bytes);
	p = next_malloc(bytes);
	maybe_compare();
	return p;
}

EXPORT void *calloc(size_t nr, size_t bytes)
{
	void *p;

	if (!next_malloc && !find_next())
		return from_bootstrap(nr * bytes);
	p = next_calloc(nr, bytes);
	maybe_compare();
	return p;
}

EXPORT void *realloc(void *old, size_t bytes)
{
	void *p;

	if (is_bootstrap(old)) {
		size_t room = (size_t)(bootstrap + sizeof(bootstrap) - (char *)old);

		p = malloc(bytes);
		return p ? memcpy(p, old, bytes < room ? bytes : room) : NULL;
	}
	if (!next_malloc && !find_next())
		return from_bootstrap(bytes);
	p = next_realloc(old, bytes);
	maybe_compare();
	return p;
}

EXPORT void free(void *p)
{
	if (!p || is_bootstrap(p) || (!next_free && !find_next()))
		return;
	maybe_compare();
	next_free(p);
}
