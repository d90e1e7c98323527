/*
 * make-corpus DIR: writes the seeds of corpus/recording, corpus/export and corpus/pprof into DIR. Run it again
 * when the format changes; files found by fuzzing are added beside them.
 */
#include <zlib.h>

#include "format/format.h"
#include "recording/recording.h"
#include "synth.h"

static const char *dir;

static void save(const char *folder, const char *name, int first, const void *bytes, size_t len)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, folder, name);
	out = fopen(path, "w");
	if (!out)
		abort();
	if (first >= 0)
		fputc(first, out);
	if (fwrite(bytes, 1, len, out) != len || fclose(out))
		abort();
}

static void save_recording(struct synth *s, const char *name, int flags)
{
	size_t len;
	const uint8_t *bytes = synth_bytes(s, &len);

	save(flags > 1 ? "export" : "recording", name, flags, bytes, len);
}

/* The message without gzip: what a fuzzer can change. */
static void save_bare(const char *name, const void *bytes, size_t len)
{
	static uint8_t bare[1 << 16];
	z_stream z = {
		.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len, .next_out = bare, .avail_out = sizeof(bare)
	};

	if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	save("pprof", name, -1, bare, sizeof(bare) - z.avail_out);
	inflateEnd(&z);
}

static void save_profile(struct synth *s, const char *name)
{
	struct seep_recording *r = NULL;
	struct seep_profile *p = NULL;
	char *bytes = NULL, file[64];
	size_t len;
	const uint8_t *recording = synth_bytes(s, &len);
	FILE *out;

	if (seep_recording_parse(name, recording, len, &r, NULL) != SEEP_OK ||
	    seep_recording_profile(r, SEEP_REC_KIND_HEAP, 60, &p, NULL) != SEEP_OK)
		abort();
	struct seep_line line = { seep_profile_add_function(p, "main", "main", "main.c", 1), 2 };
	out = open_memstream(&bytes, &len);
	if (!out || (p->nr_locations && !seep_profile_set_lines(p, 0, &line, 1)) ||
	    seep_pprof_write(p, out, NULL) != SEEP_OK)
		abort();
	fclose(out);
	snprintf(file, sizeof(file), "%s.gz", name);
	save("pprof", file, -1, bytes, len);
	save_bare(name, bytes, len);
	free(bytes);
	seep_profile_free(p);
	seep_recording_free(r);
}

/* A bit of everything in little room. */
static struct synth *full(uint64_t period)
{
	static const struct synth_room room = { 2, 3, 6, 8, 9, 3, 4, 4, 2, 1 };
	struct synth *s = synth_new(&room);
	uint32_t exe = synth_module(s, "/usr/bin/server", 0x400000, 0x500000, "0123abcd");
	uint32_t lib = synth_module(s, "/lib/libc.so.6", 0x7f0000000000, 0x7f0000200000, "");
	uint32_t heap = synth_stack(s, SEEP_REC_KIND_HEAP, 3, SEEP_REC_FRAME(lib, 0x1000), SEEP_REC_FRAME(exe, 0x1100),
	                            SEEP_REC_FRAME(exe, 0x1200));
	uint32_t maps = synth_stack(s, SEEP_REC_KIND_MMAP, 2, SEEP_REC_FRAME(0, 0x1234), SEEP_REC_FRAME(exe, 0x1300));
	uint32_t pool = synth_stack(s, synth_heap(s, "pool"), 1, SEEP_REC_FRAME(exe, 0x1400));
	const float points[SEEP_REC_NR_TRAIL] = { 1, 2, 3 };

	synth_thread(s, 4242, "server");
	synth_thread(s, 4243, "");
	synth_period(s, 5, period, SEEP_REC_CAUSE_CONTROL);
	synth_blocks(s, heap, 4, 4096, period, 0, 5000000);
	synth_blocks(s, maps, 1, 65536, period, 0, 1000000);
	synth_freed(s, heap, 3, 100, period, 20000, 4000000);
	synth_blocks(s, pool, 1, 512, period, 0, 3000000);
	synth_history(s, heap, 1000000, 3, points);
	synth_trail(s, heap, 5, 1, points);
	synth_snap(s, heap, SYNTH_PEAK, (struct seep_rec_snap){ .number = 1, .bytes = 9 });
	synth_snap(s, heap, SYNTH_MARK, (struct seep_rec_snap){ .number = 1, .bytes = 8 });
	synth_mark(s, 3000000, SEEP_REC_MARK_BY_TOOL, "asked for");
	s->words.peak = 1 << 1 | SEEP_REC_PEAK_FALLEN;
	s->words.mark = 1 << 8 | 1;
	s->words.control |= 1ull << 55;
	synth_ring(s, (struct seep_rec_ring){ .time_us = 1000000, .inuse_bytes = 16384, .inuse_objects = 4 });
	synth_ring(s, (struct seep_rec_ring){ .time_us = 2000000, .inuse_bytes = 16384, .inuse_objects = 4 });
	synth_system(s, synth_system_unknown(1000000));
	return s;
}

int main(int argc, char **argv)
{
	struct synth *s;

	if (argc != 2)
		return 2;
	dir = argv[1];
	s = synth_new(&synth_tiny_room);
	save_recording(s, "empty", 1);
	save_recording(s, "empty", 31);
	synth_free(s);
	s = full(512 << 10);
	for (int flags = 0; flags < 32; flags = flags * 2 + 1) {
		char name[32];

		snprintf(name, sizeof(name), "sampled-%d", flags);
		save_recording(s, name, flags);
	}
	save_profile(s, "sampled");
	synth_ended(s, 6000000, SEEP_REC_ENDED_OOM, 9, "kernel log", "");
	synth_exit_mark(s, 6000000);
	save_recording(s, "ended", 1);
	memset((uint8_t *)synth_entry(s, SEEP_REC_SEC_SAMPLES, 1), 0xff, 8);
	memset((uint8_t *)synth_entry(s, SEEP_REC_SEC_STACKS, 2), 0xff, 4);
	save_recording(s, "torn", 0);
	save_recording(s, "impossible", 1);
	save_recording(s, "impossible", 31);
	synth_free(s);
	s = full(1);
	save_recording(s, "exact", 1);
	save_recording(s, "exact", 31);
	save_profile(s, "exact");
	s->header.major = SEEP_REC_MAJOR + 1;
	save_recording(s, "other-version", 1);
	synth_free(s);
	return 0;
}
