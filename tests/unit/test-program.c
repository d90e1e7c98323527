#include "system/system.h"
#include "tap.h"
#include "tree.h"

#include <errno.h>

static void our_own_program_can_be_recorded(void)
{
	struct seep_program p;

	EQ_U(seep_program_look(NULL, "/proc/self/exe", NULL, &p, NULL), SEEP_OK);
	OK(p.is_elf);
	OK(!p.is_static);
	OK(p.build_id_bytes > 0);
	OK(!p.is_go);
	EQ_S(p.script, "");
}

static void a_script_leads_to_its_interpreter(void)
{
	struct seep_program p;
	char path[512];

	tree_file("/script", "#! /bin/sh -e\nexit 0\n");
	tree_path(path, "/script");
	EQ_U(seep_program_look(NULL, path, NULL, &p, NULL), SEEP_OK);
	EQ_S(p.path, "/bin/sh");
	EQ_S(p.script, path);
	OK(p.is_elf);
	tree_file("/script", "#!/usr/bin/env -S MARK=1 sh -e\n");
	EQ_U(seep_program_look(NULL, path, "/nowhere:/bin", &p, NULL), SEEP_OK);
	EQ_S(p.path, "/bin/sh");
}

static void scripts_in_a_circle_end(void)
{
	struct seep_program p;
	char path[512];

	tree_path(path, "/circle");
	tree_file("/circle", "#!%s\n", path);
	EQ_U(seep_program_look(NULL, path, NULL, &p, NULL), SEEP_OK);
	OK(!p.is_elf);
	OK(!seep_program_refuses(&p));
}

static void odd_files_are_no_programs(void)
{
	static const char *const contents[] = { "", "#", "#!", "#!\n", "\177ELF", "\177ELF\2\1\1", "text\n" };
	struct seep_program p;
	char path[512];

	tree_path(path, "/odd");
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		tree_file("/odd", "%s", contents[i]);
		EQ_U(seep_program_look(NULL, path, NULL, &p, NULL), SEEP_OK);
		OK(!p.is_elf);
		OK(!seep_program_refuses(&p));
		OK(!seep_program_blind_spot(&p));
	}
}

static void every_prefix_of_a_program_is_survived(void)
{
	struct seep_program p;
	char path[512];
	uint8_t *bytes;
	size_t len;
	FILE *f;

	if (seep_file_read("/bin/true", 1 << 20, &bytes, &len, NULL) != SEEP_OK)
		return;
	tree_path(path, "/cut");
	for (size_t n = 0; n < len; n += 509) {
		f = fopen(path, "w");
		fwrite(bytes, 1, n, f);
		fclose(f);
		EQ_U(seep_program_look(NULL, path, NULL, &p, NULL), SEEP_OK);
	}
	free(bytes);
}

static void a_missing_file_is_said_as_exec_would(void)
{
	struct seep_program p;
	struct seep_error err = { 0 };
	char found[64];

	EQ_U(seep_program_look(NULL, "/nonexistent", NULL, &p, &err), SEEP_ERR_IO);
	EQ_U((unsigned)err.sys_errno, ENOENT);
	OK(!seep_program_search("no-such-program", "/bin:/usr/bin", found, sizeof(found)));
	EQ_U((unsigned)errno, ENOENT);
	OK(!seep_program_search("/etc", NULL, found, sizeof(found)));
	EQ_U((unsigned)errno, EACCES);
	OK(seep_program_search("sh", "/nowhere:/bin", found, sizeof(found)));
	EQ_S(found, "/bin/sh");
}

static void each_reason_has_its_sentence(void)
{
	struct seep_program p = { .is_elf = true, .is_64 = true };

	EQ_U(seep_program_look(NULL, "/proc/self/exe", NULL, &p, NULL), SEEP_OK);
	p.needs_asan = p.has_asan_inside = false;
	OK(!seep_program_refuses(&p));
	p.libc = SEEP_LIBC_MUSL;
	OK(!seep_program_refuses(&p));
	p.needs_asan = true;
	OK(strstr(seep_program_refuses(&p), "AddressSanitizer"));
	p.is_setuid = true;
	OK(strstr(seep_program_refuses(&p), "setuid"));
	p.is_static = true;
	EQ_S(seep_program_refuses(&p), "it is statically linked, without libseep.a");
	p.is_linked = true;
	OK(!seep_program_refuses(&p));
	p = (struct seep_program){ .is_elf = true, .is_jvm = true };
	OK(strstr(seep_program_blind_spot(&p), "Java"));
	OK(!seep_program_is_blind(&p));
	p.exports_malloc = true;
	OK(strstr(seep_program_blind_spot(&p), "inside the executable"));
	OK(seep_program_is_blind(&p));
	p.is_linked = true;
	OK(!seep_program_is_blind(&p));
}

static bool has_spot(const struct seep_program *p, const char *id)
{
	const struct seep_blind_spot *spots[SEEP_BLIND_SPOTS_MAX];
	size_t nr = seep_program_blind_spots(p, spots);

	for (size_t i = 0; i < nr; i++)
		if (!strcmp(spots[i]->id, id))
			return *spots[i]->text && *spots[i]->way;
	return false;
}

/* Those that are installed here. */
static void real_programs_are_recognised(void)
{
	static const struct {
		const char *path, *id;
	} programs[] = {
		{ "/usr/bin/node", "v8" },
		{ "/usr/bin/java", "jvm" },
		{ "/usr/bin/luajit", "luajit" },
		{ "/usr/bin/python3", "python" },
		{ "/usr/lib/chromium/chromium", "partition-alloc" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct seep_program p;

		if (seep_program_look(NULL, programs[i].path, NULL, &p, NULL) != SEEP_OK || !p.is_elf)
			continue;
		if (!has_spot(&p, programs[i].id))
			printf("# %s\n", programs[i].path);
		OK(has_spot(&p, programs[i].id));
	}
}

static void what_holds_two_allocators_is_told_both(void)
{
	struct seep_program envoy = {
		.is_elf = true, .exports_malloc = true, .own_allocator = "tcmalloc", .is_luajit = true
	};
	struct seep_program plain = { .is_elf = true };
	const struct seep_blind_spot *spots[SEEP_BLIND_SPOTS_MAX];

	EQ_U(seep_program_blind_spots(&envoy, spots), 2);
	EQ_S(spots[0]->id, "tcmalloc");
	EQ_S(spots[1]->id, "luajit");
	EQ_U(seep_program_blind_spots(&plain, spots), 0);
	OK(!seep_program_blind_spot(&plain));
	envoy.own_allocator[0] = 0;
	OK(has_spot(&envoy, "own-malloc"));
	envoy.is_linked = true;
	OK(!has_spot(&envoy, "own-malloc"));
}

int main(void)
{
	tree_make();
	our_own_program_can_be_recorded();
	a_script_leads_to_its_interpreter();
	scripts_in_a_circle_end();
	odd_files_are_no_programs();
	every_prefix_of_a_program_is_survived();
	a_missing_file_is_said_as_exec_would();
	each_reason_has_its_sentence();
	real_programs_are_recognised();
	what_holds_two_allocators_is_told_both();
	tree_remove();
	return tap_done();
}
