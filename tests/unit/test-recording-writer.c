#include "recording/recording.h"
#include "synth.h"
#include "tap.h"

#include <errno.h>
#include <sys/stat.h>

static char path[] = "/tmp/seep-test-writer-XXXXXX";

static struct seep_recording *read_back(void)
{
	struct seep_recording *r = NULL;

	if (seep_recording_read(path, &r, NULL) != SEEP_OK)
		abort();
	return r;
}

static struct seep_recording_writer *open_writer(void)
{
	struct seep_recording_writer *w = NULL;

	if (seep_recording_writer_open(path, &w, NULL) != SEEP_OK)
		abort();
	return w;
}

static void fresh_file(void)
{
	struct synth *s = synth_new(NULL);

	synth_thread(s, 11, "");
	synth_thread(s, 12, "known");
	synth_write(s, path);
	synth_free(s);
}

static uint64_t control_after(uint64_t period, int on)
{
	struct seep_recording *r;
	uint64_t control;

	EQ_U(seep_recording_control(path, period, on, NULL), SEEP_OK);
	r = read_back();
	control = r->words.control;
	seep_recording_free(r);
	return control;
}

static void the_control_word_keeps_what_is_not_set(void)
{
	uint64_t control;

	fresh_file();
	control = control_after(4096, -1);
	EQ_U(control & ((1ull << 48) - 1), 4096);
	EQ_U(control >> 63, 1);
	EQ_U(control >> 48 & 0x7fff, 1);
	control = control_after(0, 0);
	EQ_U(control & ((1ull << 48) - 1), 4096);
	EQ_U(control >> 63, 0);
	EQ_U(control >> 48 & 0x7fff, 2);
	EQ_U(control_after(0, 1) >> 63, 1);
}

static void bad_controls_are_refused(void)
{
	struct seep_error err = { 0 };

	EQ_U(seep_recording_control(path, 1ull << 47, -1, &err), SEEP_ERR_USAGE);
	seep_error_clear(&err);
	EQ_U(seep_recording_control("/tmp", 1, -1, &err), SEEP_ERR_IO);
	EQ_U(err.sys_errno, EISDIR);
	EQ_U(seep_recording_control("/nowhere", 1, -1, NULL), SEEP_ERR_IO);
}

static bool is_evenly_spaced(const struct seep_recording *r)
{
	uint64_t shortest = UINT64_MAX, longest = 0;

	for (size_t i = 1; i + 1 < r->nr_system; i++) {
		uint64_t gap = r->system[i].time_us - r->system[i - 1].time_us;

		shortest = gap < shortest ? gap : shortest;
		longest = gap > longest ? gap : longest;
	}
	return shortest * 3 >= longest;
}

static void the_system_ring_covers_the_whole_life(void)
{
	struct seep_recording_writer *w;
	struct seep_recording *r;
	size_t fewest = SIZE_MAX;

	fresh_file();
	w = open_writer();
	EQ_U(seep_recording_writer_header(w)->pid, 4242);
	for (uint64_t s = 1; s <= 5000; s++) {
		struct seep_rec_system e = synth_system_unknown(s * 1000000);

		e.rss = s;
		if (seep_recording_writer_system(w, e, NULL) != SEEP_OK)
			abort();
		if (s == 2500) { /* another writer goes on where this one stops */
			seep_recording_writer_close(w);
			w = open_writer();
		}
		if (s % 97)
			continue;
		r = read_back();
		if (s > 200 && r->nr_system < fewest)
			fewest = r->nr_system;
		seep_recording_free(r);
	}
	r = read_back();
	EQ_U(r->nr_torn_other, 0);
	EQ_U(r->system[0].time_us, 1000000);
	EQ_U(r->system[r->nr_system - 1].time_us, 5000000000ull);
	EQ_U(r->system[r->nr_system - 1].rss, 5000);
	OK(fewest >= 24);
	OK(is_evenly_spaced(r));
	seep_recording_free(r);
	seep_recording_writer_close(w);
}

static void the_end_is_written_once_known(void)
{
	struct seep_recording_writer *w;
	struct seep_recording *r;
	struct seep_rec_ended e = { .time_us = 7, .how = SEEP_REC_ENDED_EXITED, .code = 3, .by = "seep run" };

	fresh_file();
	w = open_writer();
	EQ_U(seep_recording_writer_ended(w, e, NULL), SEEP_OK);
	seep_recording_writer_close(w);
	r = read_back();
	EQ_U(r->ended.how, SEEP_REC_ENDED_EXITED);
	EQ_U(r->ended.code, 3);
	EQ_S(r->ended.by, "seep run");
	seep_recording_free(r);
}

static void only_nameless_threads_are_named(void)
{
	struct seep_recording_writer *w;
	struct seep_recording *r;

	fresh_file();
	w = open_writer();
	EQ_U(seep_recording_writer_thread_name(w, 11, "a-name-that-is-too-long", NULL), SEEP_OK);
	EQ_U(seep_recording_writer_thread_name(w, 12, "other", NULL), SEEP_OK);
	EQ_U(seep_recording_writer_thread_name(w, 99, "nobody", NULL), SEEP_OK);
	seep_recording_writer_close(w);
	r = read_back();
	OK(!memcmp(r->threads[1].name, "a-name-that-is-t", 16));
	EQ_S(r->threads[2].name, "known");
	EQ_U(r->nr_torn_other, 0);
	seep_recording_free(r);
}

static void a_recording_that_is_none_is_not_written(void)
{
	struct seep_recording_writer *w = NULL;
	struct seep_error err = { 0 };
	struct stat st;

	EQ_U(truncate(path, 0), 0);
	EQ_U(seep_recording_writer_open(path, &w, &err), SEEP_ERR_FORMAT);
	EQ_U(seep_recording_control(path, 1, 1, NULL), SEEP_ERR_FORMAT);
	EQ_U(stat(path, &st), 0);
	EQ_U(st.st_size, 0);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0 || close(fd))
		return 1;
	the_control_word_keeps_what_is_not_set();
	bad_controls_are_refused();
	the_system_ring_covers_the_whole_life();
	the_end_is_written_once_known();
	only_nameless_threads_are_named();
	a_recording_that_is_none_is_not_written();
	unlink(path);
	return tap_done();
}
