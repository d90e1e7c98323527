#include "symbol/locate.h"
#include "symbol/symbol.h"
#include "tap.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *fixture;
static char dir[] = "/tmp/seep-test-symbol-XXXXXX";
static char build_id[BUILD_ID_HEX_MAX];

/* Places that the fixture told about itself. */
static struct place {
	char key[16];
	uint32_t line;
	uint64_t addr;
} places[3];

static const struct place *place(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!strcmp(places[i].key, key))
			return &places[i];
	printf("Bail out! the fixture knows no place '%s'\n", key);
	exit(1);
}

static void shell(const char *fmt, ...) SEEP_PRINTF(1, 2);

static void shell(const char *fmt, ...)
{
	char command[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command) != 0) {
		printf("Bail out! %s\n", command);
		exit(1);
	}
}

static void read_places(void)
{
	FILE *in = popen(fixture, "r");

	for (size_t i = 0; in && i < ARRAY_SIZE(places); i++)
		if (fscanf(in, "%15s %" SCNu32 " %" SCNx64, places[i].key, &places[i].line, &places[i].addr) != 3)
			printf("# the fixture said too little\n");
	if (in)
		pclose(in);
}

static void identify(const char *path, char *hex)
{
	int fd = elf_open(path);
	struct elf_id id = { .is_elf = false };

	if (fd >= 0) {
		elf_identify(fd, &id);
		close(fd);
	}
	strcpy(hex, id.hex);
}

/* A profile of one location, at an address of the file, in a mapping of `path` loaded somewhere. */
#define BIAS 0x7f0000000000ull
static struct seep_profile *profile(const char *path, const char *hex, uint64_t addr)
{
	struct seep_mapping m = { .start = BIAS, .limit = BIAS + 0x100000, .bias = BIAS };
	struct seep_profile *p = NULL;

	if (seep_profile_new(&p, NULL) != SEEP_OK)
		exit(1);
	m.file = seep_profile_intern_z(p, path);
	m.build_id = seep_profile_intern_z(p, hex);
	seep_profile_add_mapping(p, &m);
	seep_profile_add_location(p, BIAS + addr, 0);
	return p;
}

/* Symbolises and returns what reports would show: "inner < middle < outer", "" for no names. */
static const char *names(struct seep_profile *p, struct seep_symboliser *s)
{
	static char text[1024];
	const struct seep_location *l = &p->locations[0];

	EQ_U(seep_symbolise(s, p, NULL), SEEP_OK);
	text[0] = '\0';
	for (uint32_t i = 0; i < l->nr_lines; i++) {
		const struct seep_function *f = &p->functions[p->lines[l->first_line + i].function];

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " < " : "",
		         seep_profile_str(p, f->name));
	}
	return text;
}

static struct seep_symboliser *symboliser(const char *symbol_path, bool use_proc)
{
	struct seep_symbol_options o = { .no_debuginfod = true,
		                         .no_proc = !use_proc,
		                         .nr_symbol_path = symbol_path != NULL };
	struct seep_symboliser *s = NULL;

	o.symbol_path = &symbol_path;
	if (seep_symboliser_new(&o, &s, NULL) != SEEP_OK)
		exit(1);
	return s;
}

/* Names of one address with a symboliser of its own; the first warning goes to *warning. */
static const char *names_of(const char *path, const char *hex, const char *key, const char *symbol_path, char *warning)
{
	struct seep_profile *p = profile(path, hex, place(key)->addr);
	struct seep_symboliser *s = symboliser(symbol_path, false);
	const char *text = names(p, s);

	snprintf(warning, 256, "%s", seep_symboliser_warning(s, 0));
	seep_symboliser_free(s);
	seep_profile_free(p);
	return text;
}

#define INSERT "inner() < middle() < store::Cache::insert(std::string const&)"

static void inlined_calls_are_frames_with_lines(void)
{
	struct seep_profile *p = profile(fixture, build_id, place("inlined")->addr);
	struct seep_symboliser *s = symboliser(NULL, false);
	const struct seep_location *l = &p->locations[0];
	const char *file;

	EQ_S(names(p, s), INSERT);
	EQ_U(p->lines[l->first_line].line, place("inlined")->line);
	EQ_U(p->lines[l->first_line + 1].line, place("inlined")->line + 6);
	file = seep_profile_str(p, p->functions[p->lines[l->first_line + 2].function].file);
	OK(*file == '/');
	OK(strstr(file, "/symbol-fixture.cc"));
	OK(p->mappings[0].is_symbolised);
	EQ_U(seep_symboliser_nr_warnings(s), 0);
	seep_symboliser_free(s);
	seep_profile_free(p);
}

static void c_functions_and_lambdas_have_names(void)
{
	char warning[256];

	EQ_S(names_of(fixture, build_id, "plain", NULL, warning), "plain_c");
	EQ_S(names_of(fixture, build_id, "lambda", NULL, warning),
	     "with_lambda()::{lambda(int)}::operator()(int) const < with_lambda()");
}

static void a_replaced_file_gives_no_names(void)
{
	char warning[256];

	EQ_S(names_of(fixture, "0123456789abcdef0123456789abcdef01234567", "plain", NULL, warning), "");
	OK(strstr(warning, "build id differs: the file was replaced"));
	EQ_S(names_of(fixture, "", "plain", NULL, warning), "");
	OK(strstr(warning, "no build id but the file has one"));
	EQ_S(names_of("/nonexistent/prog", build_id, "plain", NULL, warning), "");
	OK(strstr(warning, "/nonexistent/prog: "));
}

static void symbol_path_is_searched_by_name_id_and_content(void)
{
	char warning[256], path[256];

	shell("mkdir -p %s/named %s/ids/.build-id/%.2s %s/deep/er", dir, dir, build_id, dir);
	shell("cp %s %s/named/prog && cp %s %s/ids/.build-id/%.2s/%s.debug && cp %s %s/deep/er/other-name", fixture,
	      dir, fixture, dir, build_id, build_id + 2, fixture, dir);
	snprintf(path, sizeof(path), "%s/named", dir);
	EQ_S(names_of("/gone/prog", build_id, "inlined", path, warning), INSERT);
	snprintf(path, sizeof(path), "%s/ids", dir);
	EQ_S(names_of("/gone/prog", build_id, "inlined", path, warning), INSERT);
	snprintf(path, sizeof(path), "%s/deep", dir);
	EQ_S(names_of("/gone/prog", build_id, "inlined", path, warning), INSERT);
	snprintf(path, sizeof(path), "%s/named/prog", dir);
	EQ_S(names_of("/gone/prog", build_id, "inlined", path, warning), INSERT);
	snprintf(path, sizeof(path), "%s/named", dir);
	EQ_S(names_of("/gone/prog", "00", "inlined", path, warning), "");
}

static void separate_debug_files_are_found(void)
{
	char warning[256], path[256], debug[256];

	shell("cp %s %s/stripped && objcopy --only-keep-debug %s %s/stripped.debug && strip %s/stripped", fixture, dir,
	      fixture, dir, dir);
	snprintf(path, sizeof(path), "%s/stripped", dir);
	EQ_S(names_of(path, build_id, "plain", NULL, warning), "");
	EQ_S(warning, "");
	shell("mkdir -p %s/debug/x && mv %s/stripped.debug %s/debug/x/y", dir, dir, dir);
	snprintf(debug, sizeof(debug), "%s/debug", dir);
	EQ_S(names_of(path, build_id, "inlined", debug, warning), INSERT);
	shell("mv %s/debug/x/y %s/stripped.debug && cd %s && objcopy --add-gnu-debuglink=stripped.debug stripped", dir,
	      dir, dir);
	EQ_S(names_of(path, build_id, "inlined", NULL, warning), INSERT);
}

/* Without build ids the debug link's CRC is what tells a right file from a wrong one. */
static void a_debug_link_without_build_id_needs_its_crc(void)
{
	char warning[256], path[256];

	shell("cd %s && objcopy --remove-section=.note.gnu.build-id %s noid && "
	      "objcopy --only-keep-debug noid noid.debug 2>/dev/null && "
	      "strip noid && objcopy --add-gnu-debuglink=noid.debug noid",
	      dir, fixture);
	snprintf(path, sizeof(path), "%s/noid", dir);
	EQ_S(names_of(path, "", "inlined", NULL, warning), INSERT);
	shell("cd %s && printf x >>noid.debug", dir);
	EQ_S(names_of(path, "", "inlined", NULL, warning), "");
}

static void cut_files_do_no_harm(void)
{
	static const unsigned sizes[] = { 0, 3, 64, 1000, 4096, 9000, 20000, 40000, 60000 };
	char warning[256], path[256];

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *text;

		shell("head -c %u %s >%s/cut", sizes[i], fixture, dir);
		snprintf(path, sizeof(path), "%s/cut", dir);
		text = names_of(path, build_id, "plain", NULL, warning);
		OK(!*text || !strcmp(text, "plain_c"));
	}
}

/* A server's tree as files, which its client reads, too. Without the variable nothing is asked, whatever lies there. */
static void debuginfod_is_asked_when_it_is_set(void)
{
	struct seep_symbol_options o = { .no_proc = true };
	struct seep_symboliser *s = NULL;
	char path[256], url[256];
	void *library = dlopen("libdebuginfod.so.1", RTLD_LAZY);

	if (!library)
		return; /* then it is never asked */
	shell("mkdir -p %s/server/buildid/%s && cp %s %s/server/buildid/%s/debuginfo && cp %s %s/bare && strip %s/bare",
	      dir, build_id, fixture, dir, build_id, fixture, dir, dir);
	snprintf(path, sizeof(path), "%s/bare", dir);
	for (int is_set = 0; is_set < 2; is_set++) {
		struct seep_profile *p = profile(path, build_id, place("inlined")->addr);

		snprintf(url, sizeof(url), "%s/cache", dir);
		setenv("DEBUGINFOD_CACHE_PATH", url, 1);
		snprintf(url, sizeof(url), "file://%s/server", dir);
		setenv("DEBUGINFOD_URLS", is_set ? url : "", 1);
		EQ_U(seep_symboliser_new(&o, &s, NULL), SEEP_OK);
		EQ_S(names(p, s), is_set ? INSERT : "");
		EQ_U(seep_symboliser_nr_warnings(s), 0);
		seep_symboliser_free(s);
		seep_profile_free(p);
	}
	unsetenv("DEBUGINFOD_URLS");
	dlclose(library);
}

/* The kernel's own code is in no file; ours is the same while the kernel is. */
static void the_vdso_has_names(void)
{
	static const Elf64_Ehdr *vdso;
	const Elf64_Phdr *headers;
	char hex[BUILD_ID_HEX_MAX] = "";
	void *library = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	void *code = library ? dlsym(library, "__vdso_getcpu") : NULL;

	vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	if (!vdso || !code)
		return; /* nothing to name on this machine */
	headers = (const Elf64_Phdr *)((const char *)vdso + vdso->e_phoff);
	for (int i = 0; i < vdso->e_phnum; i++) {
		const char *note = (const char *)vdso + headers[i].p_offset;
		const char *end = note + headers[i].p_filesz;

		while (headers[i].p_type == PT_NOTE && note < end) {
			const Elf64_Nhdr *n = (const Elf64_Nhdr *)note;

			note += sizeof(*n) + ((n->n_namesz + 3) & ~3u);
			if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4)
				seep_format_hex(hex, (const uint8_t *)note, n->n_descsz);
			note += (n->n_descsz + 3) & ~3u;
		}
	}
	{
		struct seep_profile *p = profile("[vdso]", hex, (uint64_t)((char *)code - (const char *)vdso));
		struct seep_symboliser *s = symboliser(NULL, false);

		OK(strstr(names(p, s), "getcpu"));
		seep_symboliser_free(s);
		seep_profile_free(p);
	}
	dlclose(library);
}

/* A container that was restarted: the path is gone here, but a process with the same file runs. */
static void a_running_process_has_the_file(void)
{
	char path[256];
	int in[2], out[2];
	char byte;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/running", dir);
	shell("cp %s %s", fixture, path);
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		exit(1);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, path, "wait", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	OK(read(out[0], &byte, 1) == 1);
	unlink(path);
	{
		struct seep_profile *p = profile("/gone/running", build_id, place("inlined")->addr);
		struct seep_symboliser *s = symboliser(NULL, true);

		EQ_S(names(p, s), INSERT);
		seep_symboliser_free(s);
		seep_profile_free(p);
	}
	close(in[1]);
	close(out[0]);
	waitpid(pid, NULL, 0);
}

static void one_file_is_opened_and_warned_about_once(void)
{
	struct seep_profile *p = profile("/nonexistent/a", "0011", 0x1000);
	struct seep_mapping m = p->mappings[0];
	struct seep_symboliser *s = symboliser(NULL, false);

	seep_profile_add_location(p, BIAS + 0x2000, 0);
	seep_profile_add_mapping(p, &m);
	seep_profile_add_location(p, BIAS + 0x3000, 1);
	EQ_S(names(p, s), "");
	EQ_U(seep_symboliser_nr_warnings(s), 1);
	EQ_S(seep_symboliser_warning(s, 0),
	     "/nonexistent/a: the file cannot be opened; no file found with build id 0011");
	seep_symboliser_free(s);
	seep_profile_free(p);
}

static void what_has_names_keeps_them(void)
{
	struct seep_profile *p = profile(fixture, build_id, place("plain")->addr);
	struct seep_symboliser *s = symboliser(NULL, false);
	struct seep_line line = { seep_profile_add_function(p, "mine", "mine", "", 0), 3 };

	OK(seep_profile_set_lines(p, 0, &line, 1));
	EQ_S(names(p, s), "mine");
	seep_symboliser_free(s);
	seep_profile_free(p);
}

int main(int argc, char **argv)
{
	if (argc < 2 || !mkdtemp(dir))
		return 1;
	fixture = argv[1];
	unsetenv("DEBUGINFOD_URLS");
	setenv("XDG_CACHE_HOME", dir, 1);
	read_places();
	identify(fixture, build_id);
	OK(strlen(build_id) == 40);
	inlined_calls_are_frames_with_lines();
	c_functions_and_lambdas_have_names();
	a_replaced_file_gives_no_names();
	symbol_path_is_searched_by_name_id_and_content();
	separate_debug_files_are_found();
	a_debug_link_without_build_id_needs_its_crc();
	cut_files_do_no_harm();
	debuginfod_is_asked_when_it_is_set();
	the_vdso_has_names();
	a_running_process_has_the_file();
	one_file_is_opened_and_warned_about_once();
	what_has_names_keeps_them();
	shell("rm -r %s", dir);
	return tap_done();
}
