/*
 * A plugin keeps memory and is unloaded; its code is gone when the recording is read. Loaded again for each batch.
 * verdict: leak
 * function: plugin_render
 */
#include "known.h"

#include <dlfcn.h>

typedef void (*render_function)(size_t size, void ***kept);

static NOINLINE void render_batch(const char *path, long nr, size_t size, void ***kept)
{
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	render_function render;
	void *symbol;

	if (!plugin) {
		fprintf(stderr, "plugin-leak: %s\n", dlerror());
		exit(1);
	}
	symbol = dlsym(plugin, "plugin_render");
	memcpy(&render, &symbol, sizeof(render));
	for (long i = 0; i < nr; i++)
		render(size, kept);
	dlclose(plugin);
}

int main(int argc, char **argv)
{
	struct known_pace pace = { 0 };
	double bytes_per_s, size;
	void **kept = NULL;
	char path[4096], *slash;

	known_start(argc, argv);
	snprintf(path, sizeof(path), "%s", argv[0]);
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, 32, "libtruth-plugin.so");
	bytes_per_s = known_range(3e6, 9e6);
	size = known_range(200, 4000);
	while (!known_is_over()) {
		render_batch(path, known_due(&pace, known_elapsed() * bytes_per_s / size), (size_t)size, &kept);
		serve_requests(5);
	}
	known_end();
}
