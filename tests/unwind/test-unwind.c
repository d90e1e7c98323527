/*
 * The walker against _Unwind_Backtrace, on real stacks of many shapes.
 * Usage: test-unwind [table] PLUGIN-A PLUGIN-B; table: as if the C library had no _dl_find_object.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "recorder/modules.h"
#include "recorder/stackmem.h"
#include "tap.h"
#include "victims.h"
#include "walk.h"

static struct walked walked;
static uint32_t nr_leaves, nr_same;
static const char *plugin_paths[2];

static void __attribute__((noinline)) leaf(void)
{
	walk_both(&walked);
	nr_leaves++;
	nr_same += walk_is_same(&walked);
}

#define ALL_SAME(call)                    \
	do {                              \
		nr_leaves = nr_same = 0;  \
		call;                     \
		OK(nr_leaves > 0);        \
		EQ_U(nr_same, nr_leaves); \
	} while (0)

static void walks_recursion(void)
{
	for (int depth = 0; depth < 40; depth += 13)
		ALL_SAME(victim_recurse(depth, leaf));
}

static void walks_frames_of_many_shapes(void)
{
	ALL_SAME(victim_alloca(12345, leaf));
	ALL_SAME(victim_realigned(leaf));
	ALL_SAME(victim_many_registers(5, leaf));
	ALL_SAME(victim_big_frame(leaf));
	ALL_SAME(victim_huge_frame(leaf));
	ALL_SAME(victim_cold_part(0, leaf));
	ALL_SAME(victim_cold_part(1, leaf));
}

static void walks_through_c_library_callbacks(void)
{
	ALL_SAME(victim_qsort(leaf));
	ALL_SAME(victim_bsearch(leaf));
	ALL_SAME(victim_once(leaf));
}

static void walks_through_cxx(void)
{
	ALL_SAME(victim_std_sort(leaf));
	ALL_SAME(victim_std_function(leaf));
	ALL_SAME(victim_catch(leaf));
	ALL_SAME(victim_destructor_during_throw(leaf));
}

/* The second walk of the same stack has all rules. */
static void finds_rules_again(void)
{
	volatile int nr = 2; /* one call in the code: a second would be another return address */

	while (nr--)
		victim_recurse(3, leaf);
	EQ_U(walked.ours.nr_misses, 0);
	OK(walk_is_same(&walked));
}

static void stays_right_when_the_cache_overflows(void)
{
	struct seep_regs regs = { .pc = 0 };
	static struct seep_walk w;

	/* Every address of 64 KiB of this program as a return address: more rules than there is room for. */
	regs.sp = (uint64_t)(uintptr_t)&regs;
	for (uint64_t i = 0; i < 65536; i++) {
		regs.pc = (uint64_t)(uintptr_t)&qsort + i;
		walk_from(&regs, &w);
	}
	ALL_SAME(victim_recurse(9, leaf));
	ALL_SAME(victim_qsort(leaf));
}

/* ---- ends ---- */

static void ends_cleanly_in_main(void)
{
	walk_both(&walked);
	OK(walk_is_same(&walked));
	EQ_U(walked.ours.flags, 0);
}

static void *thread_main(void *arg)
{
	(void)arg;
	ALL_SAME(victim_recurse(5, leaf));
	return NULL;
}

static void ends_cleanly_in_a_thread(void)
{
	pthread_t thread;

	OK(pthread_create(&thread, NULL, thread_main, NULL) == 0);
	pthread_join(thread, NULL);
}

static uint32_t frames_at(int depth)
{
	victim_recurse(depth, leaf);
	return walked.nr_theirs;
}

static void keeps_the_leaf_end_of_deep_stacks(void)
{
	int fits = (int)(SEEP_REC_MAX_FRAMES - frames_at(0));

	EQ_U(frames_at(fits), SEEP_REC_MAX_FRAMES);
	EQ_U(walked.ours.nr, SEEP_REC_MAX_FRAMES);
	EQ_U(walked.ours.flags, 0);
	EQ_U(frames_at(fits + 1), SEEP_REC_MAX_FRAMES + 1);
	EQ_U(walked.ours.nr, SEEP_REC_MAX_FRAMES);
	EQ_U(walked.ours.flags, SEEP_REC_STACK_DEEP);
	(void)frames_at(fits + 72);
	EQ_U(walked.ours.flags, SEEP_REC_STACK_DEEP);
	EQ_U(walk_address(walked.ours.frames[127]), walked.theirs[127]);
	EQ_U(walk_address(walked.ours.frames[0]), walked.theirs[0]);
}

/* ---- signals ---- */

static char signal_stack[65536];

static void on_signal(int nr)
{
	(void)nr;
	leaf();
}

static void raise_it(void)
{
	raise(SIGUSR1);
}

/* A frame interrupted anywhere: what follows it is exact, not a return address. */
static void fault(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	__asm__ volatile(".inst 0x00000000");
#endif
}

static void on_fault(int nr, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)nr;
	(void)info;
	leaf();
#if defined(__x86_64__)
	u->uc_mcontext.gregs[REG_RIP] += 2;
#else
	u->uc_mcontext.pc += 4;
#endif
}

static void walks_out_of_signal_handlers(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
	ALL_SAME(victim_recurse(4, raise_it));
	action.sa_sigaction = on_fault;
	action.sa_flags |= SA_SIGINFO;
	sigaction(SIGILL, &action, NULL);
	ALL_SAME(victim_recurse(4, fault));
	ALL_SAME(victim_many_registers(3, fault));
}

static void walks_out_of_signal_handlers_on_this_stack(void)
{
	walks_out_of_signal_handlers(0);
}

static void walks_out_of_signal_handlers_on_their_own_stack(void)
{
	stack_t alternate = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) },
		off = { .ss_flags = SS_DISABLE };

	sigaltstack(&alternate, NULL);
	walks_out_of_signal_handlers(SA_ONSTACK);
	sigaltstack(&off, NULL);
}

/* ---- other stacks ---- */

static ucontext_t main_context, coroutine_context;
static leaf_fn *coroutine_leaf;

static void coroutine(void)
{
	coroutine_leaf();
	swapcontext(&coroutine_context, &main_context);
}

static void run_on(void *stack, size_t bytes, leaf_fn *f)
{
	coroutine_leaf = f;
	getcontext(&coroutine_context);
	coroutine_context.uc_stack.ss_sp = stack;
	coroutine_context.uc_stack.ss_size = bytes;
	coroutine_context.uc_link = &main_context;
	makecontext(&coroutine_context, coroutine, 0);
	swapcontext(&main_context, &coroutine_context);
}

static void deep_leaf(void)
{
	victim_recurse(6, leaf);
}

static void walks_coroutines(void)
{
	static char stack[131072] __attribute__((aligned(64)));
	char *mapped = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ALL_SAME(run_on(stack, sizeof(stack), deep_leaf));
	ALL_SAME(run_on(mapped, 65536, deep_leaf));
	ALL_SAME(victim_recurse(6, leaf));
	munmap(mapped, 65536);
}

static void *beyond;
static void bad_leaf(void)
{
	walk_both(&walked);
	nr_leaves++;
}
static void follow_beyond(void)
{
	frames_beyond(bad_leaf, beyond);
}

/* A stack that was known once loses its upper half; a bad frame pointer leads there. */
static void survives_when_half_is_unmapped(char *stack, size_t half)
{
	ALL_SAME(run_on(stack, 2 * half, deep_leaf));
	ALL_SAME(run_on(stack, half, deep_leaf));
	beyond = stack + half + 64;
	((void **)beyond)[0] = (char *)beyond + 64;
	((void **)beyond)[1] = NULL;
	run_on(stack, 2 * half, follow_beyond);
	munmap(stack + half, half);
	run_on(stack, half, follow_beyond);
	EQ_U(walked.ours.flags, SEEP_REC_STACK_CUT);
	munmap(stack, half);
}

static void survives_stacks_that_are_unmapped(void)
{
	size_t half = 16 * (size_t)getauxval(AT_PAGESZ);
	char *stack = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	survives_when_half_is_unmapped(stack, half);
}

/* Right below the first thread's descriptor, which tells nothing about its stack. */
static void survives_stacks_beside_the_thread_descriptor(void)
{
	size_t page = (size_t)getauxval(AT_PAGESZ), half = 8 * page;
	char *at = (char *)((uintptr_t)__builtin_thread_pointer() & ~(page - 1)), *stack;

	while (stackmem_is_readable((uint64_t)(uintptr_t)at - page))
		at -= page;
	stack = mmap(at - 2 * half, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
	             -1, 0);
	if (stack == MAP_FAILED)
		printf("# no room below the thread descriptor\n");
	else
		survives_when_half_is_unmapped(stack, half);
}

/* ---- code without call frame information ---- */

static void follows_a_frame_pointer_where_nothing_else_is_known(void)
{
	ALL_SAME(victim_recurse(2, leaf));
	uint32_t nr = walked.ours.nr;

	frames_pushed(bad_leaf);
	EQ_U(walked.ours.flags, 0);
	OK(walked.ours.nr >= nr - 3);
}

static void cuts_where_nothing_is_known(void)
{
	frames_garbage(bad_leaf);
	EQ_U(walked.ours.flags, SEEP_REC_STACK_CUT);
	EQ_U(walked.ours.nr, 2);
}

static void takes_frame_pointer_zero_for_the_outermost_frame(void)
{
	frames_bottom(bad_leaf);
	EQ_U(walked.ours.flags, 0);
	EQ_U(walked.ours.nr, 2);
}

static void walks_generated_code(void)
{
#if defined(__x86_64__)
	static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };
#else
	static const uint32_t code[] = { 0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0 };
#endif
	char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*generated)(leaf_fn *);

	memcpy(page, code, sizeof(code));
	__builtin___clear_cache(page, page + sizeof(code));
	memcpy(&generated, &page, sizeof(page));
	generated(bad_leaf);
	EQ_U(walked.ours.flags, 0);
	EQ_U(SEEP_REC_FRAME_MODULE(walked.ours.frames[1]), 0);
	OK(walk_address(walked.ours.frames[1]) - (uint64_t)(uintptr_t)page < sizeof(code));
	OK(walked.ours.nr > 3);
	OK(SEEP_REC_FRAME_MODULE(walked.ours.frames[2]) != 0);
	munmap(page, 65536);
}

/* ---- modules ---- */

static uint32_t module_of_plugin(const char *path, uint64_t *start)
{
	void *handle = dlopen(path, RTLD_NOW);
	int (*call)(leaf_fn *);
	void *symbol = handle ? dlsym(handle, "plugin_call") : NULL;
	uint32_t index;

	OK(symbol != NULL);
	if (!symbol)
		return 0;
	memcpy(&call, &symbol, sizeof(call));
	ALL_SAME(call(leaf));
	ALL_SAME(call(leaf));
	index = SEEP_REC_FRAME_MODULE(walked.ours.frames[1]);
	EQ_U(SEEP_REC_FRAME_MODULE(walked.ours.frames[2]), index);
	EQ_U(seep_unwind_module_of((uint64_t)(uintptr_t)symbol), index);
	*start = walk_modules[index].start;
	dlclose(handle);
	EQ_U(seep_unwind_module_of((uint64_t)(uintptr_t)symbol), 0);
	return index;
}

static void finds_rules_of_loaded_objects_again(void)
{
	void *handle = dlopen(plugin_paths[0], RTLD_NOW), *symbol = handle ? dlsym(handle, "plugin_recurse") : NULL;
	int (*recurse)(int, leaf_fn *);
	volatile int nr = 2;

	OK(symbol != NULL);
	if (!symbol)
		return;
	memcpy(&recurse, &symbol, sizeof(recurse));
	ALL_SAME(recurse(30, leaf));
	while (nr--)
		recurse(40, leaf);
	EQ_U(walked.ours.nr_misses, 0);
	recurse(300, leaf);
	EQ_U(walked.ours.flags, SEEP_REC_STACK_DEEP);
	dlclose(handle);
}

static void tells_unloaded_objects_from_new_ones_at_their_place(void)
{
	uint64_t starts[3];
	uint32_t indices[3];

	for (int i = 0; i < 3; i++)
		indices[i] = module_of_plugin(plugin_paths[i % 2], &starts[i]);
	OK(indices[0] != indices[1]);
	EQ_U(indices[0], indices[2]);
	if (starts[0] == starts[1]) {
		EQ_U(walk_modules[indices[0]].generation, 0);
		EQ_U(walk_modules[indices[1]].generation, 1);
	}
	OK(memcmp(walk_modules[indices[0]].build_id, walk_modules[indices[1]].build_id, 20) != 0);
	EQ_U(walk_modules[indices[0]].build_id_bytes, 20);
	OK(walk_nr_mirrored(indices[1]) >= 1);
}

static void describes_modules(void)
{
	struct seep_rec_module *exe = &walk_modules[seep_unwind_module_of((uint64_t)(uintptr_t)describes_modules)];
	struct seep_rec_module *libc = &walk_modules[seep_unwind_module_of((uint64_t)(uintptr_t)&qsort)];
	uint64_t vdso = getauxval(AT_SYSINFO_EHDR);

	EQ_U(exe->flags, SEEP_REC_MODULE_EXE | SEEP_REC_MODULE_RECORDER);
	EQ_U(exe->path_bytes, strlen("/the/program"));
	OK(memcmp(exe->path, "/the/program", exe->path_bytes) == 0);
	EQ_U(exe->first_us, 77);
	OK(memmem(libc->path, libc->path_bytes, "libc.so", 7) != NULL);
	EQ_U(libc->flags, 0);
	EQ_U(libc->build_id_bytes, 20);
	EQ_U(libc->start, libc->bias);
	EQ_U(seep_unwind_module_of(4096), 0);
	if (vdso && seep_unwind_module_of(vdso))
		EQ_U(walk_modules[seep_unwind_module_of(vdso)].flags, SEEP_REC_MODULE_VDSO);
	OK(seep_unwind_private_bytes() < (2 << 20));
}

/* ---- many at once ---- */

#define NR_THREADS 8
static pthread_barrier_t barrier;
static int (*raced_call)(leaf_fn *);

static __thread struct seep_walk raced_walk;
static void raced_leaf(void)
{
	walk_ours(&raced_walk);
}

static void *race(void *arg)
{
	uint32_t *index = arg;

	pthread_barrier_wait(&barrier);
	raced_call(raced_leaf);
	*index = SEEP_REC_FRAME_MODULE(raced_walk.frames[1]);
	return NULL;
}

/* A copy of the first plugin that has a build id of its own: nobody has met it. */
static bool copy_with_build_id(const char *path, int number)
{
	static char bytes[1 << 17];
	FILE *from = fopen(plugin_paths[0], "rb"), *to = fopen(path, "wb");
	size_t nr = from ? fread(bytes, 1, sizeof(bytes), from) : 0;
	char *name = memmem(bytes, nr, "\x03\0\0\0GNU", 8);

	if (name)
		name[8] = (char)(name[8] + number + 1);
	if (from)
		fclose(from);
	return name && to && fwrite(bytes, 1, nr, to) == nr && fclose(to) == 0;
}

static void gives_one_index_to_threads_that_meet_a_module_together(void)
{
	pthread_t threads[NR_THREADS];
	uint32_t indices[NR_THREADS], nr_wrong = 0;
	char path[512];

	for (int round = 0; round < 10; round++) {
		void *handle, *symbol;

		snprintf(path, sizeof(path), "%s.%d.%d", plugin_paths[0], (int)getpid(), round);
		OK(copy_with_build_id(path, round));
		handle = dlopen(path, RTLD_NOW);
		symbol = handle ? dlsym(handle, "plugin_call") : NULL;
		unlink(path);
		OK(symbol != NULL);
		if (!symbol)
			return;
		memcpy(&raced_call, &symbol, sizeof(symbol));
		pthread_barrier_init(&barrier, NULL, NR_THREADS);
		for (int i = 0; i < NR_THREADS; i++)
			pthread_create(&threads[i], NULL, race, &indices[i]);
		for (int i = 0; i < NR_THREADS; i++)
			pthread_join(threads[i], NULL);
		for (int i = 0; i < NR_THREADS; i++)
			nr_wrong += indices[i] != indices[0] || !indices[i];
	}
	EQ_U(nr_wrong, 0);
}

static void goes_on_in_a_forked_child(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		seep_unwind_after_fork();
		nr_leaves = nr_same = 0;
		victim_recurse(7, leaf);
		victim_qsort(leaf);
		_exit(nr_leaves && nr_same == nr_leaves ? 0 : 1);
	}
	waitpid(child, &status, 0);
	EQ_U(status, 0);
}

int main(int argc, char **argv)
{
	int first = argc > 1 && !strcmp(argv[1], "table") ? 2 : 1;

	if (argc != first + 2)
		return 2;
	plugin_paths[0] = argv[first];
	plugin_paths[1] = argv[first + 1];
	walk_init(WALK_TABLE_ENTRIES);
	if (first == 2)
		seep_modules_use_table();
	survives_stacks_beside_the_thread_descriptor(); /* first: nothing is known of this thread's stack yet */
	walks_recursion();
	walks_frames_of_many_shapes();
	walks_through_c_library_callbacks();
	walks_through_cxx();
	finds_rules_again();
	ends_cleanly_in_main();
	ends_cleanly_in_a_thread();
	keeps_the_leaf_end_of_deep_stacks();
	walks_out_of_signal_handlers_on_this_stack();
	walks_out_of_signal_handlers_on_their_own_stack();
	walks_coroutines();
	survives_stacks_that_are_unmapped();
	follows_a_frame_pointer_where_nothing_else_is_known();
	cuts_where_nothing_is_known();
	takes_frame_pointer_zero_for_the_outermost_frame();
	walks_generated_code();
	tells_unloaded_objects_from_new_ones_at_their_place();
	finds_rules_of_loaded_objects_again();
	describes_modules();
	gives_one_index_to_threads_that_meet_a_module_together();
	goes_on_in_a_forked_child();
	stays_right_when_the_cache_overflows();
	return tap_done();
}
