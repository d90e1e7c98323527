/* Where a program lives and what it may do: limits, sandboxes, roots, descriptors, its own address space. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

/* ---- a filter that kills for everything but the least ---- */

#define ALLOW(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter strict[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(SYS_write),
	ALLOW(SYS_brk),
	ALLOW(SYS_exit),
	ALLOW(SYS_exit_group),
	ALLOW(SYS_futex),
	ALLOW(SYS_mprotect),
	ALLOW(SYS_rt_sigreturn),
#ifdef SYS_fork
	ALLOW(SYS_fork),
#endif
	ALLOW(SYS_clone),
	ALLOW(SYS_wait4),
	ALLOW(SYS_set_robust_list),
	ALLOW(SYS_gettid),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static const struct sock_fprog program = { sizeof(strict) / sizeof(strict[0]), strict };

static void say(const char *words)
{
	if (write(1, words, strlen(words)) < 0)
		_exit(9);
}

static void filter(const char *how)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(how, "prctl") ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)
	                          : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
		say("no filter\n");
		_exit(77);
	}
}

static void fill(size_t size)
{
	for (int i = 0; i < 200; i++)
		free(keep(malloc(size)));
	for (int i = 0; i < 50; i++)
		keep(malloc(size));
}

static int is_filtered;

static void *filters_itself(void *how)
{
	fill(7002); /* the C library makes an arena for the thread */
	filter(how);
	fill(7002);
	__atomic_store_n(&is_filtered, 1, __ATOMIC_RELEASE);
	syscall(SYS_exit, 0); /* pthread_exit would call what the filter does not know */
	return NULL;
}

/* HOW WHEN: prctl or syscall; before a fork, in a thread, or just so. */
static int filtered_program(int argc, char **argv)
{
	const char *how = argv[2], *when = argv[3];
	void *inherited = keep(malloc(7006));
	pthread_t thread;

	fill(7000);
	if (!strcmp(when, "thread")) {
		pthread_create(&thread, NULL, filters_itself, argv[2]);
		while (!__atomic_load_n(&is_filtered, __ATOMIC_ACQUIRE))
			usleep(1000);
		fill(7003);
		say("filtered\n");
		_exit(0);
	}
	filter(how);
	fill(7003);
	if (!strcmp(when, "fork")) {
		pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		int status = 0;

		if (child == 0) {
			fill(7004);
			free(inherited);
			_exit(0);
		}
		syscall(SYS_wait4, child, &status, 0, NULL);
		if (status)
			say("the child was killed\n");
	}
	fill(7005);
	say("filtered\n");
	_exit(0);
}

/* On a stack that the recorder has never seen: entered by the signal that a filter's fault raises. */
static void on_alternate(int nr, siginfo_t *info, void *context)
{
	volatile char pad[16384]; /* more than the page that the recorder itself is on */

	pad[0] = 0;
	fill(7001);
#if defined(__x86_64__)
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* past the division */
#endif
}

static int filtered_on_another_stack(int argc, char **argv)
{
	static char alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction on = { .sa_sigaction = on_alternate, .sa_flags = SA_ONSTACK | SA_SIGINFO };

	fill(7000);
	sigaltstack(&stack, NULL);
	sigaction(SIGFPE, &on, NULL);
	filter(argv[2]);
#if defined(__x86_64__)
	__asm__ volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0));
#endif
	say("filtered\n");
	_exit(0);
}

/* ---- descriptors ---- */

/* Every descriptor from 0 to 1023 is the program's own; each has its own contents at the end. */
static int owns_fds(int argc, char **argv)
{
	struct rlimit limit = { 1024, 1024 };
	int out = dup(1), wrong = 0, nr_open = 0;
	char text[16];

	setrlimit(RLIMIT_NOFILE, &limit);
	fcntl(out, F_SETFD, FD_CLOEXEC);
	for (int fd = 0; fd < 1024; fd++)
		if (fd != out)
			close(fd);
	while (memfd_create("own", 0) >= 0)
		;
	for (int fd = 0; fd < 1024; fd++)
		if (fd != out && write(fd, "own", 3) == 3)
			nr_open++;
	fill(7100);
	if (fork() == 0) {
		fill(7101); /* no descriptor is free for its recording */
		_exit(0);
	}
	wait(NULL);
	fill(7102);
	for (int fd = 0; fd < 1024; fd++)
		if (fd != out && (pread(fd, text, sizeof(text), 0) != 3 || memcmp(text, "own", 3) != 0))
			wrong++;
	dprintf(out, "%d %d\n", nr_open, wrong);
	_exit(0);
}

/* Starts with none of the three streams; what it opens gets the lowest numbers. */
static int no_streams(int argc, char **argv)
{
	int in = open("/dev/null", O_RDONLY), out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);

	fill(7150);
	dprintf(out, "%d %d\n", in, out);
	return 0;
}

/* ---- roots ---- */

static int new_root(int argc, char **argv)
{
	const char *how = argv[2], *dir = argv[3];
	char old[4096];
	DIR *left;
	int nr = 0;

	fill(7200);
	if (!strcmp(how, "chroot")) {
		if (chroot(dir) || chdir("/"))
			return 77;
	} else {
		snprintf(old, sizeof(old), "%s/old", dir);
		if (unshare(0x20000 /* CLONE_NEWNS */) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount(dir, dir, NULL, MS_BIND, NULL) || mkdir(old, 0700) || syscall(SYS_pivot_root, dir, old) ||
		    chdir("/") || umount2("/old", MNT_DETACH))
			return 77;
		rmdir("/old");
	}
	if (fork() == 0) {
		fill(7201);
		_exit(0);
	}
	wait(NULL);
	fill(7202);
	left = opendir("/");
	while (left && readdir(left))
		nr++;
	printf("%d\n", nr);
	return 0;
}

/* ---- limits ---- */

/* What is locked already, and hardly more: nothing can be mapped any longer. */
static void limit_locked(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *status = fopen("/proc/self/status", "r");
	struct rlimit limit;

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %lu", &kib);
	if (status)
		fclose(status);
	limit.rlim_cur = limit.rlim_max = (kib + 64) << 10;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int locked(int argc, char **argv)
{
	fill(7300);
	printf("%d\n", mlockall(MCL_CURRENT | MCL_FUTURE));
	fflush(stdout);
	if (fork() == 0) {
		printf("%d\n", mlockall(MCL_CURRENT | MCL_FUTURE));
		fflush(stdout);
		limit_locked();
		fill(7301);
		_exit(0);
	}
	wait(NULL);
	fill(7302);
	puts("locked");
	return 0;
}

/* Limits that come while it runs. */
static int limited_later(int argc, char **argv)
{
	static const int which[] = {
		RLIMIT_DATA, RLIMIT_AS, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_STACK
	};
	struct rlimit low = { 0, 0 };

	fill(7400);
	fflush(stdout);
	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++)
		if (setrlimit(which[i], &low))
			return 1;
	if (fork() == 0) {
		fill(100);
		_exit(0);
	}
	wait(NULL);
	fill(100);
	say("limited-later\n");
	_exit(0);
}

/* ---- huge pages ---- */

static int big_heap(int argc, char **argv)
{
	char *p[64];
	unsigned sum = 0;

	for (int i = 0; i < 64; i++) {
		p[i] = malloc(1 << 20);
		memset(p[i], i, 1 << 20);
	}
	for (int i = 0; i < 64; i += 2)
		p[i] = realloc(p[i], 3 << 20);
	for (int i = 0; i < 64; i++)
		sum += (unsigned char)p[i][12345];
	for (int i = 0; i < 64; i += 3)
		free(p[i]);
	printf("%u\n", sum);
	return 0;
}

const struct victim victims_places[] = {
	{ "filtered", filtered_program },
	{ "filtered-elsewhere", filtered_on_another_stack },
	{ "owns-fds", owns_fds },
	{ "no-streams", no_streams },
	{ "new-root", new_root },
	{ "locked", locked },
	{ "limited-later", limited_later },
	{ "big-heap", big_heap },
	{ NULL, NULL },
};
