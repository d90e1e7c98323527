/*
 * Demangled C++ text made readable, and the qualified name inside such text. Private to symbol/.
 */
#ifndef SEEP_SYMBOL_READABLE_H
#define SEEP_SYMBOL_READABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Rewrites demangled C++: inline namespaces of standard libraries and ABI tags go, default template arguments go where
 * they are what the standard says (so no two types become one), std::string and its kin get their names.
 * malloc'ed; NULL when memory is out or the text cannot be followed (then show it as it is).
 */
char *readable_cplusplus(const char *demangled);

/*
 * The qualified name of the function alone: no return type, arguments, template arguments or clone suffix.
 * "void std::vector<int>::push_back(int)" gives "std::vector::push_back". `out` has room for strlen(demangled) + 2.
 * *has_arguments tells whether an argument list followed it: so in C++, not in C and Rust.
 */
void readable_qualified_name(const char *demangled, char *out, bool *has_arguments);

/* Length of an operator's symbol at `s`, which follows the word "operator": 2 for "()" or "->", 0 when there is
 * none. */
size_t readable_operator_length(const char *s);

#endif
