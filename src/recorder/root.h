/*
 * Where stacks begin for whom no rule says so: code that nobody called. That is the first function of a loader, and in
 * musl, which has no call frame information, what calls main.
 */
#ifndef SEEP_RECORDER_ROOT_H
#define SEEP_RECORDER_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/cfi.h"

/* On the first thread, before its environment is changed. */
void root_init(void);
/* True if code without a rule in `object`, whose frame begins at sp, was called by nobody. */
bool root_is_reached(const struct cfi_object *object, uint64_t sp);

#endif
