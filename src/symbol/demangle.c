#include "symbol.h"

#include "readable.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

/*
 * Parts that compilers split off a function or copies they make of it; each is shown as its function. A number or
 * more words may follow: everything from the first of these on is cut.
 */
static const char *const clone_suffixes[] = { ".cold",      ".part.",      ".constprop.", ".isra.",
	                                      ".lto_priv.", ".llvm.",      ".localalias", ".warm",
	                                      ".hot",       ".simdclone.", ".ipa_sra." };

static size_t length_without_clone(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(clone_suffixes); i++) {
		const char *at = strstr(name, clone_suffixes[i]);

		if (at && at != name && (size_t)(at - name) < len)
			len = (size_t)(at - name);
	}
	return len;
}

/* Legacy Rust names are Itanium ones whose last part is "17h" and 16 hex digits. */
static bool is_rust(const char *name, size_t len)
{
	if (!strncmp(name, "_R", 2))
		return true;
	if (strncmp(name, "_ZN", 3) || len < 24 || name[len - 1] != 'E' || strncmp(name + len - 20, "17h", 3))
		return false;
	for (size_t i = len - 17; i < len - 1; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	return true;
}

static char *demangle_cplusplus(const char *name)
{
	char *raw = cplus_demangle_v3(name, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP);
	char *readable;

	if (!raw)
		return NULL;
	readable = readable_cplusplus(raw);
	if (!readable)
		return raw;
	free(raw);
	return readable;
}

char *seep_demangle(const char *name)
{
	size_t len = length_without_clone(name);
	char *base = strndup(name, len), *out = NULL;

	if (!base)
		return NULL;
	if (is_rust(base, len))
		out = rust_demangle(base, DMGL_NO_OPTS);
	if (!out && !strncmp(base, "_Z", 2))
		out = demangle_cplusplus(base);
	if (!out)
		return base;
	free(base);
	return out;
}
