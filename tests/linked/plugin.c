/* With -DPLUGIN a library that allocates PLUGIN bytes, else the program that loads, calls and unloads what it is given.
 */
#include <stdio.h>
#include <stdlib.h>

#ifdef PLUGIN
void *volatile plugin_block;
void plugin(void)
{
	plugin_block = malloc(PLUGIN);
}
#else
#include <dlfcn.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		void *library = dlopen(argv[i], RTLD_NOW);
		void (*call)(void);

		if (!library)
			return 1;
		*(void **)&call = dlsym(library, "plugin");
		call();
		dlclose(library);
	}
	printf("plugins: %d\n", argc - 1);
	return 0;
}
#endif
