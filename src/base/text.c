#include "base/base.h"

#include <string.h>

static bool is_continuation(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Length of the sequence that `lead` starts and the bits it carries; 0 when it starts none. */
static size_t sequence_length(uint8_t lead, uint32_t *bits)
{
	if (lead < 0x80) {
		*bits = lead;
		return 1;
	}
	if (lead >= 0xc2 && lead <= 0xdf) {
		*bits = lead & 0x1fu;
		return 2;
	}
	if ((lead & 0xf0) == 0xe0) {
		*bits = lead & 0x0fu;
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		*bits = lead & 0x07u;
		return 4;
	}
	return 0;
}

size_t seep_utf8_next(const char *text, size_t len, uint32_t *code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t value;
	size_t nr;

	*code = SEEP_UTF8_BAD;
	if (!len)
		return 0;
	nr = sequence_length((uint8_t)text[0], &value);
	if (!nr || nr > len)
		return 1;
	for (size_t i = 1; i < nr; i++) {
		if (!is_continuation((uint8_t)text[i]))
			return 1;
		value = value << 6 | ((uint8_t)text[i] & 0x3fu);
	}
	if (value < smallest[nr] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 1;
	*code = value;
	return nr;
}

/* Controls of both sets, line and paragraph separators, and the marks that reorder what a terminal shows. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

size_t seep_text_clean(char *out, size_t cap, const char *in, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t nr_out = 0;

	if (!cap)
		return 0;
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t nr_in = seep_utf8_next(in + i, len - i, &code), nr = nr_in;
		const char *from = in + i;

		if (code == SEEP_UTF8_BAD || is_control(code)) {
			from = replacement;
			nr = 3;
		}
		if (nr > cap - 1 - nr_out)
			break;
		memcpy(out + nr_out, from, nr);
		nr_out += nr;
		i += nr_in;
	}
	out[nr_out] = 0;
	return nr_out;
}

/* Multiply and fold, eight bytes at a time; the tail is padded with its length. */
uint64_t seep_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 0x9e3779b97f4a7c15ull ^ len;

	while (len) {
		uint64_t word = 0;
		size_t nr = len < 8 ? len : 8;

		memcpy(&word, p, nr);
		h = (h ^ word) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
		p += nr;
		len -= nr;
	}
	h *= 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 29;
}
