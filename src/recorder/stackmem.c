#include "recorder/stackmem.h"

#include <sys/auxv.h>

#include "recorder/machine.h"
#include "recorder/sys.h"

#define NO_SUCH_HOW 0x5ee9
#define MAX_GAP_PAGES 64     /* between sp and a range or anchor that is tried to be joined */
#define MAX_FRAME_PAGES 4096 /* of one frame */

static struct seep_walk_thread no_thread; /* never written */
static uint64_t page_bytes = 4096, first_stack_anchor;
static uint64_t first_thread; /* its descriptor, which is not on its stack */
static bool may_ask = true;   /* only ever set to false */

void stackmem_init(void)
{
	uint64_t page = getauxval(AT_PAGESZ);

	if (page)
		page_bytes = page;
	first_stack_anchor = getauxval(AT_RANDOM);
	/* Other threads' descriptors lie between their stack pointer and the first thread's stack. */
	if (machine_thread_pointer() < (uint64_t)(uintptr_t)&page)
		first_thread = machine_thread_pointer();
}

static uint64_t page_of(uint64_t addr)
{
	return addr & ~(page_bytes - 1);
}

bool stackmem_is_readable(uint64_t addr)
{
	return __atomic_load_n(&may_ask, __ATOMIC_RELAXED) &&
	       sys_call(SYS_rt_sigprocmask, NO_SUCH_HOW, (long)(addr & ~7ull), 0, 8, 0, 0) == -22 /* EINVAL */;
}

void stackmem_ask_no_more(void)
{
	__atomic_store_n(&may_ask, false, __ATOMIC_RELAXED);
}

/* `low` and `high` are ends of pages. */
static bool are_pages_readable(uint64_t low, uint64_t high)
{
	for (; low < high; low += page_bytes)
		if (!stackmem_is_readable(low))
			return false;
	return true;
}

static bool is_within_gap(uint64_t from, uint64_t to)
{
	return to >= from && to - from <= MAX_GAP_PAGES * page_bytes;
}

static bool join(struct stackmem *s, uint64_t to, uint64_t own_high)
{
	if (!is_within_gap(s->high, to) || !are_pages_readable(s->high, to))
		return false;
	s->thread->stack_low = s->low;
	s->thread->stack_high = s->high = own_high;
	return true;
}

/* Remembers the range as the thread's own stack if it reaches what is known of it, or its anchor. */
static bool adopt(struct stackmem *s)
{
	uint64_t anchors[] = { machine_thread_pointer(), first_stack_anchor };

	if (s->thread->stack_high)
		return s->low < s->thread->stack_low && join(s, s->thread->stack_low, s->thread->stack_high);
	for (int i = 0; i < 2; i++) {
		uint64_t top = page_of(anchors[i]) + page_bytes;

		if (anchors[i] == first_thread)
			continue;
		if (anchors[i] >= s->low && anchors[i] < s->high) {
			s->thread->stack_low = s->low;
			s->thread->stack_high = s->high;
			return true;
		}
		if (anchors[i] > s->low && join(s, top, top))
			return true;
	}
	return false;
}

void stackmem_begin(struct stackmem *s, struct seep_walk_thread *thread, uint64_t sp, uint64_t here)
{
	s->thread = thread ? thread : &no_thread;
	if (thread && sp - 8 >= thread->stack_low && sp < thread->stack_high) {
		s->low = thread->stack_low;
		s->high = thread->stack_high;
		return;
	}
	s->low = page_of(is_within_gap(here, sp) ? here : sp - 8);
	s->high = page_of(sp - 8) + page_bytes;
	if (thread)
		(void)adopt(s);
}

void stackmem_end(struct stackmem *s)
{
	if (s->low != s->thread->stack_low)
		(void)adopt(s);
}

static bool start_range(struct stackmem *s, uint64_t addr)
{
	if (addr >= s->thread->stack_low && addr < s->thread->stack_high) {
		s->low = s->thread->stack_low;
		s->high = s->thread->stack_high;
		return true;
	}
	if (!stackmem_is_readable(addr))
		return false;
	s->low = page_of(addr);
	s->high = s->low + page_bytes;
	return true;
}

bool stackmem_reach(struct stackmem *s, uint64_t addr)
{
	bool is_above = addr >= s->low && (addr < s->high || addr - s->high < MAX_FRAME_PAGES * page_bytes);

	if (addr > UINT64_MAX - 8 - page_bytes || (!is_above && !start_range(s, addr)))
		return false;
	while (addr + 8 > s->high) {
		if (!stackmem_is_readable(s->high))
			return false;
		s->high += page_bytes;
	}
	return true;
}

bool stackmem_read(struct stackmem *s, uint64_t addr, uint64_t *value)
{
	if (!stackmem_reach(s, addr))
		return false;
	__builtin_memcpy(value, (const void *)(uintptr_t)addr, 8);
	return true;
}

bool stackmem_peek(const struct stackmem *s, uint64_t addr, uint32_t nr_bytes, uint64_t *value)
{
	uint64_t last = addr + nr_bytes - 1;

	if (last < addr)
		return false;
	if ((addr < s->low || last >= s->high) &&
	    (!stackmem_is_readable(addr) || (page_of(addr) != page_of(last) && !stackmem_is_readable(last))))
		return false;
	*value = 0;
	/* Little-endian machines only: the low bytes come first. */
	for (uint32_t i = 0; i < nr_bytes; i++)
		*value |= (uint64_t)((const volatile uint8_t *)(uintptr_t)addr)[i] << (8 * i);
	return true;
}
