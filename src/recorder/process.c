/* Calls that tell us about threads and about the end: names, sandboxes, exit. They change nothing. */
#include <errno.h>

#include "recorder/recorder.h"

/* <linux/prctl.h>; <sys/prctl.h> declares prctl with an ellipsis, all of whose arguments are unsigned long. */
#define SET_NAME 15
#define SET_SECCOMP 22
#define SET_NO_NEW_PRIVS 38

int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int pthread_setname_np(unsigned long thread, const char *name);
void _exit(int code);
void _Exit(int code);

SEEP_EXPORT int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	int result;

	if (option == SET_NO_NEW_PRIVS || option == SET_SECCOMP)
		seep_before_sandbox();
	result = seep_next.prctl(option, a, b, c, d);
	if (option == SET_NAME && result == 0)
		seep_thread_renamed(seep_thread_pointer(), (const char *)a);
	return result;
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
