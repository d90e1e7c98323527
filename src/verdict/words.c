#include "verdict/verdict.h"

static const char *const verdict_words[SEEP_NR_VERDICTS] = {
	[SEEP_VERDICT_UNKNOWN] = "unknown",
	[SEEP_VERDICT_LEAK] = "leak",
	[SEEP_VERDICT_GROWING] = "growing",
	[SEEP_VERDICT_WARM_UP] = "warm-up",
	[SEEP_VERDICT_LOAD] = "load",
	[SEEP_VERDICT_LIMIT] = "limit",
	[SEEP_VERDICT_FRAGMENTATION] = "fragmentation",
	[SEEP_VERDICT_MAPPINGS] = "mappings",
	[SEEP_VERDICT_THREADS] = "threads",
	[SEEP_VERDICT_FDS] = "fds",
	[SEEP_VERDICT_OFF_HEAP] = "off-heap",
	[SEEP_VERDICT_RUNTIME_SLACK] = "runtime-slack",
	[SEEP_VERDICT_PAGE_CACHE] = "page-cache",
	[SEEP_VERDICT_TMPFS] = "tmpfs",
	[SEEP_VERDICT_CONFIGURATION] = "configuration",
	[SEEP_VERDICT_STEADY] = "steady",
};

const char *seep_verdict_word(enum seep_verdict_word word)
{
	return (unsigned)word < SEEP_NR_VERDICTS ? verdict_words[word] : "unknown";
}

static const char *const confidence_words[] = {
	[SEEP_CONFIDENCE_LOW] = "low",
	[SEEP_CONFIDENCE_MEDIUM] = "medium",
	[SEEP_CONFIDENCE_HIGH] = "high",
};

const char *seep_confidence_word(enum seep_confidence confidence)
{
	return (unsigned)confidence < ARRAY_SIZE(confidence_words) ? confidence_words[confidence] : "low";
}

static const char *const pattern_words[SEEP_NR_PATTERNS] = {
	[SEEP_PATTERN_FEW] = "few",         [SEEP_PATTERN_FLAT] = "flat", [SEEP_PATTERN_OLD] = "old",
	[SEEP_PATTERN_YOUNG] = "young",     [SEEP_PATTERN_PEAK] = "peak", [SEEP_PATTERN_SAWTOOTH] = "sawtooth",
	[SEEP_PATTERN_RISING] = "rising",   [SEEP_PATTERN_KEPT] = "kept", [SEEP_PATTERN_BUFFER] = "buffer",
	[SEEP_PATTERN_BACKLOG] = "backlog",
};

const char *seep_pattern_word(enum seep_pattern pattern)
{
	return (unsigned)pattern < SEEP_NR_PATTERNS ? pattern_words[pattern] : "few";
}
