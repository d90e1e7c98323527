/*
 * Do intervals hold where the period rose in mid-run? Blocks of a stack are sampled first at a short period (or all
 * recorded), then at a long one: a few heavy samples, or by chance none, stand beside many light ones. Rows are those
 * that a recording gives, figures those of a table.
 *
 * Cases are told apart by how many heavy samples are to be expected, which is known here.
 */
#include "blocks.h"
#include "tap.h"

#define LONG_PERIOD 65536
#define NR_STACKS 200 /* for each manner and band */

static const struct manner {
	const char *name;
	uint64_t period;                 /* the first */
	double least, most, share_large; /* sizes, logarithmic; so many are 100 times as large */
	unsigned nr_samples;             /* expected of the first period, at the most */
} manners[] = {
	{ "all, then few of one size", 1, 128, 128, 0, 1000 },
	{ "all, then few of 64 to 1 KiB", 1, 64, 1024, 0, 1000 },
	{ "all, then few above the period", 1, 8192, 262144, 0, 300 },
	{ "all, then few small and large", 1, 256, 512, 0.02, 1000 },
	{ "one in 128, of one size", 512, 128, 128, 0, 1000 },
	{ "one in 128, of 64 to 1 KiB", 512, 64, 1024, 0, 1000 },
	{ "one in 16, of 256 to 4 KiB", 4096, 256, 4096, 0, 300 },
	{ "one in 16, small and large", 4096, 256, 512, 0.02, 300 },
};

static const struct band {
	const char *name;
	double fewest, most;
} bands[] = {
	{ "none or a few", 0.1, 3 },
	{ "3 to 20", 3, 20 },
	{ "20 to 100", 20, 100 },
};

static uint64_t draw_size(const struct manner *m, struct random *r)
{
	double size = m->least * exp(uniform(r) * log(m->most / m->least));

	return (uint64_t)(uniform(r) < m->share_large ? 100 * size : size);
}

/* One in three lives on, until those are expected to have `nr` samples. */
static void allocate(struct blocks *b, const struct manner *m, uint64_t period, double nr, struct random *r)
{
	while (nr > 0) {
		uint64_t size = draw_size(m, r);
		double p = block_chance(size, period);
		bool is_live = uniform(r) < 1.0 / 3;

		blocks_add(b, size, period, is_live, uniform(r) < p);
		nr -= is_live ? p : 0;
	}
}

struct tally {
	unsigned nr, nr_below, nr_above; /* the truth is */
	double width;                    /* sum of them in parts of the truth */
};

static void judge(struct tally *t, double exact, const struct seep_figure *f)
{
	double low, high;

	seep_interval(f, LONG_PERIOD, &low, &high);
	t->nr++;
	t->nr_below += exact < low - 1e-9 * exact;
	t->nr_above += exact > high + 1e-9 * exact;
	t->width += (high - low) / exact;
}

static void intervals_hold_in(const struct manner *m, const struct band *band, struct random *r)
{
	static const char *const names[] = { "alloc objects", "alloc bytes", "inuse objects", "inuse bytes" };
	struct tally tallies[SEEP_NR_HEAP_VALUES] = { { 0 } };

	for (unsigned i = 0; i < NR_STACKS; i++) {
		struct seep_figure figures[SEEP_NR_HEAP_VALUES];
		struct blocks b;

		blocks_init(&b);
		allocate(&b, m, m->period, 20 * pow(m->nr_samples / 20.0, uniform(r)), r);
		allocate(&b, m, LONG_PERIOD, band->fewest * pow(band->most / band->fewest, uniform(r)), r);
		blocks_estimate(&b, LONG_PERIOD, figures);
		for (unsigned f = 0; f < SEEP_NR_HEAP_VALUES; f++)
			judge(&tallies[f], b.exact[f], &figures[f]);
	}
	for (unsigned f = 0; f < SEEP_NR_HEAP_VALUES; f++) {
		const struct tally *t = &tallies[f];
		double held = 1 - (double)(t->nr_below + t->nr_above) / t->nr;

		printf("# %-30s %-13s %-13s held %5.1f %%, %4.1f %% below, %4.1f %% above, width %.3f\n", m->name,
		       band->name, names[f], 100 * held, 100.0 * t->nr_below / t->nr, 100.0 * t->nr_above / t->nr,
		       t->width / t->nr);
		OK(held >= 0.91);
	}
}

static void intervals_hold_where_the_period_rose(void)
{
	struct random r = { 0x5eed4001 };

	for (size_t i = 0; i < ARRAY_SIZE(manners); i++)
		for (size_t b = 0; b < ARRAY_SIZE(bands); b++)
			intervals_hold_in(&manners[i], &bands[b], &r);
}

int main(void)
{
	intervals_hold_where_the_period_rose();
	return tap_done();
}
