#!/usr/bin/env python3
"""stress-ng: a fixed number of rounds of the stressors that hurt a preload most; with --verify: none fails."""
import re

from common import main

# stressor: rounds in the short form, in the whole
STRESSORS = {
    "malloc": (1000, 60000), "fork": (100, 5000), "vfork": (100, 5000), "exec": (60, 800), "clone": (50, 3000),
    "pthread": (30, 3000), "dynlib": (50, 4000), "mremap": (10, 1500), "sigsegv": (200, 20000), "mmap": (10, 200),
    "daemon": (50, 800), "spawn": (60, 800), "stack": (5, 50), "tree": (3, 30), "zlib": (3, 60), "sigfpe": (300, 5000),
    "context": (300, 5000), "bad-altstack": (50, 1000), "mmapfork": (0, 2), "vforkmany": (0, 60),
}
SHORT = ("malloc", "fork", "vfork", "clone", "pthread", "dynlib", "mremap", "sigsegv")


def words_for(trial, name):
    words = [f"--{name}", "1", f"--{name}-ops", str(trial.amount(*STRESSORS[name]))]
    return words + (["--malloc-bytes", "64M", "--malloc-pthreads", "3"] if name == "malloc" else [])


def bad_lines(said):
    lines = (re.sub(r"\[\d+\]", "[]", line) for line in said.splitlines() if re.search("fail|error|unexpected", line, re.I))
    return [line for line in lines if "failed: 0" not in line]


def reached(said, name, rounds):
    """Who counts in several processes stops a little after the number: only that it got there is the same."""
    ops = re.search(rf"(?:metrc|info): +\[\d+\] +{name} +(\d+)", said)
    return bool(ops) and int(ops.group(1)) >= rounds


def work(trial):
    results = {}
    together = [SHORT]  # the short form all at once, the whole then each alone, too
    if trial.is_whole:
        together += [[name] for name, (_, whole) in STRESSORS.items() if whole]
    for names in together:
        words = [word for name in names for word in words_for(trial, name)]
        done = trial.run("stress-ng", *words, "--verify", "--temp-path", trial.dir, "--timeout", "120", "--metrics-brief", timeout=200)
        said = done.stdout + done.stderr
        results[" ".join(names)] = ([reached(said, n, trial.amount(*STRESSORS[n])) for n in names], bad_lines(said))
    return results


if __name__ == "__main__":
    main(work, "stress-ng", ("stress-ng", "--version"), "exit, rounds done, failures found by --verify: malloc, fork, vfork, clone, …",
         size="16M")
