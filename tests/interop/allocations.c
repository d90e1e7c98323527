/* Known allocations for pprof.py: what is kept, what is freed, deep and shallow, many small and few large. */
#include <stdlib.h>
#include <string.h>

static void *kept[4096];
static size_t nr_kept;

__attribute__((noinline)) static void keep(size_t size)
{
	char *p = malloc(size);

	if (!p)
		abort();
	memset(p, 1, size);
	kept[nr_kept++] = p;
}

__attribute__((noinline)) static void keep_large(void)
{
	for (int i = 0; i < 100; i++)
		keep(100000);
}

__attribute__((noinline)) static void keep_small(void)
{
	for (int i = 0; i < 3000; i++)
		keep(64);
}

__attribute__((noinline)) static void deep(int depth)
{
	if (depth)
		deep(depth - 1);
	else
		keep(50000);
	__asm__ volatile("");
}

__attribute__((noinline)) static void churn(void)
{
	for (int i = 0; i < 2000; i++) {
		void *volatile p = calloc(10, 100 + (size_t)i % 7);

		free(p);
	}
}

int main(void)
{
	keep_large();
	keep_small();
	churn();
	for (int i = 0; i < 20; i++)
		deep(i);
	return kept[0] == NULL;
}
