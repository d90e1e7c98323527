#include "base/base.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void seep_json_init(struct seep_json *j, FILE *out, bool is_pretty)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
	j->is_pretty = is_pretty;
}

static void new_line(const struct seep_json *j)
{
	if (!j->is_pretty)
		return;
	fputc('\n', j->out);
	for (unsigned i = 0; i < j->depth; i++)
		fputs("  ", j->out);
}

/* Plain runs are written whole; `from` is where the present run began. */
static void write_string(FILE *out, const char *text, size_t len)
{
	size_t from = 0;

	fputc('"', out);
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t nr = seep_utf8_next(text + i, len - i, &code);
		bool is_plain = code != SEEP_UTF8_BAD && code >= 0x20 && code != '"' && code != '\\' && code != 0x7f;

		if (!is_plain) {
			fwrite(text + from, 1, i - from, out);
			from = i + nr;
			if (code == SEEP_UTF8_BAD)
				fputs("\xef\xbf\xbd", out);
			else if (code == '"' || code == '\\')
				fprintf(out, "\\%c", (char)code);
			else
				fprintf(out, "\\u%04" PRIx32, code);
		}
		i += nr;
	}
	fwrite(text + from, 1, len - from, out);
	fputc('"', out);
}

/* Comma, line break and key: what stands before every value. */
static void before_value(struct seep_json *j, const char *key)
{
	uint64_t bit = 1ull << j->depth;

	if (j->has_members & bit)
		fputc(',', j->out);
	j->has_members |= bit;
	if (j->depth)
		new_line(j);
	if (!key)
		return;
	write_string(j->out, key, strlen(key));
	fputs(j->is_pretty ? ": " : ":", j->out);
}

static void open_level(struct seep_json *j, const char *key, char bracket, bool is_array)
{
	before_value(j, key);
	fputc(bracket, j->out);
	assert(j->depth + 1 < SEEP_JSON_MAX_DEPTH);
	j->depth++;
	j->has_members &= ~(1ull << j->depth);
	j->is_array &= ~(1ull << j->depth);
	if (is_array)
		j->is_array |= 1ull << j->depth;
}

void seep_json_object(struct seep_json *j, const char *key)
{
	open_level(j, key, '{', false);
}

void seep_json_array(struct seep_json *j, const char *key)
{
	open_level(j, key, '[', true);
}

void seep_json_end(struct seep_json *j)
{
	uint64_t bit = 1ull << j->depth;

	assert(j->depth);
	j->depth--;
	if (j->has_members & bit)
		new_line(j);
	fputc(j->is_array & bit ? ']' : '}', j->out);
	if (!j->depth && j->is_pretty)
		fputc('\n', j->out);
}

void seep_json_strn(struct seep_json *j, const char *key, const char *text, size_t len)
{
	before_value(j, key);
	write_string(j->out, text, len);
}

void seep_json_str(struct seep_json *j, const char *key, const char *text)
{
	if (text)
		seep_json_strn(j, key, text, strlen(text));
	else
		seep_json_null(j, key);
}

void seep_json_u64(struct seep_json *j, const char *key, uint64_t v)
{
	before_value(j, key);
	fprintf(j->out, "%" PRIu64, v);
}

void seep_json_i64(struct seep_json *j, const char *key, int64_t v)
{
	before_value(j, key);
	fprintf(j->out, "%" PRIi64, v);
}

void seep_json_bool(struct seep_json *j, const char *key, bool v)
{
	before_value(j, key);
	fputs(v ? "true" : "false", j->out);
}

void seep_json_null(struct seep_json *j, const char *key)
{
	before_value(j, key);
	fputs("null", j->out);
}

void seep_json_double(struct seep_json *j, const char *key, double v)
{
	char text[40], *comma;

	if (!isfinite(v)) {
		seep_json_null(j, key);
		return;
	}
	before_value(j, key);
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v) /* the shortest form that reads back as the same number */
			break;
	}
	comma = strchr(text, ','); /* a locale's decimal sign */
	if (comma)
		*comma = '.';
	fputs(text, j->out);
}
