#include <stdlib.h>

#include "report/report.h"
#include "tap.h"

static const struct seep_column columns[] = {
	{ "flat", SEEP_COLUMN_RIGHT, 0, 0 },
	{ "sum%", SEEP_COLUMN_RIGHT, 0, 1 },
	{ "function", SEEP_COLUMN_CUT, 10, 0 },
	{ "source", SEEP_COLUMN_CUT_START, 8, 2 },
};

static char *written(unsigned width, const char *name, const char *place)
{
	struct seep_text_table *t = seep_text_table_new(columns, ARRAY_SIZE(columns));
	struct seep_style style = { .width = width };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	seep_text_table_add(t, "%s", "63.1MB");
	seep_text_table_add(t, "%s", "65%");
	seep_text_table_add(t, "%s", name);
	seep_text_table_add(t, "%s", place);
	if (seep_text_table_write(t, &style, out) != SEEP_OK)
		fputs("failed", out);
	fclose(out);
	seep_text_table_free(t);
	return text;
}

static void without_a_terminal_nothing_is_cut(void)
{
	char *text =
		written(0, "std::map<std::string, std::vector<int>>::insert", "/a/very/long/path/to/the/source.cpp:12");

	OK(strstr(text, "std::map<std::string, std::vector<int>>::insert  /a/very/long/path/to/the/source.cpp:12\n"));
	OK(!strstr(text, "left out"));
	free(text);
}

static void names_are_cut_in_the_middle_and_places_at_their_start(void)
{
	char *text = written(44, "std::map<std::string, int>::insert", "/a/path/to/source.cpp:12");

	EQ_S(text, "  flat  sum%  function              source\n"
	           "63.1MB   65%  std::map<s\u2026>::insert  \u2026.cpp:12\n");
	free(text);
}

static void the_least_wanted_column_goes_first_and_is_named(void)
{
	char *text = written(24, "std::map<std::string, int>::insert", "/a/path/to/source.cpp:12");

	OK(!strstr(text, "cpp"));
	OK(strstr(text, "left out for width: source\n"));
	OK(strstr(text, "65%"));
	free(text);
}

static void lines_never_pass_the_width_while_a_name_has_room(void)
{
	for (unsigned width = 18; width < 80; width++) {
		char *text = written(width, "a::b::c::d::e::f::g::h::i::j::k::l::m::n", "/a/path/to/source.cpp:12"),
		     *rest = text;

		for (char *line; (line = strsep(&rest, "\n")) && !strstr(line, "left out");)
			if (!tap_check(seep_text_width(line) <= width, __func__, TAP_AT))
				printf("# width %u: '%s'\n", width, line);
		free(text);
	}
}

static void control_characters_do_not_reach_the_terminal(void)
{
	char *text = written(0, "a\033[2Jb\nc", "");

	OK(!strchr(text, '\033'));
	OK(strstr(text, "a\uFFFD[2Jb\uFFFDc\n"));
	free(text);
}

static void an_indented_name_keeps_its_indentation_while_there_is_room(void)
{
	struct seep_text_table *t = seep_text_table_new(&columns[2], 1);
	struct seep_style style = { .width = 14 };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	seep_text_table_add_indented(t, "\u2514\u2500 ", "abcdefghijklmnop");
	seep_text_table_add_indented(t, "            \u2514\u2500 ", "abcdefghijklmnop");
	EQ_U(seep_text_table_write(t, &style, out), SEEP_OK);
	fclose(out);
	EQ_S(text, "function\n\u2514\u2500 abcde\u2026lmnop\nabcdefg\u2026klmnop\n");
	free(text);
	seep_text_table_free(t);
}

int main(void)
{
	without_a_terminal_nothing_is_cut();
	names_are_cut_in_the_middle_and_places_at_their_start();
	the_least_wanted_column_goes_first_and_is_named();
	lines_never_pass_the_width_while_a_name_has_room();
	control_characters_do_not_reach_the_terminal();
	an_indented_name_keeps_its_indentation_while_there_is_room();
	return tap_done();
}
