#include "system/system.h"
#include "tap.h"
#include "tree.h"

static void v1_tree(void)
{
	tree_file("/proc/10/cgroup", "5:cpu,cpuacct:/other\n4:memory:/app/web\n0::/unified\n");
	tree_file("/proc/self/mountinfo",
	          "30 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
	          "31 25 0:28 / /sys/fs/cgroup/memory rw,nosuid shared:11 - cgroup cgroup rw,memory\n"
	          "32 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	tree_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	tree_file("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "67108864\n");
	tree_file("/sys/fs/cgroup/memory/app/web/memory.limit_in_bytes", "134217728\n");
	tree_file("/sys/fs/cgroup/memory/app/web/memory.usage_in_bytes", "50000000\n");
	tree_file("/sys/fs/cgroup/memory/app/web/memory.max_usage_in_bytes", "60000000\n");
	tree_file("/sys/fs/cgroup/memory/app/web/memory.failcnt", "12\n");
	tree_file("/sys/fs/cgroup/memory/app/web/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	tree_file("/sys/fs/cgroup/memory/app/web/memory.stat",
	          "cache 7000\nrss 1000\nshmem 2\ntotal_cache 9000\ntotal_rss 41000\ntotal_shmem 4000\ntotal_swap 8\n");
	tree_file("/sys/fs/cgroup/memory/app/web/cgroup.procs", "10\n11\n");
}

static void v1_figures_and_the_smallest_limit_above(void)
{
	struct seep_cgroup c;
	struct seep_cgroup_memory m;

	EQ_U(seep_cgroup_find(tree_root, 10, &c, NULL), SEEP_OK);
	EQ_U(c.version, 1);
	EQ_S(c.path, "/app/web");
	seep_cgroup_read(&c, &m);
	EQ_U(m.usage, 50000000);
	EQ_U(m.limit, 67108864);
	EQ_S(m.limited_by, "/app");
	EQ_U(m.anon, 41000);
	EQ_U(m.file, 5000);
	EQ_U(m.shmem, 4000);
	EQ_U(m.kernel, SEEP_UNKNOWN);
	EQ_U(m.peak, 60000000);
	EQ_U(m.swap, 8);
	EQ_U(m.failcnt, 12);
	EQ_U(m.oom_kills, 3);
	EQ_U(m.nr_pids, 2);
}

static void no_limit_is_unknown_not_a_number(void)
{
	struct seep_cgroup c;
	struct seep_cgroup_memory m;

	EQ_U(seep_cgroup_at(tree_root, "/", false, &c, NULL), SEEP_OK);
	seep_cgroup_read(&c, &m);
	EQ_U(m.limit, SEEP_UNKNOWN);
	EQ_S(m.limited_by, "");
}

static void a_mount_of_a_part_shows_what_is_below_it(void)
{
	struct seep_cgroup c;

	tree_file("/proc/11/cgroup", "4:memory:/docker/abc/sub\n");
	tree_file("/proc/self/mountinfo", "31 25 0:28 /docker/abc /cg ro - cgroup cgroup rw,memory\n");
	tree_file("/cg/sub/memory.usage_in_bytes", "1\n");
	EQ_U(seep_cgroup_find(tree_root, 11, &c, NULL), SEEP_OK);
	OK(strstr(c.dir, "/cg/sub"));
	tree_file("/proc/11/cgroup", "4:memory:/docker/abcd\n"); /* another one that begins alike */
	EQ_U(seep_cgroup_find(tree_root, 11, &c, NULL), SEEP_ERR_NOT_FOUND);
	tree_file("/proc/11/cgroup", "4:memory:/../outside\n");
	EQ_U(seep_cgroup_find(tree_root, 11, &c, NULL), SEEP_ERR_NOT_FOUND);
}

static void v2_figures(void)
{
	struct seep_cgroup c;
	struct seep_cgroup_memory m;

	tree_file("/proc/12/cgroup", "0::/svc/leaf\n");
	tree_file("/proc/self/mountinfo", "32 25 0:29 / /sys/fs/cgroup2 rw - cgroup2 cgroup2 rw\n");
	tree_file("/sys/fs/cgroup2/svc/leaf/cgroup.procs", "12\n");
	tree_file("/sys/fs/cgroup2/svc/memory.current", "1000\n"); /* the controller is not on in the leaf */
	tree_file("/sys/fs/cgroup2/svc/memory.max", "max\n");
	tree_file("/sys/fs/cgroup2/svc/memory.peak", "3000\n");
	tree_file("/sys/fs/cgroup2/svc/memory.stat", "anon 600\nfile 300\nkernel 90\nshmem 100\n");
	tree_file("/sys/fs/cgroup2/svc/memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n");
	EQ_U(seep_cgroup_find(tree_root, 12, &c, NULL), SEEP_OK);
	EQ_U(c.version, 2);
	seep_cgroup_read(&c, &m);
	EQ_U(m.usage, 1000);
	EQ_U(m.limit, SEEP_UNKNOWN);
	EQ_U(m.anon, 600);
	EQ_U(m.file, 200);
	EQ_U(m.kernel, 90);
	EQ_U(m.peak, 3000);
	EQ_U(m.failcnt, 7);
	EQ_U(m.oom_kills, 1);
	tree_file("/sys/fs/cgroup2/svc/leaf/memory.max", "4096\n");
	seep_cgroup_read(&c, &m);
	EQ_U(m.limit, 4096);
	EQ_S(m.limited_by, "/svc/leaf");
}

int main(void)
{
	tree_make();
	v1_tree();
	v1_figures_and_the_smallest_limit_above();
	no_limit_is_unknown_not_a_number();
	a_mount_of_a_part_shows_what_is_below_it();
	v2_figures();
	tree_remove();
	return tap_done();
}
