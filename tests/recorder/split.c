/* A split stack (-fsplit-stack): frames lie in pieces that are made and given up as it grows. */
#include <stdio.h>
#include <stdlib.h>

static void *volatile kept[4096];
static int nr;

__attribute__((noinline)) static int descend(int n)
{
	volatile char pad[4000];

	pad[0] = (char)n;
	if (n % 50 == 0)
		kept[nr++ % 4096] = malloc(2101);
	return n > 0 ? descend(n - 1) + pad[0] * 0 + 1 : 0;
}

int main(void)
{
	int sum = 0;

	for (int i = 0; i < 20; i++)
		sum += descend(500);
	printf("%d %d\n", sum, nr);
	return 0;
}
