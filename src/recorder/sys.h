/*
 * System calls without the C library: no errno, no cancellation point, nothing that another preload library may wrap.
 * Results are the kernel's: −errno on failure.
 */
#ifndef SEEP_RECORDER_SYS_H
#define SEEP_RECORDER_SYS_H

#include <stdint.h>
#include <sys/syscall.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#else
#error "no system calls for this machine"
#endif
}

#define SYS_AT_FDCWD (-100)
static inline long sys_open(const char *path, long flags, long mode)
{
	return sys_call(SYS_openat, SYS_AT_FDCWD, (long)path, flags, mode, 0, 0);
}
static inline long sys_close(long fd)
{
	return sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}
static inline long sys_read(long fd, void *p, unsigned long n)
{
	return sys_call(SYS_read, fd, (long)p, (long)n, 0, 0, 0);
}
static inline long sys_pread(long fd, void *p, unsigned long n, uint64_t at)
{
	return sys_call(SYS_pread64, fd, (long)p, (long)n, (long)at, 0, 0);
}
static inline long sys_write(long fd, const void *p, unsigned long n)
{
	return sys_call(SYS_write, fd, (long)p, (long)n, 0, 0, 0);
}
static inline long sys_readlink(const char *path, char *out, unsigned long n)
{
	return sys_call(SYS_readlinkat, SYS_AT_FDCWD, (long)path, (long)out, (long)n, 0, 0);
}
static inline long sys_mkdir(const char *path, long mode)
{
	return sys_call(SYS_mkdirat, SYS_AT_FDCWD, (long)path, mode, 0, 0, 0);
}
static inline long sys_unlink(const char *path)
{
	return sys_call(SYS_unlinkat, SYS_AT_FDCWD, (long)path, 0, 0, 0, 0);
}
static inline long sys_mmap(void *at, unsigned long n, long prot, long flags, long fd)
{
	return sys_call(SYS_mmap, (long)at, (long)n, prot, flags, fd, 0);
}
static inline long sys_munmap(void *at, unsigned long n)
{
	return sys_call(SYS_munmap, (long)at, (long)n, 0, 0, 0, 0);
}
static inline long sys_madvise(void *at, unsigned long n, long advice)
{
	return sys_call(SYS_madvise, (long)at, (long)n, advice, 0, 0, 0);
}
static inline long sys_getpid(void)
{
	return sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static inline int sys_failed(long result)
{
	return (unsigned long)result > -4096ul;
}

#endif
