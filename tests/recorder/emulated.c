/*
 * Stands for a program of another machine: DIR/NAME runs DIR/foreign/NAME by the emulator. Linked
 * statically, so that LD_PRELOAD is not its own; what it inherits is the emulated program's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_ARGUMENTS 1024

int main(int argc, char **argv)
{
	char *words[MAX_ARGUMENTS + 6] = { EMULATOR, "-L", ROOT }, name[4096];

	const char *base = strrchr(argv[0], '/');

	if (argc > MAX_ARGUMENTS || !base)
		return 127;
	snprintf(name, sizeof(name), "%.*s/foreign%s", (int)(base - argv[0]), argv[0], base);
	words[3] = name;
	for (int i = 1; i <= argc; i++)
		words[3 + i] = argv[i];
	execvp(words[0], words);
	return 127;
}
