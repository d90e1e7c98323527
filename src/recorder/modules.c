#include "recorder/modules.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "recorder/objects.h"
#include "recorder/sys.h"
#include "recorder/text.h"

#define MAX_LISTED 2048u
#define CACHE_SLOTS 1024u

/*
 * An object at a range of addresses, and its index. Entries are replaced at any time by any thread; `check` is over the
 * other words, so a torn one is a miss.
 */
struct known {
	uint64_t start, end, eh_frame_hdr;
	uint64_t note; /* address of the build id in memory, 0 none */
	uint64_t index;
	uint64_t check;
};

/* <dlfcn.h> of glibc 2.35: struct dl_find_object with its seven reserved words. */
struct found_object {
	uint64_t flags;
	uint64_t start, end;
	struct link_map *map;
	uint64_t eh_frame_hdr;
	uint64_t reserved[7];
};

/* An object known without _dl_find_object. */
struct listed {
	uint64_t start, end, bias, eh_frame_hdr, dynamic;
	uint64_t headers; /* hash of its headers and what follows them: as a rule its notes */
	char path[sizeof(((struct seep_rec_module *)NULL)->path) + 1]; /* the loader's own string goes with the object */
};

static struct seep_modules_config config;
static struct known cache[CACHE_SLOTS]; /* by hash of the start */
static uint32_t nr_modules = 1;         /* entry 0 is unused */
static uint32_t append_lock;
static int (*find_object)(void *, struct found_object *);
static struct listed list[MAX_LISTED];
static uint32_t nr_listed, list_lock;
static const struct r_debug *debug;
static uint64_t vdso_start;

uint32_t seep_modules_nr(void) { return __atomic_load_n(&nr_modules, __ATOMIC_ACQUIRE); }
uint64_t seep_modules_private_bytes(void) { return sizeof(cache) + sizeof(list); }
bool seep_modules_have_find_object(void) { return find_object != NULL; }
void seep_modules_use_table(void) { find_object = NULL; }
void seep_modules_after_fork(void) { list_lock = append_lock = 0; }

bool seep_page_is_readable(uint64_t address)
{
	/* An invalid `how` is looked at after the set was copied from memory: kernel/signal.c, rt_sigprocmask. */
	return sys_call(SYS_rt_sigprocmask, -1, (long)address, 0, 8, 0, 0) == -22 /* EINVAL */;
}

/* ---- reading an object's headers in memory ---- */

static const Elf64_Phdr *headers_of(uint64_t start, uint32_t *nr)
{
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)(uintptr_t)start;

	*nr = 0;
	if (__builtin_memcmp(ehdr->e_ident, ELFMAG, SELFMAG) || ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	/* The headers are in the first page of every object that the loader maps. */
	if (ehdr->e_phoff + ehdr->e_phnum * sizeof(Elf64_Phdr) > 4096)
		return NULL;
	*nr = ehdr->e_phnum;
	return (const Elf64_Phdr *)(uintptr_t)(start + ehdr->e_phoff);
}

static void find_note(const Elf64_Phdr *p, uint64_t bias, uint64_t start, uint64_t end, struct seep_rec_module *m,
                      uint64_t *note_at)
{
	uint64_t at = bias + p->p_vaddr, stop = at + p->p_memsz;

	if (at < start || stop > end)
		return;
	while (at + 12 <= stop) {
		const uint32_t *note = (const uint32_t *)(uintptr_t)at;
		uint64_t name = (note[0] + 3ull) & ~3ull, description = (note[1] + 3ull) & ~3ull;

		if (at + 12 + name + description > stop)
			return;
		if (note[2] == NT_GNU_BUILD_ID && note[0] == 4 && note[1] <= 32) {
			*note_at = at + 12 + name;
			m->build_id_bytes = note[1];
			__builtin_memcpy(m->build_id, (const void *)(uintptr_t)*note_at, note[1]);
			return;
		}
		at += 12 + name + description;
	}
}

static uint64_t bias_of(uint64_t start, const Elf64_Phdr *phdr, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (phdr[i].p_type == PT_LOAD)
			return start - (phdr[i].p_vaddr & ~4095ull); /* loads are in ascending order */
	return start;
}

/* Bias and build id of the object at m->start. Returns the address of the build id. */
static uint64_t read_headers(struct seep_rec_module *m)
{
	uint64_t note_at = 0;
	uint32_t nr;
	const Elf64_Phdr *phdr = headers_of(m->start, &nr);

	if (phdr)
		m->bias = m->start == vdso_start ? m->start : bias_of(m->start, phdr, nr);
	for (uint32_t i = 0; i < nr && !note_at; i++)
		if (phdr[i].p_type == PT_NOTE)
			find_note(&phdr[i], m->bias, m->start, m->end, m, &note_at);
	return note_at;
}

/* ---- the table ---- */

/* In line: this runs for each module of each walk. */
static inline bool is_equal(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	uint64_t x, y;
	uint32_t i = 0;

	for (; i + 8 <= n; i += 8) {
		__builtin_memcpy(&x, a + i, 8);
		__builtin_memcpy(&y, b + i, 8);
		if (x != y)
			return false;
	}
	for (; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static void fill_path(struct seep_rec_module *m, const char *path)
{
	size_t len;

	if (m->start == vdso_start) {
		m->flags |= SEEP_REC_MODULE_VDSO;
		path = "[vdso]";
	} else if (!path[0]) {
		m->flags |= SEEP_REC_MODULE_EXE;
		path = config.exe_path;
	}
	len = text_len(path);
	if (len > sizeof(m->path)) {
		path += len - sizeof(m->path); /* the end tells more */
		len = sizeof(m->path);
		m->flags |= SEEP_REC_MODULE_PATH_CUT;
	}
	__builtin_memcpy(m->path, path, len);
	m->path_bytes = (uint32_t)len;
}

/*
 * The same file, wherever it is loaded: frames and rules are by offset, so they hold at any address. Without a build id only the same
 * range counts as the same.
 */
static bool is_same_file(const struct seep_rec_module *a, const struct seep_rec_module *b)
{
	if (a->end - a->start != b->end - b->start || a->start - a->bias != b->start - b->bias)
		return false;
	if (a->build_id_bytes != b->build_id_bytes || a->path_bytes != b->path_bytes)
		return false;
	if (!a->build_id_bytes && a->start != b->start)
		return false;
	return is_equal(a->build_id, b->build_id, a->build_id_bytes) &&
	       is_equal((const uint8_t *)a->path, (const uint8_t *)b->path, a->path_bytes);
}

static uint32_t find_in_table(const struct seep_rec_module *wanted)
{
	for (uint32_t i = 1; i < seep_modules_nr(); i++)
		if (is_same_file(&config.table[i], wanted))
			return i;
	return 0;
}

/* Objects that have been seen in this range before. */
static uint32_t count_generations(const struct seep_rec_module *m)
{
	uint32_t nr = 0;

	for (uint32_t i = 1; i < seep_modules_nr(); i++)
		nr += config.table[i].start < m->end && config.table[i].end > m->start;
	return nr;
}

/* With the lock held. 0: no room. */
static uint32_t append(struct seep_rec_module *m)
{
	uint32_t index = nr_modules;

	if (index >= config.count)
		return 0;
	m->generation = count_generations(m);
	m->first_us = config.now_us();
	if ((uint64_t)(uintptr_t)&config >= m->start && (uint64_t)(uintptr_t)&config < m->end)
		m->flags |= SEEP_REC_MODULE_RECORDER;
	if (config.allocator_start >= m->start && config.allocator_start < m->end)
		m->flags |= SEEP_REC_MODULE_ALLOCATOR;
	config.table[index] = *m;
	__atomic_store_n(&nr_modules, index + 1, __ATOMIC_RELEASE);
	config.mirror(index);
	return index;
}

static uint64_t check_of(const struct known *k)
{
	return (k->start ^ k->end << 1 ^ k->eh_frame_hdr << 2 ^ k->note << 3 ^ k->index << 4) * 0x9e3779b97f4a7c15ull | 1;
}

static struct known *slot_of(uint64_t start)
{
	return &cache[((start >> 12) * 0x9e3779b97f4a7c15ull >> 32) % CACHE_SLOTS];
}

/* Index of what is known at these addresses, if it is still the same object there; 0 otherwise. */
static uint32_t known_index(uint64_t start, uint64_t end, uint64_t hdr)
{
	const struct known *slot = slot_of(start);
	struct known k;

	k.start = __atomic_load_n(&slot->start, __ATOMIC_RELAXED);
	k.end = __atomic_load_n(&slot->end, __ATOMIC_RELAXED);
	k.eh_frame_hdr = __atomic_load_n(&slot->eh_frame_hdr, __ATOMIC_RELAXED);
	k.note = __atomic_load_n(&slot->note, __ATOMIC_RELAXED);
	k.index = __atomic_load_n(&slot->index, __ATOMIC_RELAXED);
	if (__atomic_load_n(&slot->check, __ATOMIC_RELAXED) != check_of(&k))
		return 0;
	if (k.start != start || k.end != end || k.eh_frame_hdr != hdr)
		return 0;
	/* The note lies in the object's first page, which stays mapped while its code is on our stack. */
	if (k.note && k.note - start <= 4096 - 32) {
		const struct seep_rec_module *m = &config.table[k.index];

		if (!is_equal(m->build_id, (const uint8_t *)(uintptr_t)k.note, m->build_id_bytes))
			return 0;
	}
	return (uint32_t)k.index;
}

static void know(struct known k)
{
	struct known *slot = slot_of(k.start);

	__atomic_store_n(&slot->check, 0ull, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->start, k.start, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->end, k.end, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->eh_frame_hdr, k.eh_frame_hdr, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->note, k.note, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->index, k.index, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->check, check_of(&k), __ATOMIC_RELAXED);
}

/* Not met at these addresses yet, or another object now. Who finds a thread appending uses no index this once. */
static uint32_t meet(uint64_t start, uint64_t end, uint64_t hdr, uint64_t bias, const char *path, bool *no_room)
{
	static struct seep_rec_module m; /* the lock's holder's */
	uint32_t unlocked = 0, index;
	uint64_t note;

	if (!__atomic_compare_exchange_n(&append_lock, &unlocked, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	__builtin_memset(&m, 0, sizeof(m));
	m.start = start;
	m.end = end;
	m.bias = bias;
	note = read_headers(&m);
	fill_path(&m, path);
	index = find_in_table(&m);
	if (!index)
		index = append(&m);
	if (index)
		know((struct known){ start, end, hdr, note, index, 0 });
	*no_room = !index;
	__atomic_store_n(&append_lock, 0u, __ATOMIC_RELEASE);
	return index;
}

static void view_fill(struct seep_module_view *out, uint64_t start, uint64_t end, uint64_t hdr, uint64_t bias,
                      const char *path)
{
	out->start = start;
	out->end = end;
	out->eh_frame_hdr = hdr;
	out->index = known_index(start, end, hdr);
	if (__builtin_expect(!out->index, 0))
		out->index = meet(start, end, hdr, bias, path, &out->no_room);
}

/* ---- without _dl_find_object: a list made at start, read again when the loader's own list is consistent ---- */

/* Headers and notes that are in memory at `start`; 0 if there are none. */
static uint64_t hash_headers(uint64_t start)
{
	uint64_t h = 1, word;
	uint32_t nr;

	if (!seep_page_is_readable(start) || !headers_of(start, &nr))
		return 0;
	for (uint64_t at = 0; at < 1024; at += 8) {
		__builtin_memcpy(&word, (const void *)(uintptr_t)(start + at), 8);
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
	}
	return h | 1;
}

/* Keeps the end of a path that is too long. */
static void copy_path(char *out, size_t cap, const char *path)
{
	size_t len = text_len(path);

	if (len >= cap)
		path += len - cap + 1;
	for (len = 0; path[len]; len++)
		out[len] = path[len];
	out[len] = 0;
}

static void list_object(uint64_t bias, const Elf64_Phdr *phdr, uint32_t nr, const char *path)
{
	struct listed *l = &list[nr_listed];

	if (nr_listed >= MAX_LISTED)
		return;
	*l = (struct listed){ .start = UINT64_MAX, .bias = bias };
	copy_path(l->path, sizeof(l->path), path);
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t start = bias + phdr[i].p_vaddr, end = start + phdr[i].p_memsz;

		if (phdr[i].p_type == PT_GNU_EH_FRAME)
			l->eh_frame_hdr = start;
		if (phdr[i].p_type == PT_DYNAMIC)
			l->dynamic = start;
		if (phdr[i].p_type != PT_LOAD)
			continue;
		if ((start & ~4095ull) < l->start)
			l->start = start & ~4095ull;
		if (end > l->end)
			l->end = end;
	}
	if (l->start >= l->end)
		return;
	l->headers = hash_headers(l->start);
	__atomic_store_n(&nr_listed, nr_listed + 1, __ATOMIC_RELEASE);
}

static int list_one(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	list_object(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, info->dlpi_name ? info->dlpi_name : "");
	return 0;
}

/* Newest first. What has been unloaded since, and replaced by another object or by none, is taken off the list. */
static const struct listed *listed_of(uint64_t pc)
{
	for (uint32_t i = __atomic_load_n(&nr_listed, __ATOMIC_ACQUIRE); i-- > 0;) {
		if (pc < list[i].start || pc >= list[i].end)
			continue;
		if (hash_headers(list[i].start) == list[i].headers)
			return &list[i];
		list[i].end = 0;
	}
	return NULL;
}

static bool is_listed(const struct link_map *map)
{
	for (uint32_t i = 0; i < nr_listed; i++)
		if (list[i].end && list[i].dynamic == (uint64_t)(uintptr_t)map->l_ld && list[i].bias == map->l_addr)
			return true;
	return false;
}

/* Every pointer is probed before it is read: another thread may be changing the list in spite of r_state. */
static void list_again(void)
{
	const struct link_map *map;
	uint32_t unlocked = 0;

	if (!debug || debug->r_state != RT_CONSISTENT ||
	    !__atomic_compare_exchange_n(&list_lock, &unlocked, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	map = debug->r_map;
	for (uint32_t n = 0; map && n < 4 * MAX_LISTED && seep_page_is_readable((uint64_t)(uintptr_t)map); n++) {
		const Elf64_Phdr *phdr;
		uint32_t nr;

		if (!is_listed(map) && map->l_addr && seep_page_is_readable(map->l_addr)) {
			phdr = headers_of(map->l_addr, &nr);
			if (phdr)
				list_object(map->l_addr, phdr, nr, map->l_name ? map->l_name : "");
		}
		map = map->l_next;
	}
	__atomic_store_n(&list_lock, 0u, __ATOMIC_RELEASE);
}

/* DT_DEBUG of the executable: where the loader keeps struct r_debug, in glibc and musl. */
static void find_debug(void)
{
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)getauxval(AT_PHDR);
	uint64_t nr = getauxval(AT_PHNUM), bias = 0;

	for (uint64_t i = 0; phdr && i < nr; i++)
		if (phdr[i].p_type == PT_PHDR)
			bias = (uint64_t)(uintptr_t)phdr - phdr[i].p_vaddr;
	for (uint64_t i = 0; phdr && i < nr; i++) {
		const Elf64_Dyn *dyn = (const Elf64_Dyn *)(uintptr_t)(bias + phdr[i].p_vaddr);

		if (phdr[i].p_type != PT_DYNAMIC)
			continue;
		for (; dyn->d_tag != DT_NULL; dyn++)
			if (dyn->d_tag == DT_DEBUG)
				debug = (const struct r_debug *)dyn->d_un.d_ptr;
	}
}

/* ---- API ---- */

void seep_modules_init(const struct seep_modules_config *c)
{
	struct seep_symbol symbol = seep_symbol_anywhere("_dl_find_object");

	config = *c;
	vdso_start = getauxval(AT_SYSINFO_EHDR);
#ifdef SEEP_WITHOUT_FIND_OBJECT /* tests: as on a C library before glibc 2.35 */
	symbol.address = NULL;
#endif
	if (symbol.address)
		__builtin_memcpy(&find_object, &symbol.address, sizeof(find_object));
	find_debug();
	(void)dl_iterate_phdr(list_one, NULL);
}

static void find_in_list(uint64_t pc, struct seep_module_view *out)
{
	const struct listed *l = listed_of(pc);

	if (!l) {
		list_again();
		l = listed_of(pc);
	}
	if (!l)
		return;
	view_fill(out, l->start, l->end, l->eh_frame_hdr, l->bias, l->path);
}

void seep_module_find(uint64_t pc, struct seep_module_view *out)
{
	struct found_object object;

	*out = (struct seep_module_view){ 0 };
	if (!find_object || find_object((void *)(uintptr_t)pc, &object)) {
		/* The vdso is not known to _dl_find_object before the loader has listed it; the list has it. */
		find_in_list(pc, out);
		return;
	}
	view_fill(out, object.start, object.end, object.eh_frame_hdr, object.map->l_addr,
	          object.map->l_name ? object.map->l_name : "");
}
