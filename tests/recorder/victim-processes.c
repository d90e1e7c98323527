/* Processes that are started in every way there is. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "victim.h"

extern char **environ;

static void reap(void)
{
	int status;

	while (wait(&status) > 0)
		printf("%d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
	fflush(stdout);
}

/* ---- fork beside threads that allocate and free ---- */

static volatile int is_over;
static void *volatile shared[64];

static void *churns(void *unused)
{
	for (unsigned i = 0; !is_over; i++)
		free(__atomic_exchange_n(&shared[i % 64], malloc(100 + i % 900), __ATOMIC_RELAXED));
	return NULL;
}

static int fork_beside_threads(int argc, char **argv)
{
	pthread_t threads[4];
	void *mine[100];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, churns, NULL);
	for (int i = 0; i < 100; i++)
		mine[i] = malloc(5000);
	for (int child = 0; child < 30; child++)
		if (fork() == 0) {
			for (int i = 0; i < 60; i++)
				free(mine[i]);
			for (int i = 0; i < 64; i++)
				free(shared[i]);
			keep(malloc(5001));
			_exit(0);
		}
	reap();
	is_over = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	puts("fork-beside-threads");
	return 0;
}

/* ---- children that share our memory ---- */

/* What a child of vfork allocates is its parent's, and stays. */
static int vforks(int argc, char **argv)
{
	static void *volatile theirs;

	for (int i = 0; i < 5; i++) {
		if (vfork() == 0) {
			theirs = malloc(6000);
			execl(argv[0], argv[0], "nothing", NULL);
			_exit(1);
		}
		keep(theirs);
		reap();
	}
	if (vfork() == 0)
		_exit(3);
	reap();
	keep(malloc(6001));
	puts("vforks");
	fflush(stdout);
	if (argc > 2)
		raise(SIGKILL);
	return 0;
}

static int runs_in_our_memory(void *unused)
{
	keep(malloc(6100));
	_exit(4);
}

static int clones(int argc, char **argv)
{
	static char stack[65536] __attribute__((aligned(16)));

	for (int i = 0; i < 5; i++) {
		if (clone(runs_in_our_memory, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL) < 0)
			return 1;
		reap();
	}
	keep(malloc(6101));
	puts("clones");
	fflush(stdout);
	if (argc > 2)
		raise(SIGKILL);
	return 0;
}

static int spawns(int argc, char **argv)
{
	char *arguments[] = { argv[0], "nothing", NULL }, command[4200];
	pid_t child;
	FILE *from;
	int status;

	for (int i = 0; i < 5; i++) {
		keep(malloc(6200));
		if (posix_spawn(&child, argv[0], NULL, NULL, arguments, environ))
			return 1;
		reap();
	}
	status = posix_spawn(&child, "/nonexistent", NULL, NULL, arguments, environ);
	printf("%d\n", status);
	snprintf(command, sizeof(command), "%s nothing", argv[0]);
	printf("%d\n", system(command));
	from = popen(command, "r");
	printf("%d\n", pclose(from));
	puts("spawns");
	return 0;
}

/* fork without the C library: nobody's atfork handler is called. */
static int raw_forks(int argc, char **argv)
{
	void *inherited = keep(malloc(6300));

	for (int i = 0; i < 2; i++) {
		long child = i ? syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : _Fork();

		if (child == 0) {
			free(inherited);
			keep(malloc(6301));
			syscall(SYS_exit_group, 5);
		}
		reap();
	}
	puts("raw-forks");
	return 0;
}

static int nothing(int argc, char **argv)
{
	return 0;
}

/* ---- the end ---- */

/* Traced by its own child, stopped and let go, in the middle of allocations. */
static int traced(int argc, char **argv)
{
	pid_t parent = getpid(), child = fork();

	if (child == 0) {
		for (int i = 0; i < 20; i++) {
			if (ptrace(PTRACE_ATTACH, parent, NULL, NULL))
				_exit(1);
			waitpid(parent, NULL, 0);
			ptrace(PTRACE_DETACH, parent, NULL, NULL);
			usleep(500);
		}
		_exit(0);
	}
	while (waitpid(child, NULL, WNOHANG) == 0)
		for (int i = 0; i < 100; i++)
			free(keep(malloc(6400)));
	keep(malloc(6401));
	puts("traced");
	return 0;
}

/* ---- children that give up what a recording needs ---- */

/* The title of the process, written over its arguments and its environment. */
static int titled(int argc, char **argv)
{
	char **last = environ;

	while (last[0] && last[1])
		last++;
	memset(argv[0], 't', (size_t)(*last + strlen(*last) - argv[0]));
	if (chdir("/"))
		return 1;
	if (fork() == 0) {
		keep(malloc(6500));
		_exit(0);
	}
	reap();
	puts("titled");
	return 0;
}

static int gives_up(const char *what)
{
	if (!strcmp(what, "setuid"))
		return setuid(65534);
	if (!strcmp(what, "seteuid"))
		return seteuid(65534);
	if (!strcmp(what, "setreuid"))
		return setreuid(65534, 65534);
	if (!strcmp(what, "setresuid"))
		return setresuid(65534, 65534, 65534);
	return chroot("/proc") || chdir("/");
}

/* The second child does nothing after it. */
static int drops_rights(int argc, char **argv)
{
	for (int i = 0; i < 2; i++) {
		if (fork() == 0) {
			int result = gives_up(argv[2]);

			if (i == 0)
				keep(malloc(6600));
			_exit(result);
		}
		reap();
	}
	puts("drops-rights");
	return 0;
}

const struct victim victims_processes[] = {
	{ "fork-beside-threads", fork_beside_threads },
	{ "vforks", vforks },
	{ "clones", clones },
	{ "spawns", spawns },
	{ "raw-forks", raw_forks },
	{ "nothing", nothing },
	{ "titled", titled },
	{ "drops-rights", drops_rights },
	{ "traced", traced },
	{ NULL, NULL },
};
