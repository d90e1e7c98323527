#include "report/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned number_in_environment(const char *name)
{
	const char *text = getenv(name);
	char *end;
	unsigned long v;

	if (!text || !*text)
		return 0;
	v = strtoul(text, &end, 10);
	return *end || v > 10000 ? 0 : (unsigned)v;
}

static bool is_colour_wanted(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return (!no || !*no) && term && strcmp(term, "dumb");
}

void seep_style_init(struct seep_style *s, FILE *out, bool wide)
{
	struct winsize size = { 0 };
	int fd = fileno(out);

	*s = (struct seep_style){ 0 };
	if (fd < 0 || !isatty(fd))
		return;
	if (ioctl(fd, TIOCGWINSZ, &size))
		size = (struct winsize){ 0 };
	s->width = number_in_environment("COLUMNS");
	s->height = number_in_environment("LINES");
	if (!s->width)
		s->width = size.ws_col ? size.ws_col : 80;
	if (!s->height)
		s->height = size.ws_row ? size.ws_row : 24;
	if (wide)
		s->width = 0;
	s->is_coloured = is_colour_wanted();
}

const char *seep_style_colour(const struct seep_style *s, enum seep_colour colour)
{
	static const char *const sequences[] = {
		[SEEP_PLAIN] = "\033[0m", [SEEP_BOLD] = "\033[1m", [SEEP_DIM] = "\033[2m", [SEEP_WARN] = "\033[33m"
	};

	return s->is_coloured ? sequences[colour] : "";
}
