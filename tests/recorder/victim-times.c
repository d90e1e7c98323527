/* Programs whose memory over time is known to the byte. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seep.h"
#include "victim.h"

#define NR_SITES 4
#define SITE(n)                                                               \
	static __attribute__((noinline)) void *site_##n(void *p, size_t size) \
	{                                                                     \
		p = p ? realloc(p, size) : malloc(size);                      \
		__asm__ volatile("" : "+r"(p) : : "memory");                  \
		return p;                                                     \
	}
SITE(A)
SITE(B)
SITE(C)
SITE(D)
static void *(*const sites[NR_SITES])(void *, size_t) = { site_A, site_B, site_C, site_D };
static void *blocks[NR_SITES][1024];
static unsigned nr_blocks[NR_SITES];

/* Not by stdio, which allocates. */
static void say(const char *what)
{
	(void)!write(1, what, strlen(what));
}

static void wait_for_a_line(void)
{
	char c = 0;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

static void child_of_its_own(void)
{
	pid_t child = fork();

	if (!child)
		return;
	waitpid(child, NULL, 0);
	kill(getpid(), SIGKILL);
}

static void step(const char *s)
{
	unsigned site = (unsigned)(s[1] - 'A');

	switch (s[0]) {
	case 'a': /* aB500: allocate 500 bytes at B */
		blocks[site][nr_blocks[site]++] = sites[site](NULL, strtoul(s + 2, NULL, 10));
		break;
	case 'r': /* rB900: the newest of B becomes 900 bytes */
		blocks[site][nr_blocks[site] - 1] =
			sites[site](blocks[site][nr_blocks[site] - 1], strtoul(s + 2, NULL, 10));
		break;
	case 'f': /* fB: the newest of B is freed */ free(blocks[site][--nr_blocks[site]]); break;
	case 'm': seep_mark(s + 1); break;
	case 's': usleep((useconds_t)strtoul(s + 1, NULL, 10) * 1000); break;
	case 'w':
		say("waiting\n");
		wait_for_a_line();
		break;
	case 'F': child_of_its_own(); break;
	case 'k': kill(getpid(), SIGKILL); break;
	case '_': /* ends with all that is live; no exit handler frees any */ _exit(0);
	}
}

/* steps STEP…: the addresses of the sites on the first line. */
static int steps(int argc, char **argv)
{
	extern const char __executable_start[];
	char line[128];

	snprintf(line, sizeof(line), "%td %td %td %td\n", (char *)site_A - __executable_start,
	         (char *)site_B - __executable_start, (char *)site_C - __executable_start,
	         (char *)site_D - __executable_start);
	say(line);
	for (int i = 2; i < argc; i++)
		step(argv[i]);
	return 0;
}

/* ---- a crowd: threads that take and give back, with a total of their own ---- */

static int64_t total, most;
static unsigned nr_done;

static void *one_of_the_crowd(void *arg)
{
	uint64_t x = (uintptr_t)arg * 0x9e3779b97f4a7c15ull + 1;
	void *mine[256] = { 0 };
	size_t sizes[256] = { 0 };

	for (unsigned i = 0; i < 40000; i++) {
		unsigned k = (unsigned)((x = x * 6364136223846793005ull + 1442695040888963407ull) >> 56);
		int64_t now, high;

		if (mine[k]) {
			free(mine[k]);
			__atomic_fetch_sub(&total, (int64_t)sizes[k], __ATOMIC_RELAXED);
			mine[k] = NULL;
			continue;
		}
		sizes[k] = 1 + (x >> 20) % 4000;
		mine[k] = sites[x >> 33 & 3](NULL, sizes[k]);
		now = __atomic_add_fetch(&total, (int64_t)sizes[k], __ATOMIC_RELAXED);
		high = __atomic_load_n(&most, __ATOMIC_RELAXED);
		while (now > high &&
		       !__atomic_compare_exchange_n(&most, &high, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
	}
	__atomic_fetch_add(&nr_done, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* crowd NR: ends by SIGKILL in the middle of it, when the first is done. */
static int crowd(int argc, char **argv)
{
	pthread_t thread;
	char line[64];

	for (int i = 0; i < atoi(argv[2]); i++)
		pthread_create(&thread, NULL, one_of_the_crowd, (void *)(uintptr_t)(i + 1));
	while (!__atomic_load_n(&nr_done, __ATOMIC_RELAXED))
		usleep(1000);
	snprintf(line, sizeof(line), "%jd\n", (intmax_t)__atomic_load_n(&most, __ATOMIC_RELAXED));
	say(line);
	kill(getpid(), SIGKILL);
	return 0;
}

/* ---- busy until a line comes, then nearly idle until the next ---- */

static int line_has_come;

static void *wait_for_lines(void *arg)
{
	for (;;) {
		wait_for_a_line();
		__atomic_fetch_add(&line_has_come, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int busy(int argc, char **argv)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_lines, NULL);
	while (!__atomic_load_n(&line_has_come, __ATOMIC_RELAXED))
		for (int i = 0; i < 1000; i++)
			free(site_A(NULL, 64));
	while (__atomic_load_n(&line_has_come, __ATOMIC_RELAXED) < 2) {
		free(site_A(NULL, 2 << 20));
		usleep(300000);
	}
	_exit(0);
}

const struct victim victims_times[] = { { "steps", steps }, { "crowd", crowd }, { "busy", busy }, { NULL, NULL } };
