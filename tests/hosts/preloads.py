#!/usr/bin/env python3
"""Other preload libraries, behind and before the recorder: faketime, fakeroot, eatmydata, heaptrack; and valgrind around it.
"""
import os

from common import Wrong, main, version_of

LIBRARIES = "/usr/lib/" + os.uname().machine + "-linux-gnu/"
PROGRAM = r"""
import hashlib, json, os, subprocess, threading, time
kept = []
def work(n):
    d = {i: ("x%d" % i) * 20 for i in range(n)}
    kept.append(hashlib.sha256(json.dumps(d).encode()).hexdigest())
threads = [threading.Thread(target=work, args=(ROUNDS,)) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(kept)
with open("file", "w") as f:
    f.write("x"); f.flush(); os.fsync(f.fileno())
if os.environ.get("FAKEROOTKEY"):
    os.chown("file", 5, 6); print(os.stat("file").st_uid, os.stat("file").st_gid, os.getuid())
if os.environ.get("FAKETIME"):
    print(time.strftime("%Y-%m-%d %H", time.gmtime()), subprocess.check_output(["date", "+%Y-%m-%d %H"]))
print(subprocess.check_output(["/bin/sh", "-c", "echo child"]))
raise SystemExit(6)
"""
CASES = {
    "eatmydata": (LIBRARIES + "libeatmydata.so", {}),
    "faketime": (LIBRARIES + "faketime/libfaketime.so.1", {"FAKETIME": "2020-01-02 03:04:05"}),
    "faketimeMT": (LIBRARIES + "faketime/libfaketimeMT.so.1", {"FAKETIME": "2020-01-02 03:04:05"}),
    "heaptrack": ("/usr/lib/heaptrack/libheaptrack_preload.so", {"DUMP_HEAPTRACK_OUTPUT": "/dev/null"}),
}


def libraries_in_order(trial, other):
    """(name, LD_PRELOAD) for behind and before; plain: alone."""
    if not trial.is_recorded:
        return [("behind", other), ("before", other)]
    return [("behind", f"{trial.library} {other}"), ("before", f"{other} {trial.library}")]


def work(trial):
    program, results = trial.write("program.py", PROGRAM.replace("ROUNDS", str(trial.amount(2000, 30000)))), {}
    python = ["python3", program]
    for name in trial.amount(["faketime", "heaptrack"], list(CASES)):
        library, env = CASES[name]
        if not os.path.exists(library):
            raise Wrong(f"{library} is not installed (scripts/setup.sh hosts)")
        for order, preload in libraries_in_order(trial, library):
            env = {**env, "LD_PRELOAD": preload, "PYTHONMALLOC": "malloc"}
            results[f"{name}, {order}"] = trial.run(*python, env=env, expect=6, timeout=120).stdout
    # fakeroot sets LD_PRELOAD itself: what was there comes behind it, and `seep run` within comes before.
    results["fakeroot around"] = trial.run("fakeroot", *python, expect=6).stdout
    trial.wait(lambda: not list(trial.leftovers()), "faked, which fakeroot signals last, has ended")
    if not trial.is_whole:
        return results
    if trial.is_recorded:
        inside = trial.run("fakeroot", trial.seep, "run", "--lib=" + trial.library, *python, expect=6, env={"LD_PRELOAD": ""})
        results["fakeroot, seep run in it"] = inside.stdout
    else:
        results["fakeroot, seep run in it"] = trial.run("fakeroot", *python, expect=6).stdout
    trial.wait(lambda: not list(trial.leftovers()), "faked has ended")
    text = 'my @kept = map { "x" x ($_ % 900) } 1 .. 1000; my $n = 0; $n += length for @kept; print "$n\\n"; exit 4'
    for tool in trial.amount(["memcheck"], ["memcheck", "helgrind", "massif", "dhat", "callgrind"]):
        more = [f"--{tool}-out-file=/dev/null"] if tool in ("massif", "dhat", "callgrind") else []
        # helgrind does not know the recorder's atomics for what they are: what it says is not compared.
        done = trial.run("valgrind", "-q", "--tool=" + tool, *more, "perl", "-e", text, expect=4, timeout=300)
        results["valgrind " + tool] = (done.stdout, done.stderr if tool == "memcheck" else "")
    return results


if __name__ == "__main__":
    main(work, "other preload libraries, valgrind", lambda: f"valgrind {version_of('valgrind', '--version')}",
         "output and exit code with eatmydata, faketime, heaptrack behind and before, fakeroot, and below valgrind", size="64M")
