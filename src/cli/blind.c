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

bool cli_blind_spot(const char *sysroot, const struct seep_recording *r, char *out, size_t cap)
{
	struct seep_program program;
	const char *clause;

	if (r->status.reasons & SEEP_REC_WHY_MALLOC_TAKEN && r->header.allocator[0] == '/') {
		snprintf(out, cap,
		         "its malloc is that of %.*s, which comes before the recorder: nothing of its heap can be "
		         "seen (name the recorder first in LD_PRELOAD)",
		         (int)sizeof(r->header.allocator), r->header.allocator);
		return true;
	}
	if (!look_at_exe(sysroot, r, &program)) {
		memset(&program, 0, sizeof(program));
		program.is_elf = true;
	}
	program.is_jvm |= has_module(r, "libjvm.so");
	program.is_node |= has_module(r, "libnode.so");
	program.exports_malloc |= (r->status.reasons & SEEP_REC_WHY_MALLOC_TAKEN) != 0;
	clause = seep_program_blind_spot(&program);
	snprintf(out, cap, "%s", clause ? clause : "");
	return seep_program_is_blind(&program);
}
