#include "readable.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGS 24
#define MAX_NESTING 200

/* Output grows in place: rules look back at what was just written. */
struct rewriter {
	const char *in;
	char *out;
	size_t len, cap;
	size_t operator_end; /* where the last "operator…" word ended; 0: none yet */
	unsigned nesting;
	bool failed;
};

/*
 * Default template arguments by the standard; $0 and $1 are the first two arguments as written. An argument is
 * dropped only from the end of the list and only when it equals its default.
 */
static const struct {
	const char *name;
	unsigned position;
	const char *value;
} defaults[] = {
	{ "std::vector", 1, "std::allocator<$0>" },
	{ "std::deque", 1, "std::allocator<$0>" },
	{ "std::list", 1, "std::allocator<$0>" },
	{ "std::forward_list", 1, "std::allocator<$0>" },
	{ "std::set", 1, "std::less<$0>" },
	{ "std::set", 2, "std::allocator<$0>" },
	{ "std::multiset", 1, "std::less<$0>" },
	{ "std::multiset", 2, "std::allocator<$0>" },
	{ "std::map", 2, "std::less<$0>" },
	{ "std::map", 3, "std::allocator<std::pair<$0 const, $1>>" },
	{ "std::multimap", 2, "std::less<$0>" },
	{ "std::multimap", 3, "std::allocator<std::pair<$0 const, $1>>" },
	{ "std::unordered_set", 1, "std::hash<$0>" },
	{ "std::unordered_set", 2, "std::equal_to<$0>" },
	{ "std::unordered_set", 3, "std::allocator<$0>" },
	{ "std::unordered_multiset", 1, "std::hash<$0>" },
	{ "std::unordered_multiset", 2, "std::equal_to<$0>" },
	{ "std::unordered_multiset", 3, "std::allocator<$0>" },
	{ "std::unordered_map", 2, "std::hash<$0>" },
	{ "std::unordered_map", 3, "std::equal_to<$0>" },
	{ "std::unordered_map", 4, "std::allocator<std::pair<$0 const, $1>>" },
	{ "std::unordered_multimap", 2, "std::hash<$0>" },
	{ "std::unordered_multimap", 3, "std::equal_to<$0>" },
	{ "std::unordered_multimap", 4, "std::allocator<std::pair<$0 const, $1>>" },
	{ "std::unique_ptr", 1, "std::default_delete<$0>" },
	{ "std::stack", 1, "std::deque<$0>" },
	{ "std::queue", 1, "std::deque<$0>" },
	{ "std::priority_queue", 1, "std::vector<$0>" },
	{ "std::priority_queue", 2, "std::less<$0>" },
	{ "std::basic_string", 1, "std::char_traits<$0>" },
	{ "std::basic_string", 2, "std::allocator<$0>" },
	{ "std::basic_string_view", 1, "std::char_traits<$0>" },
	{ "std::basic_ios", 1, "std::char_traits<$0>" },
	{ "std::basic_istream", 1, "std::char_traits<$0>" },
	{ "std::basic_ostream", 1, "std::char_traits<$0>" },
	{ "std::basic_iostream", 1, "std::char_traits<$0>" },
	{ "std::basic_streambuf", 1, "std::char_traits<$0>" },
	{ "std::basic_filebuf", 1, "std::char_traits<$0>" },
	{ "std::basic_ifstream", 1, "std::char_traits<$0>" },
	{ "std::basic_ofstream", 1, "std::char_traits<$0>" },
	{ "std::basic_fstream", 1, "std::char_traits<$0>" },
	{ "std::basic_stringbuf", 1, "std::char_traits<$0>" },
	{ "std::basic_stringbuf", 2, "std::allocator<$0>" },
	{ "std::basic_istringstream", 1, "std::char_traits<$0>" },
	{ "std::basic_istringstream", 2, "std::allocator<$0>" },
	{ "std::basic_ostringstream", 1, "std::char_traits<$0>" },
	{ "std::basic_ostringstream", 2, "std::allocator<$0>" },
	{ "std::basic_stringstream", 1, "std::char_traits<$0>" },
	{ "std::basic_stringstream", 2, "std::allocator<$0>" },
};

/* Written when a single argument is left; the standard's own typedefs. */
static const struct {
	const char *name, *argument, *alias;
} aliases[] = {
	{ "std::basic_string", "char", "std::string" },
	{ "std::basic_string", "wchar_t", "std::wstring" },
	{ "std::basic_string", "char8_t", "std::u8string" },
	{ "std::basic_string", "char16_t", "std::u16string" },
	{ "std::basic_string", "char32_t", "std::u32string" },
	{ "std::basic_string_view", "char", "std::string_view" },
	{ "std::basic_string_view", "wchar_t", "std::wstring_view" },
	{ "std::basic_ios", "char", "std::ios" },
	{ "std::basic_istream", "char", "std::istream" },
	{ "std::basic_ostream", "char", "std::ostream" },
	{ "std::basic_iostream", "char", "std::iostream" },
	{ "std::basic_streambuf", "char", "std::streambuf" },
	{ "std::basic_filebuf", "char", "std::filebuf" },
	{ "std::basic_ifstream", "char", "std::ifstream" },
	{ "std::basic_ofstream", "char", "std::ofstream" },
	{ "std::basic_fstream", "char", "std::fstream" },
	{ "std::basic_stringbuf", "char", "std::stringbuf" },
	{ "std::basic_istringstream", "char", "std::istringstream" },
	{ "std::basic_ostringstream", "char", "std::ostringstream" },
	{ "std::basic_stringstream", "char", "std::stringstream" },
};

/* Inline namespaces: libstdc++'s new strings, libc++, Android's libc++. */
static const char *const inline_namespaces[] = { "std::__cxx11::", "std::__1::", "std::__ndk1::" };

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void put(struct rewriter *r, const char *s, size_t len)
{
	if (r->failed)
		return;
	if (len >= r->cap - r->len) {
		size_t cap = (r->cap + len) * 2;
		char *out = realloc(r->out, cap);

		if (!out) {
			r->failed = true;
			return;
		}
		r->out = out;
		r->cap = cap;
	}
	memcpy(r->out + r->len, s, len);
	r->len += len;
	r->out[r->len] = '\0';
}

size_t readable_operator_length(const char *s)
{
	static const char *const symbols[] = { "<=>", "<<=", ">>=", "->*", "<<", ">>", "<=",
		                               ">=",  "->",  "()",  "[]",  "<",  ">" };

	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		size_t len = strlen(symbols[i]);

		if (!strncmp(s, symbols[i], len))
			return len;
	}
	return strspn(s, "+-*/%^&|~!=,");
}

/* At a word that begins with "operator": its length with the symbol, 0 when it is another word. */
static size_t operator_word(const char *s)
{
	size_t symbol;

	if (strncmp(s, "operator", 8))
		return 0;
	symbol = readable_operator_length(s + 8);
	return symbol ? 8 + symbol : 0;
}

/* Start of the qualified name that ends where the output ends. */
static size_t name_start(const struct rewriter *r)
{
	size_t at = r->len;

	while (at > 0 && (is_word(r->out[at - 1]) || r->out[at - 1] == ':'))
		at--;
	return at;
}

struct arguments {
	size_t start[MAX_ARGS], end[MAX_ARGS]; /* offsets in the output */
	unsigned nr;
};

static bool argument_is(const struct rewriter *r, const struct arguments *a, unsigned i, const char *want)
{
	const char *at = r->out + a->start[i], *end = r->out + a->end[i];

	for (; *want; want++) {
		unsigned ref;
		size_t len;

		if (*want != '$') {
			if (at == end || *at++ != *want)
				return false;
			continue;
		}
		ref = (unsigned)(*++want - '0');
		if (ref >= a->nr)
			return false;
		len = a->end[ref] - a->start[ref];
		if ((size_t)(end - at) < len || memcmp(at, r->out + a->start[ref], len))
			return false;
		at += len;
	}
	return at == end;
}

static bool is_named(const struct rewriter *r, size_t from, size_t to, const char *name)
{
	return strlen(name) == to - from && !memcmp(r->out + from, name, to - from);
}

static bool is_default(const struct rewriter *r, size_t name, size_t name_end, const struct arguments *a, unsigned i)
{
	for (size_t d = 0; d < sizeof(defaults) / sizeof(defaults[0]); d++)
		if (defaults[d].position == i && is_named(r, name, name_end, defaults[d].name))
			return argument_is(r, a, i, defaults[d].value);
	return false;
}

/* The arguments are written behind `name_end` and '<': drops defaults, then writes '>' or the alias. */
static void close_arguments(struct rewriter *r, size_t name, size_t name_end, struct arguments *a)
{
	while (a->nr > 1 && is_default(r, name, name_end, a, a->nr - 1))
		a->nr--;
	if (a->nr > 0)
		r->len = a->end[a->nr - 1];
	for (size_t i = 0; a->nr == 1 && i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (!is_named(r, name, name_end, aliases[i].name) || !argument_is(r, a, 0, aliases[i].argument))
			continue;
		r->len = name;
		put(r, aliases[i].alias, strlen(aliases[i].alias));
		return;
	}
	put(r, ">", 1);
}

static bool rewrite(struct rewriter *r, const char *stop);

/* One argument; DWARF's "const T&" becomes the demangler's "T const&". */
static bool rewrite_argument(struct rewriter *r)
{
	size_t start = r->len;
	bool is_const = !strncmp(r->in, "const ", 6);

	if (is_const) {
		r->in += 6;
		if (!rewrite(r, "*&,>"))
			return false;
	}
	while (r->len > start && r->out[r->len - 1] == ' ')
		r->len--;
	if (is_const)
		put(r, " const", 6);
	if (!rewrite(r, ",>"))
		return false;
	while (r->len > start && r->out[r->len - 1] == ' ')
		r->len--;
	return !r->failed;
}

/* At '<' that opens template arguments. */
static bool rewrite_arguments(struct rewriter *r)
{
	size_t name = name_start(r), name_end = r->len;
	struct arguments a = { .nr = 0 };

	put(r, "<", 1);
	r->in++;
	for (;;) {
		size_t start = r->len;

		if (a.nr == MAX_ARGS - 1 || !rewrite_argument(r))
			return false;
		a.start[a.nr] = start;
		a.end[a.nr++] = r->len;
		if (*r->in == '>')
			break;
		put(r, ", ", 2);
		r->in++;
		while (*r->in == ' ')
			r->in++;
	}
	r->in++;
	close_arguments(r, name, name_end, &a);
	return !r->failed;
}

/* At an opening bracket: copies the group and its closing bracket. */
static bool rewrite_group(struct rewriter *r)
{
	const char closing[2] = { *r->in == '(' ? ')' : *r->in == '{' ? '}' : ']', '\0' };

	put(r, r->in++, 1);
	if (!rewrite(r, closing))
		return false;
	put(r, r->in++, 1);
	return !r->failed;
}

/* Skips what readers do not need to see at the start of a word; true when something was skipped. */
static bool skip_noise(struct rewriter *r)
{
	if (!strncmp(r->in, "[abi:", 5)) {
		const char *end = strchr(r->in, ']');

		if (!end)
			return false;
		r->in = end + 1;
		return true;
	}
	if (r->len > 0 && (is_word(r->out[r->len - 1]) || r->out[r->len - 1] == ':'))
		return false;
	if (!strncmp(r->in, "main()::", 8)) { /* so in DWARF; the demangler knows no arguments of main */
		put(r, "main::", 6);
		r->in += 8;
		return true;
	}
	for (size_t i = 0; i < sizeof(inline_namespaces) / sizeof(inline_namespaces[0]); i++) {
		size_t len = strlen(inline_namespaces[i]);

		if (strncmp(r->in, inline_namespaces[i], len))
			continue;
		put(r, "std::", 5);
		r->in += len;
		return true;
	}
	return false;
}

static bool opens_arguments(const struct rewriter *r)
{
	if (r->len == 0)
		return false;
	if (r->len == r->operator_end) /* "operator-<int>" */
		return true;
	if (r->len == r->operator_end + 1 && r->out[r->len - 1] == ' ') /* "operator< <int>" */
		return true;
	return is_word(r->out[r->len - 1]) || r->out[r->len - 1] == '}';
}

/* DWARF writes "<lambda(int)>" where the demangler has "{lambda(int)#1}". */
static bool rewrite_lambda(struct rewriter *r)
{
	put(r, "{lambda", 7);
	r->in += 7;
	if (*r->in != '(' || !rewrite_group(r) || *r->in != '>')
		return false;
	r->in++;
	put(r, "}", 1);
	return !r->failed;
}

/* One token; false when the text cannot be followed. */
static bool rewrite_token(struct rewriter *r)
{
	bool at_word = r->len == 0 || !is_word(r->out[r->len - 1]);
	size_t len;

	if (skip_noise(r))
		return true;
	len = at_word ? operator_word(r->in) : 0;
	if (len > 0) {
		put(r, r->in, len);
		r->in += len;
		r->operator_end = r->len;
		return !r->failed;
	}
	if (r->in[0] == '-' && r->in[1] == '>') {
		put(r, r->in, 2);
		r->in += 2;
		return !r->failed;
	}
	if (!strncmp(r->in, "<lambda(", 8))
		return rewrite_lambda(r);
	if (*r->in == '<' && opens_arguments(r))
		return rewrite_arguments(r);
	if (*r->in == '(' || *r->in == '{' || *r->in == '[')
		return rewrite_group(r);
	put(r, r->in++, 1);
	return !r->failed;
}

/* Copies up to one of `stop` (left unread) or, when that is "", to the end. */
static bool rewrite(struct rewriter *r, const char *stop)
{
	bool ok = true;

	if (++r->nesting > MAX_NESTING)
		return false;
	while (ok && *r->in && !strchr(stop, *r->in))
		ok = rewrite_token(r);
	r->nesting--;
	return ok && (*stop ? *r->in != '\0' : *r->in == '\0');
}

char *readable_cplusplus(const char *demangled)
{
	struct rewriter r = { .in = demangled, .cap = strlen(demangled) + 32 };

	r.out = malloc(r.cap);
	if (!r.out)
		return NULL;
	r.out[0] = '\0';
	if (!rewrite(&r, "") || r.failed) {
		free(r.out);
		return NULL;
	}
	return r.out;
}
