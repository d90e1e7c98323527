/* Stacks that are hard to walk, and libraries that come and go. */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "victim.h"

/* ---- very deep ---- */

static int descend(volatile int n)
{
	if (n > 0)
		return descend(n - 1) + 1;
	for (int i = 0; i < 100; i++)
		keep(malloc(1100));
	return 0;
}

static void *descends(void *unused)
{
	printf("%d\n", descend(100000));
	return NULL;
}

static int very_deep(int argc, char **argv)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 20);
	pthread_create(&thread, &attr, descends, NULL);
	pthread_join(thread, NULL);
	return 0;
}

/* ---- no rules: functions that nothing describes (no-rules.S), with a frame pointer and with another use of it ---- */

void *no_rules_framed(void *(*call)(size_t), size_t size);
void *no_rules_bare(void *(*call)(size_t), size_t size);

static int no_rules(int argc, char **argv)
{
	for (int i = 0; i < 10; i++) {
		keep(no_rules_framed(malloc, 1201));
		keep(no_rules_bare(malloc, 1202));
	}
	puts("no-rules");
	return 0;
}

/* ---- generated code ---- */

static void *generate(const void *code, size_t size)
{
	uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(page, code, size);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	__builtin___clear_cache((char *)page, (char *)page + size);
	return page;
}

/* f(call, size): { return call(size); } with a frame of its own. */
static void *generate_caller(void)
{
#if defined(__x86_64__)
	static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf8,
		                        0x48, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3 };
#else
	static const uint32_t code[] = { 0xa9bf7bfd, 0x910003fd, 0xaa0003e2, 0xaa0103e0,
		                         0xd63f0040, 0xa8c17bfd, 0xd65f03c0 };
#endif
	return generate(code, sizeof(code));
}

/* f(size): { return to(size); } */
static void *generate_jump(void *(*to)(size_t))
{
#if defined(__x86_64__)
	uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3 };

	memcpy(code + 6, &to, 8);
#else
	uint32_t code[8] = { 0xa9bf7bfd, 0x910003fd, 0x58000082, 0xd63f0040, 0xa8c17bfd, 0xd65f03c0 };

	memcpy(code + 6, &to, 8);
#endif
	return generate(code, sizeof(code));
}

static jmp_buf past_generated;
static void *outer;

/* Its caller's caller has gone from memory: there is no way back but over it. */
static void *without_caller(size_t size)
{
	munmap(outer, 4096);
	keep(malloc(size));
	longjmp(past_generated, 1);
}

static int generated_code(int argc, char **argv)
{
	void *(*f)(void *(*)(size_t), size_t) = outer = generate_caller();
	void *(*inner)(size_t) = generate_jump(without_caller);

	for (int i = 0; i < 10; i++)
		keep(f(malloc, 1301));
	if (!setjmp(past_generated))
		f(inner, 1302);
	puts("generated-code");
	return 0;
}

/* ---- coroutines whose stacks come and go ---- */

static ucontext_t scheduler, fiber;

static void run_fiber(void)
{
	keep(malloc(1401));
	swapcontext(&fiber, &scheduler);
}

/* Each stack lies alone between pages that cannot be touched, and is unmapped before the next is made. */
static int short_stacks(int argc, char **argv)
{
	for (int i = 0; i < 50; i++) {
		size_t size = 4096u * (1 + i % 3) + 16384;
		char *stack = mmap(NULL, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		mprotect(stack + 4096, size, PROT_READ | PROT_WRITE);
		getcontext(&fiber);
		fiber.uc_stack.ss_sp = stack + 4096;
		fiber.uc_stack.ss_size = size;
		makecontext(&fiber, run_fiber, 0);
		swapcontext(&scheduler, &fiber);
		munmap(stack, size + 8192);
	}
	puts("short-stacks");
	return 0;
}

/* The alternate stack lies in a frame of main's, above the frames it interrupts; it is changed in between too. */
static void on_signal(int nr)
{
	keep(malloc(1501));
}

static int stack_in_stack(int argc, char **argv)
{
	struct sigaction on = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	stack_t off = { .ss_flags = SS_DISABLE };
	char in_frame[32768];

	sigaction(SIGUSR1, &on, NULL);
	for (int i = 0; i < 20; i++) {
		stack_t stack = { .ss_sp = in_frame + 8192 * (i % 2), .ss_size = 16384 };

		sigaltstack(i % 3 == 2 ? &off : &stack, NULL);
		raise(SIGUSR1);
	}
	puts("stack-in-stack");
	return 0;
}

/* ---- libraries ---- */

/* NEW-NAMESPACE-LIBRARY: with its own C library; it calls back into ours. */
static int namespaces(int argc, char **argv)
{
	for (int i = 0; i < 3; i++) {
		void *library = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
		void *(*through)(void *(*)(size_t), size_t) = library ? dlsym(library, "through") : NULL;
		void *(*own)(size_t) = library ? dlsym(library, "own") : NULL;

		if (!through) {
			puts(dlerror());
			return 1;
		}
		keep(through(malloc, 1601));
		keep(own(1602));
		dlclose(library);
	}
	puts("namespaces");
	return 0;
}

/* A library that is bound to the C library's own malloc and free, past everybody. */
static int deep_bind(int argc, char **argv)
{
	void *library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	void (*give_back)(void *) = library ? dlsym(library, "give_back") : NULL;
	void *(*own)(size_t) = library ? dlsym(library, "own") : NULL;

	if (!give_back)
		return 1;
	for (int i = 0; i < 50; i++) {
		give_back(malloc(171)); /* ours, freed behind our back */
		free(own(3702));        /* never seen, freed here */
	}
	keep(malloc(171));
	puts("deep-bind");
	return 0;
}

const struct victim victims_stacks[] = {
	{ "very-deep", very_deep },           { "no-rules", no_rules },
	{ "generated-code", generated_code }, { "short-stacks", short_stacks },
	{ "stack-in-stack", stack_in_stack }, { "namespaces", namespaces },
	{ "deep-bind", deep_bind },           { NULL, NULL },
};
