/* docs/recording-format.md says where every field is; layout.h says it to the compiler. Argument: the page. */
#include "base/base.h"
#include "recording/layout.h"
#include "tap.h"

#include <stdlib.h>

struct field {
	const char *structure, *name;
	size_t offset, size;
};
#define FIELD(s, f)                                                                             \
	{                                                                                       \
#s, #f, offsetof(struct seep_rec_##s, f), sizeof(((struct seep_rec_##s *)0)->f) \
	}

static const struct field fields[] = {
	FIELD(section, kind),
	FIELD(section, entry_bytes),
	FIELD(section, offset),
	FIELD(section, count),
	FIELD(header, magic),
	FIELD(header, major),
	FIELD(header, minor),
	FIELD(header, endian),
	FIELD(header, header_bytes),
	FIELD(header, machine),
	FIELD(header, file_bytes),
	FIELD(header, salt),
	FIELD(header, sections),
	FIELD(header, epoch_realtime_ns),
	FIELD(header, epoch_monotonic_ns),
	FIELD(header, start_us),
	FIELD(header, start_ticks),
	FIELD(header, pid_namespace),
	FIELD(header, pid),
	FIELD(header, parent_pid),
	FIELD(header, forked_from),
	FIELD(header, uid),
	FIELD(header, page_bytes),
	FIELD(header, nr_cpus),
	FIELD(header, boot_id),
	FIELD(header, exe_build_id),
	FIELD(header, exe_build_id_bytes),
	FIELD(header, options),
	FIELD(header, recorder_version),
	FIELD(header, name),
	FIELD(header, exe),
	FIELD(header, cgroup),
	FIELD(header, command),
	FIELD(header, hostname),
	FIELD(header, allocator),
	FIELD(header, budget_ppm),
	FIELD(header, reserved),
	FIELD(header, checksum),
	FIELD(words, control),
	FIELD(words, children_unrecorded),
	FIELD(words, heartbeat_us),
	FIELD(words, samples_high),
	FIELD(words, peak),
	FIELD(words, peak_bytes),
	FIELD(words, peak_us),
	FIELD(words, mark),
	FIELD(status, seq),
	FIELD(status, reasons),
	FIELD(status, lost),
	FIELD(status, time_us),
	FIELD(status, period),
	FIELD(status, slow_calls),
	FIELD(status, samples_made),
	FIELD(status, cost_ns),
	FIELD(status, private_bytes),
	FIELD(status, nr_stacks),
	FIELD(status, nr_modules),
	FIELD(status, nr_threads),
	FIELD(status, nr_frames),
	FIELD(status, exit_us),
	FIELD(status, estimated_since_us),
	FIELD(status, unwind_frames),
	FIELD(status, unwind_misses),
	FIELD(status, reserved),
	FIELD(status, checksum),
	FIELD(period, time_us),
	FIELD(period, period),
	FIELD(period, cause),
	FIELD(period, reserved),
	FIELD(period, checksum),
	FIELD(module, start),
	FIELD(module, end),
	FIELD(module, bias),
	FIELD(module, first_us),
	FIELD(module, generation),
	FIELD(module, flags),
	FIELD(module, build_id_bytes),
	FIELD(module, path_bytes),
	FIELD(module, build_id),
	FIELD(module, path),
	FIELD(module, reserved),
	FIELD(module, checksum),
	FIELD(stack, first_frame),
	FIELD(stack, nr_frames),
	FIELD(stack, kind),
	FIELD(stack, flags),
	FIELD(stack, first_us),
	FIELD(stack, frames_checksum),
	FIELD(stack, checksum),
	FIELD(counters, seq),
	FIELD(counters, stack),
	FIELD(counters, alloc_objects),
	FIELD(counters, alloc_bytes),
	FIELD(counters, alloc_objects_var),
	FIELD(counters, alloc_bytes_var),
	FIELD(counters, freed_objects),
	FIELD(counters, freed_bytes),
	FIELD(counters, nr_alloc),
	FIELD(counters, nr_freed),
	FIELD(counters, lifetimes),
	FIELD(counters, last_alloc_us),
	FIELD(counters, checksum),
	FIELD(history, interval_us),
	FIELD(history, stack),
	FIELD(history, nr_points),
	FIELD(history, inuse_bytes),
	FIELD(history, reserved),
	FIELD(history, checksum),
	FIELD(sample, addr),
	FIELD(sample, size),
	FIELD(sample, period),
	FIELD(sample, birth_us),
	FIELD(sample, first_birth_us),
	FIELD(sample, stack),
	FIELD(sample, thread),
	FIELD(sample, kind),
	FIELD(sample, entry),
	FIELD(sample, nr_reallocs),
	FIELD(sample, serial),
	FIELD(sample, checksum),
	FIELD(thread, tid),
	FIELD(thread, nr_reused),
	FIELD(thread, first_us),
	FIELD(thread, name),
	FIELD(thread, reserved),
	FIELD(thread, checksum),
	FIELD(ring, time_us),
	FIELD(ring, inuse_bytes),
	FIELD(ring, inuse_objects),
	FIELD(ring, alloc_bytes),
	FIELD(ring, mmap_bytes),
	FIELD(ring, period),
	FIELD(ring, samples_live),
	FIELD(ring, reserved),
	FIELD(ring, checksum),
	FIELD(system, time_us),
	FIELD(system, rss),
	FIELD(system, rss_anon),
	FIELD(system, rss_file),
	FIELD(system, rss_shmem),
	FIELD(system, swap),
	FIELD(system, cgroup_usage),
	FIELD(system, cgroup_limit),
	FIELD(system, cgroup_anon),
	FIELD(system, cgroup_file),
	FIELD(system, cgroup_shmem),
	FIELD(system, cgroup_kernel),
	FIELD(system, nr_threads),
	FIELD(system, nr_mappings),
	FIELD(system, nr_fds),
	FIELD(system, nr_pids),
	FIELD(system, virtual_bytes),
	FIELD(system, data_bytes),
	FIELD(system, cgroup_failcnt),
	FIELD(system, cgroup_oom_kills),
	FIELD(system, stacks_bytes),
	FIELD(system, reserved),
	FIELD(system, checksum),
	FIELD(ended, time_us),
	FIELD(ended, how),
	FIELD(ended, code),
	FIELD(ended, by),
	FIELD(ended, detail),
	FIELD(ended, reserved),
	FIELD(ended, checksum),
	FIELD(trail, last_tick),
	FIELD(trail, stack),
	FIELD(trail, tick_s),
	FIELD(trail, inuse_bytes),
	FIELD(trail, reserved),
	FIELD(trail, checksum),
	FIELD(snap, number),
	FIELD(snap, bytes_var),
	FIELD(snap, bytes),
	FIELD(snap, objects),
	FIELD(snap, checksum),
	FIELD(mark, time_us),
	FIELD(mark, by),
	FIELD(mark, reserved),
	FIELD(mark, name),
	FIELD(mark, checksum),
	FIELD(heap, first_us),
	FIELD(heap, reserved),
	FIELD(heap, name),
	FIELD(heap, checksum),
};

/* "u32" → 4, "char[16]" → 16, "section[24]" → 576. */
static size_t type_size(const char *type)
{
	static const struct {
		const char *name;
		size_t size;
	} types[] = { { "u8", 1 },  { "u16", 2 },  { "u32", 4 },
		      { "u64", 8 }, { "i32", 4 },  { "f32", 4 },
		      { "f64", 8 }, { "char", 1 }, { "section", sizeof(struct seep_rec_section) } };
	const char *bracket = strchr(type, '[');
	size_t len = bracket ? (size_t)(bracket - type) : strlen(type);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strlen(types[i].name) == len && !strncmp(types[i].name, type, len))
			return types[i].size * (bracket ? strtoul(bracket + 1, NULL, 10) : 1);
	return 0;
}

/* The row of a field in the table of its structure: "| 24 | u64 | `file_bytes` |". */
static bool find_row(const char *page, const struct field *f, size_t *offset, size_t *size)
{
	char mark[64], cell[64], type[32];
	const char *table, *end, *row;

	snprintf(mark, sizeof(mark), "<!-- struct seep_rec_%s -->", f->structure);
	snprintf(cell, sizeof(cell), "| `%s` |", f->name);
	table = strstr(page, mark);
	end = table ? strstr(table, "\n\n") : NULL;
	row = table ? strstr(table, cell) : NULL;
	if (!row || (end && row > end))
		return false;
	while (row > table && row[-1] != '\n')
		row--;
	if (sscanf(row, "| %zu | %31s |", offset, type) != 2)
		return false;
	*size = type_size(type);
	return true;
}

static void every_field_stands_in_the_page(const char *page)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t offset = SIZE_MAX, size = 0;
		bool is_there = find_row(page, &fields[i], &offset, &size);

		if (!is_there || offset != fields[i].offset || size != fields[i].size)
			printf("# %s.%s: offset %zu, size %zu\n", fields[i].structure, fields[i].name, fields[i].offset,
			       fields[i].size);
		OK(is_there && offset == fields[i].offset && size == fields[i].size);
	}
}

/* "The 24 bytes 0, 1, … 23 at `where` 4160 under the salt 0x0123456789abcdef have the checksum 0x483fa…" */
static void the_checksum_is_the_one_in_the_page(const char *page)
{
	const char *vector = strstr(page, "have the checksum 0x");
	uint8_t bytes[24];

	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	OK(vector && strtoull(vector + strlen("have the checksum "), NULL, 16) ==
	                     seep_rec_checksum(bytes, sizeof(bytes), 0x0123456789abcdefull, 4160));
}

/* Counters before and after an event have few words that differ: no mixture of them may pass for a whole. */
static void no_mixture_of_two_states_is_valid(void)
{
	const uint64_t salt = 0x5eed, where = 8192;
	struct seep_rec_counters a = { .seq = 2, .stack = 7, .alloc_objects = 1, .alloc_bytes = 64, .nr_alloc = 1 };
	struct seep_rec_counters b = { .seq = 4,
		                       .stack = 7,
		                       .alloc_objects = 3,
		                       .alloc_bytes = 192,
		                       .nr_alloc = 3,
		                       .freed_objects = 2,
		                       .freed_bytes = 128,
		                       .nr_freed = 2 };
	uint64_t sum_a = seep_rec_checksum(&a, sizeof(a) - 8, salt, where);
	uint64_t sum_b = seep_rec_checksum(&b, sizeof(b) - 8, salt, where);
	unsigned nr_passed = 0;

	for (uint32_t mask = 0; mask < 1u << 15; mask++) {
		uint64_t words[15], other[15];

		memcpy(words, &a, sizeof(words));
		memcpy(other, &b, sizeof(other));
		for (unsigned i = 0; i < 15; i++)
			words[i] = mask & 1u << i ? other[i] : words[i];
		uint64_t sum = seep_rec_checksum(words, sizeof(words), salt, where);
		nr_passed += (sum == sum_a && memcmp(words, &a, sizeof(words)) != 0) ||
		             (sum == sum_b && memcmp(words, &b, sizeof(words)) != 0);
	}
	EQ_U(nr_passed, 0);
}

int main(int argc, char **argv)
{
	uint8_t *page = NULL;
	size_t len;

	if (argc != 2 || seep_file_read(argv[1], 1 << 20, &page, &len, NULL) != SEEP_OK)
		return 1;
	every_field_stands_in_the_page((const char *)page);
	the_checksum_is_the_one_in_the_page((const char *)page);
	no_mixture_of_two_states_is_valid();
	free(page);
	return tap_done();
}
