#include "walk.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

struct seep_rec_module walk_modules[WALK_TABLE_ENTRIES];
static uint32_t nr_mirrored[WALK_TABLE_ENTRIES];
static __thread struct seep_walk_thread walk_thread;

static void mirror(uint32_t index)
{
	__atomic_fetch_add(&nr_mirrored[index], 1, __ATOMIC_RELAXED);
}

static uint64_t now_us(void)
{
	return 77;
}

void walk_init(uint32_t count)
{
	static const struct seep_modules_config plain = { .table = walk_modules, .mirror = mirror, .now_us = now_us };
	struct seep_modules_config config = plain;

	config.count = count;
	config.exe_path = "/the/program";
	seep_unwind_init(&config);
}

uint32_t walk_nr_mirrored(uint32_t index)
{
	return nr_mirrored[index];
}

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *data)
{
	struct walked *w = data;
	int is_exact = 0;
	uint64_t pc = (uint64_t)_Unwind_GetIPInfo(context, &is_exact);

	if (w->nr_theirs < WALK_MAX && pc)
		w->theirs[w->nr_theirs++] = pc - !is_exact;
	return _URC_NO_REASON;
}

/* Two frames are ours: walk_both and the function that called it. */
__attribute__((noinline)) void walk_both(struct walked *w)
{
	struct seep_regs regs, caller;

	w->nr_theirs = 0;
	_Unwind_Backtrace(note, w);
	w->nr_theirs -= w->nr_theirs ? 1 : 0;
	memmove(w->theirs, w->theirs + 1, w->nr_theirs * sizeof(w->theirs[0]));
	seep_regs_capture(&regs);
	caller = regs;
	seep_unwind(&caller, &walk_thread, &w->ours);
}

__attribute__((noinline)) void walk_ours(struct seep_walk *w)
{
	struct seep_regs regs;

	seep_regs_capture(&regs);
	seep_unwind(&regs, &walk_thread, w);
}

void walk_from(const struct seep_regs *regs, struct seep_walk *w)
{
	seep_unwind(regs, &walk_thread, w);
}

uint64_t walk_address(uint64_t frame)
{
	uint32_t index = SEEP_REC_FRAME_MODULE(frame);

	return SEEP_REC_FRAME_OFFSET(frame) + (index ? walk_modules[index].start : 0);
}

/* An object may have been loaded elsewhere before: then its entry says where. */
static bool is_frame_of(uint64_t frame, uint64_t address)
{
	Dl_info info;

	if (walk_address(frame) == address)
		return true;
	return dladdr((void *)(uintptr_t)address, &info) &&
	       seep_unwind_module_of(address) == SEEP_REC_FRAME_MODULE(frame) &&
	       SEEP_REC_FRAME_OFFSET(frame) == address - (uint64_t)(uintptr_t)info.dli_fbase;
}

void walk_print(const struct walked *w)
{
	for (uint32_t i = 0; i < w->ours.nr || i < w->nr_theirs; i++)
		printf("# %3u ours %#14" PRIx64 " theirs %#14" PRIx64 "\n", i,
		       i < w->ours.nr ? walk_address(w->ours.frames[i]) : 0, i < w->nr_theirs ? w->theirs[i] : 0);
	printf("# flags %u\n", w->ours.flags);
}

bool walk_is_same(const struct walked *w)
{
	bool is_same = w->ours.nr == w->nr_theirs && w->ours.flags == 0;

	for (uint32_t i = 0; is_same && i < w->ours.nr; i++)
		is_same = is_frame_of(w->ours.frames[i], w->theirs[i]);
	if (!is_same)
		walk_print(w);
	return is_same && w->ours.nr > 2;
}
