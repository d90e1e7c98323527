#include "cli/targets-pid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- where a process's recordings may lie ---- */

/* SEEP_DIR of the process itself, malloc'ed; NULL unknown. */
static char *environment_dir(const char *sysroot, uint32_t pid)
{
	char *path = cli_printf("%s/proc/%u/environ", sysroot ? sysroot : "", pid), *found = NULL;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (seep_file_read(path, 4 << 20, &bytes, &len, NULL) == SEEP_OK)
		for (size_t at = 0; at < len && !found; at += strlen((char *)bytes + at) + 1)
			if (!strncmp((char *)bytes + at, "SEEP_DIR=", 9) && bytes[at + 9])
				found = cli_strdup((char *)bytes + at + 9);
	free(bytes);
	free(path);
	return found;
}

/* Where the recording that the process has mapped lies, malloc'ed; NULL none. Programs that write their title over
   their environment (redis, nginx, PostgreSQL) are found by this alone. */
static char *mapped_dir(const char *sysroot, uint32_t pid)
{
	char *path = cli_printf("%s/proc/%u/maps", sysroot ? sysroot : "", pid), *found = NULL, *rest, *line;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (seep_file_read(path, 64 << 20, &bytes, &len, NULL) == SEEP_OK)
		for (rest = (char *)bytes; !found && (line = strsep(&rest, "\n"));) {
			char *name = strchr(line, '/'), *base = name ? strrchr(name, '/') : NULL;
			size_t n = strlen(line);

			if (base > name && n > 5 && !strcmp(line + n - 5, ".seep")) {
				*base = 0;
				found = cli_strdup(name);
			}
		}
	free(bytes);
	free(path);
	return found;
}

/* In a container they lie in its own file system, which /proc shows. */
static void add_dirs_of(const char *sysroot, uint32_t pid, struct cli_list *out)
{
	const char *root = sysroot ? sysroot : "";
	char *dir = environment_dir(sysroot, pid), *mapped = mapped_dir(sysroot, pid);
	struct seep_process_status s;

	if (seep_process_read(sysroot, pid, &s, NULL) != SEEP_OK)
		s.euid = UINT32_MAX;
	if (dir)
		cli_list_add(out, cli_printf("%s/proc/%u/root%s", root, pid, dir));
	if (mapped)
		cli_list_add(out, cli_printf("%s/proc/%u/root%s", root, pid, mapped));
	if (s.euid != UINT32_MAX) {
		cli_list_add(out, cli_printf("%s/proc/%u/root/dev/shm/seep-%u", root, pid, s.euid));
		cli_list_add(out, cli_printf("%s/proc/%u/root/tmp/seep-%u", root, pid, s.euid));
	}
	free(dir);
	free(mapped);
}

static int find_for(struct cli_targets *t, uint32_t pid, struct cli_found_list *out)
{
	struct cli_list dirs = { NULL, 0, 0 }, existing = { NULL, 0, 0 };
	struct stat st;
	int rc;

	if (t->options.dirs.nr)
		return cli_find_recordings(&t->options.dirs, false, out);
	cli_usual_dirs(&dirs);
	add_dirs_of(t->options.sysroot, pid, &dirs);
	for (size_t i = 0; i < dirs.nr; i++)
		if (!stat(dirs.items[i], &st))
			cli_list_add(&existing, dirs.items[i]);
	rc = existing.nr ? cli_find_recordings(&existing, false, out) : CLI_OK;
	if (!existing.nr)
		*out = (struct cli_found_list){ .items = NULL };
	free(existing.items);
	cli_owned_list_release(&dirs);
	return rc;
}

/* ---- one pid ---- */

/* The newest that is this very process's, else (process gone) the newest that had this number. */
static const struct cli_found *pick(const char *sysroot, const struct cli_found_list *list, uint32_t pid,
                                    bool is_running)
{
	for (size_t i = 0; i < list->nr; i++) {
		const struct seep_recording *r = list->items[i].header;

		if (is_running ? cli_alive_pid(sysroot, r) == pid : r->header.pid == pid)
			return &list->items[i];
	}
	return NULL;
}

static char *command_of(const char *sysroot, uint32_t pid)
{
	char *path = cli_printf("%s/proc/%u/cmdline", sysroot ? sysroot : "", pid), *out;
	uint8_t *bytes = NULL;
	size_t len = 0;

	if (seep_file_read(path, 1 << 20, &bytes, &len, NULL) != SEEP_OK)
		len = 0;
	while (len && !bytes[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!bytes[i])
			bytes[i] = ' ';
	out = len ? cli_printf("%.*s%s", len < 200 ? (int)len : 200, (char *)bytes, len < 200 ? "" : "…")
	          : cli_strdup("CMD…");
	free(bytes);
	free(path);
	return out;
}

/* Why it never could be; NULL when it could, started by seep. */
static const char *why_never(const char *sysroot, uint32_t pid, struct seep_program *program)
{
	char exe[64];

	snprintf(exe, sizeof(exe), "/proc/%u/exe", pid);
	if (seep_program_look(sysroot, exe, NULL, program, NULL) != SEEP_OK)
		return NULL;
	if (seep_program_is_blind(program))
		return seep_program_blind_spot(program);
	return seep_program_refuses(program);
}

static int say_not_recorded(const char *sysroot, uint32_t pid)
{
	struct seep_process_status s;
	struct seep_program program;
	const char *why;
	char *command;

	if (seep_process_read(sysroot, pid, &s, NULL) != SEEP_OK) {
		cli_error("%u: no such process, and no recording of one that had this pid", pid);
		cli_hint("'seep recordings' lists those there are");
		return CLI_INPUT;
	}
	why = why_never(sysroot, pid, &program);
	if (why) {
		cli_error("%u (%s): this process is not being recorded and cannot be: %s", pid, s.comm, why);
		return CLI_INPUT;
	}
	command = command_of(sysroot, pid);
	cli_error("%u (%s): this process is not being recorded", pid, s.comm);
	cli_hint("start it recorded: seep run -- %s", command);
	free(command);
	return CLI_INPUT;
}

int cli_load_pid(struct cli_targets *t, uint32_t pid)
{
	struct seep_error err = { .status = SEEP_OK };
	struct seep_process_status s;
	bool is_running = seep_process_read(t->options.sysroot, pid, &s, NULL) == SEEP_OK;
	const struct cli_found *found;
	struct cli_found_list list;
	int rc = find_for(t, pid, &list);

	if (rc != CLI_OK)
		return rc;
	found = pick(t->options.sysroot, &list, pid, is_running);
	if (!found)
		rc = say_not_recorded(t->options.sysroot, pid);
	else if ((rc = cli_load_recording(t, found->path, &err)) != CLI_OK)
		rc = cli_fail(found->path, &err);
	else if (!is_running)
		cli_note("process %u is gone: this is its recording %s", pid, found->path);
	cli_found_release(&list);
	return rc;
}

/* ---- containers ---- */

static int load_pids(struct cli_targets *t, const uint32_t *pids, size_t nr)
{
	size_t nr_before = t->nr;

	for (size_t i = 0; i < nr; i++) {
		struct seep_error err = { .status = SEEP_OK };
		const struct cli_found *found;
		struct cli_found_list list;

		if (find_for(t, pids[i], &list) != CLI_OK)
			continue;
		found = pick(t->options.sysroot, &list, pids[i], true);
		if (found && cli_load_recording(t, found->path, &err) != CLI_OK)
			cli_targets_warn_of(t, found->path, &err);
		cli_found_release(&list);
	}
	return t->nr > nr_before ? CLI_OK : CLI_INPUT;
}

int cli_load_container(struct cli_targets *t, const char *name, bool is_named)
{
	size_t nr = 0;
	uint32_t *pids = seep_container_pids(t->options.sysroot, name, &nr);
	int rc = CLI_INPUT;

	if (!nr) {
		cli_error(is_named ? "%s: no running container has this name or id"
		                   : "%s: no such file, process or container",
		          name);
	} else {
		rc = load_pids(t, pids, nr);
		if (rc != CLI_OK)
			cli_error("container %s: none of its %zu processes is being recorded", name, nr);
		if (rc != CLI_OK)
			cli_hint("docs/kubernetes.md says how a container is recorded without rebuilding it");
	}
	free(pids);
	return rc;
}

void cli_say_no_recordings(const struct cli_list *dirs)
{
	struct cli_list usual = { NULL, 0, 0 };
	char *all = cli_strdup("");

	if (!dirs)
		cli_usual_dirs(&usual);
	dirs = dirs ? dirs : &usual;
	for (size_t i = 0; i < dirs->nr; i++) {
		char *longer = cli_printf("%s%s%s", all, i ? ", " : "", dirs->items[i]);

		free(all);
		all = longer;
	}
	if (dirs->nr)
		cli_error("there is no recording in %s", all);
	else
		cli_error("there is no recording yet");
	cli_hint("seep run -- CMD… makes one");
	free(all);
	cli_owned_list_release(&usual);
}
