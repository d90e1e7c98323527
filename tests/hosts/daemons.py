#!/usr/bin/env python3
"""Daemons that close every descriptor, in each way that is in use, and use the numbers again."""
import os

from common import first_line, main

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_all(const char *how)
{
	if (!strcmp(how, "loop"))
		for (int fd = 0; fd < 1024; fd++)
			close(fd);
	else if (!strcmp(how, "closefrom"))
		closefrom(0);
	else
		syscall(SYS_close_range, 0u, ~0u, 0u);
}

int main(int argc, char **argv)
{
	unsigned long sum = 0;
	void *kept[500];

	if (fork())
		return 0;
	setsid();
	if (fork())
		_exit(0);
	close_all(argv[1]);
	umask(022);
	if (chdir("/"))
		return 1;
	/* The lowest numbers again, and all up to 200: whoever kept one of his own would write into these. */
	for (int i = 0; i < 200; i++)
		if (open(argv[2], O_RDWR | O_CREAT | O_APPEND, 0644) != i)
			return 2;
	for (int round = 0; round < 200; round++)
		for (int i = 0; i < 500; i++) {
			if (round)
				free(kept[i]);
			kept[i] = memset(malloc(100 + i * 37 % 4000), i, 100);
			sum = sum * 31 + ((unsigned char *)kept[i])[50];
		}
	for (int i = 0; i < 200; i += 50)
		dprintf(i, "%d %lx\n", i, sum);
	rename(argv[2], argv[3]);
	return 0;
}
"""
PYTHON = """
import os, resource, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.chdir("/")
os.closerange(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
for _ in range(3): os.open("/dev/null", os.O_RDWR)
kept = ["%d" % i * 50 for i in range(30000)]
with open(sys.argv[1], "w") as f: f.write(str(sum(map(len, kept))))
os.rename(sys.argv[1], sys.argv[2])
"""
PERL = r"""
my @kept = map { "x$_" x 60 } 1 .. 20000;
my $n = 0; $n += length for @kept;
open(my $f, '>', $ARGV[0]) or die; print $f "$n ", join(',', map { readlink("/proc/self/fd/$_") eq '/dev/null' ? 1 : 0 } 0 .. 2), "\n"; close $f;
rename $ARGV[0], $ARGV[1];
"""


def work(trial):
    trial.run("cc", "-O1", "-o", trial.path("closes"), trial.write("closes.c", SOURCE), recorded=False)
    python, perl = trial.write("daemon.py", PYTHON), trial.write("daemon.pl", PERL)
    commands = {how: (trial.path("closes"), how) for how in ("loop", "closefrom", "close_range")}
    commands["python"] = ("python3", python)
    commands["start-stop-daemon"] = ("start-stop-daemon", "--start", "--background", "--make-pidfile", "--pidfile",
                                     trial.path("pid"), "--exec", "/usr/bin/perl", "--", perl)
    commands["daemonize"] = ("daemonize", "-c", trial.dir, "/usr/bin/perl", perl)
    result = {}
    for name, command in commands.items():
        trial.run(*command, trial.path(name + ".part"), trial.path(name + ".out"))
        trial.wait(lambda: os.path.exists(trial.path(name + ".out")), f"{name} has done its work")
        result[name] = trial.read(name + ".out")
    trial.wait(lambda: not list(trial.leftovers()), "all have ended")
    return result


if __name__ == "__main__":
    main(work, "daemons", lambda: first_line("start-stop-daemon", "--version").split()[1],
         "what daemons write that closed every descriptor (loop, closefrom, close_range, Python, start-stop-daemon, daemonize)", size="8M")
