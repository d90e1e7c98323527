#include "recorder/modules.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "recorder/objects.h"
#include "recorder/sys.h"
#include "recorder/text.h"

#define MAX_MODULES 2048u
#define SLOTS (2 * MAX_MODULES)

/* What tells one object at a range from another, beside the build id in the table. */
struct identity {
	uint64_t start, end, eh_frame_hdr;
	uint64_t note;       /* address of the build id in memory, 0 none */
	uint32_t note_bytes;
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
	const char *path;
};

static struct seep_modules_config config;
static struct identity identities[MAX_MODULES];
static uint16_t slots[SLOTS];       /* by hash of the start: index in the table, 0 free */
static uint32_t nr_modules = 1;     /* entry 0 is unused */
static int (*find_object)(void *, struct found_object *);
static struct listed list[MAX_MODULES];
static uint32_t nr_listed, list_lock;
static const struct r_debug *debug;
static uint64_t vdso_start;

uint32_t seep_modules_nr(void) { return __atomic_load_n(&nr_modules, __ATOMIC_ACQUIRE); }
uint64_t seep_modules_private_bytes(void) { return sizeof(identities) + sizeof(slots) + sizeof(list); }
bool seep_modules_have_find_object(void) { return find_object != NULL; }
void seep_modules_use_table(void) { find_object = NULL; }
void seep_modules_after_fork(void) { list_lock = 0; }

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

static void find_note(const Elf64_Phdr *p, uint64_t bias, uint64_t start, uint64_t end, struct identity *id)
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
			id->note = at + 12 + name;
			id->note_bytes = note[1];
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

static void find_build_id(struct identity *id, uint64_t *bias)
{
	uint32_t nr;
	const Elf64_Phdr *phdr = headers_of(id->start, &nr);

	if (phdr && id->start == vdso_start)
		*bias = id->start;
	else if (phdr)
		*bias = bias_of(id->start, phdr, nr);
	for (uint32_t i = 0; i < nr && !id->note; i++)
		if (phdr[i].p_type == PT_NOTE)
			find_note(&phdr[i], *bias, id->start, id->end, id);
}

/* ---- the table ---- */

/* In line: this runs for each module of each walk. Build ids are 8 bytes or longer. */
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

static bool is_build_id_same(uint32_t index, const struct identity *id)
{
	const struct seep_rec_module *m = &config.table[index];

	/* The note lies in the object's first page, which stays mapped while its code is on our stack. */
	if (!id->note || id->note - id->start > 4096 - 32)
		return true;
	return is_equal(m->build_id, (const uint8_t *)(uintptr_t)id->note, m->build_id_bytes);
}

static bool is_same(uint32_t index, uint64_t start, uint64_t end, uint64_t hdr)
{
	const struct identity *id = &identities[index];

	return id->start == start && id->end == end && id->eh_frame_hdr == hdr && is_build_id_same(index, id);
}

static uint32_t slot_of(uint64_t start) { return (uint32_t)((start >> 12) * 0x9e3779b97f4a7c15ull >> 52); }

static void fill_path(struct seep_rec_module *m, const char *path)
{
	size_t len = text_len(path);

	if (len > sizeof(m->path)) {
		path += len - sizeof(m->path); /* the end tells more */
		len = sizeof(m->path);
		m->flags |= SEEP_REC_MODULE_PATH_CUT;
	}
	__builtin_memcpy(m->path, path, len);
	m->path_bytes = (uint32_t)len;
}

static uint32_t count_generations(uint64_t start, uint64_t end)
{
	uint32_t nr = 0;

	for (uint32_t i = 1; i < seep_modules_nr() && i < config.count; i++)
		nr += config.table[i].start < end && config.table[i].end > start && config.table[i].checksum;
	return nr;
}

static void fill(uint32_t index, uint64_t start, uint64_t end, uint64_t hdr, uint64_t bias, const char *path)
{
	struct seep_rec_module *m = &config.table[index];
	struct identity *id = &identities[index];

	*id = (struct identity){ .start = start, .end = end, .eh_frame_hdr = hdr };
	find_build_id(id, &bias);
	m->generation = count_generations(start, end);
	m->start = start;
	m->end = end;
	m->bias = bias;
	m->first_us = config.now_us();
	m->build_id_bytes = id->note_bytes;
	if (id->note)
		__builtin_memcpy(m->build_id, (const void *)(uintptr_t)id->note, id->note_bytes);
	if (start == vdso_start) {
		m->flags |= SEEP_REC_MODULE_VDSO;
		path = "[vdso]";
	} else if (!path[0]) {
		m->flags |= SEEP_REC_MODULE_EXE;
		path = config.exe_path;
	}
	if ((uint64_t)(uintptr_t)&config >= start && (uint64_t)(uintptr_t)&config < end)
		m->flags |= SEEP_REC_MODULE_RECORDER;
	if (config.allocator_start >= start && config.allocator_start < end)
		m->flags |= SEEP_REC_MODULE_ALLOCATOR;
	fill_path(m, path);
	m->checksum = 1; /* in use; the file's copy gets the real one */
}

/*
 * The index of an object. Who meets a new one fills an entry of its own and then claims the slot; who loses the race to
 * another thread with the same object uses the other's entry and leaves its own unpublished. 0: no room.
 */
static uint32_t index_of(uint64_t start, uint64_t end, uint64_t hdr, uint64_t bias, const char *path)
{
	uint32_t mine = 0;

	for (uint32_t i = slot_of(start), n = 0; n < SLOTS; i = (i + 1) % SLOTS, n++) {
		uint16_t found = __atomic_load_n(&slots[i], __ATOMIC_ACQUIRE);

		if (!found) {
			uint32_t nr = __atomic_load_n(&nr_modules, __ATOMIC_RELAXED);

			if (!mine) {
				do
					if (nr >= config.count || nr >= MAX_MODULES)
						return 0;
				while (!__atomic_compare_exchange_n(&nr_modules, &nr, nr + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
				mine = nr;
				fill(mine, start, end, hdr, bias, path);
			}
			if (__atomic_compare_exchange_n(&slots[i], &found, (uint16_t)mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
				config.mirror(mine);
				return mine;
			}
		}
		if (is_same(found, start, end, hdr)) {
			if (mine)
				config.table[mine].checksum = 0;
			return found;
		}
	}
	return 0;
}

/* ---- without _dl_find_object: a list made at start, read again when the loader's own list is consistent ---- */

static void list_object(uint64_t bias, const Elf64_Phdr *phdr, uint32_t nr, const char *path)
{
	struct listed *l = &list[nr_listed];

	if (nr_listed >= MAX_MODULES)
		return;
	*l = (struct listed){ .start = UINT64_MAX, .bias = bias, .path = path };
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
	if (l->start < l->end)
		nr_listed++;
}

static int list_one(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	list_object(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, info->dlpi_name ? info->dlpi_name : "");
	return 0;
}

static const struct listed *listed_of(uint64_t pc)
{
	for (uint32_t i = __atomic_load_n(&nr_listed, __ATOMIC_ACQUIRE); i-- > 0;) /* newest first */
		if (pc >= list[i].start && pc < list[i].end)
			return &list[i];
	return NULL;
}

static bool is_listed(const struct link_map *map)
{
	for (uint32_t i = 0; i < nr_listed; i++)
		if (list[i].dynamic == (uint64_t)(uintptr_t)map->l_ld && list[i].bias == map->l_addr)
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
	for (uint32_t n = 0; map && n < 4 * MAX_MODULES && seep_page_is_readable((uint64_t)(uintptr_t)map); n++) {
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
	out->start = l->start;
	out->end = l->end;
	out->eh_frame_hdr = l->eh_frame_hdr;
	out->index = index_of(l->start, l->end, l->eh_frame_hdr, l->bias, l->path);
	out->no_room = !out->index;
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
	out->start = object.start;
	out->end = object.end;
	out->eh_frame_hdr = object.eh_frame_hdr;
	out->index = index_of(object.start, object.end, object.eh_frame_hdr, object.map->l_addr,
	                      object.map->l_name ? object.map->l_name : "");
	out->no_room = !out->index;
}
