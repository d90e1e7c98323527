/*
 * Which system calls does the recorder make? A filter turns those whose instruction lies in its code into a signal; the
 * handler counts the call and makes it. Installed by bare system calls: the recorder does not know that it is watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "recorder/sys.h"
#include "victim.h"

_Bool find_recorder(unsigned long *start, unsigned long *end)
{
	char line[512], prot[8];
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	_Bool is_found = 0;

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "libseep") && sscanf(line, "%lx-%lx %7s", &from, &to, prot) == 3 && prot[2] == 'x') {
			*start = from;
			*end = to;
			is_found = 1;
		}
	if (maps)
		fclose(maps);
	return is_found;
}

static uint32_t *counts;
static long owner;

static void on_call(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	long nr = info->si_syscall;

	if (nr >= 0 && nr < TRAP_NUMBERS)
		__atomic_fetch_add(&counts[nr + (sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0) == owner ? 0 : TRAP_NUMBERS)],
		                   1, __ATOMIC_RELAXED);
#if defined(__x86_64__)
	greg_t *r = c->uc_mcontext.gregs;

	r[REG_RAX] = sys_call(nr, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
#else
	unsigned long long *r = c->uc_mcontext.regs;

	r[0] = (unsigned long long)sys_call(nr, (long)r[0], (long)r[1], (long)r[2], (long)r[3], (long)r[4], (long)r[5]);
#endif
}

static void unsupported(const char *why)
{
	fprintf(stderr, "%s\n", why);
	_exit(77);
}

void trap_install(const char *path)
{
	struct sigaction on = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned long start, end;

	if (!find_recorder(&start, &end))
		return;
	if (start >> 32 != (end - 1) >> 32)
		unsupported("the recorder's code lies across 4 GiB");
	counts = mmap(NULL, 8 * TRAP_NUMBERS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	owner = getpid();
	if (counts == MAP_FAILED || sigaction(SIGSYS, &on, NULL))
		unsupported("no place to count");
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, start >> 32, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)start, 0, 1),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)(end - 1), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	sys_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	if (sys_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program, 0, 0, 0))
		unsupported("no seccomp filters here");
}
