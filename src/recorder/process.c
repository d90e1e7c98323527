/* Calls that tell us about threads, sandboxes and the end. They change nothing. */
#include <errno.h>
#include <sys/syscall.h>

#include "recorder/objects.h"
#include "recorder/recorder.h"

/* <linux/prctl.h>; <sys/prctl.h> declares prctl with an ellipsis, all of whose arguments are unsigned long. */
#define SET_NAME 15
#define SET_SECCOMP 22
#define SET_NO_NEW_PRIVS 38
/* <linux/seccomp.h>; without a filter the latter only asks what the kernel knows. */
#define SECCOMP_STRICT 0
#define SECCOMP_FILTER 1

int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int pthread_setname_np(unsigned long thread, const char *name);
void _exit(int code);
void _Exit(int code);

SEEP_EXPORT int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	int result;

	if (option == SET_NO_NEW_PRIVS || option == SET_SECCOMP)
		seep_before_sandbox(option == SET_SECCOMP);
	result = seep_next.prctl(option, a, b, c, d);
	if (option == SET_NAME && result == 0)
		seep_thread_renamed(seep_thread_pointer(), (const char *)a);
	return result;
}

/*
 * ---- the gates (gates-*.S): functions that cannot be wrapped in C ----
 *
 * vfork returns twice into its caller's frame, and what follows syscall's number depends on it. They only set flags.
 */

uint8_t seep_shares_memory = SEEP_SHARES_UNKNOWN;

struct seep_gates {
	void *syscall, *vfork, *clone;
};
extern struct seep_gates seep_gates __attribute__((visibility("hidden")));

/* Nobody calls one that is not behind us: the program could not have been linked without us. */
bool seep_gates_find(void)
{
	const struct seep_gates found = { .syscall = seep_symbol_next("syscall").address,
		                          .vfork = seep_symbol_next("vfork").address,
		                          .clone = seep_symbol_next("clone").address };

	if (!found.syscall || !found.vfork || !found.clone)
		return false;
	seep_gates = found;
	return true;
}

/* A system call by number that is one of ours to know of; `a` and `c` are its first and third argument. */
void seep_before_syscall(long nr, long a, long b, long c) __attribute__((visibility("hidden")));
void seep_before_syscall(long nr, long a, long b, long c)
{
	(void)b;
	if (nr == SYS_prctl && (a == SET_NO_NEW_PRIVS || a == SET_SECCOMP))
		seep_before_sandbox(a == SET_SECCOMP);
	else if (nr == SYS_seccomp && (a == SECCOMP_STRICT || (a == SECCOMP_FILTER && c)))
		seep_before_sandbox(true);
	else if (nr != SYS_prctl && nr != SYS_seccomp)
		seep_shares_memory = 1;
}

SEEP_EXPORT int pthread_setname_np(unsigned long thread, const char *name)
{
	int result = seep_next.pthread_setname_np ? seep_next.pthread_setname_np(thread, name) : ENOSYS;

	if (result == 0)
		seep_thread_renamed(thread, name);
	return result;
}

SEEP_EXPORT __attribute__((noreturn)) void _exit(int code)
{
	seep_mark_exit();
	seep_next.exit_now(code);
	__builtin_unreachable();
}

SEEP_EXPORT __attribute__((noreturn)) void _Exit(int code)
{
	seep_mark_exit();
	seep_next.exit_c99(code);
	__builtin_unreachable();
}
