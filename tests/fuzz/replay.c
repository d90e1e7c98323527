/*
 * replay [--prefixes=STEP] PATH…: gives every file (of a directory too) to the fuzz target, in a heap copy of exactly
 * its size, so that a sanitizer sees the first byte read past the end; with --prefixes also every STEP-th prefix of it.
 */
#include <dirent.h>
#include <string.h>

#include "base/base.h"
#include "fuzz.h"

static size_t prefix_step, nr_files, nr_runs;

static void run(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	MUST(copy);
	memcpy(copy, bytes, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	nr_runs++;
}

static void replay_file(const char *path)
{
	struct seep_error err = { 0 };
	uint8_t *bytes = NULL;
	size_t len;

	if (seep_file_read(path, (size_t)1 << 24, &bytes, &len, &err) != SEEP_OK) {
		fprintf(stderr, "%s\n", err.what);
		exit(1);
	}
	run(bytes, len);
	for (size_t cut = 0; prefix_step && cut < len; cut += prefix_step)
		run(bytes, cut);
	free(bytes);
	nr_files++;
}

static void replay(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir) {
		replay_file(path);
		return;
	}
	while ((entry = readdir(dir))) {
		char file[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		replay_file(file);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--prefixes=", 11))
			prefix_step = strtoul(argv[i] + 11, NULL, 10);
		else
			replay(argv[i]);
	printf("%zu files, %zu runs\n", nr_files, nr_runs);
	fclose(fuzz_nowhere());
	return nr_files == 0;
}
