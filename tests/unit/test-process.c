#include "system/system.h"
#include "tap.h"
#include "tree.h"

static void make_process(unsigned pid, const char *comm, char state, unsigned inner_pid, unsigned long long start)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	tree_file(path, "%u (%s) %c 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 5 0 %llu 1000 200 18446744073709551615\n",
	          pid, comm, state, start);
	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	tree_file(path,
	          "Name:\t%s\nUmask:\t0022\nPid:\t%u\nUid:\t33\t34\t33\t33\nNSpid:\t%u\t%u\nVmSize:\t  4000 kB\n"
	          "VmRSS:\t  1024 kB\nRssAnon:\t  600 kB\nRssFile:\t  400 kB\nRssShmem:\t  24 kB\nVmData:\t 2000 kB\n"
	          "VmStk:\t 132 kB\nVmSwap:\t 8 kB\nThreads:\t5\n",
	          comm, pid, pid, inner_pid);
}

static void names_with_parentheses_and_spaces_do_not_shift_fields(void)
{
	struct seep_process_status s;

	make_process(77, "a) S 9 (b c", 'S', 77, 4242);
	EQ_U(seep_process_read(tree_root, 77, &s, NULL), SEEP_OK);
	EQ_S(s.comm, "a) S 9 (b c");
	EQ_U(s.state, 'S');
	EQ_U(s.parent_pid, 1);
	EQ_U(s.session, 3);
	EQ_U(s.start_ticks, 4242);
	EQ_U(s.nr_threads, 5);
	EQ_U(s.euid, 34);
	EQ_U(s.rss, 1024 << 10);
	EQ_U(s.rss_anon, 600 << 10);
	EQ_U(s.stack_bytes, 132 << 10);
	EQ_U(s.swap, 8 << 10);
}

static void what_status_does_not_say_is_unknown(void)
{
	struct seep_process_status s;

	tree_file("/proc/78/stat", "78 (kthreadd) S 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0 0\n");
	tree_file("/proc/78/status", "Name:\tkthreadd\n");
	EQ_U(seep_process_read(tree_root, 78, &s, NULL), SEEP_OK);
	EQ_U(s.rss, SEEP_UNKNOWN);
	EQ_U(s.swap, SEEP_UNKNOWN);
	EQ_U(s.inner_pid, 0);
}

static void a_pid_that_is_gone_is_not_found(void)
{
	struct seep_process_status s;
	struct seep_error err = { 0 };

	EQ_U(seep_process_read(tree_root, 79, &s, &err), SEEP_ERR_NOT_FOUND);
	EQ_S(err.what, "no process 79");
}

static void alive_means_same_pid_namespace_and_start(void)
{
	struct seep_process_key key = { .pid = 80, .pid_namespace = 4026531836, .start_ticks = 500 };

	make_process(80, "x", 'R', 80, 500);
	tree_link("/proc/80/ns/pid", "pid:[4026531836]");
	EQ_U(seep_process_find(tree_root, &key), 80);
	key.start_ticks = 501; /* the pid was used again */
	EQ_U(seep_process_find(tree_root, &key), 0);
	key.start_ticks = 500;
	key.pid_namespace = 4026532999;
	EQ_U(seep_process_find(tree_root, &key), 0);
	make_process(80, "x", 'Z', 80, 500);
	key.pid_namespace = 4026531836;
	EQ_U(seep_process_find(tree_root, &key), 0);
}

static void a_process_in_a_container_is_found_by_its_inner_pid(void)
{
	struct seep_process_key key = { .pid = 7, .pid_namespace = 4026532777, .start_ticks = 900 };

	make_process(7, "host", 'S', 7, 3);
	tree_link("/proc/7/ns/pid", "pid:[4026531836]");
	make_process(3007, "inside", 'S', 7, 900);
	tree_link("/proc/3007/ns/pid", "pid:[4026532777]");
	EQ_U(seep_process_find(tree_root, &key), 3007);
}

static void only_the_first_namespace_sees_all(void)
{
	tree_link("/proc/self/ns/pid", "pid:[4026531836]");
	OK(seep_process_sees_all(tree_root));
	tree_link("/proc/self/ns/pid", "pid:[4026532777]");
	OK(!seep_process_sees_all(tree_root));
}

static void another_boot_has_no_living_processes(void)
{
	struct seep_process_key key = { .pid = 81, .start_ticks = 500, .boot_id = { 0xab } };

	make_process(81, "x", 'R', 81, 500);
	EQ_U(seep_process_find(tree_root, &key), 81); /* no boot id here: not compared */
	tree_file("/proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	EQ_U(seep_process_find(tree_root, &key), 0);
	EQ_U(seep_boot_id(tree_root, key.boot_id), true);
	EQ_U(key.boot_id[0], 0x01);
	EQ_U(key.boot_id[15], 0xef);
	EQ_U(seep_process_find(tree_root, &key), 81);
}

static void a_deleted_program_is_told(void)
{
	char exe[64];
	bool is_deleted;

	tree_link("/proc/82/exe", "/usr/bin/app (deleted)");
	OK(seep_process_exe(tree_root, 82, exe, sizeof(exe), &is_deleted));
	EQ_S(exe, "/usr/bin/app");
	OK(is_deleted);
	OK(!seep_process_exe(tree_root, 83, exe, sizeof(exe), &is_deleted));
}

static void mappings_are_counted_by_kind(void)
{
	struct seep_process_maps maps;
	bool could_read;

	tree_file("/proc/84/maps",
	          "00400000-00500000 r-xp 00000000 fe:00 11 /usr/bin/app\n"
	          "01000000-01800000 rw-p 00000000 00:00 0 [heap]\n"
	          "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
	          "7f0000001000-7f0000002000 r-xp 00000000 fe:00 12 /usr/lib/jvm/lib/server/libjvm.so\n"
	          "7f0000002000-7f0000402000 rw-s 00000000 00:18 13 /dev/shm/seep-0/app.84.1.seep (deleted)\n"
	          "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]\n");
	EQ_U(seep_process_maps_read(tree_root, 84, &maps, NULL), SEEP_OK);
	EQ_U(maps.nr, 6);
	EQ_U(maps.heap_bytes, 0x800000);
	EQ_U(maps.stack_bytes, 0x21000);
	OK(seep_process_has_mapped(tree_root, 84, "app.84.1.seep", &could_read));
	OK(!seep_process_has_mapped(tree_root, 84, "app.84.2.seep", &could_read));
	OK(could_read);
	OK(!seep_process_has_mapped(tree_root, 85, "app.84.1.seep", &could_read));
	OK(!could_read);
}

static void tasks_limits_and_lists_are_read(void)
{
	size_t nr;
	struct seep_process_task *tasks;
	uint32_t *pids;
	unsigned found = 0;

	tree_file("/proc/86/task/86/comm", "main\n");
	tree_file("/proc/86/task/87/comm", "a very long name\n");
	tree_file("/proc/86/task/87/status", "Name:\tw\nNSpid:\t87\t3\n");
	tree_file("/proc/86/limits", "Limit   Soft Limit   Hard Limit   Units\n"
	                             "Max file size             4096     unlimited   bytes\n"
	                             "Max address space         unlimited unlimited bytes\n");
	tasks = seep_process_tasks(tree_root, 86, &nr);
	EQ_U(nr, 2);
	for (size_t i = 0; i < nr; i++)
		if (tasks[i].tid == 87) {
			EQ_S(tasks[i].name, "a very long nam");
			EQ_U(tasks[i].inner_tid, 3);
		}
	free(tasks);
	EQ_U(seep_process_limit(tree_root, 86, "Max file size"), 4096);
	EQ_U(seep_process_limit(tree_root, 86, "Max address space"), SEEP_UNKNOWN);
	pids = seep_process_list(tree_root, &nr);
	for (size_t i = 0; i < nr; i++)
		found += pids[i] == 86 || pids[i] == 77;
	EQ_U(found, 2);
	free(pids);
}

static void a_container_is_found_by_name_and_id(void)
{
	static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	uint32_t *pids;
	size_t nr;

	tree_file("/proc/90/cgroup", "0::/machine/libpod-%s/container\n", id);
	tree_file(
		"/var/lib/containers/storage/overlay-containers/containers.json",
		"[{\"id\":\"ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"names\":[\"other\"]},"
		"{\"id\":\"%s\",\"names\":[\"web\"],\"image\":\"web\"}]",
		id);
	pids = seep_container_pids(tree_root, "web", &nr);
	EQ_U(nr, 1);
	EQ_U(nr ? pids[0] : 0, 90);
	free(pids);
	pids = seep_container_pids(tree_root, "0123456789ab", &nr);
	EQ_U(nr, 1);
	free(pids);
	pids = seep_container_pids(tree_root, "other", &nr);
	EQ_U(nr, 0);
	free(pids);
	pids = seep_container_pids(tree_root, "nobody", &nr);
	EQ_U(nr, 0);
	free(pids);
}

int main(void)
{
	tree_make();
	names_with_parentheses_and_spaces_do_not_shift_fields();
	what_status_does_not_say_is_unknown();
	a_pid_that_is_gone_is_not_found();
	alive_means_same_pid_namespace_and_start();
	a_process_in_a_container_is_found_by_its_inner_pid();
	only_the_first_namespace_sees_all();
	another_boot_has_no_living_processes();
	a_deleted_program_is_told();
	mappings_are_counted_by_kind();
	tasks_limits_and_lists_are_read();
	a_container_is_found_by_name_and_id();
	tree_remove();
	return tap_done();
}
