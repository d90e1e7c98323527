#include "cli/pattern.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000u
#define DEPTH_LIMIT 10000u
#define HEAP_LIMIT_KIB 16384u

struct pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	bool gave_up;
};

/* ---- what RE2 refuses and PCRE2 would take ---- */

struct refusal {
	const char *start; /* of the construct */
	const char *what;
};

/* After "(?" or a backslash; the first that fits is named. */
static const struct refusal groups[] = {
	{ "=", "lookahead" },       { "!", "lookahead" },         { "<=", "lookbehind" },    { "<!", "lookbehind" },
	{ ">", "an atomic group" }, { "(", "a condition" },       { "|", "a branch reset" }, { "R", "recursion" },
	{ "&", "recursion" },       { "P=", "a back-reference" }, { "P>", "recursion" },     { "+", "recursion" },
	{ "0", "recursion" },       { "#", "a comment" },         { "C", "a callout" },
};
static const char back_references[] = "123456789gk";
static const char odd_escapes[] = "GKRXZhHNVuUlLcoe";

static const char *refused_group(const char *after)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strncmp(after, groups[i].start, strlen(groups[i].start)))
			return groups[i].what;
	if (*after >= '1' && *after <= '9')
		return "recursion";
	return *after == '-' && after[1] >= '0' && after[1] <= '9' ? "recursion" : NULL;
}

static const char *refused_escape(char c)
{
	if (c && strchr(back_references, c))
		return "a back-reference";
	return c && strchr(odd_escapes, c) ? "this escape" : NULL;
}

static const char *end_of_class(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	for (; *p && *p != ']'; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' && p[1] == ':' && strstr(p, ":]"))
			p = strstr(p, ":]") + 1;
	}
	return *p ? p : p - 1;
}

static bool is_quantifier(const char *text, const char *p)
{
	if (*p == '*' || *p == '+' || *p == '?')
		return true;
	return *p == '}' && p > text && memchr(text, '{', (size_t)(p - text));
}

/* Returns where the refused construct begins and sets *what; NULL when there is none. */
static const char *find_refused(const char *text, const char **what)
{
	for (const char *p = text; *p; p++) {
		*what = NULL;
		if (*p == '\\') {
			const char *quote_end = p[1] == 'Q' ? strstr(p, "\\E") : NULL;

			if (p[1] == 'Q' && !quote_end)
				return NULL;
			*what = refused_escape(p[1]);
			if (*what || !p[1])
				return *what ? p : NULL;
			p = quote_end ? quote_end + 1 : p + 1;
		} else if (*p == '[') {
			p = end_of_class(p);
		} else if (*p == '(' && p[1] == '?') {
			*what = refused_group(p + 2);
		} else if (*p == '(' && p[1] == '*') {
			*what = "a verb";
		} else if (*p == '+' && p > text && is_quantifier(text, p - 1) && (p - 1 == text || p[-2] != '\\')) {
			*what = "a possessive quantifier";
		}
		if (*what)
			return p;
	}
	return NULL;
}

/* ---- compiling and matching ---- */

static enum seep_status fail_syntax(struct seep_error *err, const char *text, int code, size_t offset)
{
	PCRE2_UCHAR message[128];

	if (pcre2_get_error_message(code, message, sizeof(message)) < 0)
		memcpy(message, "bad syntax", sizeof("bad syntax"));
	return seep_fail(err, SEEP_ERR_USAGE, "regular expression '%.80s': %s at position %zu", text,
	                 (const char *)message, offset + 1);
}

static enum seep_status prepare(struct pattern *p, const char *text, struct seep_error *err)
{
	PCRE2_SIZE offset = 0;
	int code = 0;

	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	                        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
	if (!p->code)
		return fail_syntax(err, text, code, offset);
	p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
	p->context = pcre2_match_context_create(NULL);
	if (!p->data || !p->context)
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	pcre2_set_match_limit(p->context, MATCH_LIMIT);
	pcre2_set_depth_limit(p->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(p->context, HEAP_LIMIT_KIB);
	return SEEP_OK;
}

enum seep_status pattern_compile(const char *text, struct pattern **out, struct seep_error *err)
{
	const char *what, *where = find_refused(text, &what);
	struct pattern *p;
	enum seep_status status;

	if (where)
		return seep_fail(err, SEEP_ERR_USAGE,
		                 "regular expression '%.80s': %s at position %zu is not supported (RE2 syntax)", text,
		                 what, (size_t)(where - text) + 1);
	p = calloc(1, sizeof(*p));
	if (!p)
		return seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	status = prepare(p, text, err);
	if (status == SEEP_OK)
		*out = p;
	else
		pattern_free(p);
	return status;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	free(p);
}

bool pattern_match(const char *text, void *data)
{
	struct pattern *p = data;
	int rc = pcre2_match(p->code, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0, p->data, p->context);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		p->gave_up = true;
	return rc >= 0;
}

bool pattern_gave_up(const struct pattern *p)
{
	return p->gave_up;
}
