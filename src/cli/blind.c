#include <string.h>

#include "cli/targets.h"

static bool has_module(const struct seep_recording *r, const char *base)
{
	size_t len = strlen(base);

	for (size_t i = 0; i < r->nr_modules; i++) {
		const char *path = r->modules[i].path, *end = memchr(path, 0, sizeof(r->modules[i].path));
		const char *slash = memrchr(path, '/', end ? (size_t)(end - path) : sizeof(r->modules[i].path));
		const char *name = slash ? slash + 1 : path;

		if ((size_t)(path + sizeof(r->modules[i].path) - name) > len && !strncmp(name, base, len))
			return true;
	}
	return false;
}

/* The file may have been replaced since: what its path holds now counts only with the same build id. */
static bool look_at_exe(const char *sysroot, const struct seep_recording *r, struct seep_program *out)
{
	if (seep_program_look(sysroot, r->header.exe, NULL, out, NULL) != SEEP_OK || !out->is_elf)
		return false;
	return out->build_id_bytes == r->header.exe_build_id_bytes &&
	       !memcmp(out->build_id, r->header.exe_build_id, out->build_id_bytes);
}

static void look_at_modules(const struct seep_recording *r, struct seep_program *p)
{
	p->is_jvm |= has_module(r, "libjvm.so");
	p->is_node |= has_module(r, "libnode.so");
	p->is_v8 |= has_module(r, "libv8");
	p->is_luajit |= has_module(r, "libluajit");
	p->is_dotnet |= has_module(r, "libcoreclr.so");
	p->is_python |= has_module(r, "libpython3");
	p->is_php |= has_module(r, "libphp");
}

bool cli_blind_spots(const char *sysroot, const struct seep_recording *r,
                     const struct seep_blind_spot *out[SEEP_BLIND_SPOTS_MAX], size_t *nr)
{
	struct seep_program program;

	if (!look_at_exe(sysroot, r, &program)) {
		memset(&program, 0, sizeof(program));
		program.is_elf = true;
	}
	look_at_modules(r, &program);
	if (r->status.reasons & SEEP_REC_WHY_MALLOC_TAKEN) {
		program.has_malloc_before = r->header.allocator[0] == '/';
		program.exports_malloc |= !program.has_malloc_before;
	}
	*nr = seep_program_blind_spots(&program, out);
	return seep_program_is_blind(&program);
}

bool cli_blind_spot(const char *sysroot, const struct seep_recording *r, char *out, size_t cap)
{
	const struct seep_blind_spot *spots[SEEP_BLIND_SPOTS_MAX];
	size_t nr;
	bool is_blind = cli_blind_spots(sysroot, r, spots, &nr);

	snprintf(out, cap, "%s", nr ? spots[0]->text : "");
	return is_blind;
}
