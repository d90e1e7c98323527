#include "cli/cli.h"
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>

struct words {
	bool flag;
	int on, colour;
	const char *text;
	struct cli_list list;
	uint64_t size, count;
	double seconds;
};

static const struct cli_word colours[] = { { "red", 1 }, { "green", 2 }, { NULL, 0 } };
static const struct cli_option options[] = { CLI_FLAG('f', "flag", struct words, flag, "a flag"),
	                                     CLI_SWITCH(0, "on", struct words, on, 1, "on"),
	                                     CLI_SWITCH(0, "off", struct words, on, 0, "off"),
	                                     CLI_TEXT('t', "text", struct words, text, "TEXT", "a text"),
	                                     CLI_LIST('l', "list", struct words, list, "ITEM", "items"),
	                                     CLI_BYTES(0, "size", struct words, size, "SIZE", "a size"),
	                                     CLI_COUNT('n', "count", struct words, count, "N", "a count"),
	                                     CLI_SECONDS(0, "age", struct words, seconds, "TIME", "a time"),
	                                     CLI_WORD('c', "colour", struct words, colour, colours, "COLOUR", "a word"),
	                                     CLI_END };
static const struct cli_verb verb = {
	.name = "test", .arguments = "", .summary = "test", .options = options, .options_bytes = sizeof(struct words)
};
static const struct cli_verb command = { .name = "test",
	                                 .arguments = "",
	                                 .summary = "test",
	                                 .options = options,
	                                 .options_bytes = sizeof(struct words),
	                                 .is_command_line = true };

static struct words out;
static char **operands;
static int nr_operands, code;

/* Words up to a NULL; what is said goes nowhere. */
static bool parse(const struct cli_verb *v, char **argv)
{
	int argc = 0, saved = dup(2), null = open("/dev/null", O_WRONLY);
	bool ok;

	while (argv[argc])
		argc++;
	cli_options_release(v, &out);
	out = (struct words){ .on = -1 };
	code = -1;
	dup2(null, 2);
	ok = cli_options_parse(v, argc, argv, &out, &nr_operands, &operands, &code);
	dup2(saved, 2);
	close(saved);
	close(null);
	return ok;
}
#define ARGV(...) ((char *[]){ (char[]){ "test" }, __VA_ARGS__, NULL })
#define A(text) ((char[]){ text })

static void every_kind_is_parsed(void)
{
	OK(parse(&verb, ARGV(A("-f"), A("--on"), A("--text=a b"), A("-l"), A("x"), A("--list=y"), A("--size=1.5M"),
	                     A("-n7"), A("--age"), A("2m"), A("--colour=green"), A("operand"))));
	OK(out.flag);
	EQ_U((unsigned)out.on, 1);
	EQ_S(out.text, "a b");
	EQ_U(out.list.nr, 2);
	EQ_S(out.list.items[1], "y");
	EQ_U(out.size, 3 << 19);
	EQ_U(out.count, 7);
	NEAR(out.seconds, 120, 0);
	EQ_U((unsigned)out.colour, 2);
	EQ_U((unsigned)nr_operands, 1);
	EQ_S(operands[0], "operand");
}

static void of_equal_options_the_last_counts(void)
{
	OK(parse(&verb, ARGV(A("--on"), A("--off"), A("-n1"), A("-n2"))));
	EQ_U((unsigned)out.on, 0);
	EQ_U(out.count, 2);
}

static void options_may_stand_behind_operands(void)
{
	OK(parse(&verb, ARGV(A("one"), A("-f"), A("two"))));
	OK(out.flag);
	EQ_U((unsigned)nr_operands, 2);
}

static void of_a_command_line_they_are_the_commands(void)
{
	OK(parse(&command, ARGV(A("-f"), A("ls"), A("-n"), A("--foo"))));
	OK(out.flag);
	EQ_U((unsigned)nr_operands, 3);
	EQ_S(operands[1], "-n");
	OK(parse(&command, ARGV(A("--"), A("-f"))));
	OK(!out.flag);
	EQ_S(operands[0], "-f");
}

static void wrong_words_are_usage(void)
{
	char **wrong[] = { ARGV(A("--nonsense")), ARGV(A("-z")),
		           ARGV(A("--size")),     ARGV(A("--size=abc")),
		           ARGV(A("--size=")),    ARGV(A("-n"), A("-1")),
		           ARGV(A("--count=1x")), ARGV(A("--count=99999999999999999999999")),
		           ARGV(A("--age=soon")), ARGV(A("--colour=blue")),
		           ARGV(A("--flag=yes")) };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		OK(!parse(&verb, wrong[i]));
		EQ_U((unsigned)code, CLI_USAGE);
	}
}

int main(void)
{
	every_kind_is_parsed();
	of_equal_options_the_last_counts();
	options_may_stand_behind_operands();
	of_a_command_line_they_are_the_commands();
	wrong_words_are_usage();
	cli_options_release(&verb, &out);
	return tap_done();
}
