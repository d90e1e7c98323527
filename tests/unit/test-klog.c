#include "system/system.h"
#include "tap.h"
#include "tree.h"

static const char by_limit[] =
	"4,900,4151271067,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
	"oom_memcg=/app,task_memcg=/app/web,task=my prog,pid=19082,uid=33\n"
	" SUBSYSTEM=x\n"
	"3,901,4151271084,-;Memory cgroup out of memory: Killed process 19082 (my prog) total-vm:79812kB, "
	"anon-rss:60288kB, file-rss:1100kB, shmem-rss:4kB, UID:33 pgtables:176kB oom_score_adj:0\n";

static void a_kill_by_a_limit_is_read(void)
{
	struct seep_klog log = { 0 };

	seep_klog_parse(&log, by_limit, sizeof(by_limit) - 1);
	EQ_U(log.nr, 1);
	EQ_U(log.kills[0].pid, 19082);
	EQ_U(log.kills[0].uid, 33);
	EQ_S(log.kills[0].comm, "my prog");
	EQ_S(log.kills[0].constraint, "CONSTRAINT_MEMCG");
	EQ_S(log.kills[0].memcg, "/app");
	EQ_S(log.kills[0].task_memcg, "/app/web");
	EQ_U(log.kills[0].anon_rss, 60288 << 10);
	EQ_U(log.kills[0].shmem_rss, 4 << 10);
	EQ_U(log.kills[0].time_us, 4151271067);
	OK(log.kills[0].is_memcg);
	seep_klog_release(&log);
}

static void a_kill_for_the_whole_machine_is_told_apart(void)
{
	static const char text[] =
		"[ 1234.000567] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
		"task_memcg=/user.slice,task=hog,pid=55,uid=0\n"
		"<3>[ 1234.000600] Out of memory: Killed process 55 (hog) total-vm:9kB, anon-rss:8kB, file-rss:0kB, "
		"shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\n";
	struct seep_klog log = { 0 };

	seep_klog_parse(&log, text, sizeof(text) - 1);
	EQ_U(log.nr, 1);
	OK(!log.kills[0].is_memcg);
	EQ_S(log.kills[0].memcg, "");
	EQ_S(log.kills[0].task_memcg, "/user.slice");
	EQ_U(log.kills[0].time_us, 1234000567);
	seep_klog_release(&log);
}

static void old_kernels_have_one_line(void)
{
	static const char text[] = "Memory cgroup out of memory: Kill process 70 (x) score 999 or sacrifice child\n"
				   "Killed process 70 (x) total-vm:10kB, anon-rss:9kB, file-rss:1kB\n";
	struct seep_klog log = { 0 };

	seep_klog_parse(&log, text, sizeof(text) - 1);
	EQ_U(log.nr, 1);
	EQ_U(log.kills[0].pid, 70);
	EQ_U(log.kills[0].anon_rss, 9 << 10);
	EQ_U(log.kills[0].shmem_rss, SEEP_UNKNOWN);
	seep_klog_release(&log);
}

static void a_group_kill_names_each(void)
{
	static const char text[] =
		"4,1,100,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/g,task_memcg=/g,task=a,pid=1,uid=0\n"
		"3,2,101,-;Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB, anon-rss:1kB\n"
		"3,3,102,-;Memory cgroup out of memory: Killed process 2 (b) total-vm:1kB, anon-rss:1kB\n";
	struct seep_klog log = { 0 };

	seep_klog_parse(&log, text, sizeof(text) - 1);
	EQ_U(log.nr, 2);
	EQ_U(log.kills[1].pid, 2);
	EQ_S(log.kills[1].comm, "b");
	EQ_S(log.kills[1].memcg, "/g");
	seep_klog_release(&log);
}

static void the_newest_kill_since_a_time_is_found(void)
{
	struct seep_klog log = { 0 };

	tree_file("/dev/kmsg",
	          "%s4,1,9000000000,-;Killed process 19082 (other) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n",
	          by_limit);
	seep_klog_read(tree_root, &log);
	OK(log.could_read);
	EQ_U(log.nr, 2);
	EQ_S(seep_klog_find(&log, 19082, NULL, 0)->comm, "other");
	EQ_S(seep_klog_find(&log, 19082, "my prog", 0)->comm, "my prog");
	OK(!seep_klog_find(&log, 19082, NULL, 9000000001));
	OK(!seep_klog_find(&log, 1, NULL, 0));
	seep_klog_release(&log);
}

static void lines_that_only_look_alike_are_nothing(void)
{
	static const char text[] = "oom-kill:\nKilled process \nKilled process x (y)\noom-kill:constraint=,pid=\n"
				   "Killed process 5 (no end\n\n4,1,2,-;\n;\n[\n<\n";
	struct seep_klog log = { 0 };

	for (size_t len = 0; len <= sizeof(text) - 1; len++)
		seep_klog_parse(&log, text, len);
	for (size_t i = 0; i < log.nr; i++)
		OK(log.kills[i].pid == 0 || log.kills[i].pid == 5);
	seep_klog_release(&log);
}

static void a_log_that_cannot_be_read_is_told(void)
{
	struct seep_klog log;

	seep_klog_read("/nonexistent", &log);
	OK(!log.could_read);
	EQ_U(log.nr, 0);
	seep_klog_release(&log);
}

int main(void)
{
	tree_make();
	a_kill_by_a_limit_is_read();
	a_kill_for_the_whole_machine_is_told_apart();
	old_kernels_have_one_line();
	a_group_kill_names_each();
	the_newest_kill_since_a_time_is_found();
	lines_that_only_look_alike_are_nothing();
	a_log_that_cannot_be_read_is_told();
	tree_remove();
	return tap_done();
}
