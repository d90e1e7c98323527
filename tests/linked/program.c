/*
 * A program that uses seep.h, built in every way there is: program WHAT. What it prints is the same with and without a
 * recorder, but for "status".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seep.h"

static void *volatile kept[200];
static char pool[16 << 20] __attribute__((aligned(4096)));

static void *in_thread(void *bytes)
{
	return malloc((size_t)bytes);
}

/* Through every function that gives blocks: 2001 … 2011, 2064; a child with 3001, which frees 2001. */
__attribute__((noinline)) static int blocks(void)
{
	pthread_t threads[3];
	void *p = NULL;
	int status = -1;

	kept[0] = malloc(2001);
	kept[1] = calloc(1, 2002);
	kept[2] = realloc(malloc(7), 2003);
	if (posix_memalign(&p, 64, 2004))
		return 1;
	kept[3] = p;
	kept[4] = aligned_alloc(64, 2064);
	kept[5] = memalign(64, 2005);
	kept[6] = valloc(2006);
	kept[7] = strdup(
		"as long as a string is that strdup copies, which calls malloc: 92 bytes with its end, so, no....");
	kept[8] = mmap(NULL, 77 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	free(malloc(2007));
	for (size_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, in_thread, (void *)(2008 + i));
	for (size_t i = 0; i < 3; i++) {
		pthread_join(threads[i], &p);
		kept[9 + i] = p;
	}
	if (fork() == 0) {
		kept[12] = malloc(3001);
		free(kept[0]);
		_exit(kept[12] ? 0 : 1);
	}
	wait(&status);
	p = calloc(1, 32 << 20); /* untouched pages stay so */
	return status != 0 || !p || ((char *)p)[12345] != 0;
}

/* 1000 blocks of 100, of which 400 end and 100 become 250; unknown ones; a block of malloc and of two arenas at once.
 */
__attribute__((noinline)) static int arenas(void)
{
	uint32_t a = seep_arena_new("first"), b = seep_arena_new("second");
	char *p;

	for (int i = 0; i < 1000; i++)
		seep_arena_alloc(a, pool + 256 * i, 100);
	for (int i = 0; i < 400; i++)
		seep_arena_free(a, pool + 256 * i);
	for (int i = 400; i < 450; i++) /* in place */
		seep_arena_realloc(a, pool + 256 * i, pool + 256 * i, 250);
	for (int i = 450; i < 500; i++) /* elsewhere */
		seep_arena_realloc(a, pool + 256 * i, pool + 256 * (i + 1000), 250);
	for (int i = 5000; i < 5010; i++) { /* never reported */
		seep_arena_free(a, pool + 256 * i);
		seep_arena_free(b, pool + 256 * (i % 1000));
		seep_arena_realloc(b, pool + 256 * i, pool + 256 * i, 70);
	}
	seep_arena_free(a, NULL);
	seep_arena_free(0, pool);
	seep_arena_free(4000000000u, pool);
	seep_arena_alloc(0, pool, 5);
	seep_arena_alloc(255, pool, 5);
	seep_arena_alloc(a, NULL, 5);
	seep_arena_realloc(b, pool + 256 * 5000, NULL, 0);
	p = malloc(4321);
	seep_arena_alloc(a, p, 4320);
	seep_arena_alloc(b, p, 4319);
	kept[0] = p;
	if (fork() == 0) {
		seep_arena_free(a, p);
		seep_arena_alloc(seep_arena_new("first"), pool, 333);
		seep_arena_alloc(seep_arena_new("childs"), pool, 334);
		_exit(0);
	}
	wait(NULL);
	seep_arena_alloc(seep_arena_new("cleared"), pool, 1);
	seep_arena_clear(seep_arena_new("cleared"));
	return seep_arena_new("first") != a || seep_arena_new(NULL) != 0 || seep_arena_new("") != 0;
}

static int many(void)
{
	uint32_t last = 0;
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "arena number %d", i);
		last = seep_arena_new(name);
		seep_arena_alloc(last, pool + 64 * i, 10);
	}
	seep_arena_alloc(seep_arena_new("arena number 0"), pool + 64 * 5000, 11);
	(void)seep_arena_new(
		"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	return 0;
}

/* 300,000 blocks of 16 to 2000 bytes, every third stays. The sums are printed by the test's arithmetic, not here. */
static int estimate(void)
{
	uint32_t a = seep_arena_new("estimated");
	uint32_t x = 12345;

	for (uint32_t i = 0; i < 300000; i++) {
		x = x * 1103515245u + 12345u;
		seep_arena_alloc(a, pool + 16 * i, 16 + (x >> 16) % 1985);
		if (i % 3)
			seep_arena_free(a, pool + 16 * i);
	}
	return 0;
}

static void *hammer(void *base)
{
	uint32_t a = seep_arena_new("hammered");

	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 200; i++) {
			char *p = (char *)base + 64 * i;

			seep_arena_alloc(a, p, 48);
			seep_arena_realloc(a, p, p, 40);
			if (round < 19)
				seep_arena_free(a, p);
		}
	return NULL;
}

static int together(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, hammer, pool + 65536 * i);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static volatile sig_atomic_t nr_signals;
static void on_signal(int signal)
{
	char *p = pool + 64 * (nr_signals % 1000);

	(void)signal;
	seep_arena_alloc(seep_arena_new("in a handler"), p, 9);
	seep_arena_free(seep_arena_new("in a handler"), p);
	if (nr_signals % 16 == 0)
		seep_mark("signal");
	nr_signals++;
}

static int signals(void)
{
	struct itimerval often = { { 0, 500 }, { 0, 500 } };
	uint32_t a = seep_arena_new("interrupted");

	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; nr_signals < 200; i = (i + 1) % 1000) {
		seep_arena_alloc(a, pool + (8 << 20) + 64 * i, 8);
		free(malloc(8));
		seep_arena_free(a, pool + (8 << 20) + 64 * i);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	return 0;
}

/* 10 × 5001 while on, 10 × 5002 while off, 10 × 5003 when on again. errno stays. */
static int switches(void)
{
	int nr = 0;

	errno = 4711;
	seep_mark("start");
	for (int i = 0; i < 10; i++)
		kept[nr++] = malloc(5001);
	seep_off();
	for (int i = 0; i < 10; i++)
		kept[nr++] = malloc(5002);
	if (seep_period_get() != 0)
		return 1;
	seep_on();
	for (int i = 0; i < 10; i++)
		kept[nr++] = malloc(5003);
	seep_mark("a name of more than thirty-nine bytes, which is cut");
	(void)seep_period_set(8192);
	if (seep_period_set(0) != -1 || seep_period_set(1ull << 47) != -1 || seep_mark("") != -1)
		return 2;
	return errno == 4711 ? 0 : 3;
}

static int status(void)
{
	struct seep_recorder_status s;

	kept[0] = malloc(100000);
	seep_status_get(&s);
	printf("%u %u %llu %llu %llu %llu %llu %s\n", s.is_present, s.is_recording, (unsigned long long)s.period_bytes,
	       (unsigned long long)s.live_samples, (unsigned long long)s.heap_bytes, (unsigned long long)s.lost_samples,
	       (unsigned long long)s.recording_bytes, s.recording_path);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} programs[] = { { "blocks", blocks },     { "arenas", arenas },     { "many", many },
		         { "estimate", estimate }, { "together", together }, { "signals", signals },
		         { "switches", switches }, { "status", status } };

	for (size_t i = 0; argc > 1 && i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strcmp(argv[1], programs[i].name) == 0) {
			int result = programs[i].run();

			printf("%s: %d\n", argv[1], result);
			return result;
		}
	return 99;
}
