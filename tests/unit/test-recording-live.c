/* Reading while a writer goes on, as the recorder does: whatever is read is one whole block that was there. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "recording/recording.h"
#include "synth.h"
#include "tap.h"

#define NR_SLOTS 512u
#define NR_READS 300u
#define NR_WRITES 300000u /* at least, while it is read */

static char path[] = "/tmp/seep-test-live-XXXXXX";

struct writer {
	uint8_t *file;
	uint64_t salt, offset, counters_offset;
	uint32_t nr_writes;
	bool is_stopped;
};

/* What the other fields of a block must be: a mixture of two blocks is found out. */
static uint64_t size_of(uint64_t addr, uint32_t serial)
{
	return (addr * 0x9e3779b97f4a7c15ull ^ serial) >> 40;
}

static void store_slot(struct writer *w, uint64_t where, const void *slot, size_t nr_bytes)
{
	uint64_t *checksum = (uint64_t *)(void *)(w->file + where + nr_bytes - 8);

	memcpy(w->file + where, slot, nr_bytes - 8);
	__atomic_store_n(checksum, seep_rec_checksum(slot, nr_bytes - 8, w->salt, where), __ATOMIC_RELEASE);
}

static void empty_slot(struct writer *w, uint64_t where)
{
	__atomic_store_n((uint64_t *)(void *)(w->file + where + 56), 0ull, __ATOMIC_RELEASE);
}

/* Even slots always hold a block, which is replaced; odd ones come and go. */
static void *write_on(void *data)
{
	struct writer *w = data;

	for (uint32_t serial = 1; !__atomic_load_n(&w->is_stopped, __ATOMIC_RELAXED); serial++) {
		uint32_t slot = (serial * 2654435761u >> 16) % NR_SLOTS;
		uint64_t where = w->offset + slot * sizeof(struct seep_rec_sample);
		struct seep_rec_sample s = { .addr = 64ull * (slot + 1), .period = 1, .serial = serial };
		struct seep_rec_counters c = { .seq = serial, .alloc_bytes = serial, .alloc_objects = 2.0 * serial };

		s.size = s.birth_us = size_of(s.addr, serial);
		empty_slot(w, where);
		if (slot % 2 == 0 || serial % 3)
			store_slot(w, where, &s, sizeof(s));
		__atomic_store_n(&w->nr_writes, serial, __ATOMIC_RELAXED);
		store_slot(w, w->counters_offset + (serial & 1) * sizeof(c), &c, sizeof(c));
	}
	return NULL;
}

static void only_whole_blocks_are_read(struct writer *w)
{
	size_t nr_wrong = 0, nr_read = 0, nr_torn = 0, nr_counters_wrong = 0, nr_reads = 0;

	for (; nr_reads < NR_READS || __atomic_load_n(&w->nr_writes, __ATOMIC_RELAXED) < NR_WRITES; nr_reads++) {
		struct seep_recording *r = NULL;

		if (seep_recording_read(path, &r, NULL) != SEEP_OK)
			abort();
		for (size_t k = 0; k < r->nr_samples; k++) {
			const struct seep_rec_sample *s = &r->samples[k];

			nr_wrong += s->size != size_of(s->addr, s->serial) || s->birth_us != s->size;
		}
		nr_counters_wrong += r->counters[0].c.alloc_objects < 2 * r->counters[0].c.alloc_bytes ||
		                     r->counters[0].c.alloc_objects > 2 * r->counters[0].c.alloc_bytes;
		nr_read += r->nr_samples;
		nr_torn += r->nr_torn_samples + r->nr_torn_counters;
		seep_recording_free(r);
	}
	__atomic_store_n(&w->is_stopped, true, __ATOMIC_RELAXED);
	printf("# %zu reads, %zu blocks, %zu torn\n", nr_reads, nr_read, nr_torn);
	EQ_U(nr_wrong, 0);
	EQ_U(nr_counters_wrong, 0);
	OK(nr_read > nr_reads * NR_SLOTS / 4);
}

static void nothing_is_torn_when_the_writer_stops(void)
{
	struct seep_recording *r = NULL;

	EQ_U(seep_recording_read(path, &r, NULL), SEEP_OK);
	EQ_U(r->nr_torn_samples + r->nr_torn_counters + r->nr_torn_other, 0);
	OK(r->nr_samples >= NR_SLOTS / 2 - 1);
	seep_recording_free(r);
}

int main(void)
{
	const struct synth_room room = { 2, 2, 4, 8, NR_SLOTS, 2, 4, 4, 2, 1 };
	struct synth *s = synth_new(&room);
	struct writer w = { .salt = s->header.salt };
	size_t nr_bytes = s->nr_bytes;
	int fd = mkstemp(path);
	pthread_t thread;

	if (fd < 0)
		return 1;
	s->words.samples_high = NR_SLOTS;
	synth_write(s, path);
	w.offset = synth_offset(s, SEEP_REC_SEC_SAMPLES, 0);
	w.counters_offset = synth_offset(s, SEEP_REC_SEC_COUNTERS, 0);
	w.file = mmap(NULL, nr_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (w.file == MAP_FAILED || pthread_create(&thread, NULL, write_on, &w))
		return 1;
	only_whole_blocks_are_read(&w);
	pthread_join(thread, NULL);
	nothing_is_torn_when_the_writer_stops();
	munmap(w.file, nr_bytes);
	close(fd);
	unlink(path);
	synth_free(s);
	return tap_done();
}
