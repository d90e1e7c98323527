/*
 * The C API (include/seep.h) but for arenas' blocks: switching, marks, names of arenas, status. Programs call the
 * wrappers of the header; these are what they find. What switches goes through the control word of the recording, as
 * when a tool does it, so that file, history and other tools agree.
 */
#include "seep.h"

#include "recorder/arena.h"
#include "recorder/recorder.h"

/* What is exported; the header's wrappers have the same names for the compiler, not for the assembler. */
SEEP_EXPORT void seep_api_on(void) __asm__("seep_on");
SEEP_EXPORT void seep_api_off(void) __asm__("seep_off");
SEEP_EXPORT uint64_t seep_api_period_get(void) __asm__("seep_period_get");
SEEP_EXPORT int seep_api_period_set(uint64_t period) __asm__("seep_period_set");
SEEP_EXPORT int seep_api_mark(const char *name) __asm__("seep_mark");
SEEP_EXPORT uint32_t seep_api_arena_new(const char *name) __asm__("seep_arena_new");
SEEP_EXPORT void seep_api_status_get(struct seep_recorder_status *out, size_t nr_bytes) __asm__("seep_status_get");

/* Starts it if no allocation has; false where there is no recording to change. */
static bool is_ready(void)
{
	if (load_relaxed(&seep.state) == SEEP_STATE_NEW)
		seep_start();
	if (load_relaxed(&seep.state) != SEEP_STATE_RECORDING)
		return false;
	seep_fork_check();
	return load_relaxed(&seep.state) == SEEP_STATE_RECORDING && load_relaxed(&seep.is_mirrored);
}

static void change_control(uint64_t clear, uint64_t set)
{
	uint64_t *word = &seep_words()->control, old = load_relaxed(word), new;

	do {
		uint64_t serial = (old + SEEP_REC_CONTROL_SERIAL) & SEEP_REC_CONTROL_SERIAL_MASK;

		new = (old & ~(clear | SEEP_REC_CONTROL_SERIAL_MASK)) | set | serial;
	} while (!cas(word, &old, new));
	seep_control_obey();
}

void seep_api_on(void)
{
	if (is_ready())
		change_control(0, SEEP_REC_CONTROL_ON);
}

void seep_api_off(void)
{
	if (is_ready())
		change_control(SEEP_REC_CONTROL_ON, 0);
}

uint64_t seep_api_period_get(void)
{
	if (!is_ready() || !(load_relaxed(&seep_words()->control) & SEEP_REC_CONTROL_ON))
		return 0;
	return load_relaxed(&seep.period);
}

int seep_api_period_set(uint64_t period)
{
	if (!period || period > SEEP_REC_MAX_PERIOD || !is_ready())
		return -1;
	change_control(SEEP_REC_MAX_PERIOD, period);
	return 0;
}

int seep_api_mark(const char *name)
{
	if (!name || !*name || !is_ready())
		return -1;
	seep_mark_now(name);
	return 0;
}

uint32_t seep_api_arena_new(const char *name)
{
	return name && *name && is_ready() ? seep_arena_of(name) : 0;
}

/* ---- status ---- */

static void note_path(struct seep_recorder_status *s)
{
	const char *path = seep_file_path();
	size_t i = 0;

	while (i + 1 < sizeof(s->recording_path) && path[i]) {
		s->recording_path[i] = path[i];
		i++;
	}
	if (path[i])
		i = 0;
	s->recording_path[i] = 0;
}

static void fill(struct seep_recorder_status *s)
{
	struct seep_rec_ring totals;

	s->period_bytes = seep_api_period_get();
	s->is_recording = s->period_bytes != 0;
	seep_stack_totals(&totals);
	s->live_samples = totals.samples_live;
	s->heap_bytes = totals.inuse_bytes > 0 ? (uint64_t)totals.inuse_bytes : 0;
	s->samples_made = load_relaxed(&seep.serial) - seep.serial_at_start;
	s->lost_samples = load_relaxed(&seep.status.lost[SEEP_REC_LOST_SAMPLES]);
	s->lost_bytes = load_relaxed(&seep.status.lost[SEEP_REC_LOST_SAMPLES_WEIGHT]);
	s->skipped_samples = load_relaxed(&seep.status.lost[SEEP_REC_LOST_REENTRANT]);
	s->cost_ns = seep_status_cost_ns();
	s->memory_bytes = seep.private_bytes;
	s->recording_bytes = seep.plan.file_bytes;
	note_path(s);
}

/* Programs know a prefix of the struct, or more of it than this recorder: that stays as it is. */
void seep_api_status_get(struct seep_recorder_status *out, size_t nr_bytes)
{
	struct seep_recorder_status s;
	uint64_t float_state = seep_float_enter();

	__builtin_memset(&s, 0, sizeof(s));
	s.is_present = 1;
	if (is_ready())
		fill(&s);
	seep_float_leave(float_state);
	__builtin_memcpy(out, &s, nr_bytes < sizeof(s) ? nr_bytes : sizeof(s));
}
