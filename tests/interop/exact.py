#!/usr/bin/env python3
"""exact.py LIBSEEP PROGRAM: with every allocation recorded, the figures are the program's own count to the byte, also
after SIGKILL, and those that heaptrack writes down. What the C library allocates for the program's threads is in a run
without a step, and is taken off. TAP.
"""
import glob
import os
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), at) for at in ("..", "../recorder")]
from recording import Recording  # noqa: E402
from tap import Tap  # noqa: E402

HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"
LIB, PROGRAM = sys.argv[1:3]
STEPS = "20000"


def run(args, env, want=0):
    """The program's own count: allocations, frees, bytes allocated, bytes live."""
    done = subprocess.run([PROGRAM, *args], env={"PATH": os.environ["PATH"], **env}, stdout=subprocess.PIPE, check=False)
    assert done.returncode == want, (done.returncode, args)
    return tuple(int(word) for word in done.stdout.split())


def recorded(place, *args, want=0):
    own = run(args, {"LD_PRELOAD": LIB, "SEEP_OPTIONS": "period=1,size=64M", "SEEP_DIR": place}, want)
    (path,) = glob.glob(place + "/*.seep")
    r = Recording(path)
    os.unlink(path)
    allocs, bytes_, frees, _ = r.counted()
    return own, (allocs, frees, bytes_, r.inuse()[1]), r


def written_down(place, *args):
    path = os.path.join(place, "raw")
    run(args, {"LD_PRELOAD": HEAPTRACK, "DUMP_HEAPTRACK_OUTPUT": path})
    live, allocs, frees, bytes_ = {}, 0, 0, 0
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            words = line.split()
            if words and words[0] == "+":
                live[words[3]] = int(words[1], 16)
                allocs += 1
                bytes_ += live[words[3]]
            elif words and words[0] == "-" and live.pop(words[1], None) is not None:
                frees += 1
    os.unlink(path)  # it would be written over, not cut
    return allocs, frees, bytes_, sum(live.values())


def minus(a, b):
    return tuple(x - y for x, y in zip(a, b))


def check(t, got, want, text):
    t.check(got == want, text if got == want else f"{text}: {got} for {want}")


def main():
    t = Tap()
    with tempfile.TemporaryDirectory() as place:
        _, base, _ = recorded(place, "0")
        own, found, r = recorded(place, STEPS)
        t.check(own[0] > 100000, "the program allocates")
        check(t, minus(found, base), own, "allocations, frees and bytes are the program's own count")
        check(t, (r.torn, any(r.status["lost"])), (0, False), "nothing is torn or lost")
        own, found, r = recorded(place, STEPS, "kill", want=-9)
        check(t, minus(found, base), own, "the same after SIGKILL")
        check(t, (r.torn, r.status["exit_us"]), (0, 0), "which tears nothing and leaves no exit mark")
        if os.path.exists(HEAPTRACK):
            theirs = minus(written_down(place, STEPS), written_down(place, "0"))
            check(t, theirs, own, "heaptrack writes down the same")
        else:
            t.check(True, "heaptrack writes down the same # SKIP heaptrack is not installed")
    return t.done()


if __name__ == "__main__":
    sys.exit(main())
