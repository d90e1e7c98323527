#include "victims.h"

#include <alloca.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static volatile int sink;

__attribute__((noinline)) int victim_recurse(int depth, leaf_fn *leaf)
{
	volatile int kept[5] = { depth };

	if (depth == 0)
		leaf();
	else
		kept[1] = victim_recurse(depth - 1, leaf);
	return kept[0] + kept[1] + 1;
}

__attribute__((noinline)) int victim_alloca(int bytes, leaf_fn *leaf)
{
	char *p = alloca((size_t)bytes);

	memset(p, 1, (size_t)bytes);
	leaf();
	return p[bytes / 2];
}

/* The stack is realigned: the CFA is given by an expression. */
__attribute__((noinline)) int victim_realigned(leaf_fn *leaf)
{
	volatile char wide[64] __attribute__((aligned(64)));

	wide[3] = 3;
	leaf();
	return wide[3] + victim_recurse(0, leaf);
}

__attribute__((noinline)) int victim_many_registers(int seed, leaf_fn *leaf)
{
	int a = seed + sink, b = seed * 3 + sink, c = seed ^ sink, d = seed - 5 * sink, e = seed / 7 + sink,
	    f = seed * 11 + sink;

	leaf();
	return a * b + c * d + e * f + a * f;
}

__attribute__((noinline)) int victim_big_frame(leaf_fn *leaf)
{
	volatile char big[70000];

	big[0] = 1;
	leaf();
	return big[0];
}

__attribute__((noinline)) int victim_huge_frame(leaf_fn *leaf)
{
	volatile char huge[3 << 20];

	huge[0] = 1;
	leaf();
	return huge[0];
}

__attribute__((noinline, cold)) static void never_mind(leaf_fn *leaf)
{
	leaf();
	sink++;
}

__attribute__((noinline)) int victim_cold_part(int is_cold, leaf_fn *leaf)
{
	int before = sink;

	if (__builtin_expect(is_cold, 0)) {
		never_mind(leaf);
		leaf();
		return before - 1;
	}
	leaf();
	return before + 1;
}

static leaf_fn *compare_leaf;

static int compare(const void *a, const void *b)
{
	compare_leaf();
	return *(const int *)a - *(const int *)b;
}

void victim_qsort(leaf_fn *leaf)
{
	int v[] = { 3, 1, 2, 9, 4 };

	compare_leaf = leaf;
	qsort(v, 5, sizeof(v[0]), compare);
	sink += v[0];
}

void victim_bsearch(leaf_fn *leaf)
{
	int v[] = { 1, 2, 3, 4, 9 }, key = 4;

	compare_leaf = leaf;
	sink += bsearch(&key, v, 5, sizeof(v[0]), compare) != NULL;
}

static void run_once(void)
{
	compare_leaf();
}

void victim_once(leaf_fn *leaf)
{
	pthread_once_t once = PTHREAD_ONCE_INIT;

	compare_leaf = leaf;
	pthread_once(&once, run_once);
}
