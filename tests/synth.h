/*
 * Recordings made up by tests: valid files of docs/recording-format.md with given modules, stacks, blocks, points.
 *
 *	struct synth *s = synth_new(NULL);
 *	uint32_t module = synth_module(s, "/usr/bin/server", 0x400000, 0x500000, "0123abcd");
 *	uint32_t stack = synth_stack(s, SEEP_REC_KIND_HEAP, 2, SEEP_REC_FRAME(module, 0x1000), SEEP_REC_FRAME(module,
 *0x2000)); synth_blocks(s, stack, 100, 4096, 512 << 10, 0, 60000000); synth_write(s, "server.7.1.seep"); synth_free(s);
 *
 * Every call seals what it writes, so the bytes are a whole recording after each of them; `s->header`, `s->words` and
 * `s->status` may be changed by the test before synth_bytes() or synth_write(), which seal them. Times are microseconds
 * since the epoch. A call that finds its section full aborts: ask synth_new for more room.
 */
#ifndef SEEP_TESTS_SYNTH_H
#define SEEP_TESTS_SYNTH_H

#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recording/layout.h"

/* Room per section; 0 leaves the section out, except in synth_new(NULL), which takes synth_default_room. */
struct synth_room {
	uint32_t periods, modules, stacks, frames, samples, threads, ring, system, marks, heaps;
};
static const struct synth_room synth_default_room = { 8, 16, 64, 512, 2048, 16, 64, 64, 8, 4 };
/* A file of about 8 KiB: for fuzz corpora and tests of every prefix. */
__attribute__((unused)) static const struct synth_room synth_tiny_room = { 2, 2, 4, 8, 8, 2, 4, 4, 2, 1 };

struct synth {
	uint8_t *bytes; /* the file; header, words and status are copied in by synth_bytes() */
	size_t nr_bytes;
	struct seep_rec_header header;
	struct seep_rec_words words;
	struct seep_rec_status status;
	uint32_t nr_periods, nr_modules, nr_stacks, nr_frames, nr_samples, nr_threads, nr_ring, nr_system, nr_heaps;
	uint32_t nr_marks[2]; /* in the recorder's half and in the tool's */
	uint64_t next_addr;
};

#define SYNTH __attribute__((unused)) static inline

SYNTH const struct seep_rec_section *synth_section(const struct synth *s, uint32_t kind)
{
	for (size_t i = 0; i < SEEP_REC_NR_SECTIONS; i++)
		if (s->header.sections[i].kind == kind)
			return &s->header.sections[i];
	abort(); /* the room given to synth_new has none of it */
}

/* Byte offset of an entry in the file. */
SYNTH size_t synth_offset(const struct synth *s, uint32_t kind, size_t entry)
{
	const struct seep_rec_section *section = synth_section(s, kind);

	assert(entry < section->count);
	return (size_t)section->offset + entry * section->entry_bytes;
}

/* The entry itself, to be read or damaged by a test. */
SYNTH void *synth_entry(struct synth *s, uint32_t kind, size_t entry)
{
	return s->bytes + synth_offset(s, kind, entry);
}

/* Copies `slot`, whose last eight bytes become its checksum, to an offset in the file. */
SYNTH void synth_put_at(struct synth *s, size_t where, const void *slot, size_t nr_bytes)
{
	uint64_t sum = seep_rec_checksum(slot, nr_bytes - 8, s->header.salt, where);

	memcpy(s->bytes + where, slot, nr_bytes - 8);
	memcpy(s->bytes + where + nr_bytes - 8, &sum, 8);
}

SYNTH void synth_put(struct synth *s, uint32_t kind, size_t entry, const void *slot, size_t nr_bytes)
{
	const struct seep_rec_section *section = synth_section(s, kind);

	assert(section && nr_bytes == section->entry_bytes);
	synth_put_at(s, synth_offset(s, kind, entry), slot, nr_bytes);
}

SYNTH void synth_add_section(struct synth *s, size_t *nr, uint32_t kind, size_t entry_bytes, uint64_t count)
{
	if (!count)
		return;
	s->header.sections[(*nr)++] = (struct seep_rec_section){ kind, (uint32_t)entry_bytes, s->nr_bytes, count };
	s->nr_bytes = (s->nr_bytes + (size_t)(entry_bytes * count) + 63) / 64 * 64;
}

SYNTH void synth_place_sections(struct synth *s, const struct synth_room *room)
{
	size_t nr = 0;

	s->nr_bytes = SEEP_REC_WORDS_OFFSET + sizeof(struct seep_rec_words);
	synth_add_section(s, &nr, SEEP_REC_SEC_STATUS, sizeof(struct seep_rec_status), 2);
	synth_add_section(s, &nr, SEEP_REC_SEC_PERIODS, sizeof(struct seep_rec_period), room->periods);
	synth_add_section(s, &nr, SEEP_REC_SEC_MODULES, sizeof(struct seep_rec_module), room->modules);
	synth_add_section(s, &nr, SEEP_REC_SEC_STACKS, sizeof(struct seep_rec_stack), room->stacks);
	synth_add_section(s, &nr, SEEP_REC_SEC_FRAMES, sizeof(uint64_t), room->frames);
	synth_add_section(s, &nr, SEEP_REC_SEC_COUNTERS, 2 * sizeof(struct seep_rec_counters), room->stacks);
	synth_add_section(s, &nr, SEEP_REC_SEC_HISTORY, sizeof(struct seep_rec_history), room->stacks);
	synth_add_section(s, &nr, SEEP_REC_SEC_SAMPLES, sizeof(struct seep_rec_sample), room->samples);
	synth_add_section(s, &nr, SEEP_REC_SEC_THREADS, sizeof(struct seep_rec_thread), room->threads);
	synth_add_section(s, &nr, SEEP_REC_SEC_RING, sizeof(struct seep_rec_ring), room->ring);
	synth_add_section(s, &nr, SEEP_REC_SEC_SYSTEM, sizeof(struct seep_rec_system), room->system);
	synth_add_section(s, &nr, SEEP_REC_SEC_ENDED, sizeof(struct seep_rec_ended), 1);
	synth_add_section(s, &nr, SEEP_REC_SEC_TRAIL, sizeof(struct seep_rec_trail), room->stacks);
	synth_add_section(s, &nr, SEEP_REC_SEC_SNAPS, sizeof(struct seep_rec_snap), 2 * (uint64_t)room->stacks);
	synth_add_section(s, &nr, SEEP_REC_SEC_MARKS, sizeof(struct seep_rec_mark), room->marks);
	synth_add_section(s, &nr, SEEP_REC_SEC_HEAPS, sizeof(struct seep_rec_heap), room->heaps);
}

SYNTH void synth_fill_header(struct synth *s)
{
	struct seep_rec_header *h = &s->header;

	memcpy(h->magic, SEEP_REC_MAGIC, sizeof(h->magic));
	h->major = SEEP_REC_MAJOR;
	h->minor = SEEP_REC_MINOR;
	h->endian = SEEP_REC_ENDIAN;
	h->header_bytes = sizeof(*h);
	h->machine = 62;
	h->file_bytes = s->nr_bytes;
	h->salt = 0x5eed5eed5eed5eedull;
	h->epoch_realtime_ns = 1700000000ull * 1000000000;
	h->epoch_monotonic_ns = 1000ull * 1000000000;
	h->pid = 4242;
	h->parent_pid = 1;
	h->page_bytes = 4096;
	h->nr_cpus = 2;
	memcpy(h->boot_id, "bootidbootidboot", 16);
	memcpy(h->exe_build_id, "\x01\x23\xab\xcd", 4);
	h->exe_build_id_bytes = 4;
	strcpy(h->recorder_version, "0.1.0");
	strcpy(h->name, "server");
	strcpy(h->exe, "/usr/bin/server");
	memcpy(h->command,
	       "server\0--port\0"
	       "80",
	       17);
	strcpy(h->hostname, "host");
	strcpy(h->allocator, "/lib/x86_64-linux-gnu/libc.so.6");
}

/* Writes the counters of c.stack over the copy that c.seq says. */
SYNTH void synth_counters(struct synth *s, struct seep_rec_counters c)
{
	synth_put_at(s, synth_offset(s, SEEP_REC_SEC_COUNTERS, c.stack) + (c.seq & 1) * sizeof(c), &c, sizeof(c));
}

/* The counters of a stack as they stand. */
SYNTH struct seep_rec_counters synth_counters_of(struct synth *s, uint32_t stack)
{
	struct seep_rec_counters copies[2];

	memcpy(copies, synth_entry(s, SEEP_REC_SEC_COUNTERS, stack), sizeof(copies));
	return copies[copies[1].seq > copies[0].seq];
}

SYNTH uint32_t synth_stack_of(struct synth *s, uint8_t kind, uint32_t nr, const uint64_t *frames, uint8_t flags)
{
	struct seep_rec_stack stack = {
		.first_frame = s->nr_frames, .nr_frames = (uint16_t)nr, .kind = kind, .flags = flags
	};
	uint32_t idx = s->nr_stacks++;

	for (uint32_t i = 0; i < nr; i++)
		memcpy(synth_entry(s, SEEP_REC_SEC_FRAMES, s->nr_frames++), &frames[i], 8);
	if (nr) {
		size_t where = synth_offset(s, SEEP_REC_SEC_FRAMES, stack.first_frame);

		stack.frames_checksum = seep_rec_checksum(s->bytes + where, 8 * (size_t)nr, s->header.salt, where);
	}
	synth_put(s, SEEP_REC_SEC_STACKS, idx, &stack, sizeof(stack));
	synth_counters(s, (struct seep_rec_counters){ .seq = 1, .stack = idx });
	return idx;
}

/* Adds a stack of `nr` frames (uint64_t each, leaf first, SEEP_REC_FRAME()); returns its index. */
SYNTH uint32_t synth_stack(struct synth *s, uint8_t kind, uint32_t nr, ...)
{
	uint64_t frames[SEEP_REC_MAX_FRAMES];
	va_list args;

	va_start(args, nr);
	for (uint32_t i = 0; i < nr; i++)
		frames[i] = va_arg(args, uint64_t);
	va_end(args);
	return synth_stack_of(s, kind, nr, frames, 0);
}

/* Adds a module; `build_id` in hex, "" none. Returns its index, 1 for the first. */
SYNTH uint32_t synth_module(struct synth *s, const char *path, uint64_t start, uint64_t end, const char *build_id)
{
	struct seep_rec_module m = { .start = start, .end = end, .bias = start };
	unsigned byte;

	for (; sscanf(build_id + 2 * m.build_id_bytes, "%2x", &byte) == 1; m.build_id_bytes++)
		m.build_id[m.build_id_bytes] = (uint8_t)byte;
	m.path_bytes = (uint32_t)strlen(path);
	memcpy(m.path, path, m.path_bytes);
	synth_put(s, SEEP_REC_SEC_MODULES, s->nr_modules, &m, sizeof(m));
	return s->nr_modules++;
}

SYNTH uint32_t synth_thread(struct synth *s, uint32_t tid, const char *name)
{
	struct seep_rec_thread t = { .tid = tid };

	snprintf(t.name, sizeof(t.name), "%s", name);
	synth_put(s, SEEP_REC_SEC_THREADS, s->nr_threads, &t, sizeof(t));
	return s->nr_threads++;
}

/* Notes that an event happened at `time_us`. */
SYNTH void synth_event(struct synth *s, uint64_t time_us)
{
	if (time_us > s->words.heartbeat_us)
		s->words.heartbeat_us = time_us;
}

SYNTH void synth_period(struct synth *s, uint64_t time_us, uint64_t period, uint32_t cause)
{
	struct seep_rec_period p = { .time_us = time_us, .period = period, .cause = cause };

	synth_put(s, SEEP_REC_SEC_PERIODS, s->nr_periods++, &p, sizeof(p));
	s->status.period = period;
	synth_event(s, time_us);
}

/* Probability that a block is sampled, as the format has it. */
SYNTH double synth_probability(uint64_t size, uint64_t period)
{
	return period <= 1 ? 1 : -expm1(-(size ? (double)size : 1.0) / (double)period);
}

SYNTH void synth_count(struct synth *s, uint32_t stack, uint32_t nr, uint64_t size, uint64_t period, uint64_t time_us)
{
	struct seep_rec_counters c = synth_counters_of(s, stack);
	double p = synth_probability(size, period), bytes = (double)size;

	c.seq++;
	c.alloc_objects += nr / p;
	c.alloc_bytes += nr * bytes / p;
	c.alloc_objects_var += nr * (1 - p) / (p * p);
	c.alloc_bytes_var += nr * bytes * bytes * (1 - p) / (p * p);
	c.nr_alloc += nr;
	if (time_us > c.last_alloc_us)
		c.last_alloc_us = time_us;
	synth_counters(s, c);
	s->status.samples_made += nr;
	synth_event(s, time_us);
}

/* Puts one sample as it is into the next slot, without counting it; returns its slot. */
SYNTH uint32_t synth_sample(struct synth *s, struct seep_rec_sample sample)
{
	synth_put(s, SEEP_REC_SEC_SAMPLES, s->nr_samples, &sample, sizeof(sample));
	s->words.samples_high = s->nr_samples + 1;
	return s->nr_samples++;
}

/* `nr` live sampled blocks of `size` bytes, born evenly in [from_us, to_us], counted as allocated. */
SYNTH void synth_blocks(struct synth *s, uint32_t stack, uint32_t nr, uint64_t size, uint64_t period, uint64_t from_us,
                        uint64_t to_us)
{
	struct seep_rec_stack of;

	memcpy(&of, synth_entry(s, SEEP_REC_SEC_STACKS, stack), sizeof(of));
	for (uint32_t i = 0; i < nr; i++) {
		struct seep_rec_sample b = { .size = size, .period = period, .stack = stack, .kind = of.kind };

		b.addr = s->next_addr;
		s->next_addr += size + 64;
		b.birth_us = b.first_birth_us = nr > 1 ? from_us + (to_us - from_us) * i / (nr - 1) : to_us;
		b.thread = s->nr_threads > 1 ? 1 : 0;
		b.serial = s->nr_samples + 1;
		synth_sample(s, b);
	}
	synth_count(s, stack, nr, size, period, to_us);
}

/* `nr` sampled blocks of `size` bytes that were allocated and freed again after `age_us`. */
SYNTH void synth_freed(struct synth *s, uint32_t stack, uint32_t nr, uint64_t size, uint64_t period, uint64_t age_us,
                       uint64_t last_us)
{
	static const uint64_t bounds[] = SEEP_REC_LIFETIME_BOUNDS_US;
	double p = synth_probability(size, period);
	struct seep_rec_counters c;
	size_t bucket = 0;

	synth_count(s, stack, nr, size, period, last_us);
	while (bucket < sizeof(bounds) / sizeof(bounds[0]) && age_us >= bounds[bucket])
		bucket++;
	c = synth_counters_of(s, stack);
	c.seq++;
	c.freed_objects += nr / p;
	c.freed_bytes += nr * (double)size / p;
	c.nr_freed += nr;
	c.lifetimes[bucket] += nr;
	synth_counters(s, c);
}

/* In-use bytes of a stack at times interval, 2 × interval, … */
SYNTH void synth_history(struct synth *s, uint32_t stack, uint64_t interval_us, uint32_t nr, const float *inuse_bytes)
{
	struct seep_rec_history h = { .interval_us = interval_us, .stack = stack, .nr_points = nr };

	memcpy(h.inuse_bytes, inuse_bytes, nr * sizeof(float));
	synth_put(s, SEEP_REC_SEC_HISTORY, stack, &h, sizeof(h));
}

/* `points` in the order of the file: see struct seep_rec_trail. */
SYNTH void synth_trail(struct synth *s, uint32_t stack, uint64_t last_tick, uint32_t tick_s,
                       const float points[SEEP_REC_NR_TRAIL])
{
	struct seep_rec_trail t = { .last_tick = last_tick, .stack = stack, .tick_s = tick_s };

	memcpy(t.inuse_bytes, points, sizeof(t.inuse_bytes));
	synth_put(s, SEEP_REC_SEC_TRAIL, stack, &t, sizeof(t));
}

/* What a stack had in use at the peak or at the last mark. */
enum { SYNTH_PEAK, SYNTH_MARK };
SYNTH void synth_snap(struct synth *s, uint32_t stack, uint32_t at, struct seep_rec_snap snap)
{
	synth_put(s, SEEP_REC_SEC_SNAPS, 2 * stack + at, &snap, sizeof(snap));
}

/* `by`: SEEP_REC_MARK_BY_…; each has its half of the section. */
SYNTH void synth_mark(struct synth *s, uint64_t time_us, uint32_t by, const char *name)
{
	struct seep_rec_mark m = { .time_us = time_us, .by = by };
	uint32_t is_tool = by == SEEP_REC_MARK_BY_TOOL;
	size_t half = (size_t)synth_section(s, SEEP_REC_SEC_MARKS)->count / 2;

	assert(s->nr_marks[is_tool] < half);
	memcpy(m.name, name, strnlen(name, sizeof(m.name)));
	synth_put(s, SEEP_REC_SEC_MARKS, is_tool * half + s->nr_marks[is_tool]++, &m, sizeof(m));
}

/* Returns the kind of its samples. */
SYNTH uint8_t synth_heap(struct synth *s, const char *name)
{
	struct seep_rec_heap h = { .first_us = 1 };

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	synth_put(s, SEEP_REC_SEC_HEAPS, s->nr_heaps, &h, sizeof(h));
	return (uint8_t)(SEEP_REC_KIND_ARENA + s->nr_heaps++);
}

SYNTH void synth_ring(struct synth *s, struct seep_rec_ring point)
{
	synth_put(s, SEEP_REC_SEC_RING, s->nr_ring++, &point, sizeof(point));
	synth_event(s, point.time_us);
}

/* A system entry in which nothing is known but the time: fill in what the test is about. */
SYNTH struct seep_rec_system synth_system_unknown(uint64_t time_us)
{
	struct seep_rec_system e;

	memset(&e, 0xff, sizeof(e));
	memset(e.reserved, 0, sizeof(e.reserved));
	e.time_us = time_us;
	return e;
}

SYNTH void synth_system(struct synth *s, struct seep_rec_system entry)
{
	synth_put(s, SEEP_REC_SEC_SYSTEM, s->nr_system++, &entry, sizeof(entry));
}

SYNTH void synth_ended(struct synth *s, uint64_t time_us, uint32_t how, int32_t code, const char *by,
                       const char *detail)
{
	struct seep_rec_ended e = { .time_us = time_us, .how = how, .code = code };

	snprintf(e.by, sizeof(e.by), "%s", by);
	snprintf(e.detail, sizeof(e.detail), "%s", detail);
	synth_put(s, SEEP_REC_SEC_ENDED, 0, &e, sizeof(e));
}

/* Marks the end that the recorder itself saw. */
SYNTH void synth_exit_mark(struct synth *s, uint64_t time_us)
{
	s->status.reasons |= SEEP_REC_WHY_EXITED;
	s->status.exit_us = time_us;
	synth_event(s, time_us);
}

/* Seals the header again: for tests that damage it on purpose after synth_bytes(). */
SYNTH void synth_seal_header(uint8_t *file)
{
	uint64_t salt, sum;

	memcpy(&salt, file + offsetof(struct seep_rec_header, salt), 8);
	sum = seep_rec_checksum(file, offsetof(struct seep_rec_header, checksum), salt, 0);
	memcpy(file + offsetof(struct seep_rec_header, checksum), &sum, 8);
}

/* The whole file; *nr_bytes is its length. Lives until synth_free(). */
SYNTH const uint8_t *synth_bytes(struct synth *s, size_t *nr_bytes)
{
	s->status.nr_stacks = s->nr_stacks;
	s->status.nr_modules = s->nr_modules;
	s->status.nr_threads = s->nr_threads;
	s->status.nr_frames = s->nr_frames;
	s->status.time_us = s->words.heartbeat_us;
	memcpy(s->bytes, &s->header, sizeof(s->header));
	synth_seal_header(s->bytes);
	memcpy(s->bytes + SEEP_REC_WORDS_OFFSET, &s->words, sizeof(s->words));
	s->status.seq++;
	synth_put(s, SEEP_REC_SEC_STATUS, s->status.seq % 2, &s->status, sizeof(s->status));
	if (nr_bytes)
		*nr_bytes = s->nr_bytes;
	return s->bytes;
}

SYNTH void synth_write(struct synth *s, const char *path)
{
	size_t nr_bytes;
	const uint8_t *bytes = synth_bytes(s, &nr_bytes);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, nr_bytes) != (ssize_t)nr_bytes || close(fd))
		abort();
}

/* An empty recording of pid 4242, "server", period 512 KiB. `room` NULL: synth_default_room. */
SYNTH struct synth *synth_new(const struct synth_room *room)
{
	struct synth *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	synth_place_sections(s, room ? room : &synth_default_room);
	s->bytes = calloc(1, s->nr_bytes);
	if (!s->bytes)
		abort();
	synth_fill_header(s);
	s->words.control = SEEP_REC_CONTROL_ON | SEEP_REC_DEFAULT_PERIOD;
	s->next_addr = 0x10000000;
	s->nr_modules = s->nr_threads = 1;
	synth_stack_of(s, SEEP_REC_KIND_HEAP, 0, NULL, 0);
	synth_stack_of(s, SEEP_REC_KIND_MMAP, 0, NULL, 0);
	synth_period(s, 0, SEEP_REC_DEFAULT_PERIOD, SEEP_REC_CAUSE_START);
	return s;
}

SYNTH void synth_free(struct synth *s)
{
	free(s->bytes);
	free(s);
}

#endif
