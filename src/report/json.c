#include "report/draw.h"

#include <math.h>
#include <string.h>

/* A figure that is not known is absent. */
static void write_known(struct seep_json *j, const char *key, double v)
{
	if (!isnan(v))
		seep_json_double(j, key, v);
}

static void write_text(struct seep_json *j, const char *key, const char *text)
{
	if (*text)
		seep_json_str(j, key, text);
}

static void write_suffixed(struct seep_json *j, const char *key, const char *suffix, double v)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", key, suffix);
	seep_json_double(j, name, v);
}

static void write_suffixed_bool(struct seep_json *j, const char *key, const char *suffix, bool v)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s", key, suffix);
	seep_json_bool(j, name, v);
}

/* Without a sample the interval is known only for bytes: how many blocks go unseen depends on their size. */
static void write_interval(struct seep_json *j, const struct seep_profile *p, uint32_t type,
                           const struct seep_figure *f, double period)
{
	bool is_objects = strcmp(seep_profile_str(p, p->types[type].unit), "bytes") != 0;
	double low, high;

	if (!f->nr && is_objects && period > 1)
		return;
	seep_interval(f, period, &low, &high);
	write_suffixed(j, draw_type_key(p, type), "_low", low);
	write_suffixed(j, draw_type_key(p, type), "_high", high);
}

static void write_figure(struct seep_json *j, const struct seep_profile *p, uint32_t type, const struct seep_figure *f,
                         const struct seep_report_options *o)
{
	const char *key = draw_type_key(p, type);

	seep_json_double(j, key, f->value);
	if (isnan(o->period))
		return;
	write_suffixed(j, key, "_stderr", sqrt(f->variance));
	if (o->with_errors)
		write_interval(j, p, type, f, o->period);
	if (draw_is_change(p, type))
		write_suffixed_bool(j, key, "_is_certain", seep_is_change(f, o->period));
}

static void write_figures(struct seep_json *j, const char *name, const struct seep_profile *p,
                          const struct seep_figure *figures, const struct seep_report_options *o)
{
	seep_json_object(j, name);
	for (uint32_t i = 0; i < p->nr_types; i++)
		write_figure(j, p, i, &figures[i], o);
	seep_json_end(j);
}

/* ---- what stands above the rows ---- */

static void write_when(struct seep_json *j, const char *name, const struct seep_when *w)
{
	if (!w->text)
		return;
	seep_json_object(j, name);
	seep_json_str(j, "asked", w->asked);
	seep_json_str(j, "time", w->utc);
	seep_json_double(j, "time_s", w->time_s);
	seep_json_double(j, "asked_s", w->asked_s);
	seep_json_double(j, "spacing_s", w->spacing_s);
	seep_json_str(j, "source", w->how);
	seep_json_end(j);
}

static void write_source(struct seep_json *j, const char *name, const struct seep_source *s)
{
	seep_json_object(j, name);
	write_text(j, "name", s->name);
	if (s->pid)
		seep_json_u64(j, "pid", s->pid);
	write_text(j, "path", s->path);
	write_text(j, "state", s->id);
	write_text(j, "state_text", s->state);
	write_known(j, "age_s", s->age_s);
	if (s->period)
		seep_json_u64(j, "period_bytes", s->period);
	if (!s->is_profile) {
		seep_json_bool(j, "off", s->is_off);
		seep_json_bool(j, "exact", isnan(s->estimated_since_s));
	}
	write_known(j, "estimated_since_s", s->estimated_since_s);
	write_when(j, "from", &s->from);
	write_when(j, "to", &s->to);
	write_known(j, "inuse_bytes", s->inuse_bytes);
	write_known(j, "inuse_bytes_stderr", s->inuse_bytes_stderr);
	seep_json_end(j);
}

static void write_head(struct seep_json *j, const struct seep_head *head, const struct seep_profile *p,
                       const struct seep_figure *total, const struct seep_report_options *o)
{
	seep_json_u64(j, "schema", 1);
	seep_json_str(j, "verb", head->verb);
	write_text(j, "heap", head->heap);
	if (o->pivot)
		seep_json_str(j, "by", o->pivot);
	if (head->nr_sources == 1) {
		write_source(j, "target", &head->sources[0]);
	} else {
		seep_json_object(j, "target");
		seep_json_array(j, "processes");
		for (size_t i = 0; i < head->nr_sources; i++)
			write_source(j, NULL, &head->sources[i]);
		seep_json_end(j);
		seep_json_end(j);
	}
	if (*head->heap)
		write_figures(j, "total", p, total, o);
	seep_json_str(j, "sort", draw_type_key(p, o->type));
}

static void write_foot(struct seep_json *j, const struct seep_head *head)
{
	seep_json_object(j, "lost");
	for (size_t i = 0; i < head->nr_losses; i++)
		seep_json_double(j, head->losses[i].id, head->losses[i].count);
	seep_json_end(j);
	seep_json_array(j, "warnings");
	for (size_t i = 0; i < head->nr_warnings; i++)
		seep_json_str(j, NULL, head->warnings[i]);
	seep_json_end(j);
}

/* ---- rows ---- */

/* A row of a pivot is a thread or a heap, no code. */
static void write_place(struct seep_json *j, const struct seep_row *r, const struct seep_report_options *o)
{
	if (r->is_label) {
		seep_json_str(j, o->pivot ? o->pivot : "label", r->function);
		if (r->tid)
			seep_json_u64(j, "tid", r->tid);
		return;
	}
	seep_json_str(j, "function", r->function);
	write_text(j, "file", r->file);
	if (r->line)
		seep_json_u64(j, "line", r->line);
	write_text(j, "module", r->module);
	write_text(j, "build_id", r->build_id);
	if (o->by == SEEP_BY_ADDRESS && r->addr)
		seep_json_u64(j, "address", r->addr);
	seep_json_bool(j, "inline", r->is_inlined);
}

static void write_row(struct seep_json *j, const struct seep_profile *p, const struct seep_row *r,
                      const struct seep_report_options *o)
{
	write_place(j, r, o);
	write_figures(j, "flat", p, r->flat, o);
	write_figures(j, "cum", p, r->cum, o);
	write_known(j, "age_median_s", r->age_median_s);
	write_known(j, "outlived_share", r->outlived_share);
}

/* Programs get every row, unless --nr says how many. */
static size_t nr_rows_of(const struct seep_report_options *o, size_t nr)
{
	return o->nr_rows && o->nr_rows < nr ? o->nr_rows : nr;
}

static void write_hidden(struct seep_json *j, size_t nr)
{
	seep_json_u64(j, "rows_hidden", nr);
}

void seep_report_top_json(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                          const struct seep_table *t, const struct seep_report_options *o)
{
	size_t nr = nr_rows_of(o, t->nr_rows);
	struct seep_json j;

	seep_json_init(&j, out, true);
	seep_json_object(&j, NULL);
	write_head(&j, head, p, t->total, o);
	seep_json_double(&j, "outlived_s", o->outlived_s);
	write_known(&j, "age_median_s", t->age_median_s);
	write_known(&j, "outlived_share", t->outlived_share);
	seep_json_array(&j, "rows");
	for (size_t i = 0; i < nr; i++) {
		seep_json_object(&j, NULL);
		write_row(&j, p, &t->rows[i], o);
		seep_json_end(&j);
	}
	seep_json_end(&j);
	write_hidden(&j, t->nr_hidden + t->nr_rows - nr);
	write_foot(&j, head);
	seep_json_end(&j);
}

static void write_node(struct seep_json *j, const struct seep_profile *p, const struct seep_tree *t, uint32_t id,
                       const struct seep_report_options *o)
{
	const struct seep_node *n = &t->nodes[id];

	seep_json_object(j, NULL);
	seep_json_u64(j, "id", id);
	if (n->parent != SEEP_NO_ID)
		seep_json_u64(j, "parent", n->parent);
	seep_json_u64(j, "depth", n->depth);
	if (n->row)
		write_place(j, n->row, o);
	seep_json_object(j, "flat");
	write_figure(j, p, o->type, &n->flat, o);
	seep_json_end(j);
	seep_json_object(j, "cum");
	write_figure(j, p, o->type, &n->cum, o);
	seep_json_end(j);
	write_known(j, "age_median_s", n->age_median_s);
	seep_json_end(j);
}

/* Rows name their parent instead of nesting: stacks are deeper than readers of JSON like. Children come later. */
void seep_report_tree_json(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                           const struct seep_tree *t, const struct seep_report_options *o)
{
	size_t nr = nr_rows_of(o, t->nr_nodes);
	struct seep_json j;

	seep_json_init(&j, out, true);
	seep_json_object(&j, NULL);
	write_head(&j, head, p, t->table->total, o);
	seep_json_array(&j, "rows");
	for (size_t i = 0; i < nr; i++)
		write_node(&j, p, t, (uint32_t)i, o);
	seep_json_end(&j);
	write_hidden(&j, t->nr_nodes - nr);
	write_foot(&j, head);
	seep_json_end(&j);
}

static void write_edges(struct seep_json *j, const char *name, const struct seep_profile *p,
                        const struct seep_edge *edges, size_t nr, const struct seep_report_options *o)
{
	seep_json_array(j, name);
	for (size_t i = 0; i < nr; i++) {
		seep_json_object(j, NULL);
		write_place(j, edges[i].other, o);
		write_figure(j, p, o->type, &edges[i].value, o);
		seep_json_end(j);
	}
	seep_json_end(j);
}

void seep_report_peek_json(FILE *out, const struct seep_head *head, const struct seep_profile *p,
                           const struct seep_peeks *k, const struct seep_report_options *o)
{
	size_t nr = nr_rows_of(o, k->nr_peeks);
	struct seep_json j;

	seep_json_init(&j, out, true);
	seep_json_object(&j, NULL);
	write_head(&j, head, p, k->table->total, o);
	seep_json_array(&j, "rows");
	for (size_t i = 0; i < nr; i++) {
		seep_json_object(&j, NULL);
		write_row(&j, p, k->peeks[i].row, o);
		write_edges(&j, "callers", p, k->peeks[i].callers, k->peeks[i].nr_callers, o);
		write_edges(&j, "callees", p, k->peeks[i].callees, k->peeks[i].nr_callees, o);
		seep_json_end(&j);
	}
	seep_json_end(&j);
	write_hidden(&j, k->nr_peeks - nr);
	write_foot(&j, head);
	seep_json_end(&j);
}
