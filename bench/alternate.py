#!/usr/bin/env python3
"""alternate.py [--share-of=NAME] ROUNDS NAME=COMMAND…: user+system time of commands, alternating, medians with their spread.

The first command is the baseline of the ratios and of what is added, which are taken round by round. A command's time is
that of all processes that it waited for, unless it prints a line "cpu_seconds N": then it is N. One round before the first
is not counted. With --share-of: what each adds, as a share of what NAME adds.
"""
import os
import statistics
import subprocess
import sys


def run(command):
    """Seconds of user+system time."""
    before = os.times()
    done = subprocess.run(command, shell=True, executable="/bin/bash", stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, errors="replace", check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"alternate.py: exit {done.returncode} from: {command}")
    for line in done.stdout.splitlines():
        if line.startswith("cpu_seconds "):
            return float(line.split()[1])
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def spread(values, width, digits):
    return " ".join(f"{of(values):{width}.{digits}f}" for of in (statistics.median, min, max))


def main(rounds, commands, share_of):
    times = {name: [] for name, _ in commands}
    for number in range(rounds + 1):
        for name, command in commands:
            seconds = run(command)
            if number:
                times[name].append(seconds)
    baseline = times[commands[0][0]]
    added = {name: [a - b for a, b in zip(times[name], baseline)] for name in times}
    print(f"{'':30} {'median s':>8} {'min':>7} {'max':>7} {'ratio':>7} {'min':>7} {'max':>7} {'added s':>8}")
    for name, _ in commands:
        ratios = [a / b for a, b in zip(times[name], baseline) if b] or [0.0]
        print(f"{name:30} {spread(times[name], 7, 2):>24} {spread(ratios, 7, 2)} {statistics.median(added[name]):8.3f}")
    if share_of:
        for name, _ in commands[1:]:
            shares = [a / b for a, b in zip(added[name], added[share_of]) if b > 0]
            if name != share_of and shares:
                print(f"   {name}: {spread(shares, 5, 3)} of what {share_of} adds (median, min, max)")


if __name__ == "__main__":
    words = sys.argv[1:]
    share = words.pop(0).split("=", 1)[1] if words[0].startswith("--share-of=") else None
    main(int(words[0]), [word.split("=", 1) for word in words[1:]], share)
