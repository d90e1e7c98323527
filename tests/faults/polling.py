#!/usr/bin/env python3
"""A reader polls live recordings without mercy: it never sees a torn one, and the writer does not notice.

  polling.py LIBSEEP ALLOCATOR POLL [--seconds N]

The recordings are of eight threads that allocate and free as fast as they can, one sampled and one exact, N seconds
(600) each. Then valgrind counts the instructions of a writer of fixed work with a reader and without. Prints TAP.
"""
import argparse
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from tap import Tap  # noqa: E402

OPERATIONS = 40000


def environment(args, directory, options):
    return dict(os.environ, LD_PRELOAD=args.libseep, SEEP_DIR=directory, SEEP_OPTIONS=options)


def recording_of(directory, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in glob.glob(os.path.join(directory, f"*.{process.pid}.*.seep")):
            if os.path.getsize(path):
                return path
        if process.poll() is not None:
            break
        time.sleep(0.01)
    sys.exit(f"polling: no recording of pid {process.pid}")


def poll(args, tap, name, options, period, slots):
    with tempfile.TemporaryDirectory() as work:
        words = [args.allocator, os.path.join(work, "page"), period, "8", "1", "0", slots]
        with subprocess.Popen(words, env=environment(args, work, options)) as writer:
            recording = recording_of(work, writer)
            time.sleep(0.2)
            said = subprocess.run([args.poll, recording, str(args.seconds)], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout
            writer.send_signal(signal.SIGKILL)
    headers, bad_headers, wholes, bad_wholes, samples, others, backwards = map(int, re.findall(r"\d+", said))
    tap.check(headers and not bad_headers, f"{name}: {headers} headers read, {bad_headers} badly")
    tap.check(wholes and not bad_wholes, f"{name}: {wholes} times read whole, {bad_wholes} badly")
    tap.check(not samples and not others, f"{name}: {samples} samples and {others} other entries torn")
    tap.check(not backwards, f"{name}: allocated bytes went back {backwards} times")


def instructions(args, is_polled):
    """Of one thread's fixed work, by valgrind."""
    with tempfile.TemporaryDirectory() as work:
        words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work}/out", args.allocator,
                 os.path.join(work, "page"), "1", "1", "1", str(OPERATIONS), "200"]
        options = "period=1,size=16M,seed=1"
        with subprocess.Popen(words, env=environment(args, work, options), stderr=subprocess.PIPE, text=True) as writer:
            if is_polled:
                recording = recording_of(work, writer)
                with subprocess.Popen([args.poll, recording, "600"], stdout=subprocess.DEVNULL) as reader:
                    said = writer.communicate()[1]
                    reader.kill()
            else:
                said = writer.communicate()[1]
    return int(re.search(r"Collected : (\d+)", said).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libseep")
    parser.add_argument("allocator")
    parser.add_argument("poll")
    parser.add_argument("--seconds", type=float, default=600)
    args = parser.parse_args()
    tap = Tap()
    poll(args, tap, "sampled", "period=65536,seed=1", "65536", "1500")
    poll(args, tap, "exact", "period=1,size=16M,seed=1", "1", "200")
    if shutil.which("valgrind"):
        alone, polled = instructions(args, False), instructions(args, True)
        # What differs is the clock's: how many seconds there were for the ring.
        tap.check(abs(polled / alone - 1) < 0.002, f"instructions of the writer: {alone} alone, {polled} polled")
    else:
        tap.nr += 1
        print(f"ok {tap.nr} # SKIP valgrind is not installed: INSTRUCTIONS WERE NOT COUNTED")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
