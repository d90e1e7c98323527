/* The n-th allocation fails, for every n: reading, converting, merging and writing say so and leak nothing. */
#include <stdlib.h>

#include "analyse/analyse.h"
#include "format/format.h"
#include "recording/recording.h"
#include "synth.h"
#include "tap.h"

/* The linker leads the parts' calls of malloc and friends here (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t nmemb, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t nmemb, size_t size);
void *__wrap_realloc(void *p, size_t size);

static size_t nr_until_failure; /* 0: none fails */
static bool has_failed;

static bool fails(void)
{
	if (!nr_until_failure || --nr_until_failure)
		return false;
	has_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t nmemb, size_t size)
{
	return fails() ? NULL : __real_calloc(nmemb, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

static const uint8_t *file_bytes;
static size_t file_len;
static FILE *nowhere;

static enum seep_status read_recording(struct seep_error *err)
{
	struct seep_recording *r = NULL;
	enum seep_status status = seep_recording_parse("x", file_bytes, file_len, &r, err);

	seep_recording_free(r);
	return status;
}

static struct seep_recording *recording;
static struct seep_profile *profile;

static enum seep_status convert(struct seep_error *err)
{
	struct seep_profile *p = NULL;
	enum seep_status status = seep_recording_profile(recording, SEEP_REC_KIND_HEAP, 1, &p, err);

	seep_profile_free(p);
	return status;
}

static enum seep_status merge(struct seep_error *err)
{
	struct seep_profile *p = NULL;
	enum seep_status status = seep_recording_profile(recording, SEEP_REC_KIND_HEAP, 1, &p, err);

	if (status == SEEP_OK)
		status = seep_profile_merge(p, profile, err);
	seep_profile_free(p);
	return status;
}

static enum seep_status write_pprof(struct seep_error *err)
{
	return seep_pprof_write(profile, nowhere, err);
}

static enum seep_status write_folded(struct seep_error *err)
{
	return seep_folded_write(profile, SEEP_INUSE_SPACE, nowhere, err);
}

static enum seep_status write_json(struct seep_error *err)
{
	return seep_json_profile_write(profile, nowhere, err);
}

static char *pprof_bytes;
static size_t pprof_len;

static enum seep_status read_pprof(struct seep_error *err)
{
	struct seep_profile *p = NULL;
	enum seep_status status = seep_pprof_read("x", pprof_bytes, pprof_len, &p, err);

	seep_profile_free(p);
	return status;
}

static const struct seep_analyse_options by_inuse = { .type = SEEP_INUSE_SPACE };

static enum seep_status analyse_top(struct seep_error *err)
{
	struct seep_table *t = NULL;
	enum seep_status status = seep_analyse_top(profile, &by_inuse, &t, err);

	seep_table_free(t);
	return status;
}

static enum seep_status analyse_tree(struct seep_error *err)
{
	struct seep_tree *t = NULL;
	enum seep_status status = seep_analyse_tree(profile, &by_inuse, &t, err);

	seep_tree_free(t);
	return status;
}

static bool always(const char *function, void *data)
{
	(void)function;
	(void)data;
	return true;
}

static enum seep_status analyse_peek(struct seep_error *err)
{
	struct seep_peeks *k = NULL;
	enum seep_status status = seep_analyse_peek(profile, &by_inuse, always, NULL, &k, err);

	seep_peeks_free(k);
	return status;
}

/* Until a run needs fewer than n allocations. */
static void every_failure_is_reported(const char *what, enum seep_status (*run)(struct seep_error *))
{
	size_t n = 0, nr_wrong = 0;

	do {
		struct seep_error err = { 0 };
		enum seep_status status;

		has_failed = false;
		nr_until_failure = ++n;
		status = run(&err);
		nr_until_failure = 0;
		nr_wrong += status != (has_failed ? SEEP_ERR_NOMEM : SEEP_OK) || err.status != status;
	} while (has_failed && n < 100000);
	printf("# %s: %zu allocations\n", what, n - 1);
	EQ_U(nr_wrong, 0);
	OK(n > 3);
}

static struct synth *recorded(void)
{
	struct synth *s = synth_new(NULL);
	uint32_t module = synth_module(s, "/usr/bin/server", 0x400000, 0x500000, "0123abcd");

	synth_thread(s, 7, "worker\xff");
	for (uint64_t i = 0; i < 40; i++) {
		uint32_t stack = synth_stack(s, SEEP_REC_KIND_HEAP, 2, SEEP_REC_FRAME(module, 0x1000 + i),
		                             SEEP_REC_FRAME(module, 0x2000));

		synth_blocks(s, stack, 5, 100 * (i + 1), 512 << 10, 0, 1000000);
	}
	return s;
}

int main(void)
{
	struct synth *s = recorded();
	FILE *out;

	nowhere = fopen("/dev/null", "w");
	file_bytes = synth_bytes(s, &file_len);
	out = open_memstream(&pprof_bytes, &pprof_len);
	if (!nowhere || !out || seep_recording_parse("x", file_bytes, file_len, &recording, NULL) != SEEP_OK ||
	    seep_recording_profile(recording, SEEP_REC_KIND_HEAP, 1, &profile, NULL) != SEEP_OK ||
	    seep_pprof_write(profile, out, NULL) != SEEP_OK)
		return 1;
	fclose(out);
	every_failure_is_reported("read a recording", read_recording);
	every_failure_is_reported("make a profile", convert);
	every_failure_is_reported("merge", merge);
	every_failure_is_reported("write pprof", write_pprof);
	every_failure_is_reported("write folded stacks", write_folded);
	every_failure_is_reported("write JSON", write_json);
	every_failure_is_reported("read pprof", read_pprof);
	every_failure_is_reported("top", analyse_top);
	every_failure_is_reported("tree", analyse_tree);
	every_failure_is_reported("peek", analyse_peek);
	free(pprof_bytes);
	seep_profile_free(profile);
	seep_recording_free(recording);
	synth_free(s);
	fclose(nowhere);
	return tap_done();
}
