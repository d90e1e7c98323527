#include "cli/pattern.h"
#include "tap.h"

static bool matches(const char *regex, const char *text)
{
	struct pattern *p = NULL;
	bool is_match = pattern_compile(regex, &p, NULL) == SEEP_OK && pattern_match(text, p);

	pattern_free(p);
	return is_match;
}

static void a_pattern_matches_anywhere_and_case_counts(void)
{
	OK(matches("Cache::put", "shop::Cache::put(char const*)"));
	OK(!matches("cache::put", "shop::Cache::put(char const*)"));
	OK(!matches("^Cache", "shop::Cache::put(char const*)"));
	OK(matches("operator new|^malloc$", "operator new(unsigned long)"));
	OK(matches("(?i)cache", "shop::Cache"));
}

static void what_re2_takes_is_taken(void)
{
	static const char *const good[] = { "a+b*c?",         "a+?b*?c??", "(?:a|b)",   "(?P<name>x)", "[[:alpha:]]+",
		                            "\\bnew\\b",      "a{2,3}?",   "\\Qa++\\E", "\\++",        "[+*]+",
		                            "operator\\+\\+", "[]]x",      "[^]\\]+]+", "\\pL",        "x\\\\+" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct seep_error err = { 0 };
		struct pattern *p = NULL;

		if (!tap_check(pattern_compile(good[i], &p, &err) == SEEP_OK, __func__, TAP_AT))
			printf("# '%s': %s\n", good[i], err.what);
		pattern_free(p);
	}
}

static void what_re2_refuses_is_refused(void)
{
	static const char *const bad[] = { "(a)\\1",   "(?=a)",     "(?!a)",   "(?<=a)",     "(?<!a)",   "(?>a)",
		                           "a++",      "a*+",       "a?+",     "a{2}+",      "(?R)",     "(?1)",
		                           "(?&name)", "(?P=name)", "(?(1)a)", "(*COMMIT)a", "\\Gx",     "a\\K",
		                           "\\X",      "(?|(a)|b)", "\\g{1}",  "(?P>name)",  "(?+1)(a)", "[a]++" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct seep_error err = { 0 };
		struct pattern *p = NULL;

		if (!tap_check(pattern_compile(bad[i], &p, &err) == SEEP_ERR_USAGE, __func__, TAP_AT))
			printf("# '%s' is taken\n", bad[i]);
		if (!tap_check(strstr(err.what, "not supported") != NULL, __func__, TAP_AT))
			printf("# '%s': %s\n", bad[i], err.what);
		pattern_free(p);
	}
}

static void bad_syntax_is_said_with_its_position(void)
{
	static const char *const bad[] = { "(", "[a", "a{3,1}", "*a", "\\", "(?P<n", "a)" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct seep_error err = { 0 };
		struct pattern *p = NULL;

		if (!tap_check(pattern_compile(bad[i], &p, &err) == SEEP_ERR_USAGE, __func__, TAP_AT))
			printf("# '%s' is taken\n", bad[i]);
		if (!tap_check(strstr(err.what, "at position ") != NULL, __func__, TAP_AT))
			printf("# '%s': %s\n", bad[i], err.what);
		pattern_free(p);
	}
}

static void a_match_that_explodes_is_given_up(void)
{
	struct pattern *p = NULL;

	EQ_U(pattern_compile("(a|aa|a?a)+$", &p, NULL), SEEP_OK);
	OK(!pattern_gave_up(p));
	OK(!pattern_match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", p));
	OK(pattern_gave_up(p));
	pattern_free(p);
}

int main(void)
{
	a_pattern_matches_anywhere_and_case_counts();
	what_re2_takes_is_taken();
	what_re2_refuses_is_refused();
	bad_syntax_is_said_with_its_position();
	a_match_that_explodes_is_given_up();
	return tap_done();
}
