#!/usr/bin/env python3
"""alternate.py ROUNDS NAME=COMMAND…: user+system time of commands, alternating, medians with their spread.

The first command is the baseline of the ratios, which are taken round by round. A command's time is that of all processes
that it waited for, unless it prints a line "cpu_seconds N": then it is N. One round before the first is not counted.
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


def main(rounds, commands):
    times = {name: [] for name, _ in commands}
    for number in range(rounds + 1):
        for name, command in commands:
            seconds = run(command)
            if number:
                times[name].append(seconds)
    baseline = times[commands[0][0]]
    print(f"{'':34} {'median s':>9} {'min':>8} {'max':>8} {'ratio':>7} {'min':>7} {'max':>7}")
    for name, _ in commands:
        got = times[name]
        ratios = [a / b for a, b in zip(got, baseline) if b]
        print(f"{name:34} {statistics.median(got):9.2f} {min(got):8.2f} {max(got):8.2f} "
              f"{statistics.median(ratios):7.2f} {min(ratios):7.2f} {max(ratios):7.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), [word.split("=", 1) for word in sys.argv[2:]])
