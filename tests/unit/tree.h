/*
 * Small trees of files in a directory of their own, such as a recorded /proc; removed at the end.
 */
#ifndef SEEP_TESTS_TREE_H
#define SEEP_TESTS_TREE_H

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tree_root[64];

static inline void tree_make(void)
{
	strcpy(tree_root, "/tmp/seep-tree-XXXXXX");
	if (!mkdtemp(tree_root))
		abort();
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	return remove(path);
}

static inline void tree_remove(void)
{
	nftw(tree_root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ROOT + path in `out`, with all directories above it. */
static inline void tree_path(char out[512], const char *path)
{
	snprintf(out, 512, "%s%s", tree_root, path);
	for (char *c = out + strlen(tree_root) + 1; *c; c++)
		if (*c == '/') {
			*c = 0;
			mkdir(out, 0700);
			*c = '/';
		}
}

static inline void tree_file(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void tree_file(const char *path, const char *fmt, ...)
{
	char full[512];
	va_list args;
	FILE *f;

	tree_path(full, path);
	f = fopen(full, "w");
	if (!f)
		abort();
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fclose(f);
}

static inline void tree_link(const char *path, const char *target)
{
	char full[512];

	tree_path(full, path);
	unlink(full);
	if (symlink(target, full))
		abort();
}

#endif
