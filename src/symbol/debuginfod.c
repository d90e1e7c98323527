#include "locate.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Loaded at run time: most machines that read recordings have no debuginfod, and the tool must start there. */
#define LIBRARY "libdebuginfod.so.1"
typedef struct debuginfod_client client;
typedef int (*progress_fn)(client *, long, long);

/* A server that sends nothing for so long is given up; DEBUGINFOD_TIMEOUT overrides, as in elfutils. */
#define SILENCE_S 10
/* And one that only trickles: DEBUGINFOD_MAXTIME overrides. */
#define WHOLE_S 120

struct debuginfod {
	void *library;
	client *client;
	void (*end)(client *);
	int (*find_debuginfo)(client *, const unsigned char *, int, char **);
	int (*find_executable)(client *, const unsigned char *, int, char **);
	time_t silence_s, silent_since, whole_s, started;
	long received;
	bool has_given_up;
	char trouble[160];
};

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A function's address from dlsym; ISO C has no cast for it. */
static bool find_symbol(void *library, const char *name, void *out)
{
	void *symbol = dlsym(library, name);

	memcpy(out, &symbol, sizeof(symbol));
	return symbol != NULL;
}

/*
 * Called by the library every second or sooner; not 0 ends the query. `total` is 0 until a server answers: up to then
 * `received` counts calls, not bytes.
 */
static int progress(client *c, long received, long total)
{
	void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_NOLOAD);
	void *(*get_user_data)(client *) = NULL;
	struct debuginfod *d;

	if (!library)
		return 0;
	d = find_symbol(library, "debuginfod_get_user_data", &get_user_data) ? get_user_data(c) : NULL;
	dlclose(library);
	if (!d)
		return 0;
	if (total > 0 && received != d->received) {
		d->received = received;
		d->silent_since = now_s();
	}
	d->has_given_up = now_s() - d->silent_since >= d->silence_s || now_s() - d->started >= d->whole_s;
	return d->has_given_up;
}

static bool load(struct debuginfod *d)
{
	void (*set_progressfn)(client *, progress_fn) = NULL;
	void (*set_user_data)(client *, void *) = NULL;
	client *(*begin)(void) = NULL;

	d->library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (!d->library || !find_symbol(d->library, "debuginfod_begin", &begin) ||
	    !find_symbol(d->library, "debuginfod_end", &d->end) ||
	    !find_symbol(d->library, "debuginfod_find_debuginfo", &d->find_debuginfo) ||
	    !find_symbol(d->library, "debuginfod_find_executable", &d->find_executable) ||
	    !find_symbol(d->library, "debuginfod_set_user_data", &set_user_data) ||
	    !find_symbol(d->library, "debuginfod_set_progressfn", &set_progressfn))
		return false;
	d->client = begin();
	if (!d->client)
		return false;
	set_user_data(d->client, d);
	set_progressfn(d->client, progress);
	return true;
}

static time_t seconds_of(const char *variable, time_t otherwise)
{
	const char *text = getenv(variable);
	long value = text ? atol(text) : 0;

	return value > 0 ? value : otherwise;
}

struct debuginfod *debuginfod_new(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	struct debuginfod *d;

	if (!urls || !urls[strspn(urls, " ")])
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->silence_s = seconds_of("DEBUGINFOD_TIMEOUT", SILENCE_S);
	d->whole_s = seconds_of("DEBUGINFOD_MAXTIME", WHOLE_S);
	if (!load(d)) {
		debuginfod_free(d);
		return NULL;
	}
	return d;
}

void debuginfod_free(struct debuginfod *d)
{
	if (!d)
		return;
	if (d->client)
		d->end(d->client);
	/* Never dlclose'd: libcurl and what it pulls in leave handlers behind. */
	free(d);
}

/* Any answer but "no such file" means that asking again would only cost time. */
static void note_trouble(struct debuginfod *d, int error)
{
	if (error == ENOENT && !d->has_given_up)
		return;
	if (d->has_given_up)
		snprintf(d->trouble, sizeof(d->trouble), "debuginfod: gave up after %ld s, not asked again",
		         (long)(now_s() - d->started));
	else
		snprintf(d->trouble, sizeof(d->trouble), "debuginfod: %s, not asked again", strerror(error));
	d->has_given_up = true;
}

int debuginfod_find(struct debuginfod *d, const char *hex, bool want_debuginfo)
{
	char *path = NULL;
	int fd;

	if (!d || d->has_given_up || !*hex)
		return -1;
	d->started = d->silent_since = now_s();
	d->received = 0;
	/* Length 0: the id is hexadecimal text. */
	fd = (want_debuginfo ? d->find_debuginfo : d->find_executable)(d->client, (const unsigned char *)hex, 0, &path);
	free(path);
	if (fd < 0)
		note_trouble(d, -fd);
	return fd < 0 ? -1 : fd;
}

const char *debuginfod_trouble(const struct debuginfod *d)
{
	return d && *d->trouble ? d->trouble : NULL;
}
