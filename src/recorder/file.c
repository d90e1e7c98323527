/*
 * Making the recording: where, under which name, with reserved space, and its header. Raw system calls only.
 * All of this runs at start, or in a forked child at its first sample, one thread at a time; large buffers are static,
 * because the child may be on an alternate signal stack.
 */
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "recorder/recorder.h"
#include "recorder/retention.h"
#include "recorder/sys.h"
#include "recorder/text.h"

#define PATH_BYTES 4096u

/* ---- plan: how many entries of each kind a file of a given size has ---- */

static uint64_t clamp(uint64_t v, uint64_t low, uint64_t high)
{
	return v < low ? low : v > high ? high : v;
}

static void plan_section(struct seep_plan *p, uint32_t kind, uint64_t entry_bytes, uint64_t count, uint64_t *at)
{
	p->sections[kind] = (struct seep_rec_section){ kind, (uint32_t)entry_bytes, *at, count };
	*at = (*at + entry_bytes * count + 63) & ~63ull;
}

bool seep_plan_make(struct seep_plan *p, uint64_t file_bytes)
{
	uint64_t at = SEEP_REC_WORDS_OFFSET + sizeof(struct seep_rec_words);
	uint64_t share = file_bytes / 1024; /* per mille of a 4 MiB file are 4 KiB */
	uint64_t nr_stacks = clamp(share * 3 / 4 - 8, 40, 65536);

	*p = (struct seep_plan){ .file_bytes = file_bytes };
	plan_section(p, SEEP_REC_SEC_STATUS, sizeof(struct seep_rec_status), 2, &at);
	plan_section(p, SEEP_REC_SEC_ENDED, sizeof(struct seep_rec_ended), 1, &at);
	plan_section(p, SEEP_REC_SEC_PERIODS, sizeof(struct seep_rec_period), clamp(share / 64, 16, 64), &at);
	plan_section(p, SEEP_REC_SEC_RING, sizeof(struct seep_rec_ring), clamp(share / 16, 32, 256), &at);
	plan_section(p, SEEP_REC_SEC_SYSTEM, sizeof(struct seep_rec_system), clamp(share / 16, 32, 256), &at);
	plan_section(p, SEEP_REC_SEC_THREADS, sizeof(struct seep_rec_thread), clamp(share / 4, 32, 8192), &at);
	plan_section(p, SEEP_REC_SEC_MODULES, sizeof(struct seep_rec_module), clamp(share / 8, 24, 2048), &at);
	plan_section(p, SEEP_REC_SEC_STACKS, sizeof(struct seep_rec_stack), nr_stacks, &at);
	plan_section(p, SEEP_REC_SEC_COUNTERS, 2 * sizeof(struct seep_rec_counters), nr_stacks, &at);
	plan_section(p, SEEP_REC_SEC_HISTORY, sizeof(struct seep_rec_history), nr_stacks, &at);
	plan_section(p, SEEP_REC_SEC_TRAIL, sizeof(struct seep_rec_trail), nr_stacks, &at);
	plan_section(p, SEEP_REC_SEC_SNAPS, sizeof(struct seep_rec_snap), 2 * nr_stacks, &at);
	plan_section(p, SEEP_REC_SEC_MARKS, sizeof(struct seep_rec_mark), clamp(share / 64, 8, 64), &at);
	plan_section(p, SEEP_REC_SEC_HEAPS, sizeof(struct seep_rec_heap), clamp(share / 64, 8, SEEP_REC_NR_ARENAS_MAX),
	             &at);
	plan_section(p, SEEP_REC_SEC_FRAMES, 8, nr_stacks * 24, &at);
	if (at + 64 * sizeof(struct seep_rec_sample) > file_bytes)
		return false;
	plan_section(p, SEEP_REC_SEC_SAMPLES, sizeof(struct seep_rec_sample),
	             clamp((file_bytes - at) / sizeof(struct seep_rec_sample), 64, 1u << 30), &at);
	return true;
}

void seep_mirror(uint64_t where, const void *slot, size_t nr_bytes)
{
	seep_mirror_inline(where, slot, nr_bytes);
}

/* ---- small facts ---- */

static size_t read_whole(const char *path, char *out, size_t cap)
{
	long fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0), n;
	size_t len = 0;

	if (sys_failed(fd))
		return 0;
	while (len < cap && (n = sys_read(fd, out + len, cap - len)) > 0)
		len += (size_t)n;
	sys_close(fd);
	return len;
}

static uint64_t read_start_ticks(void)
{
	char stat[1024];
	size_t len = read_whole("/proc/self/stat", stat, sizeof(stat) - 1);

	stat[len] = 0;
	return seep_stat_start_ticks(stat);
}

static void read_boot_id(uint8_t out[16])
{
	char text[40];
	size_t len = read_whole("/proc/sys/kernel/random/boot_id", text, sizeof(text)), nr = 0;

	for (size_t i = 0; i < len && nr < 32; i++) {
		char c = text[i];
		uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
		                 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
		                                        : 99;

		if (digit == 99)
			continue;
		out[nr / 2] = (uint8_t)(out[nr / 2] << 4 | digit);
		nr++;
	}
}

/* Lines are "4:memory:/path" (v1) and "0::/path" (v2); the memory controller's hierarchy is wanted. */
static void read_cgroup(struct seep_rec_header *h)
{
	static char text[4096];
	size_t len = read_whole("/proc/self/cgroup", text, sizeof(text) - 1);
	struct text out = text_in(h->cgroup, sizeof(h->cgroup));

	text[len] = 0;
	for (char *line = text; *line;) {
		char *end = line, *list = line, *path;

		while (*end && *end != '\n')
			end++;
		while (*list && *list != ':')
			list++;
		path = list + (*list == ':');
		while (*path && *path != ':')
			path++;
		line = end + (*end == '\n');
		*end = 0;
		if (*path != ':')
			continue;
		if (text_starts(list, ":memory:") || (text_starts(list, "::") && !h->cgroup[0])) {
			if (!text_starts(list, "::"))
				h->options &= ~SEEP_REC_OPT_CGROUP2;
			else
				h->options |= SEEP_REC_OPT_CGROUP2;
			out = text_in(h->cgroup, sizeof(h->cgroup));
			text_add(&out, path + 1);
		}
	}
}

static uint64_t read_pid_namespace(void)
{
	char link[64];
	long n = sys_readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
	const char *end;

	if (sys_failed(n) || n < 6)
		return 0;
	link[n] = 0;
	return text_starts(link, "pid:[") ? text_u64(link + 5, &end) : 0;
}

static uint32_t count_cpus(void)
{
	uint64_t mask[128] = { 0 };
	long n = sys_call(SYS_sched_getaffinity, 0, sizeof(mask), (long)mask, 0, 0, 0);
	uint32_t nr = 0;

	for (long i = 0; i < n / 8; i++)
		nr += (uint32_t)__builtin_popcountll(mask[i]);
	return nr;
}

/* ---- header ---- */

static void header_identity(struct seep_rec_header *h)
{
	struct text allocator = text_in(h->allocator, sizeof(h->allocator));
	long n = sys_readlink("/proc/self/exe", h->exe, sizeof(h->exe) - 1);
	struct {
		char sysname[65], nodename[65], release[65], version[65], machine[65], domain[65];
	} names;

	h->exe[sys_failed(n) ? 0 : n] = 0;
	read_whole("/proc/self/cmdline", h->command, sizeof(h->command) - 1);
	read_cgroup(h);
	read_boot_id(h->boot_id);
	if (!sys_failed(sys_call(SYS_uname, (long)&names, 0, 0, 0, 0, 0))) {
		struct text host = text_in(h->hostname, sizeof(h->hostname));

		text_add(&host, names.nodename);
	}
	text_add(&allocator, seep_allocator_path);
	h->start_ticks = read_start_ticks();
	h->pid_namespace = read_pid_namespace();
	h->nr_cpus = count_cpus();
}

/* The program itself, not the loader: where its headers are, the kernel said at exec. */
static void header_exe_build_id(struct seep_rec_header *h)
{
	uint32_t module = seep_unwind_module_of(seep_exe_address());

	if (!module)
		return;
	h->exe_build_id_bytes = seep.modules[module].build_id_bytes;
	__builtin_memcpy(h->exe_build_id, seep.modules[module].build_id, sizeof(h->exe_build_id));
}

/*
 * The name that the program was started by: redis-server, though that is a link to another file; a script's own name.
 * Taken once, at start, because programs that rewrite their process title write over it.
 */
static char program_name[64];

void seep_file_name_program(void)
{
	static char exe[512];
	const char *started_as = (const char *)getauxval(AT_EXECFN);
	struct text out = text_in(program_name, sizeof(program_name));
	long n = sys_readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[sys_failed(n) ? 0 : n] = 0;
	if (!started_as || text_starts(started_as, "/dev/fd/") || text_starts(started_as, "/proc/"))
		started_as = exe;
	text_add(&out, *text_base(started_as) ? text_base(started_as) : "unknown");
	for (char *c = program_name; *c; c++)
		if (*c <= ' ' || *c == 127)
			*c = '_';
}

static void header_make(struct seep_rec_header *h, uint64_t start_us, uint32_t forked_from)
{
	const struct seep_options *o = &seep.options;

	__builtin_memset(h, 0, sizeof(*h));
	h->major = SEEP_REC_MAJOR;
	h->minor = SEEP_REC_MINOR;
	h->endian = SEEP_REC_ENDIAN;
	h->header_bytes = sizeof(*h);
#if defined(__x86_64__)
	h->machine = EM_X86_64;
#else
	h->machine = EM_AARCH64;
#endif
	h->file_bytes = seep.plan.file_bytes;
	h->salt = seep.salt;
	for (uint32_t kind = 1, i = 0; kind < SEEP_REC_NR_SECTIONS; kind++)
		if (seep.plan.sections[kind].count)
			h->sections[i++] = seep.plan.sections[kind];
	h->epoch_realtime_ns = seep.epoch_realtime_ns;
	h->epoch_monotonic_ns = seep.epoch_monotonic_ns;
	h->start_us = start_us;
	h->pid = seep.pid;
	h->parent_pid = (uint32_t)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0);
	h->forked_from = forked_from;
	h->uid = (uint32_t)sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
	h->page_bytes = 4096;
	h->options = (o->mmap ? SEEP_REC_OPT_MMAP : 0) | (o->period == 1 ? SEEP_REC_OPT_EXACT : 0) |
	             (seep_new_is_counted() ? SEEP_REC_OPT_NEW_COUNTED : 0);
	h->budget_ppm = (uint32_t)o->budget_ppm;
	header_identity(h);
	header_exe_build_id(h);
	__builtin_memcpy(h->name, program_name, sizeof(h->name));
	struct text version = text_in(h->recorder_version, sizeof(h->recorder_version));
	text_add(&version, SEEP_VERSION);
}

/* Magic last: a file without it was never finished. */
static void header_write(uint8_t *file, const struct seep_rec_header *h)
{
	struct seep_rec_header whole = *h;

	__builtin_memcpy(whole.magic, SEEP_REC_MAGIC, 8);
	whole.checksum = seep_rec_checksum(&whole, sizeof(whole) - 8, whole.salt, 0);
	__builtin_memcpy(file + 8, (const uint8_t *)&whole + 8, sizeof(whole) - 8);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__builtin_memcpy(file, whole.magic, 8);
}

/* ---- place ---- */

static bool fail(struct text *why, const char *path, const char *what, long error)
{
	why->len = 0;
	text_add(why, path);
	text_add(why, ": ");
	text_add(why, what);
	if (error) {
		text_add(why, " (error ");
		text_add_u64(why, (uint64_t)-error);
		text_add(why, ")");
	}
	return false;
}

/* A directory given by the user must be a directory of his or root's; one of ours is made, 0700. */
static bool directory_ready(const char *dir, bool is_given, struct text *why)
{
	struct stat st;
	uint32_t uid = (uint32_t)sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
	long made = sys_mkdir(dir, 0700), result;

	result = sys_call(SYS_newfstatat, SYS_AT_FDCWD, (long)dir, (long)&st, is_given ? 0 : AT_SYMLINK_NOFOLLOW, 0, 0);
	if (sys_failed(result))
		return fail(why, dir, "cannot be made or opened", sys_failed(made) ? made : result);
	if (!S_ISDIR(st.st_mode))
		return fail(why, dir, "is not a directory", 0);
	if (st.st_uid != uid && !(is_given && st.st_uid == 0))
		return fail(why, dir, "belongs to another user", 0);
	if (!is_given && st.st_mode & 0022)
		return fail(why, dir, "can be written by other users", 0);
	return true;
}

/* File systems whose fallocate(2) really reserves what a later store needs. */
static bool is_known_file_system(long fd)
{
	static const uint32_t known[] = { 0x01021994 /* tmpfs */, 0xef53 /* ext2–4 */,   0x58465342 /* xfs */,
		                          0x9123683e /* btrfs */, 0xf2f52010 /* f2fs */, 0x794c7630 /* overlay */ };
	struct statfs fs;

	if (sys_failed(sys_call(SYS_fstatfs, fd, (long)&fs, 0, 0, 0, 0)))
		return false;
	for (uint32_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if ((uint32_t)fs.f_type == known[i])
			return true;
	return false;
}

static bool reserve_and_map(long fd, const char *path, uint8_t *replace, struct text *why)
{
	uint64_t n = seep.plan.file_bytes;
	long result;

	if (!is_known_file_system(fd))
		return fail(why, path, "on a file system that cannot promise space", 0);
	result = sys_call(SYS_fallocate, fd, 0, 0, (long)n, 0, 0);
	if (sys_failed(result))
		return fail(why, path, "no space for the recording", result);
	result = sys_mmap(replace, n, PROT_READ | PROT_WRITE, MAP_SHARED | (replace ? MAP_FIXED : 0), fd);
	if (sys_failed(result))
		return fail(why, path, "cannot be mapped", result);
	/* Only written, here and there: what a read ahead would bring is zeros that must be made. */
	if (!replace)
		(void)sys_madvise((void *)result, n, MADV_RANDOM);
	seep.file = (uint8_t *)result;
	return true;
}

/* NAME.PID.START.seep, NAME.PID.START-2.seep … : never one that exists. */
static long open_new(const char *dir, const struct seep_rec_header *h, uint64_t start_s, char path[PATH_BYTES])
{
	long fd = -17;

	for (uint32_t nr = 1; nr < 100 && fd == -17 /* EEXIST */; nr++) {
		struct text t = text_in(path, PATH_BYTES);

		text_add(&t, dir);
		text_add(&t, "/");
		text_add(&t, h->name);
		text_add(&t, ".");
		text_add_u64(&t, h->pid);
		text_add(&t, ".");
		text_add_u64(&t, start_s);
		if (nr > 1) {
			text_add(&t, "-");
			text_add_u64(&t, nr);
		}
		text_add(&t, ".seep");
		fd = sys_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	return fd;
}

static char recording_path[PATH_BYTES];

const char *seep_file_path(void)
{
	return recording_path;
}

static bool create_in(const char *dir, bool is_given, const struct seep_rec_header *h, uint8_t *replace,
                      struct text *why)
{
	uint64_t start_s = seep_clock_ns(0) / 1000000000ull;
	char *path = recording_path;
	bool is_made;
	long fd;

	path[0] = 0;
	if (!directory_ready(dir, is_given, why))
		return false;
	seep_retention_clear(dir, h->name, h->pid_namespace, h->boot_id);
	fd = open_new(dir, h, start_s, path);
	if (sys_failed(fd)) {
		path[0] = 0;
		return fail(why, dir, "cannot make a file there", fd);
	}
	is_made = reserve_and_map(fd, path, replace, why);
	sys_close(fd);
	if (!is_made) {
		sys_unlink(path);
		path[0] = 0;
		return false;
	}
	header_write(seep.file, h);
	seep_words()->control = seep.control;
	return true;
}

/* RLIMIT_FSIZE kills who exceeds it; RLIMIT_AS is the program's own allowance, of which we take a sixteenth at most. */
static uint64_t size_within_limits(uint64_t size)
{
	struct rlimit limit;

	for (int i = 0; i < 2; i++) {
		int which = i ? RLIMIT_AS : RLIMIT_FSIZE;

		if (sys_failed(sys_call(SYS_prlimit64, 0, which, 0, (long)&limit, 0, 0)) ||
		    limit.rlim_cur == RLIM_INFINITY)
			continue;
		if (i ? size > limit.rlim_cur / 40 : size > limit.rlim_cur)
			size = i ? limit.rlim_cur / 40 : limit.rlim_cur;
	}
	return size & ~4095ull;
}

bool seep_file_fit(char why[160])
{
	struct text t = text_in(why, 160);
	uint64_t size = size_within_limits(seep.options.size);

	if (size < SEEP_REC_MIN_BYTES || !seep_plan_make(&seep.plan, size))
		return fail(&t, "recording", "the limits on file size or address space leave no room", 0);
	return true;
}

bool seep_file_create(uint8_t *replace, uint64_t start_us, uint32_t forked_from, char why[160])
{
	static struct seep_rec_header
		header; /* 4 KiB: not on an alternate signal stack. One thread at a time comes here. */
	static const char *const places[] = { "/dev/shm/seep-", "/tmp/seep-" };
	struct text reason = text_in(why, 160);
	bool is_made = false;

	header_make(&header, start_us, forked_from);
	if (seep.options.dir)
		return create_in(seep.options.dir, true, &header, replace, &reason);
	for (uint32_t i = 0; i < 2 && !is_made; i++) {
		char dir[64];
		struct text t = text_in(dir, sizeof(dir));

		text_add(&t, places[i]);
		text_add_u64(&t, header.uid);
		is_made = create_in(dir, false, &header, replace, &reason);
	}
	return is_made;
}
