/* What the targets share. LLVMFuzzerTestOneInput is libFuzzer's and AFL++'s entry point; replay.c calls it too. */
#ifndef SEEP_TESTS_FUZZ_H
#define SEEP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Output of writers under test. */
static inline FILE *fuzz_nowhere(void)
{
	static FILE *out;

	if (!out && !(out = fopen("/dev/null", "w")))
		abort();
	return out;
}

/* What must hold for every input; says which one did not. */
#define MUST(cond)                                                     \
	do {                                                           \
		if (!(cond)) {                                         \
			fprintf(stderr, "does not hold: %s\n", #cond); \
			abort();                                       \
		}                                                      \
	} while (0)

#endif
