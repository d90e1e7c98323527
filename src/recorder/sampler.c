/*
 * When to sample: a Poisson process over allocated bytes. Each thread counts down to its next sampling point, drawn
 * from the exponential distribution with mean `period`; a block that holds the point is sampled, which happens with
 * probability 1 − e^(−size/period). The process has no memory, so a new draw is right after each sample, in a new
 * thread, and wherever what has passed is known to hold no point. But a draw that was made is honoured: when the period
 * changes, or in a forked child, the block that holds the old point is sampled with the period that this was drawn
 * with. To draw anew because it was reached would throw away every such point, and with it a period's worth of bytes.
 */
#include <elf.h>
#include <sys/auxv.h>
#include <time.h>

#include "recorder/peak.h"
#include "recorder/recorder.h"
#include "recorder/sys.h"

/* When switched off, a thread looks at the control word again after this many bytes; */
#define LOOK_AGAIN_BYTES (16ull << 20)
/* and on its way to a far sampling point after this many. */
#define LOOK_ON_THE_WAY_BYTES (1ull << 30)

__thread struct seep_thread seep_self __attribute__((tls_model("initial-exec")));

/* ---- clock: straight from the vdso, because clock_gettime may belong to another preloaded library ---- */

static int (*vdso_clock)(int, struct timespec *);

static const Elf64_Sym *vdso_symbol(const Elf64_Dyn *dyn, uint64_t bias, const char *want)
{
	const Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL;

	for (; dyn->d_tag != DT_NULL; dyn++) {
		const void *at = (const void *)(uintptr_t)(bias + dyn->d_un.d_ptr);

		if (dyn->d_tag == DT_SYMTAB)
			symbols = at;
		else if (dyn->d_tag == DT_STRTAB)
			strings = at;
		else if (dyn->d_tag == DT_HASH)
			hash = at;
	}
	for (uint32_t i = 0; symbols && strings && hash && i < hash[1]; i++) {
		const char *name = strings + symbols[i].st_name;
		size_t n = 0;

		while (name[n] && name[n] == want[n])
			n++;
		if (name[n] == want[n] && symbols[i].st_shndx != SHN_UNDEF)
			return &symbols[i];
	}
	return NULL;
}

void seep_clock_init(void)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *phdr;
	const Elf64_Sym *symbol = NULL;
	uint64_t bias = 0;

	if (!ehdr)
		return;
	phdr = (const Elf64_Phdr *)(const void *)((const char *)ehdr + ehdr->e_phoff);
	for (int i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && !bias)
			bias = (uint64_t)(uintptr_t)ehdr + phdr[i].p_offset - phdr[i].p_vaddr;
	for (int i = 0; i < ehdr->e_phnum && !symbol; i++) {
		const Elf64_Dyn *dyn = (const Elf64_Dyn *)(const void *)((const char *)ehdr + phdr[i].p_offset);

		if (phdr[i].p_type != PT_DYNAMIC)
			continue;
		symbol = vdso_symbol(dyn, bias, "__vdso_clock_gettime");
		if (!symbol)
			symbol = vdso_symbol(dyn, bias, "__kernel_clock_gettime");
	}
	if (symbol) {
		void *at = (void *)(uintptr_t)(bias + symbol->st_value);

		__builtin_memcpy(&vdso_clock, &at, sizeof(at));
	}
}

uint64_t seep_clock_ns(int clock_id)
{
	struct timespec t = { 0, 0 };

	if (!vdso_clock || vdso_clock(clock_id, &t))
		(void)sys_call(SYS_clock_gettime, clock_id, (long)&t, 0, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The coarse clock costs a few loads, never a system call, and is exact to a timer tick (1 to 10 ms). */
uint64_t seep_now_us(void)
{
	uint64_t now = seep_clock_ns(CLOCK_MONOTONIC_COARSE);

	return now > seep.epoch_monotonic_ns ? (now - seep.epoch_monotonic_ns) / 1000 : 0;
}

/* ---- arithmetic: no libm in someone else's process ---- */

/* −ln(u) for 0 < u ≤ 1: exponent times ln 2, and the series of 2 artanh((m − 1)/(m + 1)) for the mantissa. */
static double minus_log(double u)
{
	uint64_t bits;
	int exponent;
	double m, s, s2, sum = 0;

	__builtin_memcpy(&bits, &u, 8);
	exponent = (int)(bits >> 52) - 1023;
	bits = (bits & 0xfffffffffffffull) | 1023ull << 52;
	__builtin_memcpy(&m, &bits, 8);
	if (m > 1.4142135623730951) {
		m *= 0.5;
		exponent++;
	}
	s = (m - 1) / (m + 1);
	s2 = s * s;
	for (int k = 21; k >= 1; k -= 2)
		sum = sum * s2 + 1.0 / k;
	return -(exponent * 0.6931471805599453 + 2 * s * sum);
}

double seep_probability(uint64_t size, uint64_t period)
{
	double x = (double)(size ? size : 1) / (double)period;
	double r, sum = 1;
	uint64_t bits;
	int k;

	if (period <= 1 || x > 40)
		return 1;
	if (x < 0.5) { /* x (1 − x/2 (1 − x/3 (1 − …))) keeps all digits where 1 − e^(−x) would lose them */
		for (int i = 16; i >= 2; i--)
			sum = 1 - sum * x / i;
		return x * sum;
	}
	k = (int)(x * 1.4426950408889634 + 0.5);
	r = k * 0.6931471805599453 - x; /* e^(−x) = 2^(−k) e^r */
	for (int i = 14; i >= 1; i--)
		sum = 1 + sum * r / i;
	bits = (uint64_t)(1023 - k) << 52;
	__builtin_memcpy(&r, &bits, 8);
	return 1 - sum * r;
}

uint64_t seep_weighted(uint64_t size, uint64_t period)
{
	return (uint64_t)((double)size / seep_probability(size, period) + 0.5);
}

static uint64_t random_u64(struct seep_thread *t)
{
	/* xorshift128+: Vigna, "Further scramblings of Marsaglia's xorshift generators", 2014. */
	uint64_t a = t->random[0], b = t->random[1];

	t->random[0] = b;
	a ^= a << 23;
	t->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
	return t->random[1] + b;
}

/* Uniform in (0, 1], never 0. */
static double random_unit(struct seep_thread *t)
{
	return (double)((random_u64(t) >> 11) + 1) * 0x1p-53;
}

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void seed_thread(struct seep_thread *t)
{
	static uint64_t nr_threads_seeded;
	uint64_t x = seep.seed + 0x632be59bd9b4e019ull * (add_relaxed(&nr_threads_seeded, 1) + 1);

	x ^= (uint64_t)seep.fork_count << 32;
	if (!seep.options.seed)
		x ^= (uint64_t)seep.pid << 40 ^ (uint64_t)(uintptr_t)t;
	t->random[0] = splitmix(&x);
	t->random[1] = splitmix(&x) | 1;
}

/* ---- the decision ---- */

/* Draws the next sampling point of this thread: byte number `left` from now, at least 1. Period 1: every call is
 * slow. */
static void arm(struct seep_thread *t, uint64_t period)
{
	double d;

	t->period = period;
	t->is_far = 0;
	if (period <= 1) {
		t->left = 0;
		return;
	}
	d = minus_log(random_unit(t)) * (double)period;
	t->is_far = d >= (double)LOOK_ON_THE_WAY_BYTES;
	t->left = t->is_far ? LOOK_ON_THE_WAY_BYTES : (uint64_t)d + 1;
}

/* The control word is the only thing that is read back from the file. */
void seep_control_follow(void)
{
	uint64_t word = load_relaxed(&seep_words()->control), period;
	bool is_on;

	seep_mark_asked(SEEP_REC_CONTROL_MARKS(word)); /* first, so that nobody finds the word obeyed and no new mark */
	store_release(&seep.control, word);
	is_on = (word & SEEP_REC_CONTROL_ON) != 0;
	period = word & SEEP_REC_MAX_PERIOD;
	if (!period)
		period = 1;
	if (is_on != load_relaxed(&seep.is_on)) {
		store_relaxed(&seep.is_on, is_on);
		if (!is_on)
			seep_reason(SEEP_REC_WHY_OFF);
		seep_period_note(is_on ? period : 0, SEEP_REC_CAUSE_CONTROL);
	}
	if (period != load_relaxed(&seep.period))
		seep_set_period(period, SEEP_REC_CAUSE_CONTROL);
}

uint64_t seep_period_above_1(const struct seep_rec_ring *totals)
{
	uint64_t period = 1;

	while ((double)period < totals->inuse_bytes / ((double)totals->samples_live + 1) && period < 1ull << 40)
		period *= 2;
	return period;
}

static void obey_control(void)
{
	if (unlikely(seep_control_has_changed()))
		seep_control_follow();
}

void seep_set_period(uint64_t period, uint32_t cause)
{
	uint64_t old = __atomic_exchange_n(&seep.period, period, __ATOMIC_ACQ_REL);

	if (cause != SEEP_REC_CAUSE_BUDGET)
		store_relaxed(&seep.lowest_period, period);
	if (old == period)
		return;
	if (seep.is_on)
		seep_period_note(period, cause);
	if (old == 1)
		seep_filter_rebuild(seep_samples_each);
}

/* In a forked child the parent's draw still stands, but what comes after it must not repeat the parent's. */
static void set_up_thread(struct seep_thread *t)
{
	seed_thread(t);
	t->fork_count = seep.fork_count;
	seep_walking(t)->thread = (struct seep_walk_thread){ 0 };
	if (t->period == 0)
		arm(t, load_relaxed(&seep.period));
}

/* Called with `size` ≥ left, or with period 1; returns the period that the block is sampled at, 0 if it is not. */
static uint64_t decide(struct seep_thread *t, uint64_t size)
{
	uint64_t period = load_relaxed(&seep.period), drawn_at;

	if (unlikely(!load_relaxed(&seep.is_on))) {
		t->period = 0;
		t->left = LOOK_AGAIN_BYTES;
		return 0;
	}
	if (unlikely(t->period == 0 || t->fork_count != seep.fork_count))
		set_up_thread(t);
	if (unlikely((int64_t)t->left < 0))
		arm(t, period);
	while (unlikely(t->is_far && size >= t->left)) { /* no point so far; what is left of the way has no memory */
		uint64_t passed = t->left;

		arm(t, t->period);
		t->left += passed;
	}
	if (t->period > 1 && size < t->left) {
		t->left -= size;
		if (t->period != period) /* no point up to the end of this block */
			arm(t, period);
		return 0;
	}
	drawn_at = t->period;
	arm(t, period);
	return drawn_at;
}

/* The calling thread draws anew: it may be on its way to the next look after `off`. */
void seep_control_obey(void)
{
	struct seep_thread *t = &seep_self;
	bool was_on = load_relaxed(&seep.is_on);
	uint64_t float_state;
	struct seep_turn turn;

	if (!seep_turn_begin(t, &turn))
		return; /* its next slow path does */
	float_state = seep_float_enter();
	obey_control();
	if (!was_on)
		t->left = 0;
	seep_float_leave(float_state);
	seep_turn_end(t, &turn);
}

uint64_t seep_draw_anew(uint64_t size)
{
	struct seep_thread *t = &seep_self;
	struct seep_turn turn;
	uint64_t float_state, period;

	if (unlikely(load_relaxed(&seep.state) != SEEP_STATE_RECORDING)) {
		seep_start();
		if (seep.state == SEEP_STATE_OFF)
			t->left = 1ull << 62;
		if (seep.state != SEEP_STATE_RECORDING)
			return 0;
	}
	if (unlikely(!seep_turn_begin(t, &turn))) {
		/* In a signal handler or an allocator below us. A postponed sample would favour the next size: draw
		 * anew. */
		if (t->period && load_relaxed(&seep.is_on)) {
			seep_lost(SEEP_REC_LOST_REENTRANT, 1);
			t->left = t->period;
		}
		return 0;
	}
	seep_fork_check();
	float_state = seep_float_enter();
	obey_control();
	period = decide(t, size);
	t->nr_slow++;
	seep_float_leave(float_state);
	seep_turn_end(t, &turn);
	return period;
}

uint64_t seep_draw_once(uint64_t size)
{
	struct seep_thread *t = &seep_self;
	uint64_t float_state, period;
	struct seep_turn turn;
	bool is_hit;

	if (unlikely(load_relaxed(&seep.state) != SEEP_STATE_RECORDING || !seep_turn_begin(t, &turn)))
		return 0;
	seep_fork_check();
	float_state = seep_float_enter();
	obey_control();
	if (t->period == 0 || t->fork_count != seep.fork_count)
		set_up_thread(t);
	period = load_relaxed(&seep.period);
	is_hit = seep.is_on && (period <= 1 || random_unit(t) <= seep_probability(size, period));
	seep_float_leave(float_state);
	seep_turn_end(t, &turn);
	return is_hit ? period : 0;
}
