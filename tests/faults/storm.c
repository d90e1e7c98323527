#include "storm.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_KEPT 32

static void *kept[NR_KEPT];
static char first_plugin[512], second_plugin[512];

static void rest(void)
{
	const struct timespec a_while = { 0, 500000 };

	(void)nanosleep(&a_while, NULL);
}

/* Some blocks stay, older ones go. */
__attribute__((noinline)) static void turn_over(void *blocks[NR_KEPT], unsigned round)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned at = (round * 8 + i) % NR_KEPT;

		free(blocks[at]);
		blocks[at] = malloc(64u << (i + round % 8));
	}
}

__attribute__((noreturn)) static void be_a_child(void)
{
	for (unsigned i = 0; i < NR_KEPT; i += 2) {
		free(kept[i]);
		kept[i] = malloc(3000);
	}
	_exit(0);
}

static void *fork_storm(void *unused)
{
	for (unsigned round = 0;; round++) {
		pid_t child;

		turn_over(kept, round);
		child = fork();
		if (child == 0)
			be_a_child();
		if (child > 0)
			(void)waitpid(child, NULL, 0);
	}
	return unused;
}

static void *dlopen_storm(void *unused)
{
	for (unsigned round = 0;; round++) {
		void *library = dlopen(round % 2 ? first_plugin : second_plugin, RTLD_NOW | RTLD_LOCAL), *block;
		void *(*plugin_keep)(size_t);

		if (!library)
			abort();
		*(void **)&plugin_keep = dlsym(library, "plugin_keep");
		for (unsigned i = 0; i < NR_KEPT; i++) {
			block = plugin_keep(4096 + i);
			free(kept[i]);
			kept[i] = block;
		}
		dlclose(library);
		rest();
	}
	return unused;
}

static void *short_life(void *unused)
{
	void *own[NR_KEPT] = { 0 };

	for (unsigned round = 0; round < 8; round++)
		turn_over(own, round);
	for (unsigned i = 0; i < NR_KEPT; i++)
		free(own[i]);
	return unused;
}

static void *thread_storm(void *unused)
{
	for (;;) {
		pthread_t threads[4];
		unsigned nr = 0;

		while (nr < 4 && !pthread_create(&threads[nr], NULL, short_life, NULL))
			nr++;
		while (nr > 0)
			pthread_join(threads[--nr], NULL);
	}
	return unused;
}

void storm_start(const char *kind, const char *plugins)
{
	static const struct {
		const char *kind;
		void *(*run)(void *);
	} storms[] = { { "fork", fork_storm }, { "dlopen", dlopen_storm }, { "thread", thread_storm } };
	const char *colon = strchr(plugins, ':');
	pthread_t thread;

	if (!strcmp(kind, "none"))
		return;
	if (colon && (size_t)(colon - plugins) < sizeof(first_plugin)) {
		memcpy(first_plugin, plugins, (size_t)(colon - plugins));
		(void)snprintf(second_plugin, sizeof(second_plugin), "%s", colon + 1);
	}
	for (unsigned i = 0; i < sizeof(storms) / sizeof(storms[0]); i++)
		if (!strcmp(kind, storms[i].kind)) {
			if (pthread_create(&thread, NULL, storms[i].run, NULL))
				exit(3);
			return;
		}
	fprintf(stderr, "storm: unknown kind '%s'\n", kind);
	exit(2);
}
