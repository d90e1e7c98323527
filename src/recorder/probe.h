/*
 * Probes for other observers (USDT): a nop, and a note that says where it is, what it is called and where its arguments
 * are. Debuggers and tracers put a breakpoint there when somebody asks for it. The note's form is SystemTap's
 * (sys/sdt.h, version 3, name "stapsdt"): address of the nop, address of a byte by which prelinking is told, address of
 * a counter of observers (0: none), provider, name, and each argument as SIZE@OPERAND.
 *
 * The names and arguments are OpenTelemetry's: otel_memory:alloc(ptr, size, weighted_bytes) for every sampled block,
 * where weighted_bytes is what it stands for, so that their sum is unbiased; otel_memory:free(ptr) for the end of each.
 * Every alloc has at most one free, and the free comes before the address can be given out again. A realloc of a
 * sampled block is a free, then an alloc if the new one is sampled too, or if it failed.
 */
#ifndef SEEP_RECORDER_PROBE_H
#define SEEP_RECORDER_PROBE_H

#define SEEP_PROBE_NOTE(provider, name, arguments)                               \
	"990:	nop\n"                                                             \
	"	.pushsection .note.stapsdt,\"?\",\"note\"\n"                           \
	"	.balign 4\n"                                                           \
	"	.4byte 992f - 991f, 994f - 993f, 3\n"                                  \
	"991:	.asciz \"stapsdt\"\n"                                              \
	"992:	.balign 4\n"                                                       \
	"993:	.8byte 990b, _.stapsdt.base, 0\n"                                  \
	"	.asciz \"" provider "\"\n"                                       \
	"	.asciz \"" name "\"\n"                                           \
	"	.asciz \"" arguments "\"\n"                                      \
	"994:	.balign 4\n"                                                       \
	"	.popsection\n"                                                         \
	"	.ifndef _.stapsdt.base\n"                                              \
	"	.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
	"	.weak _.stapsdt.base\n"                                                \
	"	.hidden _.stapsdt.base\n"                                              \
	"_.stapsdt.base: .space 1\n"                                             \
	"	.size _.stapsdt.base, 1\n"                                             \
	"	.popsection\n"                                                         \
	"	.endif\n"

/* Arguments are 64-bit integers or pointers. */
#define SEEP_PROBE1(provider, name, a) __asm__ volatile(SEEP_PROBE_NOTE(provider, name, "8@%0") : : "r"(a))
#define SEEP_PROBE3(provider, name, a, b, c) \
	__asm__ volatile(SEEP_PROBE_NOTE(provider, name, "8@%0 8@%1 8@%2") : : "r"(a), "r"(b), "r"(c))

#endif
