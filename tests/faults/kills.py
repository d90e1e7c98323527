#!/usr/bin/env python3
"""SIGKILL at random moments of an allocator with eight threads that counts itself exactly in a shared page.

  kills.py LIBSEEP ALLOCATOR COMPARE PLUGINS [--kills N]

Three quarters of the kills come in a storm of forks, of libraries that are loaded and unloaded, or of short threads.

Every recording must open, hold no torn entry but for what was in flight, and estimate what the page says: z of the
estimates never above 5, mean near 0, RMS 0.8 to 1.2. Half of the kills are of programs recorded exactly: there each
figure must equal the page's but for the operations that the kill interrupted. Prints TAP.
"""
import argparse
import glob
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Tap  # noqa: E402

THREADS = 8
PERIOD = 65536
MANY = 20
STORMS = ("none", "fork", "dlopen", "thread")


def has_begun(page):
    """True when the allocator has counted its first operation: the word after magic, period and sixteen addresses."""
    try:
        with open(page, "rb") as f:
            return int.from_bytes(f.read(152)[144:152], sys.byteorder) > 0
    except OSError:
        return False


def run_and_kill(args, directory, page, seed, delay_s, exact, storm):
    """Starts the allocator, waits until it works, kills it after delay_s more; its pid."""
    options = f"period=1,size=64M,seed={seed}" if exact else f"period={PERIOD},seed={seed}"
    period, slots = ("1", "200") if exact else (str(PERIOD), "1500")
    env = dict(os.environ, LD_PRELOAD=args.libseep, SEEP_DIR=directory, SEEP_OPTIONS=options)
    process = subprocess.Popen([args.allocator, page, period, str(THREADS), str(seed), "0", slots, storm, args.plugins],
                               env=env)
    deadline = time.monotonic() + 20
    while not glob.glob(os.path.join(directory, "*.seep")) or not has_begun(page):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit(f"kills: seed {seed}: the allocator did not start ({process.returncode})")
        time.sleep(0.002)
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.pid


class Result:
    def __init__(self):
        self.unread, self.torn, self.stray, self.lost, self.worst_torn, self.children = 0, 0, 0, 0, 0, 0
        self.z, self.z_estimated, self.differs, self.compared = [], [], [], 0

    def head(self, line, seed, storm):
        words = line.split()
        samples, others, lost, stray = (int(words[i]) for i in (1, 2, 4, 6))
        self.worst_torn = max(self.worst_torn, samples + others)
        # A thread dies in the middle of at most one sample and of what goes with it; a storm has five threads at most.
        threads = THREADS + (0 if storm == "none" else 5)
        if samples > threads or others > threads:
            self.torn += 1
            print(f"# seed {seed}: {samples} samples and {others} other entries torn")
        # The C library allocates for each thread that is started; a storm has blocks of its own.
        if storm == "none":
            self.stray = max(self.stray, stray)
        self.lost += lost

    def figure(self, line, seed, exact):
        name, site, *rest = line.split()
        truth, expected, true_error, estimate, error, _, _, samples, low, high = map(float, rest)
        if exact:
            self.compared += 1
            if not truth + low <= estimate <= truth + high:
                self.differs.append((seed, name, site, truth, estimate, low, high))
        elif expected >= MANY:
            self.z.append((estimate - truth) / true_error)
        if not exact and samples >= MANY and error > 0:
            self.z_estimated.append((estimate - truth) / error)


def compare(args, result, *words):
    done = subprocess.run([args.compare, *words], stdout=subprocess.PIPE, text=True)
    result.unread += done.returncode != 0
    return done.stdout.splitlines() if done.returncode == 0 else []


def check_children(args, result, directory, pid, seed):
    """What forked children left must open too; each of them has one thread."""
    for recording in glob.glob(os.path.join(directory, "*.seep")):
        if f".{pid}." in os.path.basename(recording):
            continue
        for line in compare(args, result, recording):
            result.children += 1
            if int(line.split()[1]) > 1 or int(line.split()[2]) > 1:
                result.torn += 1
                print(f"# seed {seed}: a child's recording: {line}")


def one(args, result, seed, delay_s, exact, storm):
    with tempfile.TemporaryDirectory() as work:
        directory, page = os.path.join(work, "recordings"), os.path.join(work, "page")
        os.mkdir(directory)
        pid = run_and_kill(args, directory, page, seed, delay_s, exact, storm)
        (recording,) = glob.glob(os.path.join(directory, f"*.{pid}.*.seep"))
        lines = compare(args, result, recording, page)
        if storm == "fork":
            time.sleep(0.05)
            check_children(args, result, directory, pid, seed)
    if not lines:
        return
    result.head(lines[0], seed, storm)
    for line in lines[1:]:
        result.figure(line, seed, exact)


def judge_z(tap, z):
    mean, rms = sum(z) / len(z), (sum(v * v for v in z) / len(z)) ** 0.5
    top = max(abs(v) for v in z)
    # Figures of one place go together and places are few: the mean's own error is about 2 / sqrt(kills).
    near = max(0.1, 8 / len(z) ** 0.5)
    tap.check(top <= 5, f"no z of {len(z)} estimates is above 5: {top:.2f}")
    tap.check(abs(mean) <= near, f"their mean is near 0: {mean:+.3f}")
    tap.check(len(z) < 300 or 0.8 <= rms <= 1.2, f"their RMS is between 0.8 and 1.2: {rms:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libseep")
    parser.add_argument("allocator")
    parser.add_argument("compare")
    parser.add_argument("plugins")
    parser.add_argument("--kills", type=int, default=1000)
    args = parser.parse_args()
    sampled, exact, tap, moment = Result(), Result(), Tap(), random.Random(1)
    for seed in range(1, args.kills + 1):
        is_exact = seed % 2 == 0
        storm = STORMS[seed // 2 % len(STORMS)]
        one(args, exact if is_exact else sampled, seed, moment.uniform(0.05, 0.3), is_exact, storm)
    for name, r in (("sampled", sampled), ("exact", exact)):
        tap.check(r.unread == 0, f"{name}: every recording opens, {r.children} of children too")
        tap.check(r.torn == 0, f"{name}: no entry is torn but those in flight (at most {r.worst_torn} in one recording)")
        tap.check(r.lost == 0 and r.stray < THREADS,
                  f"{name}: nothing lost ({r.lost}), no sample of no place but of the threads' own ({r.stray})")
    judge_z(tap, sampled.z)
    if sampled.z_estimated:
        rms = (sum(v * v for v in sampled.z_estimated) / len(sampled.z_estimated)) ** 0.5
        print(f"# against the estimated errors: {len(sampled.z_estimated)} estimates, RMS {rms:.3f}")
    for difference in exact.differs[:10]:
        print("# seed %s, %s of place %s: counted %.0f, recorded %.0f, in flight %+.0f to %+.0f" % difference)
    tap.check(not exact.differs, f"exact: {exact.compared} figures equal but for what was in flight "
                                 f"({len(exact.differs)} differ)")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
