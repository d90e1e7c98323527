/* Keeps the recorder's own time under a share of one CPU by changing the period. Pure: time and cost come in. */
#ifndef SEEP_RECORDER_BUDGET_H
#define SEEP_RECORDER_BUDGET_H

#include <stdint.h>

/* What is remembered from one look to the next; all zero at the start. */
struct seep_budget {
	uint64_t time_us, cost_ns; /* at the last look */
	uint32_t nr_low;           /* looks in a row that found room for more samples */
};

/*
 * The period to go on with. `cost_ns`: the recorder's own time since the start. The period rises at once and falls
 * slowly, never below `lowest`. Any change depends on the past only, so estimates stay unbiased.
 */
uint64_t seep_budget_step(struct seep_budget *b, uint32_t budget_ppm, uint64_t now_us, uint64_t cost_ns,
                          uint64_t period, uint64_t lowest);

#endif
