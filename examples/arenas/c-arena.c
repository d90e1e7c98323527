/*
 * A pool of fixed-size sessions over one large malloc, which reports its blocks. Without the reports a heap profile
 * shows one block of 1 MiB; with them, who opened the sessions that are still there.
 *
 *   cc -o c-arena c-arena.c                      nothing to link
 *   seep run --exact -- ./c-arena; seep top --by=heap; seep top --heap=sessions
 */
#include <stdio.h>
#include <stdlib.h>

#include "seep.h"

enum { SESSION_BYTES = 1024, NR_SESSIONS = 1024 };

struct pool {
	uint32_t arena;
	char *memory;
	void *first_free;
	size_t nr_used;
};

static void pool_init(struct pool *pool)
{
	pool->arena = seep_arena_new("sessions");
	pool->memory = malloc(SESSION_BYTES * NR_SESSIONS);
	pool->first_free = NULL;
	pool->nr_used = 0;
}

static void *pool_alloc(struct pool *pool)
{
	void *p = pool->first_free;

	if (p)
		pool->first_free = *(void **)p;
	else if (pool->memory && pool->nr_used < NR_SESSIONS)
		p = pool->memory + SESSION_BYTES * pool->nr_used++;
	seep_arena_alloc(pool->arena, p, SESSION_BYTES);
	return p;
}

static void pool_free(struct pool *pool, void *p)
{
	seep_arena_free(pool->arena, p); /* first: the next line makes it free for others */
	*(void **)p = pool->first_free;
	pool->first_free = p;
}

/* Opens ten, closes seven: the others are the leak to find. */
__attribute__((noinline)) static void serve(struct pool *pool)
{
	void *sessions[10];

	for (int i = 0; i < 10; i++)
		sessions[i] = pool_alloc(pool);
	for (int i = 0; i < 7; i++)
		pool_free(pool, sessions[i]);
}

int main(void)
{
	struct seep_recorder_status status;
	struct pool pool;

	pool_init(&pool);
	for (int i = 0; i < 100; i++) {
		if (i == 50)
			seep_mark("half of the requests");
		serve(&pool);
	}
	seep_status_get(&status);
	printf("300 sessions are open; recorded: %s\n", status.is_recording ? "yes" : "no");
	return 0;
}
