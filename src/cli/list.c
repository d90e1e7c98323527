#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/targets.h"

/* ---- places ---- */

static bool is_same_directory(const struct stat *a, const char *path)
{
	struct stat b;

	return !stat(path, &b) && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Takes `path`, which is malloc'ed; drops what is no directory or there already. */
static void add_dir(struct cli_list *out, char *path)
{
	struct stat st;
	bool is_new = path && !stat(path, &st) && S_ISDIR(st.st_mode);

	for (size_t i = 0; is_new && i < out->nr; i++)
		is_new = !is_same_directory(&st, out->items[i]);
	if (is_new)
		cli_list_add(out, path);
	else
		free(path);
}

static void add_matching(struct cli_list *out, const char *pattern)
{
	glob_t found;

	if (!glob(pattern, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc; i++)
			add_dir(out, cli_strdup(found.gl_pathv[i]));
	globfree(&found);
}

char *cli_state_dir(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state == '/')
		return cli_printf("%s/seep", state);
	return home && *home == '/' ? cli_printf("%s/.local/state/seep", home) : NULL;
}

void cli_usual_dirs(struct cli_list *out)
{
	const char *dir = getenv("SEEP_DIR");

	if (dir && *dir)
		add_dir(out, cli_strdup(dir));
	add_dir(out, cli_printf("/dev/shm/seep-%u", geteuid()));
	add_dir(out, cli_printf("/tmp/seep-%u", geteuid()));
	if (!geteuid()) {
		add_matching(out, "/dev/shm/seep-[0-9]*");
		add_matching(out, "/tmp/seep-[0-9]*");
	}
	add_dir(out, cli_state_dir());
}

void cli_owned_list_release(struct cli_list *list)
{
	for (size_t i = 0; i < list->nr; i++)
		free((void *)(uintptr_t)list->items[i]);
	free(list->items);
	*list = (struct cli_list){ NULL, 0, 0 };
}

/* ---- files ---- */

static void warn_of(const char *path, const struct seep_error *err)
{
	char *text = cli_error_text(path, err);

	cli_warning("%s", text);
	free(text);
}

static void add_file(const char *path, bool warn, struct cli_found_list *out)
{
	struct seep_error err = { .status = SEEP_OK };
	struct cli_found found = { .path = NULL };
	struct stat st;

	/* A FIFO would be waited for; a link may lead anywhere. */
	if (lstat(path, &st) || !S_ISREG(st.st_mode))
		return;
	if (seep_recording_read_header(path, &found.header, &err) != SEEP_OK && !found.header) {
		cli_grow(&out->bad, &out->cap_bad, out->nr_bad + 1, sizeof(*out->bad));
		out->bad[out->nr_bad++] = cli_strdup(path);
		if (warn)
			warn_of(path, &err);
		return;
	}
	found.path = cli_strdup(path);
	found.file_bytes = (uint64_t)st.st_size;
	found.disk_bytes = (uint64_t)st.st_blocks * 512;
	cli_grow(&out->items, &out->cap, out->nr + 1, sizeof(*out->items));
	out->items[out->nr++] = found;
}

bool cli_is_recording_name(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && name[0] != '.' && !strcmp(name + len - 5, ".seep");
}

static int add_directory(const char *dir, bool is_named, bool warn, struct cli_found_list *out)
{
	DIR *stream = opendir(dir);
	struct dirent *e;

	if (!stream) {
		if (!is_named)
			return CLI_OK;
		cli_error("%s: %s", dir, strerror(errno));
		return CLI_INPUT;
	}
	while ((e = readdir(stream))) {
		char *path;

		if (!cli_is_recording_name(e->d_name))
			continue;
		path = cli_printf("%s/%s", dir, e->d_name);
		add_file(path, warn, out);
		free(path);
	}
	closedir(stream);
	return CLI_OK;
}

static double start_s(const struct cli_found *f)
{
	return (double)f->header->header.epoch_realtime_ns / 1e9 + (double)f->header->header.start_us / 1e6;
}

static int newest_first(const void *a, const void *b)
{
	const struct cli_found *left = a, *right = b;
	double x = start_s(left), y = start_s(right);

	return x > y ? -1 : x < y ? 1 : strcmp(left->path, right->path);
}

int cli_find_recordings(const struct cli_list *dirs, bool warn, struct cli_found_list *out)
{
	struct cli_list usual = { NULL, 0, 0 };
	const struct cli_list *where = dirs && dirs->nr ? dirs : &usual;
	int rc = CLI_OK;

	*out = (struct cli_found_list){ .items = NULL };
	if (where == &usual)
		cli_usual_dirs(&usual);
	for (size_t i = 0; i < where->nr && rc == CLI_OK; i++)
		rc = add_directory(where->items[i], where != &usual, warn, out);
	cli_owned_list_release(&usual);
	if (out->nr)
		qsort(out->items, out->nr, sizeof(*out->items), newest_first);
	if (rc != CLI_OK)
		cli_found_release(out);
	return rc;
}

void cli_found_release(struct cli_found_list *list)
{
	for (size_t i = 0; i < list->nr; i++) {
		free(list->items[i].path);
		seep_recording_free(list->items[i].header);
	}
	for (size_t i = 0; i < list->nr_bad; i++)
		free(list->bad[i]);
	free(list->bad);
	free(list->items);
	*list = (struct cli_found_list){ .items = NULL };
}
