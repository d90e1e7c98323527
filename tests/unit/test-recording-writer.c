#include "recording/recording.h"
#include "synth.h"
#include "tap.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

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
	EQ_U(control >> 48 & 0x7f, 1);
	control = control_after(0, 0);
	EQ_U(control & ((1ull << 48) - 1), 4096);
	EQ_U(control >> 63, 0);
	EQ_U(control >> 48 & 0x7f, 2);
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

/* No gap is longer than a quarter of how long ago it was, and a bit. */
static bool is_finer_the_newer(const struct seep_recording *r)
{
	uint64_t now = r->system[r->nr_system - 1].time_us;

	for (size_t i = 1; i < r->nr_system; i++) {
		uint64_t gap = r->system[i].time_us - r->system[i - 1].time_us, ago = now - r->system[i - 1].time_us;

		if (gap > ago / 2 + 1000000)
			return false;
	}
	return true;
}

static void the_system_ring_is_finer_the_newer(void)
{
	struct seep_recording_writer *w;
	struct seep_recording *r;

	fresh_file();
	w = open_writer();
	EQ_U(seep_recording_writer_header(w)->pid, 4242);
	for (uint64_t s = 1; s <= 90000; s++) {
		struct seep_rec_system e = synth_system_unknown(s * 1000000 + 999);

		e.rss = s;
		if (seep_recording_writer_system(w, e, NULL) != SEEP_OK)
			abort();
		if (s == 2500) { /* another writer goes on where this one stops */
			seep_recording_writer_close(w);
			w = open_writer();
		}
		if (s == 70000) /* nobody wrote for an hour */
			s += 3600;
	}
	r = read_back();
	EQ_U(r->nr_torn_other, 0);
	OK(r->system[0].time_us < 16385ull * 1000000);
	EQ_U(r->system[r->nr_system - 1].rss, 90000);
	EQ_U(r->system[r->nr_system - 4].rss, 90000 - 3);
	OK(r->nr_system >= 40);
	OK(is_finer_the_newer(r));
	seep_recording_free(r);
	seep_recording_writer_close(w);
}

static void a_tick_has_one_entry_the_last(void)
{
	struct seep_recording_writer *w;
	struct seep_recording *r;
	static const uint64_t times[] = { 30000, 990000, 1500000, 1700000 };

	fresh_file();
	w = open_writer();
	for (size_t i = 0; i < 4; i++)
		EQ_U(seep_recording_writer_system(w, synth_system_unknown(times[i]), NULL), SEEP_OK);
	seep_recording_writer_close(w);
	r = read_back();
	EQ_U(r->nr_system, 2);
	EQ_U(r->system[0].time_us, 990000);
	EQ_U(r->system[1].time_us, 1700000);
	seep_recording_free(r);
}

static void make_mark(int nr)
{
	char name[32];

	snprintf(name, sizeof(name), "mark %d", nr);
	if (seep_recording_mark(path, name, 1000ull * 1000000000 + (uint64_t)nr * 1000000, NULL) != SEEP_OK)
		_exit(1);
	_exit(0);
}

/* Each tool's mark is counted; there is room for the newest of all. */
static void concurrent_tools_keep_each_others_marks(void)
{
	struct seep_recording *r;
	int nr_ended = 0, status;

	fresh_file();
	for (int i = 0; i < 4; i++)
		if (!fork())
			make_mark(i);
	while (wait(&status) > 0)
		nr_ended += status == 0;
	EQ_U(nr_ended, 4);
	r = read_back();
	EQ_U(SEEP_REC_CONTROL_MARKS(r->words.control), 4);
	EQ_U(r->nr_marks, 4);
	EQ_U(r->marks[0].by, SEEP_REC_MARK_BY_TOOL);
	EQ_S(r->marks[0].name, "mark 0");
	EQ_U(r->marks[3].time_us, 3000);
	EQ_U(r->words.control & SEEP_REC_MAX_PERIOD, SEEP_REC_DEFAULT_PERIOD);
	seep_recording_free(r);
	EQ_U(seep_recording_mark(path, "a name that is longer than fits into an entry", 1001ull * 1000000000, NULL),
	     SEEP_OK);
	r = read_back();
	EQ_U(r->nr_marks, 4);
	EQ_S(r->marks[0].name, "mark 1");
	EQ_S(r->marks[3].name, "a name that is longer than fits into an ");
	EQ_U(r->marks[3].time_us, 1000000);
	EQ_U(control_after(4096, -1) >> 55 & 0xff, 5);
	seep_recording_free(r);
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
	the_system_ring_is_finer_the_newer();
	a_tick_has_one_entry_the_last();
	concurrent_tools_keep_each_others_marks();
	the_end_is_written_once_known();
	only_nameless_threads_are_named();
	a_recording_that_is_none_is_not_written();
	unlink(path);
	return tap_done();
}
