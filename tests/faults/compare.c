/*
 * Compares a recording with what its program counted of itself (exact.h). One line for each place and figure:
 *   FIGURE SITE EXACT EXPECTED-SAMPLES TRUE-STDERR ESTIMATE STDERR LOW HIGH SAMPLES IN-FLIGHT-LOW IN-FLIGHT-HIGH
 * and before them one line: torn SAMPLES OTHER lost SAMPLES stray SAMPLES operations NUMBER.
 *   compare RECORDING [PAGE]
 * Without PAGE only that line.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyse/analyse.h"
#include "exact.h"
#include "recording/recording.h"

#define SITE_BYTES 128 /* none of the functions is longer */
#define NO_SITE EXACT_SITES

enum { INUSE_OBJECTS, INUSE_BYTES, ALLOC_OBJECTS, ALLOC_BYTES, NR_FIGURES };
static const char *const names[NR_FIGURES] = { "inuse_objects", "inuse_bytes", "alloc_objects", "alloc_bytes" };

struct estimates {
	struct seep_figure figure[EXACT_SITES][NR_FIGURES];
	uint64_t nr_stray; /* live heap samples of no place */
};

static unsigned site_at(const struct exact_page *page, uint64_t addr)
{
	for (unsigned i = 0; i < EXACT_SITES; i++)
		if (addr >= page->site_addr[i] && addr < page->site_addr[i] + SITE_BYTES) {
			unsigned best = i;

			/* Functions may be closer than SITE_BYTES: the last one that begins before the address has
			 * it. */
			for (unsigned k = 0; k < EXACT_SITES; k++)
				if (page->site_addr[k] <= addr && page->site_addr[k] > page->site_addr[best])
					best = k;
			return best;
		}
	return NO_SITE;
}

static unsigned site_of_stack(const struct seep_recording *r, const struct exact_page *page, uint32_t stack)
{
	const struct seep_rec_stack *s = &r->stacks[stack];

	for (uint32_t i = 0; i < s->nr_frames && s->first_frame + i < r->nr_frames; i++) {
		uint64_t frame = r->frames[s->first_frame + i];
		uint32_t module = SEEP_REC_FRAME_MODULE(frame);
		uint64_t start = module && module < r->nr_modules ? r->modules[module].start : 0;
		unsigned site = site_at(page, start + SEEP_REC_FRAME_OFFSET(frame));

		if (site != NO_SITE)
			return site;
	}
	return NO_SITE;
}

static void add(struct seep_figure *f, double value, double variance, uint64_t nr)
{
	f->value += value;
	f->variance += variance;
	f->nr += nr;
}

/* One sample, of the only period that there is. */
static void add_live(struct seep_figure *f, double value, double variance)
{
	double cube = variance * sqrt(variance);
	const struct seep_figure one = { .value = value,
		                         .variance = variance,
		                         .nr = 1,
		                         .largest = sqrt(variance),
		                         .spread = { .certain = value > 0 ? value - variance / value : 0,
		                                     .cubes = cube,
		                                     .reach_variance = variance,
		                                     .reach_cubes = cube } };

	seep_figure_add(f, &one);
}

static void sum_recording(const struct seep_recording *r, const struct exact_page *page, struct estimates *out)
{
	unsigned *sites = calloc(r->nr_stacks + 1, sizeof(*sites));

	if (!sites)
		exit(4);
	for (uint32_t i = 0; i < r->nr_stacks; i++) {
		const struct seep_rec_counters *c = &r->counters[i].c;

		sites[i] = site_of_stack(r, page, i);
		if (sites[i] == NO_SITE)
			continue;
		add(&out->figure[sites[i]][ALLOC_OBJECTS], c->alloc_objects, c->alloc_objects_var, c->nr_alloc);
		add(&out->figure[sites[i]][ALLOC_BYTES], c->alloc_bytes, c->alloc_bytes_var, c->nr_alloc);
	}
	for (size_t i = 0; i < r->nr_samples; i++) {
		const struct seep_rec_sample *s = &r->samples[i];
		struct seep_weight w = seep_weight_of(s->size, s->period);

		if (s->kind != SEEP_REC_KIND_HEAP)
			continue;
		if (s->stack >= r->nr_stacks || sites[s->stack] == NO_SITE) {
			out->nr_stray++;
			continue;
		}
		add_live(&out->figure[sites[s->stack]][INUSE_OBJECTS], w.objects, w.objects_var);
		add_live(&out->figure[sites[s->stack]][INUSE_BYTES], w.bytes, w.bytes_var);
	}
	free(sites);
}

/* Exact value, and by how much the recording may differ because of operations that the kill interrupted. */
struct truth {
	double exact, expected, variance, low, high;
};

static void add_in_flight(const struct exact_thread *t, int figure, unsigned site, struct truth *out)
{
	double by = figure == INUSE_BYTES || figure == ALLOC_BYTES ? (double)t->size : 1;

	if (t->operation == EXACT_IDLE || t->site != site)
		return;
	if (t->operation == EXACT_ALLOC)
		out->high += by;
	else if (figure == INUSE_OBJECTS || figure == INUSE_BYTES)
		out->low -= by;
}

static struct truth truth_of(const struct exact_page *page, int figure, unsigned site)
{
	struct truth out = { 0 };

	for (unsigned i = 0; i < EXACT_THREADS; i++) {
		const struct exact_site *s = &page->threads[i].sites[site];
		const double exact[] = { (double)s->live_objects, (double)s->live_bytes, (double)s->alloc_objects,
			                 (double)s->alloc_bytes };
		const double variance[] = { s->live_objects_var, s->live_bytes_var, s->alloc_objects_var,
			                    s->alloc_bytes_var };

		out.exact += exact[figure];
		out.variance += variance[figure];
		out.expected += figure < ALLOC_OBJECTS ? s->live_expected : s->alloc_expected;
		add_in_flight(&page->threads[i], figure, site, &out);
	}
	return out;
}

static void print_figures(const struct exact_page *page, const struct estimates *e, double period)
{
	for (int figure = 0; figure < NR_FIGURES; figure++)
		for (unsigned site = 0; site < EXACT_SITES; site++) {
			struct truth t = truth_of(page, figure, site);
			const struct seep_figure *f = &e->figure[site][figure];
			double low, high;

			seep_interval(f, period, &low, &high);
			printf("%s %u %.17g %.17g %.17g %.17g %.17g %.17g %.17g %" PRIu64 " %.17g %.17g\n",
			       names[figure], site, t.exact, t.expected, sqrt(fmax(0, t.variance)), f->value,
			       sqrt(f->variance), low, high, f->nr, t.low, t.high);
		}
}

static void read_page(const char *path, struct exact_page *page)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, page, sizeof(*page)) != (ssize_t)sizeof(*page) || page->magic != EXACT_MAGIC) {
		fprintf(stderr, "compare: %s is not a page of exact counts\n", path);
		exit(3);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static struct exact_page page;
	static struct estimates e;
	struct seep_recording *r = NULL;
	struct seep_error err = { 0 };

	if (argc != 2 && argc != 3)
		return 2;
	if (argc == 3)
		read_page(argv[2], &page);
	if (seep_recording_read(argv[1], &r, &err) != SEEP_OK) {
		fprintf(stderr, "compare: %s: %s\n", argv[1], err.what);
		return 3;
	}
	sum_recording(r, &page, &e);
	printf("torn %zu %zu lost %" PRIu64 " stray %" PRIu64 " operations %" PRIu64 "\n", r->nr_torn_samples,
	       r->nr_torn_counters + r->nr_torn_other,
	       r->status.lost[SEEP_REC_LOST_SAMPLES] + r->status.lost[SEEP_REC_LOST_REENTRANT], e.nr_stray,
	       page.nr_operations);
	if (argc == 3)
		print_figures(&page, &e, (double)page.period);
	seep_recording_free(r);
	return 0;
}
