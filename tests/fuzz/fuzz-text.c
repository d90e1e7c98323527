/* Text as users and files give it: sizes, durations, bytes for a terminal and for JSON. */
#include <string.h>

#include "base/base.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *clean = malloc(3 * size + 1), unit[SEEP_UNIT_MAX];
	struct seep_json j;
	uint64_t bytes;
	double seconds;
	size_t len;

	MUST(text && clean);
	memcpy(text, data, size);
	text[size] = 0;
	if (seep_parse_bytes(text, &bytes))
		MUST(strlen(seep_format_bytes(unit, (double)bytes)) < SEEP_UNIT_MAX);
	if (seep_parse_seconds(text, &seconds))
		MUST(seconds >= 0 && strlen(seep_format_seconds(unit, seconds)) < SEEP_UNIT_MAX);
	len = seep_text_clean(clean, 3 * size + 1, text, size);
	MUST(len <= 3 * size && strlen(clean) == len);
	for (size_t i = 0; i < len; i++)
		MUST((uint8_t)clean[i] >= 0x20 && clean[i] != 0x7f);
	MUST(seep_text_clean(clean, size / 2 + 1, text, size) <= size / 2);
	seep_json_init(&j, fuzz_nowhere(), false);
	seep_json_strn(&j, NULL, text, size);
	free(text);
	free(clean);
	return 0;
}
