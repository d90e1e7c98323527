#!/usr/bin/env python3
"""Truth when the period changes in mid-run: totals of mixed sizes, reallocated blocks and several threads against exact
counts, and a known answer for sizes far apart on one stack.

  periods.py LIBSEEP DIRECTORY-OF-PROGRAMS [--seeds N] [--bias N]

Errors are judged by the variance that the recording itself gives: over many runs their sum is within its standard error,
and their squares add up to it, if both are right. With one thread, a seed gives the same case again. Prints TAP.
"""
import argparse
import glob
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "recorder")]
from recording import Recording  # noqa: E402
from tap import Tap  # noqa: E402

FIGURES = ("allocated objects", "allocated bytes", "live objects", "live bytes")


def record(libseep, program, options, *args):
    with tempfile.TemporaryDirectory() as directory:
        env = dict(os.environ, LD_PRELOAD=libseep, SEEP_DIR=directory, SEEP_OPTIONS=options)
        out = subprocess.run([program, *map(str, args)], env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
        (found,) = glob.glob(os.path.join(directory, "*.seep"))
        return out, Recording(found)


def estimates(r, program, sites):
    """Per site: figures, their their variances."""
    out = {s: ([0.0] * 4, [0.0] * 4) for s in sites}
    of_stack = {}
    for i, (_, _, frames) in r.stacks.items():
        at = [a for path, a in r.frames_of(i) if path == program] if frames else []
        inside = [s for a in at[:1] for s in sites if s <= a < s + 64]
        if inside:
            of_stack[i] = max(inside)
    for i, c in r.counters.items():
        if i in of_stack:
            figures, variances = out[of_stack[i]]
            for k in range(2):
                figures[k] += c[2 + k]
                variances[k] += c[4 + k]
    for s in r.samples:
        if s["stack"] in of_stack:
            figures, variances = out[of_stack[s["stack"]]]
            p = r.probability(s["size"], s["period"])
            for k, value in ((2, 1), (3, s["size"])):
                figures[k] += value / p
                variances[k] += value * value * (1 - p) / (p * p)
    return out


def cases(args, seed, threads, changes, period):
    program = os.path.join(args.programs, "truth-changing")
    out, r = record(args.libseep, program, f"period={period},seed={seed},size=2M", seed, threads, 150000 // threads, changes)
    exact = {int(w[0]): [int(x) for x in w[1:]] for w in map(str.split, out.splitlines())}
    lost = r.torn or r.status["lost"][0]
    found = []
    for site, (figures, variances) in estimates(r, program, exact).items():
        for k in range(4):
            found.append({"figure": k, "exact": exact[site][k], "error": figures[k] - exact[site][k], "variance": variances[k]})
    return found, lost


def judge(tap, what, every):
    """By sums over all seeds: a place that has a few heavy samples, or by chance none, does not know its own error."""
    for k, figure in enumerate(FIGURES):
        mine = [c for c in every if c["figure"] == k]
        error, variance = sum(c["error"] for c in mine), sum(c["variance"] for c in mine)
        squares = sum(c["error"] ** 2 for c in mine)
        z, rms = error / math.sqrt(variance), math.sqrt(squares / variance)
        print(f"# {what}: {figure}: {error / sum(c['exact'] for c in mine):+.3%} of the truth over {len(mine)} cases, {z:+.2f} standard "
              f"errors; RMS error {rms:.3f} of that stated")
        tap.check(abs(z) < 3.5, f"{what}: {figure}: unbiased")
        loose = 5 / math.sqrt(len(mine))  # few heavy samples make up most of either sum
        tap.check(0.85 - loose < rms < 1.15 + loose, f"{what}: {figure}: the error is as stated")


def changing(args, tap):
    for what, threads, changes, period in (("one period", 1, 0, 65536), ("changing periods", 1, 60, 65536),
                                           ("changing periods, 4 threads", 4, 60, 65536)):
        every, spoilt = [], 0
        for seed in range(1, args.seeds + 1):
            found, lost = cases(args, seed, threads, changes, period)
            every += found
            spoilt += bool(lost)
        tap.check(not spoilt, f"{what}: nothing torn or lost")
        judge(tap, what, every)


def known_answer(args, tap):
    program = os.path.join(args.programs, "truth-prof-bias")
    for seed in range(1, args.bias + 1):
        _, r = record(args.libseep, program, f"period=512K,seed={seed},mmap=off")
        objects, size, *_ = r.counted()
        var = [sum(c[k] for i, c in r.counters.items() if r.stacks.get(i, (0,))[0] == 0) for k in (4, 5)]
        for what, got, want, v in (("objects", objects, 33554448, var[0]), ("bytes", size, 1024 << 20, var[1])):
            # 1,024 samples of the small blocks are expected: 3 % of their half, 1.6 % of the bytes in all.
            tap.check(abs(got - want) < 4 * math.sqrt(v) and math.sqrt(v) / want < 0.04,
                      f"prof_bias, seed {seed}: {got:,.0f} {what} of {want:,}, ± {math.sqrt(v):,.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libseep")
    parser.add_argument("programs")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--bias", type=int, default=10)
    args, tap = parser.parse_args(), Tap()
    known_answer(args, tap)
    changing(args, tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
