/* What is read from a recording, written in every format: slower than reading alone, so a target of its own. */
#define FUZZ_EXPORT
#include "fuzz-recording.c"
