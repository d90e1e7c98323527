#include "format/gzip.h"

#include <errno.h>
#include <zlib.h>

#define GZIP_BITS (MAX_WBITS + 16)
#define STEP ((size_t)64 << 10)

bool gzip_is(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	return len >= 2 && b[0] == 0x1f && b[1] == 0x8b;
}

/* zlib counts in 32 bits; its input is not const in old versions of its header. */
static void feed(z_stream *z, const uint8_t **bytes, size_t *left)
{
	size_t nr = *left < STEP ? *left : STEP;

	z->next_in = (Bytef *)(uintptr_t)*bytes;
	z->avail_in = (uInt)nr;
	*bytes += nr;
	*left -= nr;
}

enum seep_status gzip_write(const void *bytes, size_t len, FILE *out, struct seep_error *err)
{
	static const int level = Z_DEFAULT_COMPRESSION;
	z_stream z = { 0 };
	const uint8_t *in = bytes;
	uint8_t block[16384];
	int result = Z_OK;

	if (deflateInit2(&z, level, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot compress: out of memory");
	while (result != Z_STREAM_END) {
		if (!z.avail_in)
			feed(&z, &in, &len);
		z.next_out = block;
		z.avail_out = sizeof(block);
		result = deflate(&z, len || z.avail_in ? Z_NO_FLUSH : Z_FINISH);
		if (fwrite(block, 1, sizeof(block) - z.avail_out, out) != sizeof(block) - z.avail_out)
			break;
	}
	deflateEnd(&z);
	return result == Z_STREAM_END ? SEEP_OK : seep_fail_errno(err, errno, "cannot write");
}

static enum seep_status inflate_all(z_stream *z, const uint8_t *in, size_t len, size_t max, struct seep_buf *out,
                                    struct seep_error *err)
{
	uint8_t block[16384];

	for (;;) {
		int result;

		if (!z->avail_in && len)
			feed(z, &in, &len);
		z->next_out = block;
		z->avail_out = sizeof(block);
		result = inflate(z, Z_NO_FLUSH);
		seep_buf_add(out, block, sizeof(block) - z->avail_out);
		if (out->failed || result == Z_MEM_ERROR)
			return seep_fail(err, SEEP_ERR_NOMEM, "cannot inflate: out of memory");
		if (out->len > max)
			return seep_fail(err, SEEP_ERR_LIMIT, "inflates to more than %zu bytes", max);
		if (result == Z_STREAM_END) {
			if (!z->avail_in && !len)
				return SEEP_OK;
			if (inflateReset(z) != Z_OK)
				return seep_fail(err, SEEP_ERR_FORMAT, "gzip stream cannot be read");
		} else if (result == Z_BUF_ERROR || (result == Z_OK && !z->avail_in && !len && z->avail_out)) {
			return seep_fail(err, SEEP_ERR_TRUNCATED, "gzip stream ends early");
		} else if (result != Z_OK) {
			return seep_fail(err, SEEP_ERR_FORMAT, "gzip stream is corrupt: %s",
			                 z->msg ? z->msg : "bad data");
		}
	}
}

enum seep_status gzip_read(const void *bytes, size_t len, size_t max, struct seep_buf *out, struct seep_error *err)
{
	z_stream z = { 0 };
	enum seep_status status;

	if (inflateInit2(&z, GZIP_BITS) != Z_OK)
		return seep_fail(err, SEEP_ERR_NOMEM, "cannot inflate: out of memory");
	status = inflate_all(&z, bytes, len, max, out, err);
	inflateEnd(&z);
	return status;
}
