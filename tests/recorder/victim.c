/*
 * Small programs, chosen by the first argument, that use the allocator in the ways that break recorders. Each prints
 * what a program without a recorder prints; the test compares both the output and what the recording says.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

static void *volatile kept[4096];

void *keep(void *p)
{
	static unsigned nr;

	kept[__atomic_fetch_add(&nr, 1, __ATOMIC_RELAXED) % 4096] = p;
	return p;
}

/* Every entry point once; 1000 + n bytes each so that the test can tell them apart. */
static int entries(int argc, char **argv)
{
	void *p = NULL;

	keep(malloc(1001));
	keep(calloc(1, 1002));
	keep(realloc(NULL, 1003));
	keep(realloc(malloc(10), 1004));
	keep(reallocarray(NULL, 1, 1005));
	keep(aligned_alloc(64, 1024));
	keep(memalign(64, 1007));
	if (posix_memalign(&p, 64, 1008))
		return 1;
	keep(p);
	keep(valloc(1009));
	keep(pvalloc(1010));
	free(keep(malloc(5000)));
	puts("entries");
	return 0;
}

static int realloc_cases(int argc, char **argv)
{
	char *p = malloc(100), *q;
	size_t huge = SIZE_MAX / 2;

	memset(p, 7, 100);
	errno = 0;
	q = realloc(p, huge);
	printf("%d %d %d\n", q == NULL, errno == ENOMEM, p[99]);
	p = realloc(p, 200);
	p = realloc(p, 50);
	printf("%d\n", p[49]);
	keep(p);
	q = keep(malloc(310));
	printf("%d\n", realloc(q, huge) == NULL);
	q = malloc(300);
	q = realloc(q, 0);
	printf("%d\n", q == NULL);
	errno = 0;
	q = calloc(SIZE_MAX / 2, 4);
	printf("%d %d\n", q == NULL, errno == ENOMEM);
	errno = 0;
	q = reallocarray(NULL, SIZE_MAX / 2, 4);
	printf("%d %d\n", q == NULL, errno == ENOMEM);
	errno = 77;
	free(keep(malloc(123)));
	printf("%d\n", errno);
	return 0;
}

static void *named_thread(void *name)
{
	pthread_setname_np(pthread_self(), name);
	keep(malloc(70000));
	return NULL;
}

static int threads(int argc, char **argv)
{
	pthread_t t;

	keep(malloc(60000));
	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, named_thread, i == 1 ? "beta" : "alpha");
		pthread_join(t, NULL);
	}
	puts("threads");
	return 0;
}

static int forks(int argc, char **argv)
{
	void *inherited[20];

	for (int i = 0; i < 20; i++)
		inherited[i] = malloc(10000);
	for (int child = 0; child < 2; child++)
		if (fork() == 0) {
			for (int i = 0; i < 10; i++)
				free(inherited[i]);
			keep(malloc(child ? 222222 : 111111));
			_exit(0);
		}
	if (fork() == 0)
		_exit(0); /* allocates nothing: no recording */
	while (wait(NULL) > 0)
		;
	if (vfork() == 0)
		_exit(0);
	wait(NULL);
	for (int i = 0; i < 5; i++)
		free(inherited[i]);
	puts("forks");
	fflush(stdout);
	return 0;
}

static int maps(int argc, char **argv)
{
	char *p = mmap(NULL, 40 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

	munmap(p, 4 * 4096);             /* head */
	munmap(p + 36 * 4096, 4 * 4096); /* tail */
	munmap(p + 10 * 4096, 6 * 4096); /* hole: 6 and 20 pages are left */
	q = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	q = mremap(q, 8 * 4096, 16 * 4096, MREMAP_MAYMOVE);
	q = mmap(q, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0); /* over its first page */
	errno = 0;
	printf("%d\n", munmap((void *)1, 1) == -1 && errno == EINVAL);
	return q == MAP_FAILED;
}

static jmp_buf back;
static char alternate[65536];

static void on_signal(int nr)
{
	(void)nr;
	keep(malloc(33333));
	longjmp(back, 1);
}

static int signals(int argc, char **argv)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	for (volatile int i = 0; i < 5; i++)
		if (!setjmp(back))
			raise(SIGUSR1);
	puts("signals");
	return 0;
}

static ucontext_t main_context, coroutine;

static void run_coroutine(void)
{
	for (int i = 0; i < 5; i++) {
		keep(malloc(44444));
		swapcontext(&coroutine, &main_context);
	}
}

static int coroutines(int argc, char **argv)
{
	static char stack[2][65536];

	for (int s = 0; s < 2; s++) {
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack[s];
		coroutine.uc_stack.ss_size = sizeof(stack[s]);
		makecontext(&coroutine, run_coroutine, 0);
		for (int i = 0; i < 5; i++)
			swapcontext(&main_context, &coroutine);
	}
	puts("coroutines");
	return 0;
}

static int closes_fds(int argc, char **argv)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	for (int i = 0; i < 1000; i++)
		keep(malloc(10000));
	printf("%d\n", open("/dev/null", O_RDONLY));
	return 0;
}

static int waits(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : 10;

	for (int i = 0; i < rounds; i++) {
		for (int n = 0; n < 1000; n++)
			free(keep(malloc(1000)));
		keep(malloc(1000));
		usleep(20000);
	}
	puts("waits");
	return 0;
}

static int grows(int argc, char **argv)
{
	for (int i = 0; i < 40000; i++)
		if (!malloc(100))
			return 1;
	puts("grows");
	return 0;
}

static int plugin(int argc, char **argv)
{
	for (int i = 0; i < 2; i++) {
		void *library = dlopen(argv[2 + i], RTLD_NOW | RTLD_LOCAL);
		void (*run)(void) = library ? (void (*)(void))dlsym(library, "run") : NULL;

		if (!run)
			return 1;
		run();
		dlclose(library);
	}
	puts("plugin");
	return 0;
}

static int executes(int argc, char **argv)
{
	keep(malloc(50000));
	fflush(stdout);
	execl(argv[0], argv[0], "entries", NULL);
	return 1;
}

static int deep(int n)
{
	volatile char pad[16];

	pad[0] = (char)n;
	if (n > 0)
		return deep(n - 1) + pad[0] * 0;
	keep(malloc(55555));
	return 0;
}

static int sandbox(int argc, char **argv)
{
	if (fork() == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		keep(malloc(66666));
		_exit(0);
	}
	wait(NULL);
	puts("sandbox");
	return 0;
}

static int deep_300(int argc, char **argv)
{
	return deep(300);
}

static const struct victim basics[] = {
	{ "entries", entries },
	{ "realloc", realloc_cases },
	{ "threads", threads },
	{ "forks", forks },
	{ "maps", maps },
	{ "signals", signals },
	{ "coroutines", coroutines },
	{ "closes-fds", closes_fds },
	{ "waits", waits },
	{ "grows", grows },
	{ "plugin", plugin },
	{ "executes", executes },
	{ "deep", deep_300 },
	{ "sandbox", sandbox },
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	const struct victim *const tables[] = { basics,         victims_threads,   victims_stacks,
		                                victims_places, victims_processes, victims_times };
	const char *what = argc > 1 ? argv[1] : "";

	if (getenv("VICTIM_TRAP"))
		trap_install(getenv("VICTIM_TRAP"));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct victim *v = tables[i]; v->name; v++)
			if (!strcmp(v->name, what))
				return v->run(argc, argv);
	return 2;
}
