#include "base/base.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_first_error_wins(void)
{
	struct seep_error err = { 0 };

	EQ_U(seep_fail_at(&err, SEEP_ERR_FORMAT, 12, "slot %d: bad", 3), SEEP_ERR_FORMAT);
	EQ_U(seep_fail(&err, SEEP_ERR_NOMEM, "later"), SEEP_ERR_NOMEM);
	EQ_S(err.what, "slot 3: bad");
	EQ_U(err.offset, 12);
	EQ_U(err.status, SEEP_ERR_FORMAT);
	seep_error_prefix(&err, "cannot read '%s'", "x.seep");
	EQ_S(err.what, "cannot read 'x.seep': slot 3: bad");
	EQ_U(seep_fail(NULL, SEEP_ERR_LIMIT, "nobody cares"), SEEP_ERR_LIMIT);
}

static void errno_is_told(void)
{
	struct seep_error err = { 0 };

	EQ_U(seep_fail_errno(&err, EACCES, "cannot open '%s'", "f"), SEEP_ERR_IO);
	EQ_S(err.what, "cannot open 'f': Permission denied");
	EQ_U(err.sys_errno, EACCES);
	seep_error_clear(&err);
	EQ_U(seep_fail_errno(&err, ENOMEM, "x"), SEEP_ERR_NOMEM);
}

static void long_errors_are_cut(void)
{
	struct seep_error err = { 0 };

	seep_fail_errno(&err, EACCES, "%0400d", 1);
	seep_error_prefix(&err, "%0400d", 1);
	EQ_U(strlen(err.what), sizeof(err.what) - 1);
}

static void reads_past_the_end_fail_and_stay_failed(void)
{
	struct seep_reader r;

	seep_reader_init(&r, "\x01\x02\x03\x04\x05", 5);
	EQ_U(seep_read_u32le(&r), 0x04030201);
	EQ_U(seep_read_u16le(&r), 0);
	OK(r.failed);
	EQ_U(seep_read_u8(&r), 0);
	EQ_U(seep_reader_left(&r), 0);
	OK(!seep_read_bytes(&r, SIZE_MAX));
}

static void uleb_rejects_65_bits(void)
{
	struct seep_reader r;

	seep_reader_init(&r, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	EQ_U(seep_read_uleb128(&r), 0);
	OK(r.failed);
	seep_reader_init(&r, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
	EQ_U(seep_read_uleb128(&r), UINT64_MAX);
	OK(!r.failed);
}

static void uleb_is_written_as_it_is_read(void)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct seep_buf b = { 0 };
		struct seep_reader r;

		seep_buf_add_uleb128(&b, values[i]);
		seep_reader_init(&r, b.p, b.len);
		EQ_U(seep_read_uleb128(&r), values[i]);
		EQ_U(seep_reader_left(&r), 0);
		seep_buf_release(&b);
	}
}

static void arena_memory_is_zeroed_and_aligned(void)
{
	struct seep_arena a;
	bool all_zero = true, all_aligned = true;

	seep_arena_init(&a);
	for (size_t size = 1; size < 40000; size = size * 3 + 1) {
		uint8_t *p = seep_arena_alloc(&a, 1, size);

		all_aligned = all_aligned && (uintptr_t)p % _Alignof(max_align_t) == 0;
		for (size_t i = 0; i < size; i++)
			all_zero = all_zero && !p[i];
		memset(p, 0xff, size);
	}
	OK(all_zero);
	OK(all_aligned);
	OK(!seep_arena_alloc(&a, SIZE_MAX / 2, 3));
	EQ_S(seep_arena_printf(&a, "%s-%d", "a", 7), "a-7");
	EQ_S(seep_arena_strndup(&a, "abcdef", 3), "abc");
	seep_arena_release(&a);
}

static void growth_refuses_to_overflow(void)
{
	uint32_t *array = NULL;
	size_t cap = 0;

	OK(seep_grow(&array, &cap, 5, sizeof(*array)) && cap >= 5);
	OK(!seep_grow(&array, &cap, SIZE_MAX / 2, sizeof(*array)));
	OK(array != NULL);
	free(array);
}

static uint64_t bytes_of(const char *text)
{
	uint64_t out;

	return seep_parse_bytes(text, &out) ? out : UINT64_MAX;
}

static void sizes_take_powers_of_1024(void)
{
	EQ_U(bytes_of("512K"), 512u << 10);
	EQ_U(bytes_of("4m"), 4u << 20);
	EQ_U(bytes_of("1GiB"), 1u << 30);
	EQ_U(bytes_of("1.5kB"), 1536);
	EQ_U(bytes_of("7"), 7);
	EQ_U(bytes_of("7B"), 7);
	EQ_U(bytes_of(""), UINT64_MAX);
	EQ_U(bytes_of("K"), UINT64_MAX);
	EQ_U(bytes_of("-1"), UINT64_MAX);
	EQ_U(bytes_of("1iB"), UINT64_MAX);
	EQ_U(bytes_of("1Kx"), UINT64_MAX);
	EQ_U(bytes_of("99999999999999999999"), UINT64_MAX);
	EQ_U(bytes_of("99999999T"), UINT64_MAX);
}

static double seconds_of(const char *text)
{
	double out;

	return seep_parse_seconds(text, &out) ? out : -1;
}

static void durations_take_units(void)
{
	NEAR(seconds_of("30"), 30, 0);
	NEAR(seconds_of("250ms"), 0.25, 1e-12);
	NEAR(seconds_of("1.5h"), 5400, 1e-9);
	NEAR(seconds_of("2d"), 172800, 0);
	NEAR(seconds_of("inf"), -1, 0);
	NEAR(seconds_of("5 s"), -1, 0);
}

static void bytes_are_shown_as_pprof_shows_them(void)
{
	char out[SEEP_UNIT_MAX];

	EQ_S(seep_format_bytes(out, 0), "0B");
	EQ_S(seep_format_bytes(out, 512), "512B");
	EQ_S(seep_format_bytes(out, 12800), "12.50kB");
	EQ_S(seep_format_bytes(out, 1048571), "1024kB");
	EQ_S(seep_format_bytes(out, -2048), "-2kB");
	EQ_S(seep_format_bytes(out, 2147483648.0), "2GB");
	EQ_S(seep_format_bytes(out, NAN), "-");
	OK(strlen(seep_format_bytes(out, -1e300)) < SEEP_UNIT_MAX);
}

static void seconds_never_show_sixty(void)
{
	char out[SEEP_UNIT_MAX];

	EQ_S(seep_format_seconds(out, 0), "0s");
	EQ_S(seep_format_seconds(out, 0.25), "250ms");
	EQ_S(seep_format_seconds(out, 0.9999), "1s");
	EQ_S(seep_format_seconds(out, 41.2), "41s");
	EQ_S(seep_format_seconds(out, 59.9), "1m");
	EQ_S(seep_format_seconds(out, 90), "1m30s");
	EQ_S(seep_format_seconds(out, 720), "12m");
	EQ_S(seep_format_seconds(out, 3599), "1h");
	EQ_S(seep_format_seconds(out, 12000), "3h20m");
	EQ_S(seep_format_seconds(out, 86399), "1d");
	EQ_S(seep_format_seconds(out, 187200), "2d4h");
	OK(strlen(seep_format_seconds(out, -1e300)) < SEEP_UNIT_MAX);
}

static void counts_are_grouped(void)
{
	char out[SEEP_UNIT_MAX];

	EQ_S(seep_format_count(out, 0), "0");
	EQ_S(seep_format_count(out, 999), "999");
	EQ_S(seep_format_count(out, 1234567), "1,234,567");
	EQ_S(seep_format_count(out, -1234.4), "-1,234");
	EQ_S(seep_format_count(out, -0.2), "0");
	OK(strlen(seep_format_count(out, -1e300)) < SEEP_UNIT_MAX);
}

static const char *clean(const char *in, size_t len)
{
	static char out[64];

	seep_text_clean(out, sizeof(out), in, len);
	return out;
}

static void hostile_text_is_replaced(void)
{
	char out[5];

	EQ_S(clean("plain \xc3\xa9", 8), "plain \xc3\xa9");
	EQ_S(clean("a\033[1mb", 6), "a\xef\xbf\xbd[1mb");
	EQ_S(clean("\xc0\xaf", 2), "\xef\xbf\xbd\xef\xbf\xbd");
	EQ_S(clean("\xed\xa0\x80", 3), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	EQ_S(clean("x\0y", 3), "x\xef\xbf\xbdy");
	EQ_S(clean("\xe2\x80\xae", 3), "\xef\xbf\xbd");
	EQ_S(clean("\xe2\x82", 2), "\xef\xbf\xbd\xef\xbf\xbd");
	EQ_U(seep_text_clean(out, sizeof(out), "abc\xc3\xa9", 5), 3);
	EQ_S(out, "abc");
}

static void hashes_tell_length_and_content(void)
{
	OK(seep_hash("", 0) != seep_hash("\0", 1));
	OK(seep_hash("\0", 1) != seep_hash("\0\0", 2));
	OK(seep_hash("abcdefgh1", 9) != seep_hash("abcdefgh2", 9));
}

static void json_is_valid_whatever_goes_in(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct seep_json j;

	seep_json_init(&j, out, false);
	seep_json_object(&j, NULL);
	seep_json_str(&j, "a\"\n", "\x01\xff\\");
	seep_json_double(&j, "nan", NAN);
	seep_json_double(&j, "tenth", 0.1);
	seep_json_double(&j, "big", 1e300);
	seep_json_array(&j, "list");
	seep_json_u64(&j, NULL, UINT64_MAX);
	seep_json_i64(&j, NULL, -3);
	seep_json_object(&j, NULL);
	seep_json_end(&j);
	seep_json_end(&j);
	seep_json_str(&j, "none", NULL);
	seep_json_bool(&j, "yes", true);
	seep_json_end(&j);
	fclose(out);
	EQ_S(text, "{\"a\\\"\\u000a\":\"\\u0001\xef\xbf\xbd\\\\\",\"nan\":null,\"tenth\":0.1,\"big\":1e+300,"
	           "\"list\":[18446744073709551615,-3,{}],\"none\":null,\"yes\":true}");
	free(text);
}

static char dir[] = "/tmp/seep-test-base-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void a_file_appears_only_when_whole(void)
{
	struct seep_out o;
	uint8_t *bytes = NULL;
	size_t len = 0;

	EQ_U(seep_out_open(&o, in_dir("out"), NULL), SEEP_OK);
	fputs("half", o.stream);
	OK(access(in_dir("out"), F_OK) != 0);
	seep_out_abort(&o);
	OK(access(in_dir("out"), F_OK) != 0 && access(in_dir("out.part"), F_OK) != 0);
	EQ_U(seep_out_open(&o, in_dir("out"), NULL), SEEP_OK);
	fputs("whole", o.stream);
	EQ_U(seep_out_commit(&o, NULL), SEEP_OK);
	EQ_U(seep_file_read(in_dir("out"), 5, &bytes, &len, NULL), SEEP_OK);
	EQ_S((char *)bytes, "whole");
	free(bytes);
	EQ_U(seep_file_read(in_dir("out"), 4, &bytes, &len, NULL), SEEP_ERR_LIMIT);
	unlink(in_dir("out"));
}

static void a_full_device_is_an_error(void)
{
	struct seep_error err = { 0 };
	struct seep_out o;

	EQ_U(seep_out_open(&o, "/dev/full", NULL), SEEP_OK);
	fputs("x", o.stream);
	EQ_U(seep_out_commit(&o, &err), SEEP_ERR_IO);
	EQ_S(err.what, "cannot write '/dev/full': No space left on device");
}

static void odd_files_do_not_hang_the_reader(void)
{
	struct seep_error err = { 0 };
	uint8_t *bytes = NULL;
	size_t len = 0;

	EQ_U(seep_file_read(dir, 100, &bytes, &len, &err), SEEP_ERR_IO);
	EQ_U(err.sys_errno, EISDIR);
	mkfifo(in_dir("fifo"), 0600);
	EQ_U(seep_file_read(in_dir("fifo"), 100, &bytes, &len, NULL), SEEP_OK);
	EQ_U(len, 0);
	free(bytes);
	unlink(in_dir("fifo"));
	EQ_U(seep_file_read("/proc/self/stat", 4096, &bytes, &len, NULL), SEEP_OK);
	OK(len > 10);
	free(bytes);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	the_first_error_wins();
	errno_is_told();
	long_errors_are_cut();
	reads_past_the_end_fail_and_stay_failed();
	uleb_rejects_65_bits();
	uleb_is_written_as_it_is_read();
	arena_memory_is_zeroed_and_aligned();
	growth_refuses_to_overflow();
	sizes_take_powers_of_1024();
	durations_take_units();
	bytes_are_shown_as_pprof_shows_them();
	seconds_never_show_sixty();
	counts_are_grouped();
	hostile_text_is_replaced();
	hashes_tell_length_and_content();
	json_is_valid_whatever_goes_in();
	a_file_appears_only_when_whole();
	a_full_device_is_an_error();
	odd_files_do_not_hang_the_reader();
	rmdir(dir);
	return tap_done();
}
