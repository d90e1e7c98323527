/* A library that allocates; built twice with different code, so that its halves are told apart. */
#include <stdlib.h>
#include <string.h>

void *plugin_keep(size_t size);

void *plugin_keep(size_t size)
{
	void *p = malloc(size);

#ifdef SECOND
	if (p)
		memset(p, 'p', size / 2);
#endif
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}
