/*
 * Which loaded object holds an address, by generation: the same range with another object in it is another module.
 * Lock-free, no system call but the page probe of the table mode. Owned by unwind.c.
 */
#ifndef SEEP_RECORDER_MODULES_H
#define SEEP_RECORDER_MODULES_H

#include "recorder/unwind.h"

struct seep_module_view {
	uint64_t start, end;   /* 0, 0: none */
	uint32_t index;        /* in the table; 0: no module, or no room for it */
	uint64_t eh_frame_hdr; /* address, 0 none */
	bool no_room;
};

void seep_modules_init(const struct seep_modules_config *config);
/* Looks pc up, and checks that the module is still the one of this index. */
void seep_module_find(uint64_t pc, struct seep_module_view *out);
bool seep_modules_have_find_object(void);
/* From now on as if the C library had no _dl_find_object (tests). */
void seep_modules_use_table(void);
uint32_t seep_modules_nr(void);
uint64_t seep_modules_private_bytes(void);
/* In a forked child: a lock that another thread of the parent held is nobody's. */
void seep_modules_after_fork(void);

/* True if 8 bytes at `address` can be read: asks the kernel, which answers EFAULT or EINVAL and changes nothing. */
bool seep_page_is_readable(uint64_t address);

#endif
