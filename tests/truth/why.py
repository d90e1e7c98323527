#!/usr/bin/env python3
"""Verdicts against programs whose cause is known: each is run by `seep run` for some seconds and `seep why` must say why.

  why.py SEEP LIBSEEP PROGRAMS [--runs N] [--seconds S] [--only NAME…] [--verbose]

PROGRAMS is the folder of the built programs; their sources' headers say what is right (programs/known.h). Runs differ in
rates, sizes and horizons by their seed. Right is a run whose verdict is one of the program's words; named, one whose first
suspect is one of its functions. Programs mostly sleep, so many run at once. Prints TAP, and every run as a comment.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Tap  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CGROUPS = "/sys/fs/cgroup/memory"
GROWING = {"leak", "mappings", "threads", "fds", "tmpfs", "off-heap", "growing"}


class Program:
    def __init__(self, source):
        self.name = os.path.basename(source).rsplit(".", 1)[0]
        with open(source, encoding="utf-8") as f:
            said = dict(re.findall(r"^ \* (verdict|function|honest|process|cgroup): (.*)$", f.read(), re.M))
        self.words = said.get("verdict", "").split()  # none: it is no program for this test
        self.functions = [] if said.get("function", "-") == "-" else said["function"].split()
        self.is_honest = said.get("honest") == "yes"
        self.is_child = said.get("process") == "child"
        self.cgroup_limit = said.get("cgroup")

    def names(self, suspects):
        if not self.functions:
            return True
        first = suspects[0]["function"] if suspects else ""
        return any(first == f or first.startswith((f + "(", f + "<")) for f in self.functions)


def programs(only):
    found = [Program(s) for s in sorted(glob.glob(os.path.join(HERE, "programs", "*.c*")))]
    return [p for p in found if p.words and (not only or p.name in only)]


def cgroup_make(name, limit):
    """A memory cgroup of v1, or None where there can be none."""
    path = os.path.join(CGROUPS, name)
    try:
        os.mkdir(path)
        with open(os.path.join(path, "memory.limit_in_bytes"), "w", encoding="ascii") as f:
            f.write(limit)
    except OSError:
        return None
    return path


class Run:
    def __init__(self, program, seed):
        self.program, self.seed, self.verdict, self.skipped, self.error = program, seed, {}, None, None

    def command(self, args, work, cgroup):
        run = [args.seep, "run", "--lib", args.libseep, "--dir", os.path.join(work, "recordings"), "--"]
        program = [os.path.join(args.programs, "truth-" + self.program.name), str(args.seconds), str(self.seed)]
        if not cgroup:
            return run + program
        join = f'echo $$ >{cgroup}/cgroup.procs && exec "$@"'
        return ["sh", "-c", join, "sh"] + run + program

    def record(self, args):
        cgroup = None
        if self.program.cgroup_limit:
            cgroup = cgroup_make(f"seep-truth-{os.getpid()}-{self.program.name}-{self.seed}", self.program.cgroup_limit)
            if not cgroup:
                self.skipped = "no memory cgroup can be made here"
                return
        with tempfile.TemporaryDirectory(prefix="seep-truth-", dir="/var/tmp") as work:
            os.mkdir(os.path.join(work, "recordings"))
            subprocess.run(self.command(args, work, cgroup), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=args.seconds * 5 + 60, check=False)
            self.judge(args, work)
        if cgroup:
            os.rmdir(cgroup)

    def judge(self, args, work):
        recordings = os.path.join(work, "recordings")
        done = subprocess.run([args.seep, "why", "--json", recordings], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
        if done.returncode:
            self.error = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        else:
            self.verdict = json.loads(done.stdout)
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
            for i, path in enumerate(sorted(glob.glob(os.path.join(recordings, "*.seep")))):
                os.replace(path, os.path.join(args.keep, f"{self.program.name}-{self.seed}-{i}.seep"))

    def word(self):
        return self.verdict.get("verdict", "error")

    def is_right(self):
        if self.program.is_child and sum(p["verdict"] == "leak" for p in self.verdict.get("processes", [])) != 1:
            return False
        return self.word() in self.program.words

    def is_named(self):
        return self.program.names(self.verdict.get("suspects", []))

    def is_false_leak(self):
        # Of every process of the run: none of an honest program may be said to leak.
        words = [p["verdict"] for p in self.verdict.get("processes", [])]
        return self.program.is_honest and any(w in ("leak", "mappings", "threads", "fds") for w in words)

    def describe(self):
        suspects = self.verdict.get("suspects", [])
        where = f"{suspects[0]['function']} ({suspects[0]['pattern']})" if suspects else "-"
        mark = "skip" if self.skipped else "right" if self.is_right() and self.is_named() else "WRONG"
        return f"# {mark} {self.program.name} {self.seed}: {self.error or self.skipped or self.word()} at {where}"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seep")
    parser.add_argument("libseep")
    parser.add_argument("programs")
    parser.add_argument("--runs", type=int, default=5, help="runs of each program (5)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=14, help="length of a run (14)")
    parser.add_argument("--jobs", type=int, default=12, help="programs that run at once (12)")
    parser.add_argument("--only", nargs="*", help="names of programs")
    parser.add_argument("--keep", help="folder to keep the recordings in")
    return parser.parse_args()


def main():
    args, tap = parse(), Tap()
    runs = [Run(p, s) for s in range(args.first_seed, args.first_seed + args.runs) for p in programs(args.only)]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for run, _ in zip(runs, pool.map(lambda r: r.record(args), runs)):
            print(run.describe(), flush=True)
    for reason in sorted({r.skipped for r in runs if r.skipped}):
        print(f"# SKIPPED {sum(r.skipped == reason for r in runs)} runs: {reason}")
    runs = [r for r in runs if not r.skipped]
    right, named = [r for r in runs if r.is_right()], [r for r in runs if r.is_named()]
    false = [r for r in runs if r.is_false_leak()]
    tap.check(not false, f"no honest program is called a leak ({len(false)} of {sum(r.program.is_honest for r in runs)} runs)")
    # A few runs are no share of anything: there only the clearly broken fails.
    need = 0.9 if len(runs) >= 80 else 0.8
    for what, good in (("the cause is right", right), ("the function is first", named)):
        tap.check(len(good) >= need * len(runs), f"{what} in {100 * need:.0f} %: {len(good)} of {len(runs)} runs")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
