#include "cli/window.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400.0

/* ---- words ---- */

static bool parse_clock(const char *text, struct window_word *w)
{
	int used = -1;

	w->second = 0;
	if (sscanf(text, "%2d:%2d:%2d%n", &w->hour, &w->minute, &w->second, &used) < 3 || used < 0) {
		w->second = 0;
		if (sscanf(text, "%2d:%2d%n", &w->hour, &w->minute, &used) < 2 || used < 0)
			return false;
	}
	text += used;
	w->is_utc = !strcmp(text, "Z");
	return (w->is_utc || !*text) && w->hour >= 0 && w->hour < 24 && w->minute >= 0 && w->minute < 60 &&
	       w->second >= 0 && w->second < 61;
}

/* "14:05", "14:05:30", "2026-11-24T14:05", each with Z for UTC. */
static bool parse_time(const char *text, struct window_word *w)
{
	int used = -1;

	w->is_clock = true;
	if (sscanf(text, "%4d-%2d-%2d%n", &w->year, &w->month, &w->day, &used) == 3 && used > 0) {
		w->has_date = true;
		return (text[used] == 'T' || text[used] == ' ') && w->year >= 1970 && w->year < 3000 && w->month >= 1 &&
		       w->month <= 12 && w->day >= 1 && w->day <= 31 && parse_clock(text + used + 1, w);
	}
	return isdigit((unsigned char)text[0]) && parse_clock(text, w);
}

static bool parse_word(const char *text, size_t len, struct window_word *w)
{
	static const struct {
		const char *word;
		enum seep_moment_kind kind;
	} words[] = { { "now", SEEP_MOMENT_NOW }, { "start", SEEP_MOMENT_START }, { "peak", SEEP_MOMENT_PEAK } };

	*w = (struct window_word){ .text = cli_printf("%.*s", (int)len, text), .kind = SEEP_MOMENT_TIME };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(w->text, words[i].word)) {
			w->kind = words[i].kind;
			return true;
		}
	if (!strncmp(w->text, "mark:", 5)) {
		w->kind = SEEP_MOMENT_MARK;
		return w->text[5];
	}
	return seep_parse_seconds(w->text, &w->ago_s) || parse_time(w->text, w);
}

static int refuse(const char *verb, const char *option, const char *text)
{
	return cli_usage(verb,
	                 "--%s: '%s' is no moment: give 10m (ago), 14:05, 2026-11-24T14:05, mark:NAME, peak, "
	                 "start or now",
	                 option, text);
}

static int parse_both(const char *verb, const char *text, struct window *out)
{
	const char *comma = strchr(text, ',');

	if (!comma)
		return cli_usage(verb, "--between: '%s' is not two moments with a comma between them", text);
	if (!parse_word(text, (size_t)(comma - text), &out->from))
		return refuse(verb, "between", out->from.text);
	if (!parse_word(comma + 1, strlen(comma + 1), &out->to))
		return refuse(verb, "between", out->to.text);
	return CLI_OK;
}

int window_parse(const char *verb, const struct window_options *o, struct window *out)
{
	int rc = CLI_OK;

	*out = (struct window){ .has_from = o->since || o->between, .has_to = o->since || o->between || o->at };
	if (!!o->since + !!o->between + !!o->at > 1)
		return cli_usage(verb, "--since, --between and --at exclude each other");
	if (o->between)
		return parse_both(verb, o->between, out);
	if (o->since && !parse_word(o->since, strlen(o->since), &out->from))
		rc = refuse(verb, "since", o->since);
	if (o->since && rc == CLI_OK && !parse_word("now", 3, &out->to))
		rc = CLI_USAGE;
	if (o->at && !parse_word(o->at, strlen(o->at), &out->to))
		rc = refuse(verb, "at", o->at);
	return rc;
}

void window_release(struct window *w)
{
	free(w->from.text);
	free(w->to.text);
	free(w->from_of);
	free(w->to_of);
	*w = (struct window){ .has_from = false };
}

/* ---- found in a recording ---- */

static double realtime_s(const struct seep_recording *r, double time_s)
{
	return (double)r->header.epoch_realtime_ns / 1e9 + time_s;
}

/* Seconds since the recording's epoch of a time of the clock: without a date the last one before `now_s`. */
static double clock_s(const struct window_word *w, const struct seep_recording *r, double now_s)
{
	double last = realtime_s(r, now_s), found;
	time_t t = (time_t)last;
	struct tm tm = { .tm_isdst = -1 };

	if (w->is_utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	if (w->has_date) {
		tm.tm_year = w->year - 1900;
		tm.tm_mon = w->month - 1;
		tm.tm_mday = w->day;
	}
	tm.tm_hour = w->hour;
	tm.tm_min = w->minute;
	tm.tm_sec = w->second;
	tm.tm_isdst = -1;
	found = (double)(w->is_utc ? timegm(&tm) : mktime(&tm));
	if (!w->has_date && found > last)
		found -= DAY_S;
	return found - realtime_s(r, 0);
}

static int find_one(const struct window_word *w, const struct cli_target *t, struct seep_moment *m)
{
	struct seep_error err = { .status = SEEP_OK };

	*m = (struct seep_moment){ .kind = w->kind };
	if (w->kind == SEEP_MOMENT_MARK)
		m->mark = w->text + 5;
	if (w->kind == SEEP_MOMENT_TIME)
		m->time_s = w->is_clock ? clock_s(w, t->recording, t->now_s) : t->now_s - w->ago_s;
	if (seep_moment_find(t->recording, t->now_s, m, &err) == SEEP_OK)
		return CLI_OK;
	return cli_fail(NULL, &err);
}

static int check_order(const struct window *w, const char *verb, const struct cli_target *t,
                       const struct seep_moment *from, const struct seep_moment *to)
{
	char gap[SEEP_UNIT_MAX];

	if (from->time_s > to->time_s)
		return cli_usage(verb, "%s: %s is not before %s", t->label, w->from.text, w->to.text);
	if (from->used_s < to->used_s || from->time_s >= to->time_s)
		return CLI_OK;
	return cli_usage(verb, "%s: %s and %s are too close: moments kept there are %s apart", t->label, w->from.text,
	                 w->to.text, seep_format_seconds(gap, fmax(from->spacing_s, to->spacing_s)));
}

int window_find(struct window *w, const char *verb, const struct cli_targets *targets)
{
	int rc = CLI_OK;

	w->from_of = cli_alloc(targets->nr, sizeof(*w->from_of));
	w->to_of = cli_alloc(targets->nr, sizeof(*w->to_of));
	w->with_objects = true;
	for (size_t i = 0; i < targets->nr && rc == CLI_OK && w->has_to; i++) {
		const struct cli_target *t = &targets->items[i];

		if (!t->recording) {
			cli_error("%s: a profile is of one moment: it tells nothing of others", t->path);
			return CLI_INPUT;
		}
		rc = find_one(&w->to, t, &w->to_of[i]);
		w->with_objects = w->with_objects && w->to_of[i].has_objects;
		if (rc != CLI_OK || !w->has_from)
			continue;
		rc = find_one(&w->from, t, &w->from_of[i]);
		w->with_objects = w->with_objects && w->from_of[i].has_objects;
		if (rc == CLI_OK)
			rc = check_order(w, verb, t, &w->from_of[i], &w->to_of[i]);
	}
	return rc;
}

/* ---- told ---- */

static const char *kept(char *text)
{
	return text ? text : "";
}

static const char *utc_of(struct seep_arena *arena, const struct seep_recording *r, double time_s)
{
	time_t t = (time_t)floor(realtime_s(r, time_s) + 1e-6);
	struct tm tm;
	char text[32] = "";

	if (gmtime_r(&t, &tm) && !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = 0;
	return kept(seep_arena_strndup(arena, text, strlen(text)));
}

/* "mark 'x'", "the peak"; "" of a time. */
static const char *name_of(struct seep_arena *arena, const struct seep_moment *m, bool is_alive)
{
	switch (m->kind) {
	case SEEP_MOMENT_NOW: return is_alive ? "now" : "its end";
	case SEEP_MOMENT_START: return "its start";
	case SEEP_MOMENT_PEAK: return "its peak";
	case SEEP_MOMENT_MARK: return kept(seep_arena_printf(arena, "mark '%s'", m->mark));
	case SEEP_MOMENT_TIME: break;
	}
	return "";
}

static const char *text_of(struct seep_arena *arena, const struct cli_target *t, const struct window_word *w,
                           const struct seep_moment *m, const char *utc)
{
	const char *name = name_of(arena, m, t->is_alive);
	char ago[SEEP_UNIT_MAX], asked[SEEP_UNIT_MAX], gap[SEEP_UNIT_MAX];
	const char *later = t->is_alive ? "ago" : "before its end";
	bool is_other = m->spacing_s > 0 && fabs(m->used_s - m->time_s) >= 0.5;

	seep_format_seconds(ago, fmax(t->now_s - m->used_s, 0));
	if (m->kind == SEEP_MOMENT_NOW || m->kind == SEEP_MOMENT_START)
		return kept(seep_arena_printf(arena, "%s, %s", utc, name));
	if (!is_other)
		return kept(seep_arena_printf(arena, "%s, %s%s%s %s", utc, name, *name ? ", " : "", ago, later));
	seep_format_seconds(asked, fmax(t->now_s - m->time_s, 0));
	return kept(seep_arena_printf(arena,
	                              "%s, %s %s: the moment kept nearest to %s, %s %s (they are %s apart there)", utc,
	                              ago, later, w->text, asked, later, seep_format_seconds(gap, m->spacing_s)));
}

static const char *how_of(const struct seep_moment *m)
{
	switch (m->source) {
	case SEEP_MOMENT_OF_NOTHING: return "start";
	case SEEP_MOMENT_OF_PEAK: return "peak";
	case SEEP_MOMENT_OF_MARK: return "mark";
	case SEEP_MOMENT_OF_TRAIL: return "trail";
	case SEEP_MOMENT_OF_SAMPLES: break;
	}
	return "live";
}

static void tell(struct seep_arena *arena, const struct cli_target *t, const struct window_word *w,
                 const struct seep_moment *m, struct seep_when *out)
{
	out->utc = utc_of(arena, t->recording, m->used_s);
	out->text = text_of(arena, t, w, m, out->utc);
	out->asked = w->text;
	out->how = how_of(m);
	out->time_s = m->used_s;
	out->asked_s = m->time_s;
	out->spacing_s = m->spacing_s;
}

void window_tell(const struct window *w, const struct cli_targets *targets, size_t i, struct seep_arena *arena,
                 struct seep_source *out)
{
	if (w->has_from)
		tell(arena, &targets->items[i], &w->from, &w->from_of[i], &out->from);
	if (w->has_to)
		tell(arena, &targets->items[i], &w->to, &w->to_of[i], &out->to);
}
