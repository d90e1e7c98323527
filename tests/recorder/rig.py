"""What the tests of the recorder share: running a victim with and without it, and saying what is so (TAP)."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recording import Recording  # noqa: E402

WHY_EXITED, WHY_FULL, WHY_DOUBLED, WHY_SANDBOXED, WHY_BAD, WHY_OFF = 1, 2, 1 << 5, 1 << 7, 1 << 9, 1 << 10
LIB, PROGRAMS = (os.path.abspath(p) for p in sys.argv[1:3])
results = []


def program(name):
    """A program or library that is built for these tests; the build may have its own suffix."""
    found = glob.glob(f"{PROGRAMS}/{name}") + glob.glob(f"{PROGRAMS}/lib{name}.so")
    return found[0] if found else None


VICTIM = program("victim")
# The path that its recordings have: another where what is run is an emulator.
RECORDED = f"{PROGRAMS}/foreign/victim" if os.path.exists(f"{PROGRAMS}/foreign") else VICTIM


def ok(condition, claim, *details):
    results.append(bool(condition))
    print(f"{'ok' if condition else 'not ok'} {len(results)} - {claim}", flush=True)
    if not condition:
        for d in details:
            print("# " + str(d).replace("\n", "\n# "))


def skip(claim, why):
    results.append(True)
    print(f"ok {len(results)} - {claim} # SKIP {why}", flush=True)


class Place:
    """A directory for recordings, gone afterwards."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="seep-test-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def files(self, name="victim"):
        return sorted(glob.glob(f"{self.dir}/{name}.*.seep"), key=os.path.getmtime)

    def recordings(self):
        return [Recording(f) for f in self.files()]

    def environment(self, options="period=1,size=1M", env=None, lib=None):
        return {**os.environ, "LD_PRELOAD": lib or LIB, "SEEP_DIR": self.dir, "SEEP_OPTIONS": options, **(env or {})}

    def run(self, *args, options="period=1,size=1M", env=None, before=(), lib=None, **more):
        """`before`: words before the victim's own, which are run recorded too."""
        return subprocess.run([*before, VICTIM, *args], env=self.environment(options, env, lib), capture_output=True, text=True,
                              errors="replace", timeout=60, **more)


def plain(*args, before=(), env=None, **more):
    return subprocess.run([*before, VICTIM, *args], env={**os.environ, **(env or {})}, capture_output=True, text=True,
                          errors="replace", timeout=60, **more)


def same(args, claim, plain_more=None, **more):
    """Runs plain and recorded; returns the place's recordings."""
    with Place() as p:
        a, b = plain(*args, **(plain_more or {})), p.run(*args, **more)
        ok((a.stdout, a.returncode, b.stderr) == (b.stdout, b.returncode, ""), f"{claim}: same result", a, b)
        return p.recordings()


def sizes(r, kind=0):
    return sorted(s["size"] for s in r.samples if s["kind"] == kind)


def of_size(r, size):
    return [s for s in r.samples if s["size"] == size]


def is_balanced(r, claim):
    """Nothing torn, and allocated minus freed is what is live."""
    ao, ab, fo, fb = r.counted()
    ok(r.torn == 0 and (ao - fo, ab - fb) == r.inuse(), f"{claim}: nothing torn, allocated minus freed is what is live",
       r.torn, (ao - fo, ab - fb), r.inuse(), r.status)


def run_all(tests):
    """Runs them, or those named on the command line; the exit status. Lines "test: reason" of a file are left out."""
    wanted = sys.argv[3:]
    with open(os.environ.get("SEEP_TESTS_LEFT_OUT", os.devnull), encoding="utf-8") as f:
        left_out = dict(line.rstrip("\n").split(": ", 1) for line in f)
    unknown = (set(wanted) | set(left_out)) - {t.__name__ for t in tests}
    if unknown:
        sys.exit(f"no such test: {', '.join(sorted(unknown))}")
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        if test.__name__ in left_out:
            skip(test.__name__, left_out[test.__name__])
            continue
        try:
            test()
        except Exception as error:  # a broken recording is a failure of that claim, not of the run
            ok(False, test.__name__, repr(error))
    print(f"1..{len(results)}")
    return not all(results)
