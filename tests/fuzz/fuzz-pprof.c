/* Reads a pprof profile, writes it and reads that again: the totals must be the same. */
#include <math.h>
#include <string.h>

#include "format/format.h"
#include "fuzz.h"

static void check_round_trip(const struct seep_profile *p)
{
	struct seep_profile *back = NULL;
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);

	MUST(out && seep_pprof_write(p, out, NULL) == SEEP_OK);
	fclose(out);
	MUST(seep_pprof_read("again", bytes, len, &back, NULL) == SEEP_OK);
	for (uint32_t i = 0; i < SEEP_NR_HEAP_VALUES; i++) {
		double total = seep_profile_total(p, i);

		if (fabs(total) < 0x1p53)
			MUST(fabs(seep_profile_total(back, i) - total) <= 0.5);
	}
	seep_profile_free(back);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seep_profile *p = NULL;
	struct seep_error err = { 0 };
	enum seep_status status = seep_pprof_read("input", data, size, &p, &err);

	MUST(status == err.status && (p != NULL) == (status == SEEP_OK));
	if (!p)
		return 0;
	check_round_trip(p);
	MUST(seep_folded_write(p, SEEP_INUSE_SPACE, fuzz_nowhere(), NULL) == SEEP_OK);
	MUST(seep_json_profile_write(p, fuzz_nowhere(), NULL) == SEEP_OK);
	seep_profile_free(p);
	return 0;
}
