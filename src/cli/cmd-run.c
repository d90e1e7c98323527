#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"

static const struct run_options defaults = { .period = RUN_NOT_GIVEN, .size = RUN_NOT_GIVEN, .mmap = -1 };
static const struct cli_word switch_words[] = { { "on", 1 }, { "off", 0 }, { NULL, 0 } };

static const struct cli_option run_options[] = {
	CLI_BYTES(0, "period", struct run_options, period, "SIZE",
	          "mean bytes between samples (default 512K); 1 records every\nallocation"),
	CLI_FLAG(0, "exact", struct run_options, exact, "the same as --period=1, with a recording of 256M"),
	CLI_BYTES(0, "size", struct run_options, size, "SIZE", "size of the recording (default 4M, at least 64K)"),
	CLI_WORD(0, "mmap", struct run_options, mmap, switch_words, "on|off",
	         "whether the program's own mappings are recorded too\n(default on)"),
	CLI_TEXT(0, "budget", struct run_options, budget, "SHARE",
	         "keep the recorder's own time below SHARE of one CPU, such as\n0.5%, by sampling less"),
	CLI_TEXT(0, "dir", struct run_options, dir, "DIR",
	         "keep recordings in DIR (default: /dev/shm/seep-UID, and at\nthe end $XDG_STATE_HOME/seep)"),
	CLI_FLAG(0, "no-follow", struct run_options, no_follow, "do not record programs that CMD starts by exec"),
	CLI_TEXT(0, "lib", struct run_options, library, "FILE",
	         "the recorder (default: libseep.so beside this program)"),
	CLI_END
};

/* ---- before the start ---- */

/* What will not or hardly be seen is said now, in one line. Returns the library to load; NULL: none. */
static const char *choose_library(const char *name, const char *library, const char *musl)
{
	char path[1024];
	struct seep_program program;
	const char *why;

	if (!seep_program_search(name, getenv("PATH"), path, sizeof(path)) ||
	    seep_program_look(NULL, path, getenv("PATH"), &program, NULL) != SEEP_OK)
		return library;
	why = seep_program_refuses(&program);
	if (why) {
		cli_note("%s will run unrecorded: %s", program.path, why);
		/* What it starts may be recorded all the same, unless the library would hurt or be complained of. */
		return program.is_static || program.is_setuid ? library : NULL;
	}
	why = seep_program_blind_spot(&program);
	if (why)
		cli_note("%s: %s", program.path, why);
	return program.libc == SEEP_LIBC_MUSL && musl ? musl : library;
}

/* What the recorder understands: a number of per cent, at most 100, with at most four decimals, not 0. */
static bool is_share(const char *text)
{
	size_t whole = strspn(text, "0123456789"), nr = whole;
	char *end;
	double v = strtod(text, &end);

	if (!whole || whole > 3)
		return false;
	if (text[nr] == '.') {
		size_t decimals = strspn(text + nr + 1, "0123456789");

		if (!decimals || decimals > 4)
			return false;
		nr += 1 + decimals;
	}
	return !strcmp(text + nr, "%") && v > 0 && v <= 100;
}

static int check_options(const struct run_options *o)
{
	char least[SEEP_UNIT_MAX];

	if (o->period != RUN_NOT_GIVEN && (!o->period || o->period > SEEP_REC_MAX_PERIOD))
		return cli_usage("run", "--period: between 1 and %llu bytes", (unsigned long long)SEEP_REC_MAX_PERIOD);
	if (o->period != RUN_NOT_GIVEN && o->exact && o->period != 1)
		return cli_usage("run", "--exact and --period exclude each other");
	if (o->budget && !is_share(o->budget))
		return cli_usage("run", "--budget: '%s' is no share of a CPU such as 0.5%%", o->budget);
	if (o->budget && o->exact)
		return cli_usage("run", "--exact and --budget exclude each other");
	if (o->size != RUN_NOT_GIVEN && (o->size < SEEP_REC_MIN_BYTES || o->size > SEEP_REC_MAX_BYTES))
		return cli_usage("run", "--size: a recording has at least %s, at most 4GB",
		                 seep_format_bytes(least, SEEP_REC_MIN_BYTES));
	return CLI_OK;
}

/* ---- the child ---- */

static int exec_code(int error)
{
	return error == ENOENT || error == ENOTDIR ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE;
}

/* Forks and execs; an exec that fails says its errno through a pipe that closes by itself otherwise. */
static pid_t start(const struct run_signals *signals, char **command, int *error)
{
	int fds[2];
	pid_t child;

	*error = 0;
	if (pipe2(fds, O_CLOEXEC)) {
		*error = errno;
		return -1;
	}
	child = fork();
	if (!child) {
		run_signals_restore(signals);
		execvp(command[0], command);
		*error = errno;
		if (write(fds[1], error, sizeof(*error)) < 0)
			_exit(RUN_FAILED);
		_exit(exec_code(*error));
	}
	if (child < 0)
		*error = errno;
	close(fds[1]);
	if (child > 0 && read(fds[0], error, sizeof(*error)) != (ssize_t)sizeof(*error))
		*error = 0;
	close(fds[0]);
	return child;
}

static void take_stop(int signal)
{
	if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		run_signals_stop(signal);
}

/*
 * True when the child has ended, with *status; a child stopped by the terminal stops us too. As the first process of a
 * container we also get orphans, which somebody must wait for.
 */
static bool has_ended(struct run_signals *signals, pid_t child, int *status)
{
	int s;
	pid_t pid;

	while ((pid = waitpid(-1, &s, WNOHANG | WUNTRACED)) > 0) {
		if (pid == child && !WIFSTOPPED(s)) {
			*status = s;
			return true;
		}
		if (pid == child)
			take_stop(WSTOPSIG(s));
		else if (!WIFSTOPPED(s))
			run_signals_reaped(signals, pid);
	}
	return pid < 0 && errno == ECHILD;
}

/* Once a second; the first looks come sooner, for programs that do not live that long. */
static void arm_timer(int fd, unsigned nr_ticks)
{
	struct itimerspec when = { .it_value = { .tv_sec = 1 } };

	if (nr_ticks < 5)
		when.it_value = (struct timespec){ .tv_nsec = 30000000L << nr_ticks };
	timerfd_settime(fd, 0, &when, NULL);
}

static int watch_until_end(struct run_signals *signals, struct run_watch *w)
{
	struct pollfd polled[2] = { { .fd = signals->fd, .events = POLLIN },
		                    { .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		                      .events = POLLIN } };
	int status = 0;

	arm_timer(polled[1].fd, 0);
	while (!has_ended(signals, w->child, &status)) {
		uint64_t expired;

		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			continue;
		if (polled[0].revents)
			run_signals_read(signals, w->child);
		if (polled[1].revents && read(polled[1].fd, &expired, sizeof(expired)) > 0) {
			run_watch_tick(w);
			arm_timer(polled[1].fd, w->nr_ticks);
		}
	}
	if (polled[1].fd >= 0)
		close(polled[1].fd);
	return status;
}

static int code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_child(const struct run_options *o, char **command)
{
	struct run_signals signals;
	struct run_watch watch;
	int error, status;

	if (!run_signals_start(&signals)) {
		cli_error("run: %s", strerror(errno));
		return RUN_FAILED;
	}
	run_watch_start(&watch, getenv("SEEP_DIR"));
	watch.child = start(&signals, command, &error);
	if (watch.child < 0 || error) {
		run_signals_end(&signals);
		if (watch.child > 0)
			waitpid(watch.child, NULL, 0);
		cli_error("run: %s: %s", command[0], strerror(error));
		return watch.child < 0 ? RUN_FAILED : exec_code(error);
	}
	run_let_go();
	status = watch_until_end(&signals, &watch);
	run_watch_last(&watch);
	run_end_write(&watch, status);
	if (!o->dir && !watch.dir)
		run_end_move(&watch);
	run_end_say(&watch);
	run_watch_release(&watch);
	run_signals_end(&signals);
	return code_of(status);
}

static int run(const void *options, int nr_operands, char **operands)
{
	const struct run_options *o = options;
	char *library, *musl;
	int rc = check_options(o);

	run_fill_streams();
	if (rc == CLI_OK && !nr_operands)
		rc = cli_usage("run", "which program? seep run -- CMD…");
	if (rc != CLI_OK)
		return RUN_FAILED;
	library = run_find_library(o);
	if (!library)
		return RUN_FAILED;
	musl = run_find_musl_library(library);
	run_set_environment(o, choose_library(operands[0], library, musl));
	rc = run_child(o, operands);
	free(musl);
	free(library);
	return rc;
}

const struct cli_verb cli_verb_run = {
	.name = "run",
	.arguments = "[--] CMD [ARG…]",
	.summary = "run a program recorded; its exit status is passed on",
	.details = "Exit status: that of CMD; 128+N when signal N ended it; 125 when seep itself failed, 126 when CMD\n"
		   "cannot be executed, 127 when it was not found.\n",
	.options = run_options,
	.options_bytes = sizeof(struct run_options),
	.defaults = &defaults,
	.is_command_line = true,
	.run = run,
};
