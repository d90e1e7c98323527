/* Whose job is only to hand memory out, told by the name. Private to this folder. */
#ifndef SEEP_VERDICT_WRAPPER_H
#define SEEP_VERDICT_WRAPPER_H

#include <stdbool.h>

/*
 * True when a function's name says that it allocates for whoever calls it: xmalloc, mem_alloc, safe_strdup, pool_grow,
 * ObjectPool<T>::acquire, Arena::allocate. A name that says what is allocated (session_alloc, alloc_node) is no
 * wrapper.
 */
bool wrapper_by_name(const char *function);

#endif
