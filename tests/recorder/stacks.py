"""Stacks that are hard to walk; libraries that come, go, and have a C library of their own."""
import os
import subprocess

from rig import Place, Recording, is_balanced, of_size, ok, program, same, skip

DEEP, CUT, WHY_NO_FIND_OBJECT = 1, 2, 1 << 6


def stacks_of(r, size):
    return [r.stacks[s["stack"]] for s in of_size(r, size)]


def a_hundred_thousand_frames():
    (r,) = same(["very-deep"], "a stack of 100,000 frames")
    got = stacks_of(r, 1100)
    ok(len(got) == 100 and all(s[1] == DEEP and len(s[2]) == 128 for s in got), "the leaf 128 are kept and flagged",
       [(s[1], len(s[2])) for s in got[:2]])
    ok(r.status["lost"][5] >= 100, "and it is counted", r.status["lost"])


def code_without_rules():
    (r,) = same(["no-rules"], "code without unwind rules")
    framed, bare = stacks_of(r, 1201), stacks_of(r, 1202)
    ok(len(framed) == 10 and all(s[1] == 0 and len(s[2]) > 3 for s in framed), "with a frame pointer it is walked through",
       framed[:1])
    ok(len(bare) == 10 and all(s[1] == CUT for s in bare), "without one the stack is cut, and says so", bare[:1])
    ok(r.status["lost"][4] >= 10, "and it is counted", r.status["lost"])


def generated_frames():
    (r,) = same(["generated-code"], "generated code, also unmapped under its own frame")
    got = stacks_of(r, 1301)
    ok(len(got) == 10 and all(s[1] == 0 and len(s[2]) > 3 for s in got), "a generated frame is walked through", got[:1])
    ok(len(of_size(r, 1302)) == 1, "what is allocated above code that has gone is recorded")


def stacks_that_come_and_go():
    (r,) = same(["short-stacks"], "coroutines on stacks that are unmapped")
    got = stacks_of(r, 1401)
    ok(len(got) == 50 and all(s[1] == 0 for s in got), "each is walked to its end", [s[1] for s in got])
    (r,) = same(["stack-in-stack"], "signal stacks inside of the thread's own, changed and switched off")
    got = stacks_of(r, 1501)
    ok(len(got) == 20 and all(s[1] == 0 and len(s[2]) > 4 for s in got), "each walk goes through to main", got[:1])


def split_stacks():
    split = program("split")
    if not split:
        return skip("split stacks", "the compiler or its linker has none")
    with Place() as p:
        a = subprocess.run([split], capture_output=True, text=True, timeout=60)
        b = subprocess.run([split], capture_output=True, text=True, timeout=60, env=p.environment())
        ok((a.stdout, a.returncode) == (b.stdout, b.returncode), "split stacks: same result", a, b)
        (r,) = [Recording(f) for f in p.files("split")]
    got = stacks_of(r, 2101)
    ok(len(got) == 220, "each block is recorded", len(got))
    ok(sum(s[1] != CUT for s in got) == len(got), "no walk is cut where one piece of the stack follows another",
       [(s[1], len(s[2])) for s in got[:11]])
    is_balanced(r, "split stacks")


def before_and_after_everybody():
    """A library that is initialised before ours, one that comes before the C library itself, and a preinit function."""
    libraries = f"{program('early-library')} {program('first-library')}"
    with Place() as p:
        env = p.environment()
        env["LD_PRELOAD"] += " " + libraries
        a = subprocess.run([program("early")], capture_output=True, text=True, timeout=60, env={**os.environ, "LD_PRELOAD": libraries})
        b = subprocess.run([program("early")], capture_output=True, text=True, timeout=60, env=env)
        ok((a.stdout, a.returncode, b.stderr) == (b.stdout, b.returncode, ""), "first and last of all: same result", a, b)
        (r,) = [Recording(f) for f in p.files("early")]
    got = [s["size"] for s in r.samples]
    ok({2005, 2006} <= set(got), "what is allocated in a constructor before ours is recorded", got)
    ok(not {2001, 2004} & set(got), "before the C library is ready nothing is", got)
    ok(2002 not in got and 2003 in got, "what is freed and allocated after our destructor is recorded", got)
    is_balanced(r, "first and last of all")


def other_namespaces():
    (r,) = same(["namespaces", program("bound")], "dlmopen: a library with a C library of its own")
    got = of_size(r, 1601)
    paths = {f[0] for s in got for f in r.frames_of(s["stack"])}
    # The loader's list for debuggers, which stands in for _dl_find_object, has the first namespace only.
    ok(len(got) == 3 and (program("bound") in paths or r.status["reasons"] & WHY_NO_FIND_OBJECT),
       "what it calls of ours is recorded, with its frames", paths)
    ok(not of_size(r, 1602), "what its own allocator gives is not ours to see")


def bound_past_us():
    """A block that is freed behind our back is forgotten when its address is given out again."""
    (r,) = same(["deep-bind", program("bound")], "RTLD_DEEPBIND: a library bound past us")
    ok(len(of_size(r, 171)) == 1 and not of_size(r, 3702), "stale blocks go when their address comes back",
       len(of_size(r, 171)), len(of_size(r, 3702)))
    is_balanced(r, "RTLD_DEEPBIND")


TESTS = [a_hundred_thousand_frames, code_without_rules, generated_frames, stacks_that_come_and_go, split_stacks,
         before_and_after_everybody, other_namespaces, bound_past_us]
