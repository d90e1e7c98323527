/*
 * The parts of `seep run`: what is changed in the environment (run-environment.c), signals (run-signals.c), watching
 * the recordings of a process tree (run-watch.c), how they ended and where they stay (run-end.c).
 */
#ifndef SEEP_CLI_RUN_H
#define SEEP_CLI_RUN_H

#include <signal.h>
#include <sys/types.h>

#include "cli/targets.h"

enum { RUN_FAILED = CLI_OWN_FAILURE, RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127 };

#define RUN_NOT_GIVEN UINT64_MAX

struct run_options {
	uint64_t period, size; /* RUN_NOT_GIVEN */
	bool exact, no_follow;
	int mmap; /* -1: not given */
	const char *dir, *library, *budget;
};

/* ---- environment ---- */

/* Absolute path of the recorder, malloc'ed; NULL after saying why there is none. */
char *run_find_library(const struct run_options *o);
/* The one for musl beside it, malloc'ed; NULL when there is none: libseep.so works there too. */
char *run_find_musl_library(const char *library);
/* Sets SEEP_OPTIONS and SEEP_DIR where options ask for it, and LD_PRELOAD unless `library` is NULL. */
void run_set_environment(const struct run_options *o, const char *library);

/* ---- signals ---- */

/*
 * Signals reach us that were meant for the child. One sent to our whole process group reached the child by itself, and
 * so did one from the terminal; one sent to us alone is passed on. A canary process in the group tells which it was.
 */
struct run_signals {
	int fd;        /* signalfd; readable: call run_signals_read */
	int canary_fd; /* what the canary saw; -1: there is none */
	pid_t canary;
	sigset_t old_mask;
	struct sigaction old_child;
	struct {
		int signal;
		uint32_t sender;
	} seen[32]; /* by the canary, not yet by us */
	size_t nr_seen;
};
SEEP_NODISCARD bool run_signals_start(struct run_signals *s);
/* In the child, before exec: everything as it was. */
void run_signals_restore(const struct run_signals *s);
/* Passes on what is due to `child`; true when children changed their state. */
bool run_signals_read(struct run_signals *s, pid_t child);
/* Stops us as the child was stopped, so that the shell sees its job stopped. Returns when we are continued. */
void run_signals_stop(int signal);
void run_signals_end(struct run_signals *s);
/* `pid` was waited for: if it is the canary, it is no more. */
void run_signals_reaped(struct run_signals *s, pid_t pid);
/*
 * Lets go of what we inherited besides standard error: who waits for the end of a pipe waits for the program alone.
 * All descriptors of our own are close-on-exec, those inherited are not.
 */
void run_let_go(void);
/* Fills closed standard streams, for as long as we run, so that no descriptor of ours takes their numbers. */
void run_fill_streams(void);

/* ---- watching ---- */

struct run_recording {
	char *path;
	struct seep_recording_writer *writer; /* NULL: could not be opened, or its process is gone */
	const struct seep_rec_header *header; /* a copy that is owned */
	uint32_t pid;                         /* in our namespace; 0: was gone when it was found */
	bool is_over;                         /* its process has ended, or became another program */
	struct seep_cgroup cgroup;
	uint64_t oom_kills; /* of its cgroup when last read */
	uint64_t limit;
	unsigned nr_missed; /* ticks in a row at which its process was not there */
	unsigned skip;      /* ticks for which what is slow to read stays unread */
};

struct run_watch {
	pid_t child;
	uint64_t start_ns; /* CLOCK_MONOTONIC before the start */
	const char *dir;   /* the only place to look in; NULL: the usual ones */
	struct run_recording *items;
	size_t nr, cap;
	uint32_t *pids; /* everything seen in the tree */
	size_t nr_pids, cap_pids;
	struct cli_list seen; /* paths looked at and found to be somebody else's; owned */
	unsigned nr_ticks;
	struct seep_cgroup cgroup; /* ours, in which the child starts, and what was counted there before */
	uint64_t oom_kills;
};
void run_watch_start(struct run_watch *w, const char *dir);
/* Looks for new recordings of the tree, writes one system entry into each that lives, names threads. */
void run_watch_tick(struct run_watch *w);
/* Looks once more for recordings, without writing: the child has ended. */
void run_watch_last(struct run_watch *w);
void run_watch_release(struct run_watch *w);
uint64_t run_now_ns(void);

/* ---- ending ---- */

/* `status` is what waitpid(2) gave. Writes how the child, and descendants that the OOM killer took, have ended. */
void run_end_write(struct run_watch *w, int status);
/* Moves the recordings of ended processes to the state directory; paths are updated. */
void run_end_move(struct run_watch *w);
/* The last lines: where the recording is, and what to type next. */
void run_end_say(struct run_watch *w);

#endif
