/*
 * Atomic operations. Relaxed unless the name says more; each use that needs order says why.
 *
 * As long as the C library says that there is one thread, the two that lock the bus do without (x86-64): one
 * instruction is whole for a signal handler of the same thread anyway, and a locked one takes some twenty cycles, of
 * which a block that is recorded and freed needs a dozen. The C library's own malloc relies on the same word.
 */
#ifndef SEEP_RECORDER_ATOMIC_H
#define SEEP_RECORDER_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

#if defined(__x86_64__)

/* __libc_single_threaded, or a 0: where the C library has none (musl, glibc < 2.32) and once there are raw threads. */
extern const char *seep_alone __attribute__((visibility("hidden")));

#define add_relaxed(p, v)                                                           \
	__extension__({                                                             \
		__typeof__(*(p)) add_by_ = (__typeof__(*(p)))(v);                   \
		if (load_relaxed(seep_alone))                                       \
			__asm__ volatile("xadd %[by], %[at]"                        \
			                 : [at] "+m"(*(p)), [by] "+r"(add_by_)      \
			                 :                                          \
			                 : "memory", "cc");                         \
		else                                                                \
			add_by_ = __atomic_fetch_add(p, add_by_, __ATOMIC_RELAXED); \
		add_by_;                                                            \
	})

#define cas(p, old_ptr, new)                                                                              \
	__extension__({                                                                                   \
		bool cas_done_;                                                                           \
		if (load_relaxed(seep_alone))                                                             \
			__asm__ volatile("cmpxchg %[to], %[at]"                                           \
			                 : "=@cce"(cas_done_), [at] "+m"(*(p)), "+a"(*(old_ptr))          \
			                 : [to] "r"((__typeof__(*(p)))(new))                              \
			                 : "memory");                                                     \
		else                                                                                      \
			cas_done_ = __atomic_compare_exchange_n(p, old_ptr, new, false, __ATOMIC_ACQ_REL, \
			                                        __ATOMIC_ACQUIRE);                        \
		cas_done_;                                                                                \
	})

#else

#define add_relaxed(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define cas(p, old_ptr, new) __atomic_compare_exchange_n(p, old_ptr, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#endif
#endif
