"""The probes for other observers: what a tracer counts there is what the recording says."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

from rig import LIB, VICTIM, Place, ok, skip

ALLOC, FREE = "otel_memory:alloc", "otel_memory:free"


def samples_of(r):
    """Of the heap: sampled blocks, their ends, and the bytes that they stand for."""
    mine = [c for i, c in r.counters.items() if r.stacks.get(i, (0,))[0] == 0]
    return sum(c[8] for c in mine), sum(c[9] for c in mine), r.counted()[1]


def notes():
    r = subprocess.run(["readelf", "-n", LIB], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    got = re.findall(r"Provider: (\S+)\s+Name: (\S+)\s.*\s+Arguments: (.*)", r.stdout)
    shapes = {(p, n): len(a.split()) for p, n, a in got}
    ok(shapes == {("otel_memory", "alloc"): 3, ("otel_memory", "free"): 1}, "the notes name both probes and their arguments", r.stdout)
    ok(all(re.fullmatch(r"8@\S+", word) for _, _, a in got for word in a.split()), "each of 64 bits", got)


def a_debugger_sees_them():
    if not shutil.which("gdb"):
        return skip("probes by gdb", "it is not installed")
    count = 'silent\nset $n{0} = $n{0} + 1\nset $w{0} = $w{0} + $_probe_arg{1}\ncontinue\nend\n'
    script = ("set confirm off\nset breakpoint pending on\nset startup-with-shell off\nset pagination off\nset debuginfod enabled off\n"
              "set $n1 = 0\nset $w1 = 0\nset $n2 = 0\nset $w2 = 0\n"
              f"break -probe-stap {ALLOC}\ncommands\n{count.format(1, 2)}"
              f"break -probe-stap {FREE}\ncommands\n{count.format(2, 0)}"
              "run\nprintf \"got %lu %lu %lu\\n\", $n1, $n2, $w1\n")
    with Place() as p, tempfile.NamedTemporaryFile("w", suffix=".gdb") as commands:
        commands.write("".join(f"set environment {k} {v}\n" for k, v in
                               (("LD_PRELOAD", LIB), ("SEEP_DIR", p.dir), ("SEEP_OPTIONS", "period=1,size=1M"))) + script)
        commands.flush()
        r = subprocess.run(["gdb", "-nx", "-batch", "-x", commands.name, "--args", VICTIM, "realloc"], capture_output=True, text=True,
                           timeout=120, errors="replace", check=False)
        got = re.search(r"got (\d+) (\d+) (\d+)", r.stdout)
        if not got or not p.files():
            return skip("probes by gdb", "it cannot run programs here: " + (r.stderr.strip().splitlines() or ["?"])[-1])
        allocated, freed, weighted = samples_of(p.recordings()[0])
    n, f, w = map(int, got.groups())
    # realloc_cases lets two reallocs of sampled blocks fail: they end, and are there again.
    ok((n, f, w) == (allocated + 2, freed + 2, weighted + 100 + 310), "gdb counts what the recorder counts, at period 1", got.group(0),
       allocated, freed, weighted)


def start_tracer(library):
    """Not with bpftrace -c: it would look for the library in a process that has not loaded it yet."""
    program = ('BEGIN { printf("ready\\n"); } '
               f"usdt:{library}:{ALLOC} {{ @n = count(); @size = sum(arg1); @w = sum(arg2); }} usdt:{library}:{FREE} {{ @f = count(); }}")
    tracer = subprocess.Popen(["bpftrace", "-e", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in tracer.stdout:
        if line == "ready\n":
            return tracer
    tracer.wait()
    return None


def a_tracer_sees_them():
    if os.geteuid() != 0 or not shutil.which("bpftrace"):
        return skip("probes by bpftrace", "needs root and bpftrace")
    with Place() as p:
        library = shutil.copy(LIB, f"{p.dir}/libseep.so")  # a file that no other program has loaded
        tracer = start_tracer(library)
        if not tracer:
            return skip("probes by bpftrace", "the kernel does not allow it")
        r = p.run("waits", "15", options="period=4K,mmap=off,size=1M", lib=library)
        tracer.send_signal(signal.SIGINT)
        out, _ = tracer.communicate(timeout=60)
        got = {k: int(v) for k, v in re.findall(r"@(\w+): (\d+)", out)}
        allocated, freed, weighted = samples_of(p.recordings()[0])
    ok(r.stdout == "waits\n" and (got.get("n"), got.get("f")) == (allocated, freed), "bpftrace counts what the recorder counts",
       got, allocated, freed)
    ok(abs(got.get("w", 0) - weighted) <= 0.5 * allocated, "and its weighted bytes are the recorder's, but for rounding", got, weighted)


TESTS = [notes, a_debugger_sees_them, a_tracer_sees_them]
