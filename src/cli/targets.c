#include "cli/targets.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/targets-pid.h"
#include "format/format.h"

enum { FILE_BYTES_MAX = 1 << 30 };

void cli_targets_warn(struct cli_targets *t, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = cli_vprintf(fmt, args);
	va_end(args);
	cli_warning("%s", text);
	cli_grow(&t->warnings, &t->cap_warnings, t->nr_warnings + 1, sizeof(*t->warnings));
	t->warnings[t->nr_warnings++] = text;
}

void cli_targets_warn_of(struct cli_targets *t, const char *subject, const struct seep_error *err)
{
	char *text = cli_error_text(subject, err);

	cli_targets_warn(t, "%s", text);
	free(text);
}

/* ---- loading ---- */

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* An empty heap is no finding where nothing of it could be seen. */
static void warn_of_blindness(struct cli_targets *t, const struct cli_target *target)
{
	char blind[256];

	if (target->recording->status.samples_made || target->recording->nr_samples)
		return;
	if (cli_blind_spot(t->options.sysroot, target->recording, blind, sizeof(blind)))
		cli_targets_warn(t, "%s: %s", target->label, blind);
}

static void add_recording(struct cli_targets *t, const char *path, struct seep_recording *r)
{
	struct cli_target target = { .path = cli_strdup(path), .recording = r };

	target.is_alive = strcmp(path, "-") != 0 && cli_alive_pid(t->options.sysroot, r);
	target.now_s = target.is_alive ? seep_recording_now_s(r, monotonic_ns()) : seep_recording_last_s(r);
	target.label = cli_printf("%s[%u]", r->header.name, r->header.pid);
	cli_grow(&t->items, &t->cap, t->nr + 1, sizeof(*t->items));
	t->items[t->nr++] = target;
	warn_of_blindness(t, &t->items[t->nr - 1]);
}

/* What was read is shown; how much is missing is said. */
static void warn_of_cut(struct cli_targets *t, const char *path, const struct seep_recording *r)
{
	char missing[SEEP_UNIT_MAX], whole[SEEP_UNIT_MAX];

	cli_targets_warn(t, "%s: cut short: %s of %s are missing, the rest is shown", path,
	                 seep_format_bytes(missing, (double)r->missing_bytes),
	                 seep_format_bytes(whole, (double)r->header.file_bytes));
}

int cli_load_recording(struct cli_targets *t, const char *path, struct seep_error *err)
{
	struct seep_recording *r = NULL;
	enum seep_status status = seep_recording_read(path, &r, err);

	if (!r)
		return cli_exit_of(status == SEEP_OK ? SEEP_ERR_IO : status);
	if (status == SEEP_ERR_TRUNCATED)
		warn_of_cut(t, path, r);
	add_recording(t, path, r);
	return CLI_OK;
}

static int load_or_say(struct cli_targets *t, const char *path)
{
	struct seep_error err = { .status = SEEP_OK };
	int rc = cli_load_recording(t, path, &err);

	return rc == CLI_OK ? rc : cli_fail(NULL, &err); /* which names the file */
}

static void add_profile(struct cli_targets *t, const char *path, struct seep_profile *p)
{
	const char *slash = strrchr(path, '/');
	struct cli_target target = { .path = cli_strdup(path), .profile = p };

	target.label = cli_strdup(slash ? slash + 1 : path);
	cli_grow(&t->items, &t->cap, t->nr + 1, sizeof(*t->items));
	t->items[t->nr++] = target;
}

/* Bytes of a file of any known kind, told by its content; `path` "-" is standard input. */
static int load_bytes(struct cli_targets *t, const char *path, const uint8_t *bytes, size_t len)
{
	const char *name = strcmp(path, "-") != 0 ? path : "standard input";
	struct seep_error err = { .status = SEEP_OK };
	struct seep_recording *r = NULL;
	struct seep_profile *p = NULL;

	if (!seep_recording_is(bytes, len) && seep_pprof_is(bytes, len)) {
		if (seep_pprof_read(name, bytes, len, &p, &err) != SEEP_OK)
			return cli_fail(NULL, &err);
		add_profile(t, path, p);
		return CLI_OK;
	}
	if (seep_recording_parse(name, bytes, len, &r, &err) == SEEP_ERR_TRUNCATED && r)
		warn_of_cut(t, name, r);
	if (!r)
		return cli_fail(NULL, &err);
	add_recording(t, path, r);
	return CLI_OK;
}

static int load_whole(struct cli_targets *t, const char *path)
{
	struct seep_error err = { .status = SEEP_OK };
	uint8_t *bytes = NULL;
	size_t len = 0;
	int rc;

	if (seep_file_read(path, FILE_BYTES_MAX, &bytes, &len, &err) != SEEP_OK)
		return cli_fail(strcmp(path, "-") != 0 ? NULL : "standard input", &err);
	rc = load_bytes(t, path, bytes, len);
	free(bytes);
	return rc;
}

/* A recording is read as it stands there, for it may be written to; so is what is no known kind, for the message. */
static int load_file(struct cli_targets *t, const char *path)
{
	uint8_t head[16];
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(head, 1, sizeof(head), f) : 0;

	if (f)
		fclose(f);
	return seep_pprof_is(head, len) && !seep_recording_is(head, len) ? load_whole(t, path) : load_or_say(t, path);
}

/* ---- kinds of words ---- */

static int load_directory(struct cli_targets *t, const char *dir)
{
	struct cli_list dirs = { NULL, 0, 0 };
	struct cli_found_list found;
	size_t nr_before = t->nr;
	int rc;

	cli_list_add(&dirs, dir);
	rc = cli_find_recordings(&dirs, true, &found);
	free(dirs.items);
	if (rc != CLI_OK)
		return rc;
	for (size_t i = 0; i < found.nr; i++) {
		struct seep_error err = { .status = SEEP_OK };

		if (cli_load_recording(t, found.items[i].path, &err) != CLI_OK)
			cli_targets_warn_of(t, found.items[i].path, &err);
	}
	cli_found_release(&found);
	if (t->nr > nr_before)
		return CLI_OK;
	cli_error("%s: no recordings in this directory", dir);
	return CLI_INPUT;
}

static int refuse(const char *word, const char *what, const char *instead)
{
	cli_error("%s: reading from %s is not supported by this version: it needs a capture", word, what);
	cli_hint("%s", instead);
	return CLI_USAGE;
}

static int refuse_url(const char *word)
{
	return refuse(word, "a URL", "save what it gives to a file, and name the file");
}

static bool is_number(const char *word)
{
	return *word && strspn(word, "0123456789") == strlen(word) && strlen(word) < 10;
}

static int load_pid(struct cli_targets *t, const char *verb, const char *word, const char *digits)
{
	if (!is_number(digits) || !strtoul(digits, NULL, 10))
		return cli_usage(verb, "'%s' is no pid", word);
	return cli_load_pid(t, (uint32_t)strtoul(digits, NULL, 10));
}

static int load_prefixed(struct cli_targets *t, const char *verb, const char *word, bool *is_prefixed)
{
	*is_prefixed = true;
	if (!strncmp(word, "pid:", 4))
		return load_pid(t, verb, word, word + 4);
	if (!strncmp(word, "container:", 10))
		return cli_load_container(t, word + 10, true);
	if (!strncmp(word, "compose:", 8))
		return refuse(word, "a compose service", "name its container: container:NAME");
	if (!strncmp(word, "k8s:", 4))
		return refuse(word, "a pod", "copy the recording out with 'kubectl cp', and name the file");
	*is_prefixed = false;
	return CLI_OK;
}

static int load_path(struct cli_targets *t, const char *word, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return load_directory(t, word);
	if (S_ISREG(st->st_mode))
		return load_file(t, word);
	cli_error("%s: neither a file nor a directory", word);
	return CLI_INPUT;
}

static int load_word(struct cli_targets *t, const char *verb, const char *word)
{
	bool is_prefixed;
	struct stat st;
	int rc;

	if (!strcmp(word, "-"))
		return load_whole(t, "-");
	if (strstr(word, "://"))
		return refuse_url(word);
	rc = load_prefixed(t, verb, word, &is_prefixed);
	if (is_prefixed)
		return rc;
	if (!stat(word, &st))
		return load_path(t, word, &st);
	if (is_number(word))
		return load_pid(t, verb, word, word);
	if (strchr(word, '/') || cli_is_recording_name(word)) {
		cli_error("%s: %s", word, strerror(errno));
		return CLI_INPUT;
	}
	return cli_load_container(t, word, false);
}

/* Newest first; one that cannot be read is warned of by the search, and the next one counts. */
static int load_newest(struct cli_targets *t)
{
	struct cli_found_list found;
	int rc = cli_find_recordings(&t->options.dirs, true, &found);

	if (rc != CLI_OK)
		return rc;
	if (found.nr) {
		rc = load_or_say(t, found.items[0].path);
	} else {
		cli_say_no_recordings(t->options.dirs.nr ? &t->options.dirs : NULL);
		rc = CLI_INPUT;
	}
	cli_found_release(&found);
	return rc;
}

int cli_targets_resolve(const char *verb, const struct cli_target_options *options, int nr_words, char **words,
                        struct cli_targets *out)
{
	int rc = CLI_OK;

	*out = (struct cli_targets){ .options = *options };
	if (!nr_words)
		rc = load_newest(out);
	for (int i = 0; i < nr_words && rc == CLI_OK; i++)
		rc = load_word(out, verb, words[i]);
	if (rc != CLI_OK)
		cli_targets_release(out);
	return rc;
}

void cli_targets_release(struct cli_targets *t)
{
	for (size_t i = 0; i < t->nr; i++) {
		free(t->items[i].path);
		free(t->items[i].label);
		seep_recording_free(t->items[i].recording);
		seep_profile_free(t->items[i].profile);
	}
	for (size_t i = 0; i < t->nr_warnings; i++)
		free(t->warnings[i]);
	for (size_t i = 0; i < t->nr_profiles; i++)
		seep_profile_free(t->profiles[i]);
	seep_symboliser_free(t->symboliser);
	free(t->items);
	free(t->warnings);
	free(t->profiles);
	*t = (struct cli_targets){ .items = NULL };
}

/* ---- profiles ---- */

static int ready_symboliser(struct cli_targets *t)
{
	struct seep_symbol_options o = { .sysroot = t->options.sysroot,
		                         .symbol_path = t->options.symbol_path.items,
		                         .nr_symbol_path = t->options.symbol_path.nr,
		                         .no_debuginfod = t->options.no_debuginfod };
	struct seep_error err = { .status = SEEP_OK };

	if (t->symboliser || seep_symboliser_new(&o, &t->symboliser, &err) == SEEP_OK)
		return CLI_OK;
	return cli_fail("symbols", &err);
}

/* A warning that an earlier profile already gave is not given again. */
static void take_symbol_warnings(struct cli_targets *t, size_t from)
{
	for (size_t i = from; i < seep_symboliser_nr_warnings(t->symboliser); i++)
		cli_targets_warn(t, "%s", seep_symboliser_warning(t->symboliser, i));
}

static int symbolise(struct cli_targets *t, struct seep_profile *p)
{
	struct seep_error err = { .status = SEEP_OK };
	int rc = ready_symboliser(t);
	size_t nr_before;

	if (rc != CLI_OK)
		return rc;
	nr_before = seep_symboliser_nr_warnings(t->symboliser);
	if (seep_symbolise(t->symboliser, p, &err) != SEEP_OK)
		return cli_fail("symbols", &err);
	take_symbol_warnings(t, nr_before);
	return CLI_OK;
}

/* An empty profile of the same types. */
static enum seep_status new_like(const struct seep_profile *p, struct seep_profile **out, struct seep_error *err)
{
	enum seep_status status = seep_profile_new(out, err);

	for (uint32_t i = 0; status == SEEP_OK && i < p->nr_types; i++)
		if (seep_profile_add_type(*out, seep_profile_str(p, p->types[i].type),
		                          seep_profile_str(p, p->types[i].unit)) == SEEP_NO_ID)
			status = seep_fail(err, SEEP_ERR_NOMEM, "out of memory");
	if (status != SEEP_OK)
		return status;
	(*out)->default_type = p->default_type;
	(*out)->period = p->period;
	(*out)->time_ns = p->time_ns;
	(*out)->duration_ns = p->duration_ns;
	return SEEP_OK;
}

/* A new profile, which the caller owns. */
static int unsymbolised(const struct cli_target *target, const struct seep_choice *choice, struct seep_profile **out)
{
	struct seep_error err = { .status = SEEP_OK };
	enum seep_status status;

	if (target->recording) {
		status = seep_recording_profile_of(target->recording, choice, target->now_s, out, &err);
	} else {
		status = new_like(target->profile, out, &err);
		if (status == SEEP_OK)
			status = seep_profile_merge(*out, target->profile, &err);
	}
	if (status == SEEP_OK)
		return CLI_OK;
	seep_profile_free(*out);
	*out = NULL;
	return cli_fail(target->path, &err);
}

static void own(struct cli_targets *t, struct seep_profile *p)
{
	cli_grow(&t->profiles, &t->cap_profiles, t->nr_profiles + 1, sizeof(struct seep_profile *));
	t->profiles[t->nr_profiles++] = p;
}

int cli_target_profile(struct cli_targets *t, size_t i, uint8_t kind, struct seep_profile **out)
{
	struct seep_choice choice = { .from = NULL };
	struct seep_profile *p = NULL;
	int rc;

	choice.kinds[kind] = true;
	rc = unsymbolised(&t->items[i], &choice, &p);

	if (rc != CLI_OK)
		return rc;
	own(t, p);
	rc = symbolise(t, p);
	if (rc == CLI_OK)
		*out = p;
	return rc;
}

int cli_targets_profile(struct cli_targets *t, const struct seep_choice *choices, struct seep_profile **out)
{
	struct seep_error err = { .status = SEEP_OK };
	struct seep_profile *all = NULL;
	int rc = unsymbolised(&t->items[0], &choices[0], &all);

	if (rc != CLI_OK)
		return rc;
	own(t, all);
	for (size_t i = 1; i < t->nr && rc == CLI_OK; i++) {
		struct seep_profile *p = NULL;

		rc = unsymbolised(&t->items[i], &choices[i], &p);
		if (rc == CLI_OK && seep_profile_merge(all, p, &err) != SEEP_OK)
			rc = cli_fail(t->items[i].path, &err);
		seep_profile_free(p);
	}
	if (rc == CLI_OK)
		rc = symbolise(t, all);
	if (rc == CLI_OK)
		*out = all;
	return rc;
}
