#!/usr/bin/env python3
"""Which system calls the recorder itself makes, in servers that are traced by strace: none that a sandbox would kill for.

A call is the recorder's when the instruction that made it lies in its library. After the start only these may be: those
that make a forked child's recording, and a look at unknown stack pages (rt_sigprocmask); behind a seccomp filter none.
"""
import collections
import glob
import os
import re

import nginx
import redis
import sshd
from common import Absent, Wrong, find, main, version_of

START_S = 1.0  # from a process' exec on
LOOK = {"rt_sigprocmask"}
MAKE = set("getpid getppid geteuid openat read close readlink readlinkat uname sched_getaffinity mkdirat newfstatat statfs fstatfs fallocate mmap "
           "getdents64 unlinkat pread64 kill lseek".split())
LINE = re.compile(r"(\d+\.\d+) \[([0-9a-f]+|\?+)\] (\w+)\((.*)")


class Process:
    """What is known while a process' trace is read; a forked child begins with a copy."""

    def __init__(self, parent=None, begun=0.0):
        self.begun, self.is_forked = begun, parent is not None
        self.ranges = list(parent.ranges) if parent else []
        self.is_filtered = parent.is_filtered if parent else False

    def is_ours(self, address):
        return any(start <= address < end for start, end in self.ranges)


def read_trace(path, process, children, found):
    """Books the recorder's calls by name; children: pid -> Process, for the traces to come."""
    fds = set()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            m = LINE.match(line)
            if not m:
                continue
            time, name, rest = float(m[1]), m[3], m[4]
            address = int(m[2], 16) if m[2][0] != "?" else 0
            process.begun = process.begun or time
            result = rest.rsplit(" = ", 1)[-1].split()[0] if " = " in rest else "?"
            if name == "execve" and result == "0":
                process.__init__(None, time)
                fds = set()
            elif name == "openat" and "libseep.so" in rest and result.isdigit():
                fds.add(result)
            elif name == "mmap" and result.startswith("0x") and len(fds) and rest.split(", ")[4] in fds:
                start = int(result, 16)
                process.ranges.append((start, start + int(rest.split(", ")[1])))
            elif name == "close" and rest.split(")")[0] in fds:
                fds.discard(rest.split(")")[0])
            elif name in ("clone", "clone3", "fork", "vfork") and result.isdigit():
                is_thread = "CLONE_VM" in rest and "CLONE_VFORK" not in rest
                child = Process(process, process.begun if is_thread else time)
                child.is_forked = not is_thread
                children[int(result)] = child
            if process.is_ours(address):
                found[classify(process, time, name)].add(name)
            if (name == "seccomp" or name == "prctl" and "PR_SET_SECCOMP" in rest) and result == "0":
                process.is_filtered = True
                found["filters"].add(path)


def classify(process, time, name):
    if process.is_filtered:
        return "behind a filter"
    if process.is_forked:
        return "in a forked child"
    return "at start" if time - process.begun < START_S else "later"


def read_traces(prefix):
    """Parents before their children, whose process ids may be smaller."""
    found = collections.defaultdict(set)
    waiting = {int(p.rsplit(".", 1)[1]): p for p in glob.glob(prefix + ".*")}
    known, nr = {}, len(waiting)
    while waiting:
        ready = [pid for pid in sorted(waiting) if pid in known] or [first_pid(waiting)]
        for pid in ready:
            read_trace(waiting.pop(pid), known.get(pid, Process()), known, found)
    return found, nr


def first_pid(waiting):
    """The one whose trace begins with its exec."""
    for pid, path in sorted(waiting.items()):
        with open(path, encoding="utf-8", errors="replace") as lines:
            if " execve(" in lines.readline():
                return pid
    return min(waiting)


def check(name, found, nr_traces, must_filter):
    if not found["at start"]:
        raise Wrong(f"{name}: no call of the recorder was seen in {nr_traces} traces: the test sees nothing")
    allowed = {"later": LOOK, "in a forked child": LOOK | MAKE, "behind a filter": set()}
    for when, names in allowed.items():
        if found[when] - names:
            raise Wrong(f"{name}: the recorder made these system calls {when}: {', '.join(sorted(found[when] - names))}")
    if must_filter and not found["filters"]:
        raise Wrong(f"{name}: no process set a filter")
    print(f"{name}: " + "; ".join(f"{when}: {', '.join(sorted(found[when])) or 'none'}" for when in allowed)
          + f"; filters set: {len(found['filters'])}")


def work(trial):
    result = {}
    modules = trial.amount((nginx, sshd), (redis, nginx, sshd))
    is_whole, trial.is_whole = trial.is_whole, False  # traced servers are slow: the short loads
    for module in modules:
        name = module.__name__
        prefix = trial.path("trace-" + name)
        if trial.is_recorded or is_whole:  # the short form traces only what it looks at
            trial.tracer = ["strace", "-D", "-f", "-ff", "-i", "-ttt", "-s", "64", "-o", prefix]
        result[name] = module.work(trial)
        trial.tracer = []
        trial.wait(lambda: not list(trial.leftovers()), "strace has written its traces")
        trial.forget()
        if trial.is_recorded:
            found, nr_traces = read_traces(prefix)
            check(name, found, nr_traces, name == "sshd")
    return result


def version():
    for program in ("redis-server", "redis-benchmark", "nginx", "wrk", "sshd"):
        find(program)
    if os.getuid():
        raise Absent("sshd needs root to let anybody in")
    return version_of("strace", "--version")


if __name__ == "__main__":
    main(work, "strace of redis, nginx, sshd", version,
         "their short forms under strace, and the recorder's own system calls after the start: only those that make a child's recording and look at "
         "stack pages; none behind sshd's seccomp filter")
