/* The plugin that plugin-leak loads and unloads: it keeps a little of each page. */
#include <stdlib.h>
#include <string.h>

void plugin_render(size_t size, void ***kept);

__attribute__((noinline)) void plugin_render(size_t size, void ***kept)
{
	void **block = (void **)malloc(size);
	char *page = (char *)malloc(4 * size);

	memset(block, 1, size);
	memset(page, 2, 4 * size);
	free(page);
	*block = *kept;
	*kept = block;
}
