"""Slow paths that are interrupted, left, and never finished; threads that end; very many threads."""
import glob
import os
import platform
import re
import subprocess

from rig import LIB, VICTIM, WHY_EXITED, Place, Recording, is_balanced, of_size, ok, plain, same, skip

X86 = platform.machine() == "x86_64"


def interrupted(action, where=(), most=2000):
    """A malloc and free, interrupted by a handler that does something at each instruction of the recorder they come by, or
    at `most` of them. Gives the number of times, the recording, and those of children."""
    if not X86:
        return skip(f"{action} at any instruction", "breakpoints are set for x86-64 here")
    with Place() as p:
        a = plain("interrupted", action, str(most), *where)
        b = p.run("interrupted", action, str(most), *where)
        ok((a.stdout, a.returncode) == (b.stdout, b.returncode), f"{action} at any instruction: same result", a, b)
        nr, nr_places = map(int, b.stderr.split())
        ok(nr >= nr_places / 4 and nr_places > 15, f"{action}: at {nr} of {nr_places} places", b.stderr)
        rs = p.recordings()
        (parent,) = [r for r in rs if not r.forked_from]
        return nr_places, parent, [r for r in rs if r.forked_from]


def handlers_that_leave():
    """A turn whose frame has gone is taken: the thread is not blind from then on."""
    for where in ((), ("on-alternate-stack",)):
        got = interrupted("leave", where)
        if got:
            nr, r, _ = got
            ok(len(of_size(r, 700)) == nr, "each next block is recorded", len(of_size(r, 700)), nr, r.status["lost"])
            ok(r.torn <= nr / 10, "hardly anything is torn: what was being written", r.torn)
            ok(r.status["reasons"] & WHY_EXITED, "the exit mark is there: no lock of the status was kept")


def handlers_that_allocate():
    for where in ((), ("on-alternate-stack",)):
        got = interrupted("allocate", where)
        if got:
            nr, r, _ = got
            ok(len(of_size(r, 700)) == nr, "each next block is recorded", len(of_size(r, 700)), nr)
            got = of_size(r, 1001)
            ok(len(got) >= nr and len({s["stack"] for s in got}) <= 5 and all(r.stacks[s["stack"]][1] == 0 for s in got),
               "what was interrupted has the stack that it always has", {s["stack"]: r.stacks[s["stack"]] for s in got})
            is_balanced(r, "allocations inside allocations")


def handlers_that_unmap():
    """A mapping that a handler gives back is given back, whatever the recorder was doing."""
    got = interrupted("unmap")
    if got:
        nr, r, _ = got
        left = [s for s in r.samples if s["kind"] == 1 and s["size"] == 9 * 4096]
        ok(not left, "no mapping is left", len(left), nr)
        is_balanced(r, "mappings unmapped in a handler")


def threads_that_end_in_the_middle():
    got = interrupted("end-thread")
    if got:
        nr, r, _ = got
        ok(len(of_size(r, 700)) == nr, "the others go on", len(of_size(r, 700)), nr)
        ok(r.torn <= nr / 10, "hardly anything is torn: what was being written", r.torn)
        ok(r.status["reasons"] & WHY_EXITED, "the end is marked", r.status)


def forks_in_the_middle():
    """The child goes on where its parent was interrupted; neither writes the other's recording."""
    got = interrupted("fork", most=60)
    if got:
        nr, r, children = got
        is_balanced(r, "the parent")
        ok(len(children) >= 4, "children have recordings", len(children), nr)
        ok(all(c.torn == 0 and len(of_size(c, 3000)) <= 1 for c in children), "which are whole",
           [(c.torn, len(of_size(c, 3000))) for c in children])
        threads = [(c.pid, {c.threads[s["thread"]][0] for s in of_size(c, 3000)}) for c in children]
        ok(all(tids <= {pid} for pid, tids in threads) and any(tids for _, tids in threads), "and whose thread is the child's own", threads)


def coroutines_that_are_left_in_the_middle():
    """A handler that switches to another coroutine for good leaves a frame that nothing writes over: after 256 allocations
    the thread goes on without it."""
    got = interrupted("switch", most=25)
    if got:
        nr, r, _ = got
        ok(len(of_size(r, 700)) == nr, "each block is recorded that comes 300 later", len(of_size(r, 700)), nr, r.status["lost"])
        ok(r.torn <= nr / 10, "hardly anything is torn: what was being written", r.torn)


def instructions_of(functions):
    """Their offsets in the recorder."""
    out = []
    for name in functions:
        r = subprocess.run(["objdump", "-d", f"--disassemble={name}", LIB], capture_output=True, text=True, check=True)
        out += [int(at, 16) for at in re.findall(r"^ +([0-9a-f]+):\t(?:[0-9a-f]{2} )+\s*\t", r.stdout, re.M)]
    return out


def threads_that_end_with_a_lock():
    """What is written once a second is locked; a lock whose holder is not heard of for eight seconds is taken."""
    claim = "a thread that ends with a lock"
    if not X86 or LIB.endswith("by-table.so"):
        return skip(claim, "breakpoints are set for x86-64 here" if not X86 else "it takes long, and no table of modules")
    with Place() as p:
        places = instructions_of(["seep_tick", "seep_status_mirror"])
        running = []
        for at in places[4::max(1, len(places) // 24)]:  # all at once: they sleep
            os.mkdir(f"{p.dir}/{at}")
            env = {**p.environment(), "SEEP_DIR": f"{p.dir}/{at}"}
            running.append((at, subprocess.Popen([VICTIM, "ends-locked", str(at)], text=True, stdout=subprocess.PIPE,
                                                 stderr=subprocess.PIPE, env=env)))
        nr, wrong = 0, []
        for at, child in running:
            out, said = child.communicate(timeout=100)
            (path,) = glob.glob(f"{p.dir}/{at}/*.seep")
            r = Recording(path)
            nr += int(said)
            late = [e for e in r.ring if e[0] > r.status["time_us"] - 2500000]
            if out != "ends-locked\n" or not r.status["reasons"] & WHY_EXITED or len(late) < 2 or r.torn > 1:
                wrong.append((hex(at), int(said), out, r.status["reasons"], len(late), r.torn))
    ok(nr >= 8, f"{claim}: at {nr} of {len(running)} places")
    ok(not wrong, f"{claim}: totals and the end are written all the same", *wrong)


def signals_and_cancellations():
    (r,) = same(["storm"], "threads under signals, cancelled")
    ok(len(of_size(r, 701)) == 1 and r.torn == 0, "the recording is whole", r.torn)


def destructors_of_thread_locals():
    (r,) = same(["thread-locals"], "thread-local destructors free and allocate")
    ok((len(of_size(r, 800)), len(of_size(r, 801)), len(of_size(r, 802)), len(of_size(r, 803))) == (0, 0, 10, 0),
       "what they free is freed, what they keep is live", [len(of_size(r, s)) for s in (800, 801, 802, 803)])
    is_balanced(r, "thread-local destructors")


def five_thousand_threads():
    a = plain("many-threads", "5000")
    if a.returncode == 77:
        return skip("5,000 threads", a.stdout.strip())
    with Place() as p:
        b = p.run("many-threads", "5000", options="period=1,size=4M")
        ok((a.stdout, a.returncode, b.stderr) == (b.stdout, b.returncode, ""), "5,000 threads: same result", a, b)
        (r,) = p.recordings()
    ok(len(of_size(r, 900)) == 5000, "each has its block in the recording", len(of_size(r, 900)))
    nr = len({s["thread"] for s in of_size(r, 900)} - {0})
    ok(nr > 500 and sum(s["thread"] == 0 for s in of_size(r, 900)) == r.status["lost"][6] > 3000,
       "those without room in the table of threads are counted", nr, r.status["lost"])
    is_balanced(r, "5,000 threads")


def threads_that_the_c_library_does_not_know():
    """It says that there is one thread; there are two, and nothing that they count at the same time is lost."""
    if plain("unknown-threads").returncode == 77:
        return skip("a thread of another C library", "there is no other")
    (r,) = same(["unknown-threads"], "a thread of another C library")
    nr = r.counted()[0]
    ok(nr == r.status["samples_made"] > 800000, "each sample is counted once", nr, r.status)
    is_balanced(r, "a thread of another C library")


TESTS = [handlers_that_leave, handlers_that_allocate, handlers_that_unmap, threads_that_end_in_the_middle, threads_that_end_with_a_lock,
         forks_in_the_middle, coroutines_that_are_left_in_the_middle, signals_and_cancellations,
         destructors_of_thread_locals, five_thousand_threads, threads_that_the_c_library_does_not_know]
