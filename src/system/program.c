#include "system/program.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "system/place.h"

enum { MAX_SCRIPTS = 4, HEAD_BYTES = 256 };

/* ---- finding the file ---- */

static bool is_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	if (S_ISDIR(st.st_mode)) {
		errno = EACCES;
		return false;
	}
	return !access(path, X_OK);
}

/* As execvp: EACCES anywhere on the way is remembered, but the search goes on. */
static bool search_path(const char *name, const char *search, char *out, size_t cap)
{
	bool was_denied = false;

	for (const char *at = search; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		size_t len = strcspn(at, ":");

		if ((size_t)snprintf(out, cap, "%.*s%s%s", (int)len, at, len ? "/" : "", name) >= cap)
			continue;
		if (is_executable(out))
			return true;
		was_denied |= errno == EACCES;
	}
	errno = was_denied ? EACCES : ENOENT;
	return false;
}

bool seep_program_search(const char *name, const char *search, char *out, size_t cap)
{
	if (!*name) {
		errno = ENOENT;
		return false;
	}
	if (!strchr(name, '/'))
		return search_path(name, search ? search : "/bin:/usr/bin", out, cap);
	if ((size_t)snprintf(out, cap, "%s", name) >= cap) {
		errno = ENAMETOOLONG;
		return false;
	}
	return is_executable(out);
}

/* ---- scripts ---- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "#! /usr/bin/env -S python3 -u": the program that env would start; false when it is not to be told. */
static bool through_env(char *words, const char *search, char *out, size_t cap)
{
	char *word;

	while ((word = strsep(&words, " \t")))
		if (*word && *word != '-' && !strchr(word, '='))
			return seep_program_search(word, search, out, cap);
	return false;
}

/* The interpreter of a script whose first bytes are `head`. */
static bool script_interpreter(char *head, const char *search, char *out, size_t cap)
{
	char *line = head + 2, *word;

	line[strcspn(line, "\n")] = 0;
	line += strspn(line, " \t");
	word = strsep(&line, " \t");
	if (!word || !*word)
		return false;
	if (!strcmp(base_of(word), "env") && line && through_env(line, search, out, cap))
		return true;
	return (size_t)snprintf(out, cap, "%s", word) < cap;
}

/* ---- privileges ---- */

/* Only what changes something for the present user makes the loader drop LD_PRELOAD (AT_SECURE). */
static bool gains_privileges(int fd, const struct stat *st)
{
	char caps[64];
	struct statvfs vfs;

	if (!fstatvfs(fd, &vfs) && vfs.f_flag & ST_NOSUID)
		return false;
	if (st->st_mode & S_ISUID && st->st_uid != getuid())
		return true;
	if (st->st_mode & S_ISGID && st->st_mode & S_IXGRP && st->st_gid != getgid())
		return true;
	return getuid() && fgetxattr(fd, "security.capability", caps, sizeof(caps)) > 0;
}

/* ---- one file, then its interpreter ---- */

static void name_kinds(struct seep_program *p)
{
	const char *base = base_of(p->path);

	p->is_jvm |= !strcmp(base, "java");
	p->is_node |= !strcmp(base, "node") || !strcmp(base, "nodejs");
	p->is_php |= !strncmp(base, "php", 3);
	p->is_dotnet |= !strcmp(base, "dotnet");
	p->is_python |= !strncmp(base, "python", 6) && (!base[6] || isdigit((unsigned char)base[6]));
}

/* Returns true when the file is a script and `next` its interpreter. */
static bool look_at(int fd, const char *search, struct seep_program *out, char *next, size_t cap)
{
	char head[HEAD_BYTES + 1];
	ssize_t n = pread(fd, head, HEAD_BYTES, 0);
	struct stat st;

	head[n > 0 ? n : 0] = 0;
	if (n > 2 && head[0] == '#' && head[1] == '!')
		return script_interpreter(head, search, next, cap);
	program_read_elf(fd, out);
	name_kinds(out);
	if (!fstat(fd, &st))
		out->is_setuid = gains_privileges(fd, &st);
	return false;
}

static enum seep_status open_program(const char *root, const char *path, int *fd, struct seep_error *err)
{
	char full[2048];

	*fd = place_path(full, sizeof(full), root, "%s", path) ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	if (*fd >= 0)
		return SEEP_OK;
	return seep_fail_errno(err, errno, "%s", path);
}

enum seep_status seep_program_look(const char *root, const char *path, const char *search, struct seep_program *out,
                                   struct seep_error *err)
{
	char next[sizeof(out->path)];
	enum seep_status status = SEEP_OK;
	bool is_script = true;

	memset(out, 0, sizeof(*out));
	snprintf(next, sizeof(next), "%s", path);
	for (unsigned depth = 0; is_script && depth <= MAX_SCRIPTS; depth++) {
		int fd;

		status = open_program(root, next, &fd, err);
		if (status != SEEP_OK)
			break;
		if (depth == 1)
			memcpy(out->script, out->path, sizeof(out->script));
		memcpy(out->path, next, sizeof(out->path));
		is_script = look_at(fd, search, out, next, sizeof(next));
		close(fd);
	}
	return status;
}

/* ---- what follows from it ---- */

static uint16_t own_machine(void)
{
	return PROGRAM_MACHINE;
}

const char *seep_program_refuses(const struct seep_program *p)
{
	if (!p->is_elf)
		return NULL;
	if (p->is_linked)
		return NULL;
	if (p->is_go && p->is_static)
		return "it is a Go program without cgo, statically linked";
	if (p->is_static)
		return "it is statically linked, without libseep.a";
	if (p->machine != own_machine() || !p->is_64)
		return "it is a program for another kind of processor";
	if (p->is_setuid)
		return "it is setuid, setgid or has file capabilities";
	if (p->needs_asan)
		return "it is built with AddressSanitizer, whose library must come first";
	return NULL;
}
