#!/usr/bin/env python3
"""Truth of the estimates, with the real recorder: a program of mixed sizes counts itself exactly, its recording is
compared place by place. A case is one seed, place and figure (bytes and objects, in use and allocated).

  estimates.py LIBSEEP ALLOCATOR COMPARE [--seeds N]

Fixed seeds in program and sampler: the same build gives the same cases again, so nothing here depends on luck or load.
Prints TAP. Gates need enough cases: with fewer than 2,000 only the figures are printed.
"""
import argparse
import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Tap  # noqa: E402

PERIOD = 32768
OPERATIONS = 300000
SLOTS = 6000
MANY = 20  # samples from which the normal interval holds
ENOUGH = 2000  # cases


def record(args, seed, work):
    """Runs the allocator once and returns what compare says of its recording."""
    page, directory = os.path.join(work, "page"), os.path.join(work, "recordings")
    os.mkdir(directory)
    env = dict(os.environ, LD_PRELOAD=args.libseep, SEEP_DIR=directory, SEEP_OPTIONS=f"period={PERIOD},seed={seed}")
    subprocess.run([args.allocator, page, str(PERIOD), "1", str(seed), str(OPERATIONS), str(SLOTS)], env=env, check=True)
    recordings = glob.glob(os.path.join(directory, "*.seep"))
    if len(recordings) != 1:
        sys.exit(f"estimates: seed {seed}: {len(recordings)} recordings")
    return subprocess.run([args.compare, recordings[0], page], check=True, stdout=subprocess.PIPE, text=True).stdout


def cases(text):
    for line in text.splitlines()[1:]:
        figure, site, *numbers = line.split()
        exact, expected, true_error, estimate, error, low, high, samples = map(float, numbers[:8])
        if exact > 0:
            yield {"figure": figure, "exact": exact, "expected": expected, "estimate": estimate, "samples": samples,
                   "holds": low <= exact <= high, "error": (estimate - exact) / exact,
                   "z": (estimate - exact) / true_error if true_error > 0 else 0}


def share(group):
    return 100 * sum(c["holds"] for c in group) / len(group)


def describe(name, group):
    if group:
        mean = 100 * sum(c["error"] for c in group) / len(group)
        rms = (sum(c["z"] ** 2 for c in group) / len(group)) ** 0.5
        print(f"# {name}: {len(group)} cases, mean error {mean:+.3f} %, interval holds in {share(group):.1f} %, "
              f"RMS z {rms:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libseep")
    parser.add_argument("allocator")
    parser.add_argument("compare")
    parser.add_argument("--seeds", type=int, default=80)
    args = parser.parse_args()
    every, tap = [], Tap()
    for seed in range(1, args.seeds + 1):
        with tempfile.TemporaryDirectory() as work:
            text = record(args, seed, work)
        words = text.splitlines()[0].split()
        if [words[i] for i in (1, 2, 4, 6)] != ["0"] * 4:  # torn samples, torn others, lost, stray
            tap.check(False, f"seed {seed}: {text.splitlines()[0]}")
        every += cases(text)
    # Who has many samples is told by the expectation: to choose by the outcome would bias the mean.
    many = [c for c in every if c["expected"] >= MANY]
    normal, few = [c for c in every if c["samples"] >= MANY], [c for c in every if c["samples"] < MANY]
    for figure in ("inuse_bytes", "inuse_objects", "alloc_bytes", "alloc_objects"):
        describe(f"{figure}, 20 samples and more expected", [c for c in many if c["figure"] == figure])
        describe(f"{figure}, 20 samples and more", [c for c in normal if c["figure"] == figure])
        describe(f"{figure}, fewer", [c for c in few if c["figure"] == figure])
    gate = len(normal) >= ENOUGH
    mean = 100 * sum(c["error"] for c in many) / len(many)
    tap.check(not gate or abs(mean) < 1, f"mean error over {len(many)} cases is below 1 %: {mean:+.3f} %")
    held = share(normal)
    tap.check(not gate or 93 <= held <= 97, f"the 95 % interval holds in 93 to 97 % of {len(normal)} cases: {held:.2f} %")
    held = share(few)
    tap.check(not gate or held >= 93, f"below 20 samples it holds in at least 93 % of {len(few)} cases: {held:.2f} %")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
