#include "readable.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/*
 * Walks a demangled name component by component. `out` is where the name without arguments is built; it is never longer
 * than the text it is built from.
 */
struct walker {
	const char *at;
	char *out;
	size_t len;
	bool has_arguments; /* behind the last component */
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '~' || c == '#' || (unsigned char)c >= 0x80;
}

/* Behind the bracket that closes the one at `s`; the end of the text when it is never closed. */
static const char *skip_group(const char *s)
{
	size_t depth = 0;

	for (; *s; s++) {
		if (s[0] == '-' && s[1] == '>') {
			s++;
			continue;
		}
		if (strchr("(<[{", *s))
			depth++;
		else if (strchr(")>]}", *s) && --depth == 0)
			return s + 1;
	}
	return s;
}

/* Behind argument list and qualifiers at `s`: true when the name goes on there ("f(int) const::{lambda()#1}"). */
static bool goes_on(const char *s, const char **next)
{
	s = skip_group(s);
	while (*s == ' ' || *s == '&' || !strncmp(s, "const", 5) || !strncmp(s, "volatile", 8))
		s += *s == 'c' ? 5 : *s == 'v' ? 8 : 1;
	*next = s;
	return s[0] == ':' && s[1] == ':';
}

static void copy(struct walker *w, size_t len)
{
	memcpy(w->out + w->len, w->at, len);
	w->len += len;
	w->at += len;
}

/* At "operator": copies it with its symbol, or with the type of a conversion. */
static void copy_operator(struct walker *w)
{
	size_t symbol = readable_operator_length(w->at + 8);
	const char *paren;

	copy(w, 8 + symbol);
	if (symbol > 0 || *w->at != ' ')
		return;
	if (!strncmp(w->at, " new", 4) || !strncmp(w->at, " delete", 7)) {
		copy(w, strcspn(w->at + 1, "([") + 1);
		if (w->at[0] == '[' && w->at[1] == ']')
			copy(w, 2);
		return;
	}
	paren = w->at;
	while (*paren && *paren != '(')
		paren = *paren == '<' ? skip_group(paren) : paren + 1;
	copy(w, (size_t)(paren - w->at));
}

static bool is_operator(const struct walker *w)
{
	return !strncmp(w->at, "operator", 8) && !is_word(w->at[8]) && (w->len == 0 || !is_word(w->out[w->len - 1]));
}

/* A lambda or unnamed type: "{lambda(int)#1}" and "{closure#0}" keep their first word. */
static void copy_braces(struct walker *w)
{
	const char *end = skip_group(w->at);
	size_t len = 1 + strcspn(w->at + 1, "(#} '"), most = (size_t)(end - w->at);

	/* Brackets of other kinds may have closed the group before its first word ends: never write more than was
	 * read. */
	copy(w, len < most ? len : most > 1 ? most - 1 : 1);
	w->out[w->len++] = '}';
	w->at = end;
}

static bool follows_decltype(const struct walker *w)
{
	return w->len >= 8 && !strncmp(w->out + w->len - 8, "decltype", 8);
}

/* At '(': an unnamed namespace is part of the name, arguments may be followed by more of it. False at the end. */
static bool pass_parenthesis(struct walker *w)
{
	static const char unnamed[] = "(anonymous namespace)";

	if (!strncmp(w->at, unnamed, sizeof(unnamed) - 1)) {
		copy(w, sizeof(unnamed) - 1);
		return true;
	}
	if (follows_decltype(w)) {
		w->len -= 8;
		w->at = skip_group(w->at);
		return true;
	}
	w->has_arguments = !goes_on(w->at, &w->at);
	return !w->has_arguments;
}

static bool step(struct walker *w)
{
	if (is_operator(w)) {
		copy_operator(w);
		return true;
	}
	switch (*w->at) {
	case '<': w->at = skip_group(w->at); return true;
	case '{': copy_braces(w); return true;
	case '(': return pass_parenthesis(w);
	case '[': return false;
	case ' ':
		/* What was before is a return type, or a clone suffix follows. */
		if (w->at[1] == '[' || w->at[1] == '\0')
			return false;
		w->at++;
		if (!follows_decltype(w))
			w->len = 0;
		return true;
	case '*':
	case '&': w->at++; return true;
	default: copy(w, 1); return true;
	}
}

void readable_qualified_name(const char *demangled, char *out, bool *has_arguments)
{
	struct walker w = { .at = demangled, .out = out };

	while (*w.at && step(&w))
		;
	out[w.len] = '\0';
	*has_arguments = w.has_arguments;
}
