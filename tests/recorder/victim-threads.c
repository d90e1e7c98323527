/* Threads, signals and what ends in the middle of things. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

/* ---- an action at every instruction of the recorder's own code that a malloc and free come by ---- */

enum action { LEAVE, ALLOCATE, END_THREAD, FORK, SWITCH, UNMAP, NR_ACTIONS };

#define MAX_PLACES 8192

static unsigned long code_start, code_end;
static uint8_t *places[MAX_PLACES]; /* in the order in which they are come by first */
static unsigned nr_places;
static uint8_t *volatile armed; /* the breakpoint, and what was there */
static uint8_t was_there;
static volatile int has_acted;
static enum action action;
static void *mapping;
static sigjmp_buf outside;
static ucontext_t main_fiber, other_fiber;
static char handler_stack[65536], fiber_stack[262144];

#if defined(__x86_64__)
#define BREAKPOINT 0xcc
static void set_trap_flag(void)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
}
static void clear_trap_flag(void)
{
	__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
}
#else
#define BREAKPOINT 0
static void set_trap_flag(void)
{
}
static void clear_trap_flag(void)
{
}
#endif

static void note_place(uint8_t *pc)
{
	for (unsigned i = nr_places; i--;)
		if (places[i] == pc)
			return;
	if (nr_places < MAX_PLACES)
		places[nr_places++] = pc;
}

static void arm(uint8_t *at)
{
	was_there = *at;
	armed = at;
	*at = BREAKPOINT;
}

static void disarm(void)
{
	if (armed)
		*armed = was_there;
	armed = NULL;
}

static void act(void)
{
	has_acted = 1;
	switch (action) {
	case LEAVE: siglongjmp(outside, 1);
	case ALLOCATE:
		for (int i = 0; i < 3; i++)
			free(keep(malloc(2000)));
		break;
	case END_THREAD: pthread_exit(NULL);
	case FORK:
		if (fork() == 0) {
			keep(malloc(3000));
			return; /* and the child goes on where it was */
		}
		break;
	case SWITCH: swapcontext(&other_fiber, &main_fiber); break;
	case UNMAP:
		munmap(mapping, 9 * 4096);
		/* Past everybody, so that nothing else gets the address. */
		syscall(SYS_mmap, mapping, 9 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	}
}

static void on_trap(int nr, siginfo_t *info, void *context)
{
#if defined(__x86_64__)
	greg_t *pc = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	if (armed && (uint8_t *)*pc == armed + 1) {
		*pc -= 1;
		disarm();
		act();
	} else if ((unsigned long)*pc >= code_start && (unsigned long)*pc < code_end) {
		note_place((uint8_t *)*pc);
	}
#endif
}

static uint8_t *place; /* where it is to be interrupted; NULL: nowhere */

static void allocate_once(void)
{
	if (place)
		arm(place);
	if (action == ALLOCATE)
		keep(malloc(1001));
	free(keep(malloc(1000)));
	disarm();
}

static void *stepping_thread(void *unused)
{
	allocate_once();
	return NULL;
}

static void run_fiber(void)
{
	allocate_once();
}

static void interrupted_once(void)
{
	pthread_t thread;
	pid_t self = getpid();

	switch (action) {
	case LEAVE:
		if (!sigsetjmp(outside, 1))
			allocate_once();
		break;
	case END_THREAD:
		pthread_create(&thread, NULL, stepping_thread, NULL);
		pthread_join(thread, NULL);
		break;
	case SWITCH:
		getcontext(&other_fiber);
		other_fiber.uc_stack.ss_sp = fiber_stack;
		other_fiber.uc_stack.ss_size = sizeof(fiber_stack);
		other_fiber.uc_link = &main_fiber;
		makecontext(&other_fiber, run_fiber, 0);
		swapcontext(&main_fiber, &other_fiber);
		for (int i = 0; i < 300; i++)
			free(keep(malloc(702)));
		break;
	default:
		if (action == UNMAP)
			mapping = mmap(NULL, 9 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		allocate_once();
		if (getpid() != self)
			_exit(0);
		while (action == FORK && wait(NULL) > 0)
			;
		if (action == UNMAP && !has_acted)
			munmap(mapping, 9 * 4096);
	}
}

static void allow_breakpoints(void)
{
	mprotect((void *)(code_start & ~4095ul), code_end - (code_start & ~4095ul), PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* Where a malloc and free, when they are known ways already, come by. */
static void find_places(void)
{
	for (int i = 0; i < 3; i++)
		allocate_once();
	set_trap_flag();
	allocate_once();
	clear_trap_flag();
}

/* interrupted ACTION MAX-PLACES [stack] */
static int interrupted(int argc, char **argv)
{
	static const char *const names[] = { "leave", "allocate", "end-thread", "fork", "switch", "unmap" };
	stack_t stack = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	struct sigaction on = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | (argc > 4 ? SA_ONSTACK : 0) };
	unsigned max = (unsigned)atoi(argv[3]), nr = 0, stride;

	for (unsigned i = 0; i < NR_ACTIONS; i++)
		if (!strcmp(names[i], argv[2]))
			action = (enum action)i;
	sigaltstack(&stack, NULL);
	sigaction(SIGTRAP, &on, NULL);
	if (find_recorder(&code_start, &code_end)) {
		find_places();
		allow_breakpoints();
	}
	stride = nr_places / max + 1;
	for (unsigned i = 0; i < nr_places; i += stride) {
		has_acted = 0;
		place = places[i];
		interrupted_once();
		keep(malloc(700));
		nr += has_acted;
	}
	if (code_start)
		fprintf(stderr, "%u %u\n", nr, (nr_places + stride - 1) / stride);
	puts("interrupted");
	return 0;
}

/* ---- a thread that ends with a lock of what is written once a second ---- */

static void *ends_in_tick(void *unused)
{
	if (place)
		usleep(1300000);
	allocate_once();
	return NULL;
}

/* ends-locked OFFSET: at that instruction of the recorder, when it next comes by there; then it does ten times more. */
static int ends_locked(int argc, char **argv)
{
	struct sigaction on = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	pthread_t thread;
	Dl_info info;

	action = END_THREAD;
	sigaction(SIGTRAP, &on, NULL);
	allocate_once();
	if (find_recorder(&code_start, &code_end) && dladdr((void *)malloc, &info)) {
		allow_breakpoints();
		place = (uint8_t *)info.dli_fbase + strtoul(argv[2], NULL, 0);
	}
	pthread_create(&thread, NULL, ends_in_tick, NULL);
	pthread_join(thread, NULL);
	disarm();
	place = NULL;
	if (code_start)
		fprintf(stderr, "%d\n", has_acted);
	for (int i = 0; i < 11 && code_start; i++) {
		usleep(1100000);
		for (int n = 0; n < 20; n++)
			allocate_once();
	}
	puts("ends-locked");
	return 0;
}

/* ---- threads that are ended from outside ---- */

static volatile int is_over;

static void *churns(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
	while (!is_over) {
		for (int i = 0; i < 20; i++)
			free(keep(malloc(500)));
		pthread_testcancel();
	}
	return NULL;
}

static void on_storm(int nr)
{
}

/* Threads under a hail of signals, cancelled at any time. */
static int storm(int argc, char **argv)
{
	struct sigaction on = { .sa_handler = on_storm };
	pthread_t threads[8];

	sigaction(SIGUSR1, &on, NULL);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 8; i++)
			pthread_create(&threads[i], NULL, churns, NULL);
		for (int n = 0; n < 40; n++)
			for (int i = 0; i < 8; i++)
				pthread_kill(threads[i], SIGUSR1);
		for (int i = 0; i < 8; i++)
			pthread_cancel(threads[i]);
		for (int i = 0; i < 8; i++)
			pthread_join(threads[i], NULL);
	}
	keep(malloc(701));
	puts("storm");
	return 0;
}

/* ---- thread-local destructors ---- */

static pthread_key_t key;
extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle;

static void free_and_more(void *p)
{
	static __thread int rounds;

	free(p);
	if (rounds++ < 2)
		pthread_setspecific(key, malloc(801));
	else
		keep(malloc(802));
}

static void *has_locals(void *unused)
{
	pthread_setspecific(key, malloc(800));
	__cxa_thread_atexit_impl(free, malloc(803), &__dso_handle);
	return NULL;
}

static int thread_locals(int argc, char **argv)
{
	pthread_t threads[10];

	pthread_key_create(&key, free_and_more);
	for (int i = 0; i < 10; i++)
		pthread_create(&threads[i], NULL, has_locals, NULL);
	for (int i = 0; i < 10; i++)
		pthread_join(threads[i], NULL);
	puts("thread-locals");
	return 0;
}

/* ---- very many ---- */

static pthread_barrier_t everybody;

static void *one_of_many(void *unused)
{
	keep(malloc(900));
	pthread_barrier_wait(&everybody);
	return NULL;
}

static int many_threads(int argc, char **argv)
{
	unsigned wanted = (unsigned)atoi(argv[2]), nr = 0;
	pthread_t *threads = calloc(wanted, sizeof(*threads));
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	pthread_barrier_init(&everybody, NULL, wanted + 1);
	while (nr < wanted && !pthread_create(&threads[nr], &attr, one_of_many, NULL))
		nr++;
	if (nr < wanted) {
		printf("only %u\n", nr);
		fflush(stdout);
		_exit(77);
	}
	pthread_barrier_wait(&everybody);
	while (nr)
		pthread_join(threads[--nr], NULL);
	puts("many-threads");
	return 0;
}

/* ---- a thread that the program's C library does not know of ---- */

#define NR_UNKNOWN 400000
static volatile int is_warm, may_go, has_ended;

static void churn(int nr)
{
	for (int i = 0; i < nr; i++)
		free(keep(malloc(64)));
}

static void *unknown_thread(void *unused)
{
	churn(1); /* alone: the C library takes no lock either for what its thread-local caches have not */
	is_warm = 1;
	while (!may_go)
		;
	churn(NR_UNKNOWN);
	has_ended = 1;
	return NULL;
}

/* Started by a C library of another namespace. */
static int unknown_threads(int argc, char **argv)
{
	void *library = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	pthread_t thread;

	if (!library || !(create = dlsym(library, "pthread_create"))) {
		puts("no other C library");
		return 77;
	}
	churn(1);
	if (create(&thread, NULL, unknown_thread, NULL))
		return 1;
	while (!is_warm)
		;
	may_go = 1;
	churn(NR_UNKNOWN);
	while (!has_ended)
		;
	puts("unknown-threads");
	fflush(stdout);
	_exit(0);
}

const struct victim victims_threads[] = {
	{ "interrupted", interrupted },
	{ "ends-locked", ends_locked },
	{ "storm", storm },
	{ "thread-locals", thread_locals },
	{ "many-threads", many_threads },
	{ "unknown-threads", unknown_threads },
	{ NULL, NULL },
};
