/* The recorder's clockwork with days that pass in no time: trails, levels of the ring, the budget. */
#include <stdlib.h>

#include "recorder/budget.h"
#include "recorder/trail.h"
#include "tap.h"

#define S 1000000ull

/* What stack had in use: value[i] from time[i] on. */
static struct {
	uint64_t time_us;
	float value;
} past[4096];
static uint32_t nr_past;

static float value_at(uint64_t time_us)
{
	float v = 0;

	for (uint32_t i = 0; i < nr_past && past[i].time_us < time_us; i++)
		v = past[i].value;
	return v;
}

/* As docs/recording-format.md §10.3 says it, by search. */
static uint64_t tick_of_point(const struct seep_rec_trail *t, uint32_t i)
{
	for (uint64_t n = t->last_tick; n; n--) {
		uint32_t k = 0;
		uint64_t j = n;

		for (; j % 4 == 0 && k < 7; k++)
			j /= 4;
		if (k < 7 ? i == 3 * k + j % 4 - 1 : i == 21 + j % 3)
			return n;
	}
	return 0;
}

static bool is_true(const struct seep_rec_trail *t)
{
	for (uint32_t i = 0; i < SEEP_REC_NR_TRAIL; i++) {
		uint64_t n = tick_of_point(t, i);

		if (n && t->inuse_bytes[i] != value_at(n * t->tick_s * S)) {
			printf("# point %u, tick %ju of %u s: %g, not %g\n", i, (uintmax_t)n, t->tick_s,
			       (double)t->inuse_bytes[i], (double)value_at(n * t->tick_s * S));
			return false;
		}
	}
	return true;
}

/* Steps from milliseconds to days, chosen so that the life reaches `days`. */
static void a_trail_tells_the_past(unsigned seed, double days)
{
	struct seep_rec_trail t = { 0 };
	uint64_t now = 0, due = 0;
	float value = 0;
	bool ok = true;

	nr_past = 0;
	srand(seed);
	for (uint32_t i = 0; i < 400; i++) {
		double step = (double)rand() / RAND_MAX;

		now += (uint64_t)(step * step * step * step * days * 86400e6 / 80) + 1000;
		if (now >= due)
			due = seep_trail_advance(&t, now, value);
		ok = ok && due > now && t.last_tick == now / (t.tick_s * S);
		past[nr_past].time_us = now;
		past[nr_past++].value = value = (float)(rand() % 100000);
		if (i % 8 == 0)
			ok = ok && is_true(&t);
	}
	OK(ok);
	OK(is_true(&t));
	EQ_U(t.tick_s, days < 0.3 ? 1 : days < 1.5 ? 4 : days < 5 ? 16 : 64);
}

static void a_trail_reaches_back(void)
{
	struct seep_rec_trail t = { 0 };
	uint64_t oldest = UINT64_MAX, nr = 0;

	seep_trail_advance(&t, 86400 * S, 5);
	for (uint32_t i = 0; i < SEEP_REC_NR_TRAIL; i++) {
		uint64_t n = tick_of_point(&t, i);

		nr += n != 0;
		if (n && n < oldest)
			oldest = n;
	}
	OK(nr >= 20);
	OK(oldest * t.tick_s < 86400 / 2);
}

static void levels_are_powers_of_four(void)
{
	EQ_U(seep_rec_level_of_ticks(0, 1), 0);
	EQ_U(seep_rec_level_of_ticks(3, 4), 1);
	EQ_U(seep_rec_level_of_ticks(4, 5), 0);
	EQ_U(seep_rec_level_of_ticks(15, 16), 2);
	EQ_U(seep_rec_level_of_ticks(5, 9), 1);    /* 8 has passed */
	EQ_U(seep_rec_level_of_ticks(1, 1000), 4); /* 256, 512, 768 */
	EQ_U(seep_rec_level_of_ticks(16383, 16384), 7);
	EQ_U(seep_rec_level_of_ticks(65535, 65536), 7);
}

/* A program whose cost is as its rate over the period, second by second. */
static uint64_t after_seconds(struct seep_budget *b, uint64_t *now, uint64_t *cost, uint64_t period, double rate,
                              int nr)
{
	while (nr--) {
		*now += S;
		*cost += (uint64_t)(rate / (double)period);
		period = seep_budget_step(b, 5000, *now, *cost, period, 4096);
	}
	return period;
}

static void a_budget_is_kept_and_given_back(void)
{
	struct seep_budget b = { 0 };
	uint64_t now = 0, cost = 0, period = 4096, before;
	const double busy = 5e6 * 4096 * 64, idle = 5e6 * 4096 / 100; /* 64 times the budget; a hundredth */

	EQ_U(after_seconds(&b, &now, &cost, period, busy, 1), 4096 * 16);
	period = after_seconds(&b, &now, &cost, 4096 * 16, busy, 20);
	EQ_U(period, 4096 * 64);
	before = cost;
	period = after_seconds(&b, &now, &cost, period, busy, 100);
	EQ_U(period, 4096 * 64);
	OK((double)(cost - before) <= 100 * 5e6);
	period = after_seconds(&b, &now, &cost, period, busy / 2, 100);
	EQ_U(period, 4096 * 64); /* half of it is kept: twice that would be all */
	period = after_seconds(&b, &now, &cost, period, idle, 7);
	EQ_U(period, 4096 * 64); /* not at once */
	period = after_seconds(&b, &now, &cost, period, idle, 1);
	EQ_U(period, 4096 * 32);
	period = after_seconds(&b, &now, &cost, period, idle, 100);
	EQ_U(period, 4096); /* never below what was asked for */
}

static void a_budget_waits_and_has_an_end(void)
{
	struct seep_budget b = { 0 };

	EQ_U(seep_budget_step(&b, 5000, S / 4, 1ull << 40, 4096, 4096), 4096); /* too short to judge */
	EQ_U(seep_budget_step(&b, 1, S, UINT64_MAX / 2000, SEEP_REC_MAX_PERIOD - 1, 4096), SEEP_REC_MAX_PERIOD);
	EQ_U(seep_budget_step(&b, 5000, 2 * S, 0, 8192, 4096), 8192); /* cost set back: no time at all */
}

int main(void)
{
	a_trail_tells_the_past(1, 0.01);
	a_trail_tells_the_past(2, 0.2);
	a_trail_tells_the_past(3, 1);
	a_trail_tells_the_past(4, 3);
	a_trail_tells_the_past(5, 20);
	a_trail_reaches_back();
	levels_are_powers_of_four();
	a_budget_is_kept_and_given_back();
	a_budget_waits_and_has_an_end();
	return tap_done();
}
