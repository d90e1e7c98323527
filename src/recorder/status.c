/*
 * What the recording says about itself and about time: losses and reason codes, the period's history, the ring of
 * totals, the exit mark. Written under the same rule as the counters: nobody waits, the last change is always written.
 */
#include "recorder/lock.h"
#include "recorder/recorder.h"
#include "recorder/sys.h"
#include "recorder/trail.h"

#define TICK_US 1000000ull

uint64_t seep_status_cost_ns(void)
{
	uint64_t nr[2] = { load_relaxed(&seep.serial) - seep.serial_at_start, load_relaxed(&seep.nr_freed) };
	double sum = 0;

	for (int i = 0; i < 2; i++)
		if (seep.costs[i].nr)
			sum += (double)seep.costs[i].sum_ns / (double)seep.costs[i].nr * (double)nr[i];
	return (uint64_t)sum;
}

static void status_write(void)
{
	struct seep_rec_status s = seep.status; /* each word is whole; they need not be of one instant */

	s.time_us = seep_now_us();
	s.period = load_relaxed(&seep.period);
	s.samples_made = load_relaxed(&seep.serial) - seep.serial_at_start;
	s.private_bytes = seep.private_bytes;
	s.nr_stacks = load_relaxed(&seep.nr_stacks);
	s.nr_frames = load_relaxed(&seep.nr_frames);
	s.nr_threads = load_relaxed(&seep.nr_threads);
	s.nr_modules = seep_unwind_nr_modules();
	s.cost_ns = seep_status_cost_ns();
	s.seq = ++seep.status.seq;
	seep_mirror(seep_where(SEEP_REC_SEC_STATUS, s.seq & 1), &s, sizeof(s));
}

void seep_status_mirror(void)
{
	uint64_t float_state;
	uint32_t mine;

	if (!seep.is_mirrored || !seep_lock_or_tell(&seep.status_lock, &mine))
		return;
	float_state = seep_float_enter();
	do
		status_write();
	while (seep_lock_release(&seep.status_lock, mine));
	seep_float_leave(float_state);
}

void seep_lost(uint32_t what, uint64_t amount)
{
	add_relaxed(&seep.status.lost[what], amount);
	seep_status_mirror();
}

void seep_reason(uint64_t bits)
{
	if (__atomic_fetch_or(&seep.status.reasons, bits, __ATOMIC_RELAXED) !=
	    (load_relaxed(&seep.status.reasons) | bits))
		seep_status_mirror();
}

/* When the section is full, the first entry stays and the others are overwritten in turn. */
void seep_period_note(uint64_t period, uint32_t cause)
{
	uint32_t cap = (uint32_t)seep.plan.sections[SEEP_REC_SEC_PERIODS].count, nr = add_relaxed(&seep.nr_periods, 1);
	uint32_t i = nr < cap ? nr : 1 + (nr - cap) % (cap - 1);
	struct seep_rec_period *p = &seep.periods[i];

	if (period != 1 && seep.status.estimated_since_us == UINT64_MAX)
		seep.status.estimated_since_us = seep_now_us();
	*p = (struct seep_rec_period){ .time_us = seep_now_us(), .period = period, .cause = cause };
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_PERIODS, i), p, sizeof(*p));
	seep_status_mirror();
}

/* ---- the ring ---- */

static void ring_mirror(uint32_t i)
{
	if (seep.is_mirrored)
		seep_mirror(seep_where(SEEP_REC_SEC_RING, i), &seep.ring[i], sizeof(seep.ring[i]));
}

/* Into the oldest place of its level, so that the section reaches back the further, the coarser (§10.1). */
static void ring_put(uint32_t level, const struct seep_rec_ring *entry)
{
	uint32_t size = (uint32_t)seep.plan.sections[SEEP_REC_SEC_RING].count / SEEP_REC_TRAIL_LEVELS;
	uint32_t i = level * size + seep.ring_nr[level]++ % size;

	seep.ring[i] = *entry;
	ring_mirror(i);
}

static void budget_look(const struct seep_rec_ring *totals, uint64_t now_us)
{
	uint64_t period = load_relaxed(&seep.period), next;

	if (!seep.options.budget_ppm || !load_relaxed(&seep.is_on))
		return;
	next = seep_budget_step(&seep.budget, (uint32_t)seep.options.budget_ppm, now_us, seep_status_cost_ns(), period,
	                        load_relaxed(&seep.lowest_period));
	if (period == 1 && next > period)
		next *= seep_period_above_1(totals);
	if (next != period)
		seep_set_period(next, SEEP_REC_CAUSE_BUDGET);
}

static void ring_add(uint64_t now_us, bool is_last)
{
	uint64_t tick = now_us / TICK_US;
	struct seep_rec_ring entry;
	uint32_t nr_freed = seep_stack_totals(&entry);

	entry.time_us = now_us;
	seep.nr_freed += nr_freed - seep.nr_freed_seen;
	seep.nr_freed_seen = nr_freed;
	/* The start is of the highest level, the end of the lowest: nothing comes after it. */
	ring_put(is_last                 ? 0
	         : seep.ring_due_us == 0 ? SEEP_REC_TRAIL_LEVELS - 1
	                                 : seep_rec_level_of_ticks(seep.ring_tick, tick),
	         &entry);
	seep.ring_tick = tick;
	store_relaxed(&seep.ring_due_us, (tick + 1) * TICK_US);
	budget_look(&entry, now_us);
}

static void ring_unlock(uint32_t mine)
{
	while (seep_lock_release(&seep.ring_lock, mine)) /* who asked has nothing to add */
		;
}

void seep_tick(uint64_t now_us)
{
	uint64_t float_state;
	uint32_t mine;

	if (likely(now_us < load_relaxed(&seep.ring_due_us)) || !seep_lock_or_tell(&seep.ring_lock, &mine))
		return;
	float_state = seep_float_enter();
	if (now_us >= load_relaxed(&seep.ring_due_us)) {
		ring_add(now_us, false);
		seep_status_mirror();
	}
	ring_unlock(mine);
	seep_float_leave(float_state);
}

void seep_status_mirror_all(void)
{
	seep.status_lock = 0;
	seep.ring_lock = 0;
	for (uint32_t i = 0; i < seep.nr_periods && i < seep.plan.sections[SEEP_REC_SEC_PERIODS].count; i++)
		seep_mirror(seep_where(SEEP_REC_SEC_PERIODS, i), &seep.periods[i], sizeof(seep.periods[i]));
	for (uint32_t i = 0; i < seep.plan.sections[SEEP_REC_SEC_RING].count; i++)
		if (seep.ring[i].period)
			ring_mirror(i);
	seep_status_mirror();
}

/*
 * exit() or _exit() was begun here. In a child of vfork, which shares our memory, it is not ours: told by the pid where
 * there can be such a child, and by nothing in a sandbox, where getpid might not be allowed.
 */
void seep_mark_exit(void)
{
	uint32_t mine;
	uint64_t float_state;

	if (load_relaxed(&seep.state) != SEEP_STATE_RECORDING)
		return;
	if (seep.cookie && load_relaxed(seep.cookie) == 0)
		return; /* a forked child that never sampled: there is no recording of its own to mark */
	if (seep_shares_memory && !seep.is_sandboxed && (uint32_t)sys_getpid() != seep.pid)
		return;
	float_state = seep_float_enter();
	store_relaxed(&seep.status.exit_us, seep_now_us() ? seep_now_us() : 1);
	if (seep_lock_or_tell(&seep.ring_lock, &mine)) {
		ring_add(seep_now_us(), true);
		ring_unlock(mine);
	}
	__atomic_fetch_or(&seep.status.reasons, (uint64_t)SEEP_REC_WHY_EXITED, __ATOMIC_RELAXED);
	seep_status_mirror();
	seep_float_leave(float_state);
}
