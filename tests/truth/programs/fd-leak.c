/*
 * A socket is opened for each check and never closed.
 * verdict: fds
 * function: -
 */
#include "known.h"

#include <sys/resource.h>
#include <sys/socket.h>

static NOINLINE int open_check(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 65536, 65536 };
	struct known_pace pace = { 0 };
	double per_s;
	long nr_failed = 0;

	known_start(argc, argv);
	setrlimit(RLIMIT_NOFILE, &limit);
	per_s = known_range(10, 60);
	while (!known_is_over()) {
		for (long due = known_due(&pace, known_elapsed() * per_s); due > 0; due--)
			nr_failed += open_check() < 0;
		serve_requests(5);
	}
	known_end();
}
