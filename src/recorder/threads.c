/*
 * Threads that allocated a sample: their ids and names.
 *
 * No system call after start: the id is read from where the C library keeps it in its thread control block (found at
 * start by looking for the main thread's), names come from pthread_setname_np and prctl(PR_SET_NAME), which we see.
 * A thread control block that is used again by a thread of the same name reuses the entry: its first owner has ended.
 */
#include <pthread.h>

#include "recorder/recorder.h"
#include "recorder/sys.h"
#include "recorder/text.h"

#define TID_SEARCH_BYTES 0x400u

static uint32_t tid_offset; /* 0: not found */

uint64_t seep_thread_pointer(void)
{
#if defined(__x86_64__)
	uint64_t self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	return self;
#else
	return (uint64_t)pthread_self(); /* lies before the thread pointer here */
#endif
}

static uint32_t own_tid(void)
{
	if (tid_offset)
		return *(const volatile uint32_t *)(uintptr_t)(seep_thread_pointer() + tid_offset);
	return seep.is_sandboxed ? 0 : (uint32_t)sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

static void thread_mirror(uint32_t i)
{
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_THREADS, i), &seep.threads[i], sizeof(struct seep_rec_thread));
}

void seep_threads_init(void)
{
	uint32_t tid = (uint32_t)sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0);

	for (uint32_t at = 0x20; at < TID_SEARCH_BYTES && !tid_offset; at += 4)
		if (*(const volatile uint32_t *)(uintptr_t)(seep_thread_pointer() + at) == tid)
			tid_offset = at;
	seep.nr_threads = 1;
}

static bool name_equal(const char a[16], const char b[16])
{
	return !__builtin_memcmp(a, b, 16);
}

/* Takes a new entry; 0 when there is no room. */
static uint32_t entry_new(uint64_t self)
{
	uint32_t nr = load_relaxed(&seep.nr_threads);

	do
		if (nr >= seep.nr_threads_cap)
			return 0;
	while (!cas(&seep.nr_threads, &nr, nr + 1));
	seep.threads[nr].first_us = seep_now_us();
	store_release(&seep.thread_selfs[nr], self);
	return nr;
}

/*
 * The newest entry of a thread control block whose name is `name` (any name for NULL). Control blocks are used again by
 * later threads; an entry without tid was made by its name coming before its first sample.
 */
static uint32_t entry_of(uint64_t self, const char *name)
{
	for (uint32_t i = load_acquire(&seep.nr_threads); i-- > 1;)
		if (load_relaxed(&seep.thread_selfs[i]) == self && (!name || name_equal(seep.threads[i].name, name)))
			return i;
	return 0;
}

/* Gives entry `i` to a thread; an ended thread of the same name may have had it before. */
static void entry_use(uint32_t i, uint32_t tid)
{
	struct seep_rec_thread *t = &seep.threads[i];

	if (t->tid && t->tid != tid)
		t->nr_reused++;
	t->tid = tid;
	thread_mirror(i);
}

uint32_t seep_thread_index(void)
{
	static const char no_name[16];
	uint64_t self = seep_thread_pointer();
	uint32_t tid = own_tid(), i = entry_of(self, NULL);

	/* A named entry with another tid belongs to an ended thread; this one has not been named. */
	if (i && seep.threads[i].name[0] && seep.threads[i].tid && seep.threads[i].tid != tid)
		i = entry_of(self, no_name);
	if (!i && !(i = entry_new(self))) {
		seep_reason(SEEP_REC_WHY_THREADS_FULL);
		seep_lost(SEEP_REC_LOST_THREADS, 1);
		return 0;
	}
	entry_use(i, tid);
	return i;
}

/* `self` is pthread_self() of the renamed thread. */
void seep_thread_renamed(uint64_t self, const char *name)
{
	bool is_own = self == seep_thread_pointer();
	char cut[16] = "";
	uint32_t i, newest;

	if (load_relaxed(&seep.state) != SEEP_STATE_RECORDING)
		return;
	for (uint32_t n = 0; n < 15 && name[n]; n++)
		cut[n] = name[n];
	i = entry_of(self, cut);
	newest = entry_of(self, NULL);
	if (!i && newest && !seep.threads[newest].name[0] && !seep.threads[newest].nr_reused)
		i = newest;
	if (!i && !(i = entry_new(self)))
		return;
	__builtin_memcpy(seep.threads[i].name, cut, 16);
	if (is_own) {
		entry_use(i, own_tid());
		seep_self.index = i;
	} else {
		thread_mirror(i);
	}
}

void seep_threads_mirror_all(void)
{
	for (uint32_t i = 1; i < load_acquire(&seep.nr_threads); i++)
		thread_mirror(i);
}

/* Only the forking thread is here, with a new id; its entry and those of the inherited blocks keep their names. */
void seep_threads_after_fork(void)
{
	seep_self.index = 0;
}
