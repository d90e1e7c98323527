#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"

enum { CANARY_WAIT_MS = 20 };

struct sighting {
	int signal;
	uint32_t sender;
};

void run_fill_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void run_let_go(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		int fd = atoi(e->d_name);

		if (fd > 2 && fcntl(fd, F_GETFD) == 0)
			close(fd);
	}
	if (dir)
		closedir(dir);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
}

/* ---- the canary ---- */

/* Reports every signal that it gets; it gets those that are sent to the whole group. */
static void be_canary(int fd, const sigset_t *all)
{
	siginfo_t info;

	for (;;) {
		struct sighting s;

		if (sigwaitinfo(all, &info) < 0)
			continue;
		s = (struct sighting){ info.si_signo, (uint32_t)info.si_pid };
		if (write(fd, &s, sizeof(s)) != (ssize_t)sizeof(s))
			_exit(0);
	}
}

static void start_canary(struct run_signals *s, const sigset_t *all)
{
	pid_t parent = getpid();
	int fds[2];

	s->canary_fd = -1;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return;
	s->canary = fork();
	if (!s->canary) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "seep-canary");
		run_let_go();
		close(STDERR_FILENO);
		close(fds[0]);
		if (getppid() == parent)
			be_canary(fds[1], all);
		_exit(0);
	}
	close(fds[1]);
	s->canary_fd = fds[0];
	if (s->canary < 0) {
		close(fds[0]);
		s->canary_fd = -1;
	}
}

static void take_sightings(struct run_signals *s)
{
	struct sighting seen;

	while (s->canary_fd >= 0 && read(s->canary_fd, &seen, sizeof(seen)) == (ssize_t)sizeof(seen)) {
		if (s->nr_seen == ARRAY_SIZE(s->seen)) /* the oldest was meant for the canary alone */
			memmove(s->seen, s->seen + 1, --s->nr_seen * sizeof(s->seen[0]));
		s->seen[s->nr_seen].signal = seen.signal;
		s->seen[s->nr_seen++].sender = seen.sender;
	}
}

static bool forget_sighting(struct run_signals *s, int signal, uint32_t sender)
{
	for (size_t i = 0; i < s->nr_seen; i++)
		if (s->seen[i].signal == signal && s->seen[i].sender == sender) {
			memmove(s->seen + i, s->seen + i + 1, (--s->nr_seen - i) * sizeof(s->seen[0]));
			return true;
		}
	return false;
}

/* The kernel hands a signal to the members of a group one after the other: the canary's turn may come after ours. */
static bool was_for_group(struct run_signals *s, int signal, uint32_t sender)
{
	struct pollfd p = { .fd = s->canary_fd, .events = POLLIN };

	take_sightings(s);
	if (forget_sighting(s, signal, sender))
		return true;
	if (s->canary_fd < 0 || poll(&p, 1, CANARY_WAIT_MS) <= 0)
		return false;
	take_sightings(s);
	return forget_sighting(s, signal, sender);
}

/* ---- ours ---- */

bool run_signals_start(struct run_signals *s)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t all;

	memset(s, 0, sizeof(*s));
	sigfillset(&all);
	/* An ignored SIGCHLD, inherited, would take the child's status away. */
	if (sigprocmask(SIG_SETMASK, &all, &s->old_mask) || sigaction(SIGCHLD, &usual, &s->old_child))
		return false;
	s->fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		return false;
	start_canary(s, &all);
	return true;
}

void run_signals_restore(const struct run_signals *s)
{
	sigaction(SIGCHLD, &s->old_child, NULL);
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
}

static void pass_on(const struct signalfd_siginfo *info, pid_t child)
{
	union sigval value = { .sival_ptr = (void *)(uintptr_t)info->ssi_ptr };

	if (info->ssi_code == SI_QUEUE)
		sigqueue(child, (int)info->ssi_signo, value);
	else
		kill(child, (int)info->ssi_signo);
}

/* Positive codes are the kernel's: the terminal's keys, a hang-up; they go to the whole foreground group. */
static bool is_due(struct run_signals *s, const struct signalfd_siginfo *info)
{
	if (info->ssi_code > 0 || info->ssi_pid == (uint32_t)getpid())
		return false;
	return !was_for_group(s, (int)info->ssi_signo, info->ssi_pid);
}

bool run_signals_read(struct run_signals *s, pid_t child)
{
	struct signalfd_siginfo info;
	bool children_changed = false;

	while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD && info.ssi_code > 0)
			children_changed = true;
		else if (is_due(s, &info))
			pass_on(&info, child);
	}
	take_sightings(s);
	return children_changed;
}

void run_signals_stop(int signal)
{
	sigset_t one, old;

	sigemptyset(&one);
	sigaddset(&one, signal);
	kill(getpid(), signal);
	sigprocmask(SIG_UNBLOCK, &one, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

void run_signals_reaped(struct run_signals *s, pid_t pid)
{
	if (pid != s->canary || s->canary_fd < 0)
		return;
	close(s->canary_fd);
	s->canary_fd = -1;
}

void run_signals_end(struct run_signals *s)
{
	close(s->fd);
	if (s->canary_fd < 0)
		return;
	close(s->canary_fd);
	kill(s->canary, SIGKILL);
	while (waitpid(s->canary, NULL, 0) < 0 && errno == EINTR)
		;
}
