#include "recorder/modules.h"

#include <sys/auxv.h>
#include <sys/mman.h>

#include "recorder/elfimage.h"
#include "recorder/linked.h"
#include "recorder/objects.h"
#include "recorder/stackmem.h"
#include "recorder/sys.h"

#define MAX_PERMANENT 192
#define MAX_MODULES 65535u
#define MAX_LINKS 8192
#define NR_HINTS 256
#define MAX_RANGES 2048

/* struct dl_find_object of <dlfcn.h> since glibc 2.35, with the room that is reserved there. */
struct found_object {
	unsigned long long flags;
	void *map_start, *map_end;
	struct link_map *link_map;
	void *eh_frame;
	unsigned long long reserved[8];
};

/* One index. The entry of the table is complete once is_filled is. */
struct module {
	uint64_t identity;
	uint64_t is_filled;
};

/* Table mode: where an object was last seen. `check` is over the range, so a torn one is not believed. */
struct range {
	uint64_t check, start, end;
};
enum { RANGE_FREE = 0, RANGE_BUSY = 1 };

static struct seep_modules_config config;
static struct module *modules; /* config.count entries */
static uint32_t nr_modules = 1;
static uint16_t hints[NR_HINTS];                     /* by start: where to look first */
static struct module_place permanent[MAX_PERMANENT]; /* sorted; complete before the first walk */
static uint32_t nr_permanent;
static uint64_t mapped_bytes;
static int (*find_object)(void *pc, struct found_object *out);
static const struct r_debug *debug_interface;
static struct range ranges[MAX_RANGES];
static uint32_t nr_ranges;               /* used so far */
static const struct link_map *last_link; /* the end of the list when it was read, and where its object was */
static uint64_t last_link_bias;

static uint64_t recorder_start, recorder_end; /* empty if it is part of the executable */
static uint64_t no_adjust[1];
uint64_t *modules_adjust = no_adjust;
uint64_t modules_adjust_return[256];

/* ---- entries ---- */

static void note_path(struct seep_rec_module *m, const char *path)
{
	uint64_t n = 0, skip = 0;

	while (path[n] && n < 65536)
		n++;
	if (n > sizeof(m->path)) {
		skip = n - sizeof(m->path);
		m->flags |= SEEP_REC_MODULE_PATH_CUT;
	}
	m->path_bytes = (uint32_t)(n - skip);
	for (uint32_t i = 0; i < m->path_bytes; i++)
		m->path[i] = path[skip + i];
}

static bool is_inside(const struct elfimage *image, uint64_t address)
{
	return address >= image->start && address < image->end;
}

static bool is_ourselves(const struct elfimage *image)
{
	return is_inside(image, (uint64_t)(uintptr_t)&modules_init);
}

static uint32_t count_earlier(const struct elfimage *image, uint32_t index)
{
	uint32_t nr = 0;

	for (uint32_t i = 1; i < index; i++)
		if (config.table[i].start < image->end && config.table[i].end > image->start)
			nr++;
	return nr;
}

/* Two threads may be here for one entry: they store the same, or the one of two places of the file that comes last. */
static void fill(uint32_t index, const struct elfimage *image, const char *path)
{
	struct seep_rec_module *m = &config.table[index];
	uint64_t unset = 0;

	m->start = image->start;
	m->end = image->end;
	m->bias = image->bias;
	m->generation = count_earlier(image, index);
	(void)__atomic_compare_exchange_n(&m->first_us, &unset, config.now_us ? config.now_us() : 0, false,
	                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	m->build_id_bytes = image->build_id_bytes;
	for (uint32_t i = 0; i < image->build_id_bytes; i++)
		m->build_id[i] = image->build_id[i];
	m->flags |= is_ourselves(image) && recorder_start == image->start ? SEEP_REC_MODULE_RECORDER : 0;
	m->flags |= is_inside(image, config.allocator_start) ? SEEP_REC_MODULE_ALLOCATOR : 0;
	if (image->start == getauxval(AT_SYSINFO_EHDR)) {
		m->flags |= SEEP_REC_MODULE_VDSO;
		path = "[vdso]";
	}
	if (path && !path[0]) {
		m->flags |= SEEP_REC_MODULE_EXE;
		path = config.exe_path;
	}
	note_path(m, path ? path : "");
	/* Whoever sees it filled, sees the rest. */
	__atomic_store_n(&modules[index].is_filled, 1ull, __ATOMIC_RELEASE);
	if (config.mirror)
		config.mirror(index);
}

static uint16_t *hint_of(uint64_t start)
{
	return &hints[(start >> 12) * 0x9e3779b97f4a7c15ull >> 56];
}

static void raise_nr(uint32_t to)
{
	uint32_t old = __atomic_load_n(&nr_modules, __ATOMIC_RELAXED);

	while (old < to &&
	       !__atomic_compare_exchange_n(&nr_modules, &old, to, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* The index of an identity; 0: the table is full. One entry never changes its identity, so the order of loads is
 * free. */
static uint32_t claim(uint64_t identity)
{
	for (uint32_t i = 1; i < config.count; i++) {
		uint64_t seen = __atomic_load_n(&modules[i].identity, __ATOMIC_RELAXED);

		if (!seen && __atomic_compare_exchange_n(&modules[i].identity, &seen, identity, false, __ATOMIC_RELAXED,
		                                         __ATOMIC_RELAXED)) {
			raise_nr(i + 1);
			return i;
		}
		if (seen == identity)
			return i;
	}
	return 0;
}

static uint32_t index_of(const struct elfimage *image, const char *path)
{
	uint16_t *hint = hint_of(image->start);
	uint32_t i = __atomic_load_n(hint, __ATOMIC_RELAXED);

	if (!i || modules[i].identity != image->identity) {
		i = claim(image->identity);
		__atomic_store_n(hint, (uint16_t)i, __ATOMIC_RELAXED);
	}
	if (i && !__atomic_load_n(&modules[i].is_filled, __ATOMIC_ACQUIRE))
		fill(i, image, path);
	return i;
}

static void place_image(struct module_place *out, const struct elfimage *image, const char *path)
{
	out->object = (struct cfi_object){ .start = image->start, .end = image->end, .header = image->header };
	out->is_permanent = false;
	out->index = modules ? index_of(image, path) : 0;
}

/* ---- start ---- */

static void add_permanent(const struct module_place *place)
{
	uint32_t i = nr_permanent;

	if (i == MAX_PERMANENT)
		return;
	for (; i && permanent[i - 1].object.start > place->object.start; i--)
		permanent[i] = permanent[i - 1];
	permanent[i] = *place;
	permanent[i].is_permanent = true;
	modules_adjust[place->index] = ((uint64_t)place->index << 48) - place->object.start;
	if (place->index < 256)
		modules_adjust_return[place->index] = modules_adjust[place->index] - 1;
	nr_permanent++;
}

static void note_debug_interface(const struct elfimage *image)
{
	const ElfW(Dyn) *dyn = (const ElfW(Dyn) *)(uintptr_t)image->dynamic;

	for (; dyn && dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_DEBUG)
			debug_interface = (const struct r_debug *)(uintptr_t)dyn->d_un.d_ptr;
}

struct start_scan {
	bool has_recorder; /* seen so far */
	bool is_loaded_late;
};

/* A library that comes after the C library in the list was opened by a program that ran already, or by chance is
 * last. */
static bool is_c_library(const struct elfimage *image)
{
	return is_inside(image, seep_c_library_address());
}

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
	struct start_scan *scan = data;
	struct elfimage image;

	(void)size;
	elfimage_from_headers(&image, info->dlpi_phdr, info->dlpi_phnum, info->dlpi_addr);
	if (is_ourselves(&image)) {
		scan->has_recorder = true;
		seep_linked_text(&recorder_start, &recorder_end, image.start,
		                 info->dlpi_name && info->dlpi_name[0] ? image.end : image.start);
	}
	scan->is_loaded_late |= is_c_library(&image) && !scan->has_recorder;
	return 0;
}

static int add(struct dl_phdr_info *info, size_t size, void *data)
{
	const struct start_scan *scan = data;
	const char *path = info->dlpi_name ? info->dlpi_name : "";
	struct module_place place;
	struct elfimage image;

	(void)size;
	elfimage_from_headers(&image, info->dlpi_phdr, info->dlpi_phnum, info->dlpi_addr);
	if (image.start >= image.end)
		return 0;
	if (is_inside(&image, getauxval(AT_PHDR)) && getauxval(AT_BASE))
		path = ""; /* the program, to which musl gives a name */
	if (!path[0] && image.dynamic)
		note_debug_interface(&image);
	place_image(&place, &image, path);
	if (place.index && !scan->is_loaded_late)
		add_permanent(&place);
	return 0;
}

static void add_image_at(uint64_t start)
{
	struct module_place place;
	struct elfimage image;

	if (!start || !elfimage_from_start(&image, start))
		return;
	place_image(&place, &image, "");
	if (place.index)
		add_permanent(&place);
}

/* Without a loader the program and the vdso are all there is; the first malloc may come before the C library knows. */
static void add_static_program(void)
{
	seep_linked_text(&recorder_start, &recorder_end, 0, 0);
	add_image_at(getauxval(AT_PHDR) - sizeof(ElfW(Ehdr)));
	add_image_at(getauxval(AT_SYSINFO_EHDR));
}

static bool take_tables(void)
{
	uint64_t nr_bytes = config.count * (sizeof(struct module) + sizeof(uint64_t));
	long base = sys_mmap(NULL, nr_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (sys_failed(base))
		return false;
	modules_adjust = (uint64_t *)base;
	modules = (struct module *)(base + (long)(config.count * sizeof(uint64_t)));
	mapped_bytes = nr_bytes;
	return true;
}

void modules_init(const struct seep_modules_config *given)
{
	struct seep_symbol symbol = seep_symbol_anywhere("_dl_find_object");
	struct start_scan scan = { 0 };

	config = *given;
	if (config.count > MAX_MODULES)
		config.count = MAX_MODULES;
	if (config.count < 2 || !take_tables())
		return;
#ifndef SEEP_WITHOUT_FIND_OBJECT /* tests: as on a C library before glibc 2.35 */
	__builtin_memcpy(&find_object, &symbol.address, sizeof(find_object));
#else
	(void)symbol;
#endif
	if (seep_linked_is_wrapped() && !getauxval(AT_BASE)) {
		add_static_program();
		return;
	}
	seep_objects_visit(look, &scan);
	seep_objects_visit(add, &scan);
}

void seep_modules_use_table(void)
{
	find_object = NULL;
}
bool modules_is_recorder(uint64_t pc)
{
	return pc >= recorder_start && pc < recorder_end;
}
bool modules_has_find_object(void)
{
	return find_object != NULL;
}
uint32_t modules_nr(void)
{
	return __atomic_load_n(&nr_modules, __ATOMIC_RELAXED);
}
uint64_t modules_bytes(void)
{
	return mapped_bytes + sizeof(permanent) + sizeof(hints) + sizeof(modules_adjust_return);
}

/* ---- search ---- */

static const struct module_place *find_permanent(uint64_t pc)
{
	uint32_t low = 0, high = nr_permanent;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (permanent[middle].object.start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pc < permanent[low - 1].object.end ? &permanent[low - 1] : NULL;
}

/*
 * What the C library finds is mapped now, and an object whose code is on our stack is not unmapped while we walk. Its
 * first page holds its headers; where they lie is checked.
 */
static bool find_by_library(uint64_t pc, struct module_place *out)
{
	struct found_object found;
	struct elfimage image;
	uint64_t start, end, header;

	if (find_object((void *)(uintptr_t)pc, &found) != 0)
		return false;
	start = (uint64_t)(uintptr_t)found.map_start;
	end = (uint64_t)(uintptr_t)found.map_end;
	header = (uint64_t)(uintptr_t)found.eh_frame;
	if (!elfimage_from_start(&image, start))
		elfimage_from_range(&image, start, end, header);
	if (found.link_map)
		image.bias = found.link_map->l_addr;
	place_image(out, &image, found.link_map ? found.link_map->l_name : NULL);
	return true;
}

static bool is_link_readable(const struct link_map *link)
{
	uint64_t at = (uint64_t)(uintptr_t)link;

	return stackmem_is_readable(at) && stackmem_is_readable(at + sizeof(*link) - 1);
}

static uint64_t check_of(uint64_t start, uint64_t end)
{
	return (start * 3 + end) * 0x9e3779b97f4a7c15ull | 2;
}

/* False: free, or being written. */
static bool read_range(const struct range *r, uint64_t *start, uint64_t *end)
{
	*start = __atomic_load_n(&r->start, __ATOMIC_ACQUIRE);
	*end = __atomic_load_n(&r->end, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&r->check, __ATOMIC_ACQUIRE) == check_of(*start, *end);
}

/* A range that a new one overlaps has gone; else a new place, or when there is none any old one. */
static struct range *range_for(const struct elfimage *image)
{
	uint32_t nr = __atomic_load_n(&nr_ranges, __ATOMIC_ACQUIRE);
	uint64_t start, end;

	for (uint32_t i = 0; i < nr; i++)
		if (read_range(&ranges[i], &start, &end) && start < image->end && end > image->start)
			return &ranges[i];
	nr = __atomic_fetch_add(&nr_ranges, 1, __ATOMIC_ACQ_REL);
	if (nr < MAX_RANGES)
		return &ranges[nr];
	__atomic_store_n(&nr_ranges, MAX_RANGES, __ATOMIC_RELEASE);
	return &ranges[(image->start >> 12) % MAX_RANGES];
}

static void note_range(const struct elfimage *image)
{
	struct range *r = range_for(image);
	uint64_t old = __atomic_load_n(&r->check, __ATOMIC_RELAXED), wanted = check_of(image->start, image->end);

	/* Whoever is writing it meanwhile, read the same list. */
	if (old == wanted || old == RANGE_BUSY ||
	    !__atomic_compare_exchange_n(&r->check, &old, (uint64_t)RANGE_BUSY, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&r->start, image->start, __ATOMIC_RELEASE);
	__atomic_store_n(&r->end, image->end, __ATOMIC_RELEASE);
	__atomic_store_n(&r->check, wanted, __ATOMIC_RELEASE);
}

static bool is_list_as_read(void)
{
	const struct link_map *link = __atomic_load_n(&last_link, __ATOMIC_ACQUIRE);

	return link && is_link_readable(link) && !link->l_next &&
	       link->l_addr == __atomic_load_n(&last_link_bias, __ATOMIC_RELAXED);
}

/* The list that the loader keeps for debuggers. Another thread may be about to change it: each entry is asked for
 * first. */
static void read_links(void)
{
	const struct link_map *link = debug_interface->r_map;

	for (uint32_t i = 0; link && i < MAX_LINKS && is_link_readable(link); i++, link = link->l_next) {
		struct elfimage image;

		if (link->l_addr && !find_permanent(link->l_addr) && stackmem_is_readable(link->l_addr) &&
		    elfimage_from_start(&image, link->l_addr)) {
			(void)index_of(&image, link->l_name);
			note_range(&image);
		}
		__atomic_store_n(&last_link_bias, link->l_addr, __ATOMIC_RELAXED);
		/* Whoever sees the last one, sees the entries of all. */
		__atomic_store_n(&last_link, link, __ATOMIC_RELEASE);
	}
}

static bool is_known(uint64_t identity)
{
	for (uint32_t i = 1; i < modules_nr(); i++)
		if (__atomic_load_n(&modules[i].identity, __ATOMIC_RELAXED) == identity)
			return __atomic_load_n(&modules[i].is_filled, __ATOMIC_ACQUIRE);
	return false;
}

/* What lies there now says what it is. *is_stale: something was there that has gone, or is not the one that was. */
static bool find_by_table(uint64_t pc, struct module_place *out, bool *is_stale)
{
	uint32_t nr = __atomic_load_n(&nr_ranges, __ATOMIC_ACQUIRE);
	struct elfimage image;
	uint64_t start, end;

	for (uint32_t i = 0; i < nr && i < MAX_RANGES; i++) {
		if (!read_range(&ranges[i], &start, &end) || pc < start || pc >= end)
			continue;
		if (stackmem_is_readable(start) && elfimage_from_start(&image, start) && pc < image.end &&
		    is_known(image.identity)) {
			place_image(out, &image, NULL);
			return true;
		}
		*is_stale = true;
	}
	return false;
}

static bool find_new(uint64_t pc, struct module_place *out)
{
	bool is_stale = false;

	if (find_object)
		return find_by_library(pc, out);
	if (!modules)
		return false;
	if (find_by_table(pc, out, &is_stale))
		return true;
	if (!debug_interface || __atomic_load_n(&debug_interface->r_state, __ATOMIC_RELAXED) != RT_CONSISTENT)
		return false;
	/* Another thread may have read it since: the table is searched again in any case. */
	if (is_stale || !is_list_as_read())
		read_links();
	return find_by_table(pc, out, &is_stale);
}

const struct module_place *modules_find(struct module_memo *memo, uint64_t pc)
{
	const struct module_place *known;
	struct module_place *place;

	for (uint32_t i = 0; i < MODULES_MEMO && i < memo->nr; i++)
		if (pc - memo->places[i].object.start < memo->places[i].object.end - memo->places[i].object.start)
			return &memo->places[i];
	known = find_permanent(pc);
	if (known)
		return known;
	place = &memo->places[memo->nr % MODULES_MEMO];
	if (!find_new(pc, place))
		return NULL;
	memo->nr++;
	return place;
}
