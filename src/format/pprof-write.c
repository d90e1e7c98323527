/*
 * profile.proto out. Strings keep the ids they have in the profile; those only the file needs (label keys) follow them.
 * Indices become ids by adding 1.
 */
#include <stdlib.h>
#include <string.h>

#include "format/gzip.h"
#include "format/private.h"
#include "format/proto.h"
#include "format/wire.h"

/* What is added to the profile's strings, in this order; processes' labels come behind. */
enum extra_string {
	EXTRA_THREAD,
	EXTRA_TID,
	EXTRA_HEAP,
	EXTRA_PROCESS,
	EXTRA_PID,
	EXTRA_STACK,
	EXTRA_CUT,
	EXTRA_DEEP,
	NR_EXTRA
};
static const char *const extra_strings[NR_EXTRA] = { LABEL_THREAD, LABEL_TID,   LABEL_HEAP, LABEL_PROCESS,
	                                             LABEL_PID,    LABEL_STACK, "cut",      "deep" };

struct writer {
	const struct seep_profile *p;
	struct seep_buf out, message, inner;
	struct seep_arena arena;
	uint8_t *has; /* of each mapping: HAS_… */
};
#define HAS_FUNCTIONS 1u
#define HAS_FILENAMES 2u
#define HAS_LINES 4u
#define HAS_INLINES 8u

static uint32_t extra_id(const struct writer *w, enum extra_string which)
{
	return seep_profile_nr_strings(w->p) + which;
}

static uint32_t process_id(const struct writer *w, uint32_t process)
{
	return seep_profile_nr_strings(w->p) + NR_EXTRA + process;
}

/* Puts the message under construction into the file and starts a new one. */
static void end_message(struct writer *w, uint32_t field)
{
	wire_put_message(&w->out, field, &w->message);
	w->message.len = 0;
}

static void end_inner(struct writer *w, uint32_t field)
{
	wire_put_message(&w->message, field, &w->inner);
	w->inner.len = 0;
}

static void write_value_type(struct writer *w, uint32_t field, const struct seep_value_type *t)
{
	wire_put_number(&w->message, VALUE_TYPE_TYPE, t->type);
	wire_put_number(&w->message, VALUE_TYPE_UNIT, t->unit);
	end_message(w, field);
}

/* ---- samples ---- */

static void write_label(struct writer *w, uint32_t key, uint32_t text, uint64_t number)
{
	wire_put_number(&w->inner, LABEL_KEY, key);
	wire_put_number(&w->inner, LABEL_STR, text);
	wire_put_number(&w->inner, LABEL_NUM, number);
	end_inner(w, SAMPLE_LABEL);
}

static void write_labels(struct writer *w, const struct total_row *row)
{
	const struct seep_profile *p = w->p;
	uint32_t flags = p->stacks[row->stack].flags;

	if (row->thread)
		write_label(w, extra_id(w, EXTRA_THREAD), row->thread, 0);
	if (row->tid)
		write_label(w, extra_id(w, EXTRA_TID), 0, row->tid);
	if (row->heap)
		write_label(w, extra_id(w, EXTRA_HEAP), row->heap, 0);
	if (flags & SEEP_STACK_CUT)
		write_label(w, extra_id(w, EXTRA_STACK), extra_id(w, EXTRA_CUT), 0);
	else if (flags & SEEP_STACK_DEEP)
		write_label(w, extra_id(w, EXTRA_STACK), extra_id(w, EXTRA_DEEP), 0);
	if (p->nr_processes > 1 && row->process < p->nr_processes) {
		write_label(w, extra_id(w, EXTRA_PROCESS), process_id(w, row->process), 0);
		if (p->processes[row->process].pid)
			write_label(w, extra_id(w, EXTRA_PID), 0, p->processes[row->process].pid);
	}
}

static void write_sample(struct writer *w, const struct total_row *row, const int64_t *values)
{
	const struct seep_stack *stack = &w->p->stacks[row->stack];

	for (uint32_t i = 0; i < stack->nr; i++)
		seep_buf_add_uleb128(&w->inner, (uint64_t)w->p->frames[stack->first + i] + 1);
	if (stack->nr)
		end_inner(w, SAMPLE_LOCATION);
	for (uint32_t t = 0; t < w->p->nr_types; t++)
		seep_buf_add_uleb128(&w->inner, (uint64_t)values[t]);
	end_inner(w, SAMPLE_VALUE);
	write_labels(w, row);
	end_message(w, PROFILE_SAMPLE);
}

static bool write_samples(struct writer *w)
{
	struct rounding rounding[SEEP_PROFILE_MAX_VALUES] = { { 0 } };
	struct totals totals;

	if (!totals_new(w->p, &totals))
		return false;
	for (size_t i = 0; i < totals.nr; i++) {
		int64_t values[SEEP_PROFILE_MAX_VALUES];
		bool is_zero = true;

		for (uint32_t t = 0; t < w->p->nr_types; t++) {
			values[t] = round_next(&rounding[t], totals.items[i].values[t]);
			is_zero = is_zero && !values[t];
		}
		if (!is_zero)
			write_sample(w, &totals.items[i], values);
	}
	totals_release(&totals);
	return true;
}

/* ---- places ---- */

static void note_line(struct writer *w, const struct seep_location *l)
{
	const struct seep_profile *p = w->p;
	uint8_t *has = l->mapping == SEEP_NO_ID ? NULL : &w->has[l->mapping];

	for (uint32_t i = 0; has && i < l->nr_lines; i++) {
		const struct seep_line *line = &p->lines[l->first_line + i];

		*has |= HAS_FUNCTIONS;
		*has |= p->functions[line->function].file ? HAS_FILENAMES : 0;
		*has |= line->line ? HAS_LINES : 0;
		*has |= i ? HAS_INLINES : 0;
	}
}

static void write_mappings(struct writer *w)
{
	const struct seep_profile *p = w->p;

	for (size_t i = 0; i < p->nr_locations; i++)
		note_line(w, &p->locations[i]);
	for (size_t i = 0; i < p->nr_mappings; i++) {
		const struct seep_mapping *m = &p->mappings[i];

		wire_put_number(&w->message, MAPPING_ID, i + 1);
		wire_put_number(&w->message, MAPPING_START, m->start);
		wire_put_number(&w->message, MAPPING_LIMIT, m->limit);
		wire_put_number(&w->message, MAPPING_OFFSET, m->offset);
		wire_put_number(&w->message, MAPPING_FILE, m->file);
		wire_put_number(&w->message, MAPPING_BUILD_ID, m->build_id);
		wire_put_number(&w->message, MAPPING_HAS_FUNCTIONS, !!(w->has[i] & HAS_FUNCTIONS));
		wire_put_number(&w->message, MAPPING_HAS_FILENAMES, !!(w->has[i] & HAS_FILENAMES));
		wire_put_number(&w->message, MAPPING_HAS_LINE_NUMBERS, !!(w->has[i] & HAS_LINES));
		wire_put_number(&w->message, MAPPING_HAS_INLINE_FRAMES, !!(w->has[i] & HAS_INLINES));
		end_message(w, PROFILE_MAPPING);
	}
}

static void write_locations(struct writer *w)
{
	const struct seep_profile *p = w->p;

	for (size_t i = 0; i < p->nr_locations; i++) {
		const struct seep_location *l = &p->locations[i];

		wire_put_number(&w->message, LOCATION_ID, i + 1);
		wire_put_number(&w->message, LOCATION_MAPPING, l->mapping == SEEP_NO_ID ? 0 : (uint64_t)l->mapping + 1);
		wire_put_number(&w->message, LOCATION_ADDRESS, l->addr);
		for (uint32_t k = 0; k < l->nr_lines; k++) {
			const struct seep_line *line = &p->lines[l->first_line + k];

			wire_put_number(&w->inner, LINE_FUNCTION, (uint64_t)line->function + 1);
			wire_put_number(&w->inner, LINE_LINE, line->line);
			end_inner(w, LOCATION_LINE);
		}
		end_message(w, PROFILE_LOCATION);
	}
}

static void write_functions(struct writer *w)
{
	const struct seep_profile *p = w->p;

	for (size_t i = 0; i < p->nr_functions; i++) {
		const struct seep_function *f = &p->functions[i];

		wire_put_number(&w->message, FUNCTION_ID, i + 1);
		wire_put_number(&w->message, FUNCTION_NAME, f->name);
		wire_put_number(&w->message, FUNCTION_SYSTEM_NAME, f->system_name);
		wire_put_number(&w->message, FUNCTION_FILE, f->file);
		wire_put_number(&w->message, FUNCTION_START_LINE, f->start_line);
		end_message(w, PROFILE_FUNCTION);
	}
}

static bool write_strings(struct writer *w)
{
	for (uint32_t i = 0; i < seep_profile_nr_strings(w->p); i++) {
		const char *text = seep_profile_str(w->p, i);

		wire_put_bytes(&w->out, PROFILE_STRING, text, strlen(text));
	}
	for (size_t i = 0; i < NR_EXTRA; i++)
		wire_put_bytes(&w->out, PROFILE_STRING, extra_strings[i], strlen(extra_strings[i]));
	for (uint32_t i = 0; i < w->p->nr_processes; i++) {
		const char *label = process_label(w->p, i, &w->arena);

		if (!label)
			return false;
		wire_put_bytes(&w->out, PROFILE_STRING, label, strlen(label));
	}
	return true;
}

static void write_facts(struct writer *w)
{
	const struct seep_profile *p = w->p;

	wire_put_number(&w->out, PROFILE_DROP_FRAMES, p->drop_frames);
	wire_put_number(&w->out, PROFILE_KEEP_FRAMES, p->keep_frames);
	wire_put_number(&w->out, PROFILE_TIME_NANOS, (uint64_t)p->time_ns);
	wire_put_number(&w->out, PROFILE_DURATION_NANOS, (uint64_t)p->duration_ns);
	write_value_type(w, PROFILE_PERIOD_TYPE, &p->period_type);
	wire_put_number(&w->out, PROFILE_PERIOD, (uint64_t)p->period);
	for (size_t i = 0; i < p->nr_comments; i++)
		wire_put_number(&w->out, PROFILE_COMMENT, p->comments[i]);
	if (p->default_type < p->nr_types)
		wire_put_number(&w->out, PROFILE_DEFAULT_SAMPLE_TYPE, p->types[p->default_type].type);
}

static bool write_profile(struct writer *w)
{
	for (uint32_t t = 0; t < w->p->nr_types; t++)
		write_value_type(w, PROFILE_SAMPLE_TYPE, &w->p->types[t]);
	if (!write_samples(w))
		return false;
	write_mappings(w);
	write_locations(w);
	write_functions(w);
	if (!write_strings(w))
		return false;
	write_facts(w);
	return !w->out.failed && !w->message.failed && !w->inner.failed;
}

enum seep_status seep_pprof_write(const struct seep_profile *p, FILE *out, struct seep_error *err)
{
	struct writer w = { .p = p, .has = calloc(p->nr_mappings + 1, 1) };
	enum seep_status status;

	seep_arena_init(&w.arena);
	if (w.has && write_profile(&w))
		status = gzip_write(w.out.p, w.out.len, out, err);
	else
		status = seep_fail(err, SEEP_ERR_NOMEM, "cannot write a pprof profile: out of memory");
	free(w.has);
	seep_arena_release(&w.arena);
	seep_buf_release(&w.out);
	seep_buf_release(&w.message);
	seep_buf_release(&w.inner);
	return status;
}
