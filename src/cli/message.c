#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

int cli_exit_of(enum seep_status status)
{
	switch (status) {
	case SEEP_OK: return CLI_OK;
	case SEEP_ERR_USAGE: return CLI_USAGE;
	case SEEP_ERR_IO:
	case SEEP_ERR_FORMAT:
	case SEEP_ERR_TRUNCATED:
	case SEEP_ERR_UNSUPPORTED:
	case SEEP_ERR_LIMIT:
	case SEEP_ERR_NOT_FOUND: return CLI_INPUT;
	case SEEP_ERR_NOMEM: break;
	}
	return CLI_SYSTEM;
}

static void write_all(const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

/* Control characters that came in with a name or an argument must not reach the terminal; our own newline is added
 * last. */
SEEP_PRINTF(2, 0)
static void message(const char *prefix, const char *fmt, va_list args)
{
	char raw[2048], line[4 * sizeof(raw)];
	int len = snprintf(raw, sizeof(raw), "%s", prefix);
	int more = vsnprintf(raw + len, sizeof(raw) - (size_t)len, fmt, args);
	size_t nr;

	if (more < 0)
		return;
	nr = seep_text_clean(line, sizeof(line) - 1, raw, strlen(raw));
	line[nr++] = '\n';
	write_all(line, nr);
}

void cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message("seep: ", fmt, args);
	va_end(args);
}

void cli_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message("seep: warning: ", fmt, args);
	va_end(args);
}

void cli_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message("seep: ", fmt, args);
	va_end(args);
}

void cli_hint(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message("hint: ", fmt, args);
	va_end(args);
}

char *cli_error_text(const char *subject, const struct seep_error *err)
{
	char at[48] = "";

	if (err->offset != SEEP_NO_OFFSET && err->offset)
		snprintf(at, sizeof(at), " (at byte %llu)", (unsigned long long)err->offset);
	if (!subject || strstr(err->what, subject)) /* who failed may have named it already */
		return cli_printf("%s%s", err->what, at);
	return cli_printf("%s: %s%s", subject, err->what, at);
}

int cli_fail(const char *subject, const struct seep_error *err)
{
	char *text = cli_error_text(subject, err);

	cli_error("%s", text);
	free(text);
	return cli_exit_of(err->status);
}

int cli_usage(const char *verb, const char *fmt, ...)
{
	va_list args;
	char *what;

	va_start(args, fmt);
	what = cli_vprintf(fmt, args);
	va_end(args);
	if (verb) {
		cli_error("%s: %s", verb, what);
		cli_hint("seep %s --help", verb);
	} else {
		cli_error("%s", what);
		cli_hint("seep --help");
	}
	free(what);
	return CLI_USAGE;
}

static void die_of_memory(void)
{
	cli_error("out of memory");
	_exit(CLI_SYSTEM);
}

void *cli_alloc(size_t nmemb, size_t size)
{
	void *p = calloc(nmemb ? nmemb : 1, size ? size : 1);

	if (!p)
		die_of_memory();
	return p;
}

void cli_grow(void *array_ptr, size_t *nr_alloc, size_t want, size_t size)
{
	if (!seep_grow(array_ptr, nr_alloc, want, size))
		die_of_memory();
}

char *cli_strdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		die_of_memory();
	return copy;
}

char *cli_vprintf(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		die_of_memory();
	return text;
}

char *cli_printf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = cli_vprintf(fmt, args);
	va_end(args);
	return text;
}

void cli_list_add(struct cli_list *list, const char *item)
{
	cli_grow(&list->items, &list->cap, list->nr + 1, sizeof(*list->items));
	list->items[list->nr++] = item;
}
