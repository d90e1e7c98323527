/*
 * A reader that does not leave a live recording alone: its header and words 1,000 times a second, all of it 20 times a
 * second, for SECONDS. One line at the end:
 *   headers NUMBER failed NUMBER whole NUMBER failed NUMBER torn SAMPLES OTHER backwards NUMBER
 * `backwards` counts wholes in which what was ever allocated had become less.
 *   poll RECORDING SECONDS
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "recording/recording.h"

/* Two threads; each writes its own part. */
struct tally {
	uint64_t nr_headers, nr_bad_headers, nr_wholes, nr_bad_wholes, nr_torn_samples, nr_torn_other, nr_backwards;
	double allocated;
};

struct poller {
	void (*read)(const char *path, struct tally *t);
	double rate, seconds; /* rate: times a second */
	const char *path;
	struct tally *tally;
};

static void read_header(const char *path, struct tally *t)
{
	struct seep_recording *r = NULL;
	struct seep_error err = { 0 };

	t->nr_headers++;
	if (seep_recording_read_header(path, &r, &err) != SEEP_OK || !r->header.pid || !r->status.seq) {
		t->nr_bad_headers++;
		fprintf(stderr, "poll: header: %s\n", err.what);
	}
	seep_recording_free(r);
}

static void read_whole(const char *path, struct tally *t)
{
	struct seep_recording *r = NULL;
	struct seep_error err = { 0 };
	double allocated;

	t->nr_wholes++;
	if (seep_recording_read(path, &r, &err) != SEEP_OK) {
		t->nr_bad_wholes++;
		fprintf(stderr, "poll: %s\n", err.what);
		return;
	}
	t->nr_torn_samples += r->nr_torn_samples;
	t->nr_torn_other += r->nr_torn_counters + r->nr_torn_other;
	allocated = seep_recording_alloc(r, SEEP_REC_KIND_HEAP).bytes;
	t->nr_backwards += allocated < t->allocated;
	t->allocated = allocated;
	seep_recording_free(r);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Calls `read` as often as `rate` asks for, or as often as it can. */
static void *poll(void *arg)
{
	const struct poller *p = (const struct poller *)arg;
	const struct timespec a_while = { 0, 200000 };
	double begin = now_s();
	uint64_t nr = 0;

	for (double now = begin; now < begin + p->seconds; now = now_s()) {
		if ((double)nr < (now - begin) * p->rate) {
			p->read(p->path, p->tally);
			nr++;
		} else {
			nanosleep(&a_while, NULL);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct tally t = { 0 };
	struct poller headers = { read_header, 1000, 0, NULL, &t }, wholes = { read_whole, 20, 0, NULL, &t };
	pthread_t thread;

	if (argc != 3)
		return 2;
	headers.path = wholes.path = argv[1];
	headers.seconds = wholes.seconds = atof(argv[2]);
	if (pthread_create(&thread, NULL, poll, &headers))
		return 4;
	poll(&wholes);
	pthread_join(thread, NULL);
	printf("headers %" PRIu64 " failed %" PRIu64 " whole %" PRIu64 " failed %" PRIu64 " torn %" PRIu64 " %" PRIu64
	       " backwards %" PRIu64 "\n",
	       t.nr_headers, t.nr_bad_headers, t.nr_wholes, t.nr_bad_wholes, t.nr_torn_samples, t.nr_torn_other,
	       t.nr_backwards);
	return 0;
}
