#include "recorder/budget.h"
#include "recording/layout.h"

#define SHORTEST_LOOK_US 500000u
#define MOST_AT_ONCE 16u  /* times the period, in one look */
#define LOOKS_TO_LOWER 8u /* halving the period doubles the cost: not before that many */
#define LOW_ENOUGH 4u     /* found it under this part of the budget */

static uint64_t raised(uint64_t period, uint64_t spent_ppm, uint32_t budget_ppm)
{
	uint32_t times = 2;

	while (times < MOST_AT_ONCE && spent_ppm > (uint64_t)budget_ppm * times)
		times *= 2;
	return period < SEEP_REC_MAX_PERIOD / times ? period * times : SEEP_REC_MAX_PERIOD;
}

uint64_t seep_budget_step(struct seep_budget *b, uint32_t budget_ppm, uint64_t now_us, uint64_t cost_ns,
                          uint64_t period, uint64_t lowest)
{
	uint64_t took_us = now_us - b->time_us, spent_ppm;

	if (took_us < SHORTEST_LOOK_US)
		return period;
	spent_ppm = (cost_ns > b->cost_ns ? cost_ns - b->cost_ns : 0) * 1000 / took_us;
	b->time_us = now_us;
	b->cost_ns = cost_ns;
	if (spent_ppm > budget_ppm) {
		b->nr_low = 0;
		return raised(period, spent_ppm, budget_ppm);
	}
	b->nr_low = spent_ppm < budget_ppm / LOW_ENOUGH && period > lowest ? b->nr_low + 1 : 0;
	if (b->nr_low < LOOKS_TO_LOWER)
		return period;
	b->nr_low = 0;
	return period / 2 > lowest ? period / 2 : lowest;
}
