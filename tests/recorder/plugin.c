/* Two libraries of the same size are made of this: after dlclose of the first, the second may lie where it lay. */
#include <stdlib.h>

static void *volatile kept[16];
void run(void);

__attribute__((noinline)) static void allocate(int i)
{
	kept[i] = malloc(PLUGIN_BYTES);
}

void run(void)
{
	for (int i = 0; i < 16; i++)
		allocate(i);
}
