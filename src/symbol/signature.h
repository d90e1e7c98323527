/*
 * C++ names put together from DWARF, for functions without a linkage name: compilers give none to what only one unit
 * sees (static functions, unnamed namespaces, lambdas) when all calls were inlined. Private to symbol/.
 */
#ifndef SEEP_SYMBOL_SIGNATURE_H
#define SEEP_SYMBOL_SIGNATURE_H

#include "base/base.h"

#include <elfutils/libdw.h>

/*
 * As the demangler would write it: scopes, name, argument types. "(...)" stands for arguments of a type that is not
 * written out. In the arena; NULL when memory is out.
 */
const char *signature_of(struct seep_arena *arena, Dwarf_Die *function);
/* True for main and what is declared extern "C": visible outside, yet without a linkage name. Its name is all. */
bool signature_is_plain(Dwarf_Die *function);

#endif
