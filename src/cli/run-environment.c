#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"

/* ---- the recorder ---- */

static char *usable(char *path)
{
	char *whole = realpath(path, NULL);

	free(path);
	if (!whole || !access(whole, R_OK))
		return whole;
	free(whole);
	return NULL;
}

static char *beside_ourselves(void)
{
	char exe[PATH_MAX], *found, *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = 0;
	slash = strrchr(exe, '/');
	*slash = 0;
	found = usable(cli_printf("%s/libseep.so", exe));
	return found ? found : usable(cli_printf("%s/../lib/seep/libseep.so", exe));
}

char *run_find_library(const struct run_options *o)
{
	char *path = o->library ? usable(cli_strdup(o->library)) : beside_ourselves();

	if (!path && o->library) {
		cli_error("run: %s: %s", o->library, strerror(errno));
	} else if (!path) {
		cli_error("run: the recorder libseep.so is neither beside this program nor in ../lib/seep");
		cli_hint("--lib=FILE names it");
	} else if (strpbrk(path, " :")) { /* the loader takes both for separators */
		cli_error("run: %s: LD_PRELOAD cannot hold a path with a space or colon", path);
		free(path);
		path = NULL;
	}
	return path;
}

char *run_find_musl_library(const char *library)
{
	size_t len = strlen(library);

	if (len < 3 || strcmp(library + len - 3, ".so") != 0)
		return NULL;
	return usable(cli_printf("%.*s-musl.so", (int)(len - 3), library));
}

/* ---- variables ---- */

static void set(const char *name, char *value)
{
	if (setenv(name, value, 1)) {
		cli_error("out of memory");
		_exit(RUN_FAILED);
	}
	free(value);
}

static bool lists(const char *preload, const char *library)
{
	size_t len = strlen(library);

	for (const char *at = preload; *at; at += strspn(at, " :")) {
		size_t n = strcspn(at, " :");

		if (n == len && !strncmp(at, library, len))
			return true;
		at += n;
	}
	return false;
}

static void set_preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");

	if (!old || !*old)
		set("LD_PRELOAD", cli_strdup(library));
	else if (!lists(old, library))
		set("LD_PRELOAD", cli_printf("%s:%s", library, old));
}

/* Appended: the recorder lets the last of equal keys count. */
static char *append(char *list, const char *key, const char *value)
{
	char *longer = cli_printf("%s%s%s=%s", list, *list ? "," : "", key, value);

	free(list);
	return longer;
}

static char *append_u64(char *list, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return append(list, key, text);
}

static void set_options(const struct run_options *o)
{
	const char *old = getenv("SEEP_OPTIONS");
	char *list = cli_strdup(old ? old : "");

	if (o->exact || o->period != RUN_NOT_GIVEN)
		list = append_u64(list, "period", o->exact ? 1 : o->period);
	if (o->size != RUN_NOT_GIVEN)
		list = append_u64(list, "size", o->size);
	if (o->mmap >= 0)
		list = append(list, "mmap", o->mmap ? "on" : "off");
	if (o->budget)
		list = append(list, "budget", o->budget);
	if (o->no_follow)
		list = append(list, "follow", "off");
	if (strcmp(list, old ? old : "") != 0)
		set("SEEP_OPTIONS", cli_strdup(list));
	free(list);
}

/* The program may change its directory before it execs another. */
static void set_dir(const char *dir)
{
	char *here = *dir == '/' ? NULL : getcwd(NULL, 0);

	set("SEEP_DIR", here ? cli_printf("%s/%s", here, dir) : cli_strdup(dir));
	free(here);
}

void run_set_environment(const struct run_options *o, const char *library)
{
	set_options(o);
	if (o->dir)
		set_dir(o->dir);
	if (library)
		set_preload(library);
}
