#!/usr/bin/env python3
"""stress-ng: a fixed number of rounds of the stressors that hurt a preload most; with --verify: none fails."""
import os
import re

from common import Wrong, main

# stressor: rounds in the short form, in the whole
STRESSORS = {
    "malloc": (1000, 20000), "fork": (100, 3000), "vfork": (100, 5000), "exec": (60, 100), "clone": (50, 300),
    "pthread": (30, 3000), "dynlib": (50, 3000), "mremap": (10, 20), "sigsegv": (200, 20000), "mmap": (10, 10),
    "daemon": (50, 800), "spawn": (60, 400), "stack": (5, 10), "tree": (3, 3), "zlib": (3, 20), "sigfpe": (300, 5000),
    "context": (300, 5000), "bad-altstack": (50, 500), "mmapfork": (0, 1), "vforkmany": (0, 20),
}
NOT_AS_ROOT = ("exec", "spawn")  # and exec goes on until its time is over, whatever its rounds
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
        user = "nobody" if names[0] in NOT_AS_ROOT and os.getuid() == 0 else None
        files = trial.make_dir("files-" + names[0], user)
        done = trial.run("stress-ng", *words, "--verify", "--temp-path", files, "--timeout", "10" if names == ["exec"] else "120",
                         "--metrics-brief", timeout=200, user=user, cwd=files)
        said = done.stdout + done.stderr
        all_reached = [reached(said, n, trial.amount(*STRESSORS[n])) for n in names]
        if not trial.is_recorded and not all(all_reached):  # nothing would be compared
            raise Wrong(f"without the recorder {' '.join(names)} did not do its rounds: {all_reached}\n{said}")
        results[" ".join(names)] = (all_reached, bad_lines(said))
    return results


if __name__ == "__main__":
    main(work, "stress-ng", ("stress-ng", "--version"), "exit, rounds done, failures found by --verify: malloc, fork, vfork, clone, …",
         size="16M")
