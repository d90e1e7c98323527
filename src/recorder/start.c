/*
 * Starting: reads options, takes memory, makes the recording. Runs at the first allocation after the C library has its
 * environment (so that what other libraries' constructors allocate is recorded), at the latest in our constructor.
 * Messages go to fd 2 and only from the constructor.
 */
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "recorder/arena.h"
#include "recorder/objects.h"
#include "recorder/recorder.h"
#include "recorder/sys.h"
#include "recorder/text.h"

struct seep_state seep;

static char start_message[256]; /* said by the constructor */

extern char **environ;

uint64_t seep_exe_address(void)
{
	return getauxval(AT_PHDR);
}

static void say(const char *a, const char *b)
{
	struct text t = text_in(start_message, sizeof(start_message) - 1);

	text_add(&t, "seep: recorder: ");
	text_add(&t, a);
	text_add(&t, b);
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.p[i] < ' ')
			t.p[i] = '?';
	t.p[t.len] = '\n';
	t.p[t.len + 1] = 0;
}

/* ---- memory ---- */

struct part {
	void *pointer; /* where its address goes */
	uint64_t bytes;
};

static uint64_t count_of(uint32_t section)
{
	return seep.plan.sections[section].count;
}

static uint32_t bits_for(uint64_t n)
{
	uint32_t bits = 4;

	while (1ull << bits < n)
		bits++;
	return bits;
}

/* One mapping for all private tables; pages are touched as they are used. Huge pages would make all of it resident. */
static bool take_memory(void)
{
	uint64_t nr_samples = count_of(SEEP_REC_SEC_SAMPLES), nr_stacks = count_of(SEEP_REC_SEC_STACKS);
	uint64_t index_bytes = seep_index_bytes((uint32_t)nr_samples, &seep.index_line_bits);
	uint64_t total = 0;
	long base;
	struct part parts[] = {
		{ &seep.samples, nr_samples * sizeof(struct seep_rec_sample) },
		{ &seep.index, index_bytes },
		{ &seep.stacks, nr_stacks * sizeof(struct seep_rec_stack) },
		{ &seep.truths, nr_stacks * sizeof(struct seep_stack_truth) },
		{ &seep.histories, nr_stacks * sizeof(struct seep_rec_history) },
		{ &seep.trails, nr_stacks * sizeof(struct seep_rec_trail) },
		{ &seep.snaps, 2 * nr_stacks * sizeof(struct seep_rec_snap) },
		{ &seep.marks, count_of(SEEP_REC_SEC_MARKS) / 2 * sizeof(struct seep_rec_mark) },
		{ &seep.stack_hashes, nr_stacks * 4 },
		{ &seep.stack_table, 4ull << bits_for(nr_stacks * 2) },
		{ &seep.frames, count_of(SEEP_REC_SEC_FRAMES) * 8 },
		{ &seep.threads, count_of(SEEP_REC_SEC_THREADS) * sizeof(struct seep_rec_thread) },
		{ &seep.thread_selfs, count_of(SEEP_REC_SEC_THREADS) * 8 },
		{ &seep.modules, count_of(SEEP_REC_SEC_MODULES) * sizeof(struct seep_rec_module) },
		{ &seep.ring, count_of(SEEP_REC_SEC_RING) * sizeof(struct seep_rec_ring) },
		{ &seep.periods, count_of(SEEP_REC_SEC_PERIODS) * sizeof(struct seep_rec_period) },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		total += (parts[i].bytes + 63) & ~63ull;
	base = sys_mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (sys_failed(base))
		return false;
	(void)sys_madvise((void *)base, total, MADV_NOHUGEPAGE);
	seep.private_bytes = total;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		__builtin_memcpy(parts[i].pointer, &base, sizeof(base));
		base += (long)((parts[i].bytes + 63) & ~63ull);
	}
	seep.nr_samples_cap = (uint32_t)nr_samples;
	seep.nr_stacks_cap = (uint32_t)nr_stacks;
	seep.nr_frames_cap = (uint32_t)count_of(SEEP_REC_SEC_FRAMES);
	seep.nr_threads_cap = (uint32_t)count_of(SEEP_REC_SEC_THREADS);
	seep.stack_table_bits = bits_for(nr_stacks * 2);
	seep.full_at = nr_samples * 3 / 4;
	return true;
}

/*
 * What pthread_atfork is in glibc, and in musl. Each by a weak reference, because a missing symbol ends the program: so
 * the same library can be loaded over both.
 */
extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *) __attribute__((weak));
extern int plain_atfork(void (*)(void), void (*)(void), void (*)(void)) __asm__("pthread_atfork") __attribute__((weak));
extern char __dso_handle __attribute__((visibility("hidden")));

static void forked_child(void)
{
	*seep.cookie = 0;
}

/*
 * A page that the kernel empties in a forked child, whichever way it was forked (Linux 4.14). Older kernels and some
 * emulated ones do not: the C library's fork tells us too.
 */
static void take_cookie(void)
{
	long page = sys_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (sys_failed(page))
		return;
	seep.cookie = (uint32_t *)page;
	*seep.cookie = 1;
	if (sys_failed(sys_madvise((void *)page, 4096, 18 /* MADV_WIPEONFORK */)))
		seep.status.reasons |= SEEP_REC_WHY_NO_WIPEONFORK;
	if (__register_atfork)
		(void)__register_atfork(NULL, NULL, forked_child, &__dso_handle);
	else if (plain_atfork)
		(void)plain_atfork(NULL, NULL, forked_child);
	seep.private_bytes += 4096;
}

/* ---- random ---- */

static uint64_t kernel_random(void)
{
	uint64_t v = 0;

	if (sys_call(SYS_getrandom, (long)&v, 8, 1 /* GRND_NONBLOCK */, 0, 0, 0) != 8)
		v = seep_clock_ns(1) ^ (uint64_t)seep.pid << 32 ^ (uint64_t)(uintptr_t)&v;
	return v;
}

static void module_mirror(uint32_t i)
{
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_MODULES, i), &seep.modules[i], sizeof(seep.modules[i]));
}

/* ---- start ---- */

static char exe_path[512];

static void start_walker(void)
{
	long n = sys_readlink("/proc/self/exe", exe_path, sizeof(exe_path) - 1);
	const struct seep_modules_config config = {
		.table = seep.modules,
		.count = (uint32_t)count_of(SEEP_REC_SEC_MODULES),
		.mirror = module_mirror,
		.now_us = seep_now_us,
		.exe_path = exe_path,
		.allocator_start = seep_allocator_start,
	};

	exe_path[sys_failed(n) ? 0 : n] = 0;
	seep_unwind_init(&config);
	if (!seep_unwind_has_find_object() && getauxval(AT_BASE)) /* 0: a static program, which can load nothing */
		seep.status.reasons |= SEEP_REC_WHY_NO_FIND_OBJECT;
	seep.private_bytes += seep_unwind_private_bytes();
}

static bool start_recording(void)
{
	static char why[160];

	seep.pid = (uint32_t)sys_getpid();
	seep.seed = seep.options.seed ? seep.options.seed : kernel_random();
	seep.salt = kernel_random();
	seep.epoch_monotonic_ns = seep_clock_ns(6 /* CLOCK_MONOTONIC_COARSE */);
	seep.epoch_realtime_ns = seep_clock_ns(0);
	seep.period = seep.lowest_period = seep.options.period;
	seep.is_on = true;
	seep.control = SEEP_REC_CONTROL_ON | seep.period;
	seep.status.estimated_since_us = seep.period == 1 ? UINT64_MAX : 0;
	if (seep.options.bad_option[0])
		seep.status.reasons |= SEEP_REC_WHY_BAD_OPTION;
	if (seep_malloc_is_taken)
		seep.status.reasons |= SEEP_REC_WHY_MALLOC_TAKEN;
	if (!seep_file_fit(why) || !take_memory()) {
		say("nothing is recorded: ", why[0] ? why : "no memory for its tables");
		return false;
	}
	take_cookie();
	start_walker();
	seep_threads_init();
	seep_stacks_init();
	if (!seep_file_create(NULL, 0, 0, why)) {
		say("nothing is recorded: ", why);
		return false;
	}
	seep.is_mirrored = true;
	seep_period_note(seep.period, SEEP_REC_CAUSE_START);
	seep_mirror_everything();
	return true;
}

void seep_mirror_everything(void)
{
	if (!seep.is_mirrored)
		return;
	for (uint32_t i = 1; i < seep_unwind_nr_modules() && i < count_of(SEEP_REC_SEC_MODULES); i++)
		module_mirror(i);
	seep_threads_mirror_all();
	seep_stacks_mirror_all();
	seep_arenas_mirror_all();
	seep_samples_mirror_all();
	seep_status_mirror_all();
}

static bool is_privileged(void)
{
	return getauxval(AT_SECURE) != 0;
}

#ifndef SEEP_LINKED
/*
 * AddressSanitizer ends a program in which its library does not come first, unless it is told otherwise: the program
 * runs, and we step aside.
 */
SEEP_EXPORT const char *__asan_default_options(void);
SEEP_EXPORT const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0";
}
#endif

/*
 * Sanitizers whose programs we leave alone: NULL or why. ThreadSanitizer would see our memcpy, and not what orders it,
 * and report races.
 */
static const char *sanitizer_behind(void)
{
	const char *base = text_base(seep_allocator_path);

	if (seep_malloc_is_taken)
		return NULL;
	if (text_starts(base, "libasan.so") || text_starts(base, "libclang_rt.asan"))
		return "the program is built with AddressSanitizer, whose library must come first";
	if (text_starts(base, "libtsan.so") || text_starts(base, "libclang_rt.tsan"))
		return "the program is built with ThreadSanitizer, which would take the recorder for a part of it";
	return NULL;
}

void seep_start(void)
{
	uint32_t old = SEEP_STATE_NEW;
	bool is_recording = false;
	const char *sanitizer;

	if (!environ || load_acquire(&seep.state) != SEEP_STATE_NEW || !seep_next_find())
		return;
	if (!cas(&seep.state, &old, (uint32_t)SEEP_STATE_STARTING))
		return;
	seep_clock_init();
	seep_options_read(&seep.options, environ);
	seep_file_name_program();
	seep_new_find();
	/* A constructor may have passed one before the first allocation: that stays. */
	if (seep_gates_find() && seep_shares_memory == SEEP_SHARES_UNKNOWN)
		seep_shares_memory = 0;
	seep_rights_find();
	if (is_privileged())
		say("nothing is recorded: ", "the program gains privileges at its start (setuid or capabilities)");
	else if ((sanitizer = sanitizer_behind()))
		say("nothing is recorded: ", sanitizer);
	else if (!seep_other_recorder())
		is_recording = start_recording();
	store_release(&seep.state, is_recording ? (uint32_t)SEEP_STATE_RECORDING : (uint32_t)SEEP_STATE_OFF);
}

/* ---- constructor: messages, and the environment of programs that this one starts ---- */

static void write_message(void)
{
	(void)sys_write(2, start_message, text_len(start_message));
}

/* follow=off: LD_PRELOAD without us, for every program that is started from here. */
static void leave_environment(void)
{
	for (char **e = environ; e && *e; e++) {
		char *list, *to;

		if (!text_starts(*e, "LD_PRELOAD="))
			continue;
		list = to = *e + 11;
		while (*list) {
			char *item = list, *base = list;
			size_t n = 0;

			for (; item[n] && item[n] != ':' && item[n] != ' '; n++)
				if (item[n] == '/')
					base = item + n + 1;
			list = item + n + (item[n] != 0);
			if (text_starts(base, "libseep"))
				continue;
			if (to != *e + 11)
				*to++ = ':';
			for (size_t i = 0; i < n; i++)
				*to++ = item[i];
		}
		*to = 0;
	}
}

__attribute__((constructor)) static void construct(void)
{
	seep_start();
	if (start_message[0])
		write_message();
	if (seep.options.bad_option[0]) {
		say("SEEP_OPTIONS: unknown key or bad value, its default is kept: ", seep.options.bad_option);
		write_message();
	}
	if (seep.options.verbose && seep.state == SEEP_STATE_RECORDING) {
		say("recording, version ", SEEP_VERSION);
		write_message();
	}
	if (seep.state != SEEP_STATE_NEW && !seep.options.follow)
		leave_environment();
}

__attribute__((destructor)) static void destruct(void)
{
	seep_mark_exit();
}
