/*
 * A forked child makes its recording at its first sample. By then it may have given up what that needs: it is another
 * user, to whom the directory that was named is closed, or sees another root. So these look whether that is about to
 * happen, and let it make the recording first. They change nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "recorder/objects.h"
#include "recorder/recorder.h"
#include "recorder/sys.h"

#define SAME UINT32_MAX

int setuid(uint32_t to);
int seteuid(uint32_t to);
int setreuid(uint32_t real, uint32_t to);
int setresuid(uint32_t real, uint32_t to, uint32_t saved);
int chroot(const char *path);

static struct {
	int (*setuid)(uint32_t);
	int (*seteuid)(uint32_t);
	int (*setreuid)(uint32_t, uint32_t);
	int (*setresuid)(uint32_t, uint32_t, uint32_t);
	int (*chroot)(const char *);
} next;

static void find(void *entry, const char *name)
{
	struct seep_symbol found = seep_symbol_next(name);

	__builtin_memcpy(entry, &found.address, sizeof(found.address));
}

void seep_rights_find(void)
{
	find(&next.setuid, "setuid");
	find(&next.seteuid, "seteuid");
	find(&next.setreuid, "setreuid");
	find(&next.setresuid, "setresuid");
	find(&next.chroot, "chroot");
}

/* A child that has no recording of its own yet. */
static bool is_owing(void)
{
	return load_relaxed(&seep.state) == SEEP_STATE_RECORDING && seep.cookie && load_relaxed(seep.cookie) == 0;
}

/* The default places are made anew for each user; a named one must let anybody write, as volumes do, or be his. */
static bool is_open_to(uint32_t user)
{
	struct stat st;

	if (!seep.options.dir)
		return true;
	if (sys_failed(sys_call(SYS_newfstatat, SYS_AT_FDCWD, (long)seep.options.dir, (long)&st, 0, 0, 0)))
		return true;
	return st.st_uid == user || st.st_mode & S_IWOTH;
}

static void before_user(uint32_t to)
{
	if (to == SAME || !is_owing() || (uint32_t)sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0) == to)
		return;
	if (!is_open_to(to))
		seep_fork_check();
}

#define GO_ON(function, ...)        \
	if (!next.function)         \
		seep_rights_find(); \
	if (!next.function) {       \
		errno = ENOSYS;     \
		return -1;          \
	}                           \
	return next.function(__VA_ARGS__)

SEEP_EXPORT int setuid(uint32_t to)
{
	before_user(to);
	GO_ON(setuid, to);
}

SEEP_EXPORT int seteuid(uint32_t to)
{
	before_user(to);
	GO_ON(seteuid, to);
}

SEEP_EXPORT int setreuid(uint32_t real, uint32_t to)
{
	before_user(to);
	GO_ON(setreuid, real, to);
}

SEEP_EXPORT int setresuid(uint32_t real, uint32_t to, uint32_t saved)
{
	before_user(to);
	GO_ON(setresuid, real, to, saved);
}

SEEP_EXPORT int chroot(const char *path)
{
	if (is_owing())
		seep_fork_check();
	GO_ON(chroot, path);
}
