#include "recording/recording.h"
#include "synth.h"
#include "tap.h"

#include <sys/stat.h>

#define T (512u << 10)
#define MODULE_START 0x400000ull

/* A server with two heap stacks and one of mappings; 100 + 20 live blocks, 7 mappings, 10 freed blocks. */
struct server {
	struct synth *s;
	uint32_t module, big, small, maps;
};

static struct server server_new(uint64_t period)
{
	struct server v = { .s = synth_new(NULL) };

	synth_module(v.s, "/lib/libc.so.6", 0x7f0000000000, 0x7f0000200000, "aa11");
	v.module = synth_module(v.s, "/usr/bin/server", MODULE_START, 0x500000, "0123abcd");
	synth_thread(v.s, 4243, "worker");
	v.big = synth_stack(v.s, SEEP_REC_KIND_HEAP, 2, SEEP_REC_FRAME(v.module, 0x1000),
	                    SEEP_REC_FRAME(v.module, 0x2000));
	v.small = synth_stack(v.s, SEEP_REC_KIND_HEAP, 2, SEEP_REC_FRAME(v.module, 0x1100),
	                      SEEP_REC_FRAME(v.module, 0x2000));
	v.maps = synth_stack(v.s, SEEP_REC_KIND_MMAP, 1, SEEP_REC_FRAME(0, 0x1234));
	synth_blocks(v.s, v.big, 100, 1 << 20, period, 0, 60000000);
	synth_blocks(v.s, v.small, 20, 64, period, 10000000, 20000000);
	synth_blocks(v.s, v.maps, 7, 4096, period, 0, 1000000);
	synth_freed(v.s, v.small, 10, 64, period, 5000000, 30000000);
	v.s->status.period = period;
	return v;
}

static struct seep_recording *parse(struct synth *s)
{
	struct seep_recording *r = NULL;
	struct seep_error err = { 0 };
	size_t len;
	const uint8_t *bytes = synth_bytes(s, &len);

	if (seep_recording_parse("x.seep", bytes, len, &r, &err) != SEEP_OK) {
		printf("# %s\n", err.what);
		abort();
	}
	return r;
}

static void everything_written_is_read(void)
{
	struct server v = server_new(1);
	const float points[] = { 1, 2, 3 };
	struct seep_recording *r;

	synth_history(v.s, v.big, 1000000, 3, points);
	synth_ring(v.s, (struct seep_rec_ring){ .time_us = 2000000, .inuse_bytes = 5 });
	synth_ring(v.s, (struct seep_rec_ring){ .time_us = 1000000, .inuse_bytes = 4 });
	synth_ring(v.s, (struct seep_rec_ring){ .time_us = 2000000, .inuse_bytes = 5 });
	synth_system(v.s, synth_system_unknown(3000000));
	synth_ended(v.s, 61000000, SEEP_REC_ENDED_OOM, 9, "kernel log", "");
	r = parse(v.s);
	EQ_U(r->header.pid, 4242);
	EQ_S(r->header.command + 7, "--port");
	EQ_U(r->nr_samples, 127);
	EQ_U(r->nr_stacks, 5);
	EQ_U(r->nr_modules, 3);
	EQ_U(r->nr_threads, 2);
	EQ_U(r->frames[r->stacks[v.small].first_frame], SEEP_REC_FRAME(v.module, 0x1100));
	EQ_U(r->counters[v.small].c.nr_freed, 10);
	EQ_U(r->counters[v.small].c.lifetimes[4], 10);
	EQ_U(r->counters[v.big].history.nr_points, 3);
	EQ_U(r->nr_ring, 2);
	NEAR(r->ring[0].inuse_bytes, 4, 0);
	EQ_U(r->nr_system, 1);
	EQ_U(r->system[0].rss, UINT64_MAX);
	EQ_U(r->ended.how, SEEP_REC_ENDED_OOM);
	EQ_S(r->ended.by, "kernel log");
	EQ_U(r->nr_torn_samples + r->nr_torn_counters + r->nr_torn_other, 0);
	NEAR(seep_recording_last_s(r), 61, 1e-9);
	seep_recording_free(r);
	synth_free(v.s);
}

static void exact_totals_are_exact(void)
{
	struct server v = server_new(1);
	struct seep_recording *r = parse(v.s);
	struct seep_estimate heap = seep_recording_inuse(r, SEEP_REC_KIND_HEAP);
	struct seep_estimate alloc = seep_recording_alloc(r, SEEP_REC_KIND_HEAP);
	double bytes, objects;

	NEAR(heap.bytes, 100.0 * (1 << 20) + 20 * 64, 0);
	NEAR(heap.objects, 120, 0);
	NEAR(heap.bytes_var, 0, 0);
	EQ_U(heap.nr_samples, 120);
	NEAR(alloc.bytes, 100.0 * (1 << 20) + 30 * 64, 0);
	NEAR(seep_recording_inuse(r, SEEP_REC_KIND_MMAP).bytes, 7 * 4096, 0);
	seep_recording_booked(r, SEEP_REC_KIND_HEAP, &bytes, &objects);
	NEAR(bytes, heap.bytes, 0);
	NEAR(objects, heap.objects, 0);
	seep_recording_free(r);
	synth_free(v.s);
}

static void weights_are_unbiased(void)
{
	struct seep_weight small = seep_weight_of(64, T), zero = seep_weight_of(0, T),
			   large = seep_weight_of(1 << 30, T);
	double p = 1 - exp(-64.0 / T);

	NEAR(small.objects * p, 1, 1e-9);
	NEAR(small.bytes, 64 / p, 64 / p * 1e-9);
	NEAR(small.bytes_var, 64.0 * 64 * (1 - p) / p / p, 64.0 * 64 / p / p * 1e-9);
	NEAR(zero.bytes, 0, 0);
	NEAR(zero.objects, T, 1);
	NEAR(large.bytes, 1 << 30, 1e-6);
	NEAR(large.bytes_var, 0, 1e-6);
	NEAR(seep_weight_of(7, 1).objects, 1, 0);
	NEAR(seep_weight_of(0, 1).bytes, 0, 0);
	NEAR(seep_weight_of(0, 1).objects, 1, 0);
}

static void the_newer_copy_counts_and_a_torn_one_does_not(void)
{
	struct server v = server_new(1);
	uint8_t *entry = synth_entry(v.s, SEEP_REC_SEC_COUNTERS, v.big);
	struct seep_rec_counters c = synth_counters_of(v.s, v.big);
	struct seep_recording *r;

	entry[(c.seq & 1) * sizeof(c) + 8] ^= 1;
	r = parse(v.s);
	EQ_U(r->counters[v.big].c.seq, c.seq - 1);
	EQ_U(r->nr_torn_counters, 0);
	seep_recording_free(r);
	entry[!(c.seq & 1) * sizeof(c) + 8] ^= 1;
	r = parse(v.s);
	EQ_U(r->counters[v.big].c.nr_alloc, 0);
	EQ_U(r->nr_torn_counters, 1);
	seep_recording_free(r);
	synth_free(v.s);
}

static void sequence_numbers_may_come_round(void)
{
	struct server v = server_new(1);
	struct seep_rec_counters c = { .seq = UINT32_MAX, .stack = v.big, .alloc_bytes = 1 };
	struct seep_recording *r;

	synth_counters(v.s, c);
	c.seq = 0;
	c.alloc_bytes = 2;
	synth_counters(v.s, c);
	r = parse(v.s);
	NEAR(r->counters[v.big].c.alloc_bytes, 2, 0);
	seep_recording_free(r);
	synth_free(v.s);
}

static void torn_samples_are_counted_and_left_out(void)
{
	struct server v = server_new(1);
	struct seep_recording *r;

	((uint8_t *)synth_entry(v.s, SEEP_REC_SEC_SAMPLES, 3))[0] ^= 1;
	memset((uint8_t *)synth_entry(v.s, SEEP_REC_SEC_SAMPLES, 4) + 56, 0, 8);
	r = parse(v.s);
	EQ_U(r->nr_samples, 125);
	EQ_U(r->nr_torn_samples, 1);
	seep_recording_free(r);
	synth_free(v.s);
}

static void of_two_blocks_at_one_address_the_newest_stays(void)
{
	struct synth *s = synth_new(NULL);
	struct seep_rec_sample b = { .addr = 64, .size = 1, .period = 1, .serial = UINT32_MAX };
	struct seep_recording *r;

	synth_sample(s, b);
	b.serial = 1;
	b.size = 2;
	synth_sample(s, b);
	b.serial = 0;
	b.size = 3;
	synth_sample(s, b);
	b.kind = SEEP_REC_KIND_MMAP;
	b.size = 4;
	synth_sample(s, b);
	r = parse(s);
	EQ_U(r->nr_samples, 2);
	EQ_U(r->samples[0].size, 2);
	EQ_U(r->samples[1].size, 4);
	EQ_U(r->samples[1].stack, 1);
	seep_recording_free(r);
	synth_free(s);
}

static void blocks_of_a_missing_stack_still_count(void)
{
	struct server v = server_new(1);
	struct seep_rec_sample b = { .addr = 64, .size = 10, .period = 1, .stack = UINT32_MAX, .thread = UINT32_MAX };
	struct seep_recording *r;

	synth_sample(v.s, b);
	/* Frames that are not what the stack's slot says make it invalid. */
	*(uint8_t *)synth_entry(v.s, SEEP_REC_SEC_FRAMES, 0) ^= 1;
	r = parse(v.s);
	EQ_U(r->samples[r->nr_samples - 1].stack, 0);
	EQ_U(r->samples[r->nr_samples - 1].thread, 0);
	EQ_U(r->samples[0].stack, 0);
	EQ_U(r->nr_torn_other, 1);
	NEAR(seep_recording_inuse(r, SEEP_REC_KIND_HEAP).bytes, 100.0 * (1 << 20) + 20 * 64 + 10, 0);
	seep_recording_free(r);
	synth_free(v.s);
}

static void impossible_values_never_reach_a_sum(void)
{
	const struct seep_rec_sample bad[] = {
		{ .addr = 1, .size = UINT64_MAX, .period = 1 },
		{ .addr = 2, .size = 1, .period = 0 },
		{ .addr = 3, .size = 1, .period = UINT64_MAX },
		{ .addr = 4, .size = 1, .period = 1, .birth_us = UINT64_MAX },
		{ .addr = 5, .size = 1, .period = 1, .kind = 9 },
	};
	struct server v = server_new(T);
	struct seep_recording *r;
	struct seep_rec_counters c = { .seq = 77, .stack = v.big, .alloc_bytes = NAN };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		synth_sample(v.s, bad[i]);
	synth_sample(v.s, (struct seep_rec_sample){ .addr = 6, .size = 1, .period = SEEP_REC_MAX_PERIOD });
	synth_counters(v.s, c);
	c.seq++;
	c.alloc_bytes = INFINITY;
	synth_counters(v.s, c);
	synth_ring(v.s, (struct seep_rec_ring){ .time_us = 1, .inuse_bytes = NAN });
	v.s->words.heartbeat_us = UINT64_MAX;
	r = parse(v.s);
	EQ_U(r->nr_torn_samples, ARRAY_SIZE(bad));
	EQ_U(r->nr_torn_counters, 1);
	EQ_U(r->nr_ring, 0);
	OK(isfinite(seep_recording_inuse(r, 0).bytes_var) && isfinite(seep_recording_alloc(r, 0).bytes));
	OK(seep_recording_last_s(r) < 1e10);
	seep_recording_free(r);
	synth_free(v.s);
}

static void changes_of_the_period_keep_their_order(void)
{
	struct synth *s = synth_new(NULL);
	struct seep_recording *r;

	for (uint64_t i = 0; i < 5; i++)
		synth_period(s, 1000, 1 << i, SEEP_REC_CAUSE_CONTROL);
	((uint8_t *)synth_entry(s, SEEP_REC_SEC_PERIODS, 2))[0] ^= 1;
	r = parse(s);
	EQ_U(r->nr_periods, 5);
	EQ_U(r->periods[1].period, 1);
	EQ_U(r->periods[2].period, 4);
	EQ_U(r->periods[4].period, 16);
	EQ_U(r->nr_torn_other, 1);
	EQ_U(seep_recording_period(r), 16);
	r->status.period = 0;
	r->periods[4].period = 0;
	EQ_U(seep_recording_period(r), 8);
	seep_recording_free(r);
	synth_free(s);
}

/* ---- as a profile ---- */

static struct seep_profile *profile_of(const struct seep_recording *r, uint8_t kind, double now_s)
{
	struct seep_profile *p = NULL;

	if (seep_recording_profile(r, kind, now_s, &p, NULL) != SEEP_OK)
		abort();
	return p;
}

static void profile_totals_are_the_recordings(void)
{
	struct server v = server_new(T);
	struct seep_recording *r = parse(v.s);
	struct seep_profile *p = profile_of(r, SEEP_REC_KIND_HEAP, 61);
	struct seep_estimate inuse = seep_recording_inuse(r, SEEP_REC_KIND_HEAP);
	struct seep_estimate alloc = seep_recording_alloc(r, SEEP_REC_KIND_HEAP);

	NEAR(seep_profile_total(p, SEEP_INUSE_SPACE), inuse.bytes, inuse.bytes * 1e-12);
	NEAR(seep_profile_total(p, SEEP_INUSE_OBJECTS), inuse.objects, inuse.objects * 1e-12);
	NEAR(seep_profile_total_variance(p, SEEP_INUSE_SPACE), inuse.bytes_var, inuse.bytes_var * 1e-12);
	NEAR(seep_profile_total(p, SEEP_ALLOC_SPACE), alloc.bytes, alloc.bytes * 1e-12);
	NEAR(seep_profile_total_variance(p, SEEP_ALLOC_OBJECTS), alloc.objects_var, alloc.objects_var * 1e-12);
	EQ_U(p->samples.nr, 122);
	EQ_U(p->period, T);
	EQ_U(p->default_type, SEEP_INUSE_SPACE);
	seep_profile_free(p);
	seep_recording_free(r);
	synth_free(v.s);
}

static void rows_know_age_thread_and_place(void)
{
	struct server v = server_new(T);
	struct seep_recording *r = parse(v.s);
	struct seep_profile *p = profile_of(r, SEEP_REC_KIND_HEAP, 60.5);
	const struct seep_stack *stack = &p->stacks[p->samples.stack[0]];
	const struct seep_location *leaf = &p->locations[p->frames[stack->first]];

	NEAR(p->samples.age_s[0], 60.5, 1e-5);
	NEAR(p->samples.age_s[99], 0.5, 1e-5);
	OK(isnan(p->samples.age_s[121]));
	EQ_U(p->samples.nr_blocks[0], 1);
	EQ_U(p->samples.nr_blocks[121], 0);
	EQ_U(p->samples.nr_alloc_samples[121], 30);
	EQ_S(seep_profile_str(p, p->samples.thread[0]), "worker");
	EQ_U(stack->nr, 2);
	EQ_U(leaf->addr, MODULE_START + 0x1000);
	EQ_S(seep_profile_str(p, p->mappings[leaf->mapping].file), "/usr/bin/server");
	EQ_S(seep_profile_str(p, p->mappings[leaf->mapping].build_id), "0123abcd");
	EQ_S(seep_profile_str(p, p->processes[0].name), "server");
	seep_profile_free(p);
	p = profile_of(r, SEEP_REC_KIND_MMAP, 60.5);
	EQ_U(p->samples.nr, 8);
	leaf = &p->locations[p->frames[p->stacks[p->samples.stack[0]].first]];
	EQ_U(leaf->addr, 0x1234);
	EQ_U(leaf->mapping, SEEP_NO_ID);
	seep_profile_free(p);
	seep_recording_free(r);
	synth_free(v.s);
}

static void an_exact_profile_has_no_variances(void)
{
	struct server v = server_new(1);
	struct seep_recording *r = parse(v.s);
	struct seep_profile *p = profile_of(r, SEEP_REC_KIND_HEAP, NAN);

	OK(!p->samples.variances);
	EQ_U(p->period, 1);
	NEAR(p->samples.age_s[0], 0, 0);
	seep_profile_free(p);
	seep_recording_free(r);
	synth_free(v.s);
}

/* ---- bad input ---- */

static enum seep_status status_of(const uint8_t *bytes, size_t len, struct seep_error *err)
{
	struct seep_recording *r = NULL;
	enum seep_status status;

	seep_error_clear(err);
	status = seep_recording_parse("x", bytes, len, &r, err);
	seep_recording_free(r);
	return status;
}

static void other_files_are_named(void)
{
	struct synth *s = synth_new(&synth_tiny_room);
	uint8_t *copy;
	struct seep_error err;
	size_t len;
	const uint8_t *bytes = synth_bytes(s, &len);

	copy = malloc(len);
	memcpy(copy, bytes, len);
	EQ_U(status_of(copy, 0, &err), SEEP_ERR_FORMAT);
	EQ_S(err.what, "'x' is not a recording: it is empty");
	EQ_U(status_of((const uint8_t *)"\x7f"
	                                "ELF and more",
	               13, &err),
	     SEEP_ERR_FORMAT);
	EQ_S(err.what, "'x' is not a recording: it does not start with SEEPREC");
	EQ_U(status_of(copy, 100, &err), SEEP_ERR_FORMAT);
	EQ_S(err.what, "'x' is cut within its header: 100 of 4096 bytes are left");
	copy[100] ^= 1;
	EQ_U(status_of(copy, len, &err), SEEP_ERR_FORMAT);
	EQ_S(err.what, "'x' is a corrupt recording: the header's checksum is wrong");
	copy[8] = 7;
	EQ_U(status_of(copy, len, &err), SEEP_ERR_UNSUPPORTED);
	EQ_S(err.what, "cannot read 'x': recording of format version 7.0, this program reads version 2");
	memset(copy, 0, 8);
	EQ_U(status_of(copy, len, &err), SEEP_ERR_FORMAT);
	EQ_S(err.what, "'x' is not a recording: its header was never finished");
	free(copy);
	synth_free(s);
}

/* Changes section `i` of a valid file and reads it again. */
static enum seep_status with_section(size_t i, struct seep_rec_section section, struct seep_error *err)
{
	struct synth *s = synth_new(&synth_tiny_room);
	enum seep_status status;
	size_t len;
	uint8_t *bytes = s->bytes;

	synth_bytes(s, &len);
	memcpy(bytes + offsetof(struct seep_rec_header, sections) + i * sizeof(section), &section, sizeof(section));
	synth_seal_header(bytes);
	status = status_of(bytes, len, err);
	synth_free(s);
	return status;
}

static void hostile_sections_are_refused(void)
{
	const uint32_t kind = SEEP_REC_SEC_SAMPLES, bytes = sizeof(struct seep_rec_sample);
	const struct seep_rec_section bad[] = {
		{ kind, bytes, 0, 1 },
		{ kind, bytes, 4096, 1 },
		{ kind, bytes, 4160 + 8, 1 },
		{ kind, bytes, 1u << 30, 1 },
		{ kind, bytes, 4160, 1 << 20 },
		{ kind, bytes, 4160, UINT64_MAX / 64 },
		{ kind, bytes, 4160, 1ull << 58 },
		{ kind, bytes, UINT64_MAX - 63, 1 },
		{ kind, 8, 4160, 1 },
		{ kind, 0, 4160, 1 },
	};
	struct seep_error err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EQ_U(with_section(7, bad[i], &err), SEEP_ERR_FORMAT);
	EQ_U(with_section(6, (struct seep_rec_section){ kind, bytes, 4160, 1 }, &err), SEEP_ERR_FORMAT);
	EQ_S(err.what, "'x' is a corrupt recording: a section is there twice");
	EQ_U(with_section(7, (struct seep_rec_section){ 99, 12345, 8192, 0 }, &err), SEEP_OK);
	EQ_U(with_section(0, (struct seep_rec_section){ 0 }, &err), SEEP_OK);
}

static void every_prefix_is_read_or_refused(void)
{
	struct synth *s = synth_new(&synth_tiny_room);
	size_t len, nr_wrong = 0, nr_read = 0, last_live = 0;
	const uint8_t *bytes;

	synth_stack(s, SEEP_REC_KIND_HEAP, 1, SEEP_REC_FRAME(0, 99));
	synth_blocks(s, 2, 8, 100, 1, 0, 10);
	bytes = synth_bytes(s, &len);
	for (size_t cut = 0; cut <= len; cut++) {
		struct seep_recording *r = NULL;
		struct seep_error err = { 0 };
		uint8_t *copy = malloc(cut ? cut : 1); /* exact size: a read past the end is seen by the sanitizer */
		enum seep_status status, want = cut < 4096 ? SEEP_ERR_FORMAT : cut < len ? SEEP_ERR_TRUNCATED : SEEP_OK;

		memcpy(copy, bytes, cut);
		status = seep_recording_parse("x", copy, cut, &r, &err);
		nr_wrong += status != want || (r && r->missing_bytes != len - cut) || (r && r->nr_samples < last_live);
		if (r) {
			struct seep_profile *p = profile_of(r, SEEP_REC_KIND_HEAP, 1);

			last_live = r->nr_samples;
			nr_read++;
			seep_profile_free(p);
		}
		seep_recording_free(r);
		free(copy);
	}
	EQ_U(nr_wrong, 0);
	EQ_U(nr_read, len - 4096 + 1);
	EQ_U(last_live, 8);
	synth_free(s);
}

static char dir[] = "/tmp/seep-test-recording-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static enum seep_status read_status(const char *path, struct seep_error *err)
{
	struct seep_recording *r = NULL;
	enum seep_status status;

	seep_error_clear(err);
	status = seep_recording_read(path, &r, err);
	seep_recording_free(r);
	return status;
}

static void files_that_cannot_be_read_give_one_line(void)
{
	struct seep_error err;

	EQ_U(read_status(in_dir("none"), &err), SEEP_ERR_IO);
	OK(strstr(err.what, "No such file or directory") != NULL);
	EQ_U(read_status(dir, &err), SEEP_ERR_IO);
	OK(strstr(err.what, "Is a directory") != NULL);
	mkfifo(in_dir("fifo"), 0600);
	EQ_U(read_status(in_dir("fifo"), &err), SEEP_ERR_FORMAT);
	OK(strstr(err.what, "not a regular file") != NULL);
	unlink(in_dir("fifo"));
	EQ_U(read_status("/dev/zero", &err), SEEP_ERR_FORMAT);
}

static void a_file_is_read_as_memory_is(void)
{
	struct server v = server_new(T);
	struct seep_recording *r = NULL, *m = parse(v.s);

	((uint8_t *)synth_entry(v.s, SEEP_REC_SEC_SAMPLES, 3))[0] ^= 1;
	synth_write(v.s, in_dir("a.seep"));
	EQ_U(seep_recording_read(in_dir("a.seep"), &r, NULL), SEEP_OK);
	EQ_U(r->nr_samples, m->nr_samples - 1);
	EQ_U(r->nr_torn_samples, 1);
	EQ_U(r->nr_frames, m->nr_frames);
	seep_recording_free(r);
	EQ_U(truncate(in_dir("a.seep"), (off_t)synth_section(v.s, SEEP_REC_SEC_SAMPLES)->offset + 64 * 10 + 5), 0);
	EQ_U(seep_recording_read(in_dir("a.seep"), &r, NULL), SEEP_ERR_TRUNCATED);
	EQ_U(r->nr_samples, 9);
	seep_recording_free(r);
	EQ_U(seep_recording_read_header(in_dir("a.seep"), &r, NULL), SEEP_ERR_TRUNCATED);
	EQ_U(r->status.period, T);
	EQ_U(r->nr_samples, 0);
	seep_recording_free(r);
	seep_recording_free(m);
	unlink(in_dir("a.seep"));
	synth_free(v.s);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	everything_written_is_read();
	exact_totals_are_exact();
	weights_are_unbiased();
	the_newer_copy_counts_and_a_torn_one_does_not();
	sequence_numbers_may_come_round();
	torn_samples_are_counted_and_left_out();
	of_two_blocks_at_one_address_the_newest_stays();
	blocks_of_a_missing_stack_still_count();
	impossible_values_never_reach_a_sum();
	changes_of_the_period_keep_their_order();
	profile_totals_are_the_recordings();
	rows_know_age_thread_and_place();
	an_exact_profile_has_no_variances();
	other_files_are_named();
	hostile_sections_are_refused();
	every_prefix_is_read_or_refused();
	files_that_cannot_be_read_give_one_line();
	a_file_is_read_as_memory_is();
	rmdir(dir);
	return tap_done();
}
