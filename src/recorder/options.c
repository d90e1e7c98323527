/*
 * SEEP_OPTIONS="period=512K,size=4M,mmap=on": one table of keys. A bad key or value keeps its default and is reported
 * by name and value. The environment is read as an array, without getenv, because other libraries may wrap it.
 */
#include "recorder/recorder.h"
#include "recorder/sys.h"
#include "recorder/text.h"

enum kind { BYTES, SWITCH, NUMBER, SHARE };

struct key {
	const char *name;
	enum kind kind;
	uint64_t min, max;
	size_t offset;
};

static const struct key keys[] = {
	{ "period", BYTES, 1, SEEP_REC_MAX_PERIOD, offsetof(struct seep_options, period) },
	{ "size", BYTES, SEEP_REC_MIN_BYTES, SEEP_REC_MAX_BYTES, offsetof(struct seep_options, size) },
	{ "mmap", SWITCH, 0, 1, offsetof(struct seep_options, mmap) }, /* sample mmap, munmap, mremap too */
	{ "follow", SWITCH, 0, 1,
	  offsetof(struct seep_options, follow) }, /* programs started by exec are recorded too */
	{ "verbose", SWITCH, 0, 1, offsetof(struct seep_options, verbose) }, /* one line on fd 2 at the start */
	{ "budget", SHARE, 1, 1000000,
	  offsetof(struct seep_options, budget_ppm) }, /* of one CPU, for the recorder itself */
	{ "seed", NUMBER, 0, UINT64_MAX,
	  offsetof(struct seep_options, seed) }, /* of the sampling, for repeatable tests */
};

/* Reads "512K", "4MiB", "100"; the unit is a power of 1024. */
static bool parse_bytes(const char *s, size_t len, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *end;
	uint64_t v = text_u64(s, &end);
	size_t used = (size_t)(end - s);
	uint32_t shift = 0;

	if (!used || used > len)
		return false;
	if (used < len)
		for (uint32_t i = 0; i < 4; i++)
			if ((s[used] & ~0x20) == units[i])
				shift = 10 * (i + 1);
	used += shift != 0;
	if (used < len && s[used] == 'i')
		used++;
	if (used < len && s[used] == 'B')
		used++;
	if (used != len || v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

/* Reads "0.5%", "2%": to millionths. */
static bool parse_share(const char *s, size_t len, uint64_t *out)
{
	const char *end;
	uint64_t v = text_u64(s, &end);
	uint32_t nr = 0;

	if (end == s || v > 100)
		return false;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9' && nr < 4; nr++)
			v = v * 10 + (uint64_t)(*end++ - '0');
	if (*end != '%' || end + 1 != s + len || (end[-1] == '.'))
		return false;
	for (; nr < 4; nr++)
		v *= 10;
	*out = v;
	return true;
}

static bool is_word(const char *s, size_t len, const char *word)
{
	return text_starts(s, word) && text_len(word) == len;
}

static bool parse_value(const struct key *k, const char *s, size_t len, struct seep_options *o)
{
	void *field = (char *)o + k->offset;
	uint64_t v;

	if (k->kind == SWITCH) {
		bool is_on = is_word(s, len, "on") || is_word(s, len, "1") || is_word(s, len, "yes");

		if (!is_on && !is_word(s, len, "off") && !is_word(s, len, "0") && !is_word(s, len, "no"))
			return false;
		*(bool *)field = is_on;
		return true;
	}
	if (!(k->kind == SHARE ? parse_share : parse_bytes)(s, len, &v) || v < k->min || v > k->max)
		return false;
	*(uint64_t *)field = v;
	return true;
}

/* Adds a key with its value to the list of bad ones, as far as there is room. */
static void note_bad(char *list, size_t cap, const char *s, size_t len)
{
	struct text t = { .p = list, .len = text_len(list), .cap = cap };

	if (t.len)
		text_add(&t, ", ");
	for (size_t i = 0; i < len; i++) {
		const char c[2] = { s[i] >= ' ' && s[i] < 127 ? s[i] : '?', 0 };

		text_add(&t, c);
	}
}

static void parse_pair(const char *s, size_t len, struct seep_options *o)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t n = text_len(keys[i].name);

		if (n >= len || s[n] != '=' || !text_starts(s, keys[i].name))
			continue;
		if (parse_value(&keys[i], s + n + 1, len - n - 1, o)) {
			o->exact_size |= keys[i].offset == offsetof(struct seep_options, size);
			return;
		}
		break;
	}
	note_bad(o->bad_option, sizeof(o->bad_option), s, len);
}

/*
 * A copy, because programs write their title over the environment, and with the directory that a relative one starts
 * from, because children change theirs. What does not fit is left as it is, and cannot be opened.
 */
static void note_dir(struct seep_options *o, const char *value)
{
	static char directory[4096];
	struct text t = text_in(directory, sizeof(directory));

	if (value[0] != '/' && sys_call(SYS_getcwd, (long)directory, sizeof(directory), 0, 0, 0, 0) > 0 &&
	    directory[0] == '/') {
		t.len = text_len(directory);
		text_add(&t, "/");
	}
	text_add(&t, value);
	o->dir = t.is_cut ? value : directory;
}

void seep_options_read(struct seep_options *o, char **environment)
{
	const char *list = "";

	*o = (struct seep_options){
		.period = SEEP_REC_DEFAULT_PERIOD, .size = SEEP_REC_DEFAULT_BYTES, .mmap = true, .follow = true
	};
	for (char **e = environment; e && *e; e++) {
		if (text_starts(*e, "SEEP_OPTIONS="))
			list = *e + 13;
		else if (text_starts(*e, "SEEP_DIR=") && (*e)[9])
			note_dir(o, *e + 9);
	}
	while (*list) {
		size_t len = 0;

		while (list[len] && list[len] != ',')
			len++;
		if (len)
			parse_pair(list, len, o);
		list += len + (list[len] == ',');
	}
	if (o->period == 1 && !o->exact_size)
		o->size = SEEP_REC_EXACT_BYTES;
}
