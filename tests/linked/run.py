#!/usr/bin/env python3
"""seep.h in programs built in every way: without a recorder, preloaded, linked shared and static, over glibc and musl.

run.py BUILD-DIRECTORY SOURCE-DIRECTORY [TEST…]; prints TAP. Programs are compiled here, with the words of the pkg-config files.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD, SOURCE = (os.path.abspath(p) for p in sys.argv[1:3])
sys.argv[1:3] = [f"{BUILD}/libseep.so", BUILD]
sys.path.insert(0, f"{SOURCE}/tests/recorder")
from recording import Recording  # noqa: E402
from rig import Place, ok, of_size, run_all, sizes, skip  # noqa: E402

HERE = f"{SOURCE}/tests/linked"
LIB, MUSL_LIB = f"{BUILD}/libseep.so", f"{BUILD}/libseep-musl.so"
WHY_OFF, WHY_HEAPS_FULL, LOST_CUT, LOST_HEAPS = 1 << 10, 1 << 11, 4, 9
HEADERS_FOR_UNWINDING = "-Wl,--eh-frame-hdr"  # Debian's musl-gcc leaves it out, a real musl toolchain does not
home = tempfile.mkdtemp(prefix="seep-linked-")


# ---- building ----

def words(package):
    """What pkg-config says, as if it were installed below the test's own directory."""
    out = subprocess.run(["pkg-config", f"--define-variable=prefix={home}", "--cflags", "--libs", package], check=True,
                         capture_output=True, text=True, env={**os.environ, "PKG_CONFIG_PATH": BUILD}).stdout
    return out.split()


def lay_out():
    """An installation made of links."""
    os.makedirs(f"{home}/lib/seep")
    os.symlink(f"{SOURCE}/include", f"{home}/include")
    for name in ("libseep.so", "libseep.a", "libseep-musl.so"):
        os.symlink(f"{BUILD}/{name}", f"{home}/lib/seep/{name}")


def build(name, compiler, *flags, source="program.c"):
    """The program's path; None when the compiler is not there."""
    path = f"{home}/{name}"
    if os.path.exists(path) or not shutil.which(compiler):
        return path if os.path.exists(path) else None
    made = subprocess.run([compiler, "-g", "-O1", "-o", path, f"{HERE}/{source}", "-pthread", *flags], capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(made.stderr[-2000:])
    return path


INCLUDE = f"-I{SOURCE}/include"


def variants():
    """(name, path or None, library to preload or None): every way to have the recorder in a program."""
    static = words("seep-static")
    glibc, musl = build("plain", "gcc", INCLUDE), build("musl", "musl-gcc", INCLUDE, HEADERS_FOR_UNWINDING)
    return [
        ("preloaded", glibc, LIB),
        ("preloaded, no PIE", build("no-pie", "gcc", INCLUDE, "-no-pie", "-fno-pie"), LIB),
        ("preloaded, made for musl", glibc, MUSL_LIB),
        ("linked, shared", build("shared", "gcc", *words("seep")), None),
        ("linked, archive", build("archive", "gcc", *words("seep-archive")), None),
        ("linked, static", build("static", "gcc", "-static", *static), None),
        ("linked, static PIE", build("static-pie", "gcc", "-static-pie", "-fPIE", *static), None),
        ("linked and preloaded", build("archive", "gcc", *words("seep-archive")), LIB),
        ("musl, preloaded", musl, MUSL_LIB),
        ("musl, preloaded, made for glibc", musl, LIB),
        ("musl, linked, static", build("musl-static", "musl-gcc", "-static", *static), None),
        ("musl, linked, archive", build("musl-archive", "musl-gcc", *words("seep-archive"), HEADERS_FOR_UNWINDING), None),
    ]


def execute(path, *args, place=None, lib=None, options="period=1,size=1M"):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SEEP_", "LD_"))}
    if place:
        env.update(SEEP_DIR=place.dir, SEEP_OPTIONS=options)
    if lib:
        env["LD_PRELOAD"] = lib
    return subprocess.run([path, *args], env=env, capture_output=True, text=True, errors="replace", timeout=100)


def recorded(path, what, lib, options="period=1,size=1M", claim=None):
    """Runs it; its recordings, the parent's first."""
    with Place() as p:
        r = execute(path, what, place=p, lib=lib, options=options)
        if claim:
            ok((r.stdout, r.stderr, r.returncode) == (f"{what}: 0\n", "", 0), f"{claim}: it runs as without", r)
        return sorted((Recording(f) for f in p.files(os.path.basename(path))), key=lambda x: x.forked_from != 0)


def heap(r, name):
    """(objects, bytes) in use, (objects, bytes) allocated of an arena; None if there is none of that name."""
    for i, n in r.heaps.items():
        if n == name:
            return r.inuse(16 + i), r.counted(16 + i)[:2]
    return None


def each(test):
    """Runs `test` for every way of having the recorder; what cannot be built is skipped, and that is said."""
    def all_of_them():
        for name, path, lib in variants():
            if path is None:
                skip(f"{name}: {test.__name__}", "musl-gcc is not installed")
            else:
                test(name, path, lib)
    all_of_them.__name__ = test.__name__
    return all_of_them


# ---- the tests ----

def without_a_recorder():
    """All functions do nothing, in every kind of program."""
    kinds = {"PIE": build("plain", "gcc", INCLUDE), "no PIE": build("no-pie", "gcc", INCLUDE, "-no-pie", "-fno-pie"),
             "static": build("plain-static", "gcc", INCLUDE, "-static"),
             "static PIE": build("plain-static-pie", "gcc", INCLUDE, "-static-pie", "-fPIE"),
             "musl": build("musl", "musl-gcc", INCLUDE, HEADERS_FOR_UNWINDING),
             "optimised across files": build("lto", "gcc", INCLUDE, "-O2", "-flto"),
             "clang": build("clang", "clang", INCLUDE, "-O0")}
    for kind, path in kinds.items():
        if path is None:
            skip(f"{kind}: without a recorder", "its compiler is not installed")
            continue
        r = [execute(path, what) for what in ("arenas", "many", "switches", "status")]
        ok([x.returncode for x in r] == [0] * 4 and r[3].stdout == "0 0 0 0 0 0 0 \nstatus: 0\n", f"{kind}: nothing happens without a recorder",
           r)


def the_header_is_clean():
    for compiler, std, source in (("gcc", "c99", "c"), ("gcc", "gnu11", "c"), ("clang", "c99", "c"), ("g++", "c++98", "c++"), ("g++", "c++20", "c++"),
                                  ("clang++", "c++11", "c++")):
        if not shutil.which(compiler):
            skip(f"seep.h as {std} by {compiler}", "it is not installed")
            continue
        text = '#include "seep.h"\nint main(void) { seep_on(); return (int)seep_arena_new("x"); }\n'
        made = subprocess.run([compiler, f"-std={std}", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", INCLUDE, "-x",
                               source, "-o", f"{home}/clean", "-"], input=text, capture_output=True, text=True)
        ok(made.returncode == 0, f"seep.h is clean as {std} by {compiler}", made.stderr)


@each
def blocks(name, path, lib):
    rs = recorded(path, "blocks", lib, claim=f"{name}: blocks")
    ok([r.forked_from != 0 for r in rs] == [False, True], f"{name}: one recording for each process", [r.forked_from for r in rs])
    parent, child = rs
    want = [*range(2001, 2007), 2008, 2009, 2010, 2064]
    ok([s for s in sizes(parent) if 2001 <= s <= 2064] == want, f"{name}: every block once, with its size", sizes(parent))
    ok([s for s in sizes(child) if 2001 <= s <= 3001] == [*want[1:], 3001], f"{name}: the child has its own, and freed one", sizes(child))
    ao, ab, fo, fb = parent.counted()
    ok(parent.torn == 0 and (ao - fo, ab - fb) == parent.inuse(), f"{name}: allocated minus freed is what is live")
    ok(ab < 64 << 20, f"{name}: nothing is counted twice", ab)
    ok(77 << 12 in sizes(parent, 1), f"{name}: mappings too", sizes(parent, 1))
    stacks = [parent.stacks[s["stack"]] for s in parent.samples if 2001 <= s["size"] <= 2064]
    ok(all(flags == 0 and len(frames) >= 2 for _, flags, frames in stacks), f"{name}: their stacks reach the root",
       [(flags, len(frames)) for _, flags, frames in stacks], parent.status["lost"])
    first = {parent.frames_of(s["stack"])[0][0] for s in parent.samples if 2001 <= s["size"] <= 2064}
    ok(first == {path}, f"{name}: and begin in the program", first)
    ok(parent.status["reasons"] & 1, f"{name}: the exit mark is there", parent.status["reasons"])


@each
def arenas(name, path, lib):
    parent, child = recorded(path, "arenas", lib, claim=f"{name}: arenas")
    got = {n: heap(parent, n) for n in ("first", "second", "cleared", "childs")}
    want = {"first": ((601, 500 * 100 + 100 * 250 + 4320), (1101, 1000 * 100 + 100 * 250 + 4320)),
            "second": ((10, 9 * 70 + 4319), (11, 10 * 70 + 4319)), "cleared": ((0, 0), (1, 1)), "childs": None}
    ok(got == want, f"{name}: arenas have what was reported", got)
    ok(4321 in sizes(parent) and not [s for s in sizes(parent) if s in (4319, 4320)], f"{name}: malloc's block at the same address stays malloc's")
    moved = [s for s in parent.samples if s["size"] == 250]
    ok(len(moved) == 100 and all(s["nr_reallocs"] == 1 and s["entry"] == 8 for s in moved), f"{name}: what realloc moved is known as such", moved[:2])
    top = {parent.frames_of(s["stack"])[0][0] for s in parent.samples if s["kind"] >= 16}
    ok(top == {path}, f"{name}: stacks begin at the caller of seep.h", top)
    got = {n: heap(child, n)[0] for n in ("first", "childs")}
    ok(got == {"first": (601, 500 * 100 + 100 * 250 + 333), "childs": (1, 334)}, f"{name}: a forked child goes on with its parent's arenas", got)


@each
def switches(name, path, lib):
    (r,) = recorded(path, "switches", lib, claim=f"{name}: on and off")
    got = [len(of_size(r, s)) for s in (5001, 5002, 5003)]
    ok(got == [10, 0, 10], f"{name}: what is allocated while off is not recorded", got)
    periods = [(p[1], p[2]) for p in sorted(r.periods)]
    ok(sorted(periods) == [(0, 2), (1, 1), (1, 2), (8192, 2)], f"{name}: the history says so", periods)
    ok(r.status["reasons"] & WHY_OFF and r.control & ((1 << 48) - 1) == 8192 and r.control >> 63, f"{name}: and so does the control word")
    ok(sorted(m[2] for m in r.marks) == ["a name of more than thirty-nine bytes, ", "start"], f"{name}: marks are there", r.marks)
    with Place() as p:
        out = execute(path, "status", place=p, lib=lib, options="period=1,size=1M").stdout.split()
        ok(out[:3] == ["1", "1", "1"] and int(out[4]) >= 100000 and out[5:7] == ["0", str(1 << 20)] and out[7] == p.files(os.path.basename(path))[0],
           f"{name}: status says how it is", out)
    with Place() as p:
        os.rmdir(p.dir)
        with open(p.dir, "w"):
            pass
        out = execute(path, "status", place=p, lib=lib).stdout
        ok(out.startswith("1 0 0 0 0 0 0 \n"), f"{name}: and that nothing is recorded", out)
        os.unlink(p.dir)


def names_run_out():
    path = build("plain", "gcc", INCLUDE)
    (r,) = recorded(path, "many", LIB, options="period=1,size=4M", claim="1000 arenas")
    room = r.sections[r.HEAPS][2]
    ok(len(r.heaps) == room and r.heaps[room - 1] == "(more arenas)", "the table is full, its last entry is shared", len(r.heaps), room)
    want = (1000 - (room - 1), 10 * (1000 - (room - 1)))
    ok(heap(r, "(more arenas)")[0] == want, "and has all the others' blocks", heap(r, "(more arenas)"))
    ok(heap(r, "arena number 0")[0] == (2, 21), "those with a name keep theirs")
    ok(r.status["reasons"] & WHY_HEAPS_FULL and r.status["lost"][LOST_HEAPS] == want[0] + 1, "it is said and counted", r.status["lost"])


def known_totals():
    """The sizes that program.c draws."""
    x, live, made = 12345, 0, 0
    for i in range(300000):
        x = (x * 1103515245 + 12345) & 0xFFFFFFFF
        size = 16 + (x >> 16) % 1985
        made += size
        live += 0 if i % 3 else size
    return live, made


def estimates_are_right():
    live, made = known_totals()
    path = build("plain", "gcc", INCLUDE)
    (r,) = recorded(path, "estimate", LIB, options="period=1,size=64M", claim="mixed sizes, exact")
    ok(heap(r, "estimated") == ((100000, live), (300000, made)), "period 1 is exact to the byte", heap(r, "estimated"), live, made)
    off = []
    for seed in range(1, 9):
        (r,) = recorded(path, "estimate", LIB, options=f"period=4K,size=16M,seed={seed}")
        kind = [16 + i for i, n in r.heaps.items() if n == "estimated"][0]
        weights = [(s["size"], r.probability(s["size"], s["period"])) for s in r.samples if s["kind"] == kind]
        error = sum(s * s * (1 - p) / (p * p) for s, p in weights) ** 0.5
        off.append((sum(s / p for s, p in weights) - live) / error)
    ok(all(abs(z) < 5 for z in off) and abs(sum(off)) / len(off) ** 0.5 < 5, "period 4K agrees within its own error", off)


def threads_and_handlers():
    path = build("plain", "gcc", INCLUDE)
    (r,) = recorded(path, "together", LIB, options="period=1,size=4M", claim="four threads at one arena")
    ok(heap(r, "hammered") == ((800, 800 * 40), (4 * 20 * 200 * 2, 4 * 20 * 200 * 88)) and r.torn == 0, "not one report is lost", heap(r, "hammered"))
    (r,) = recorded(path, "signals", LIB, options="period=1,size=4M", claim="reports and marks in a signal handler")
    ok(heap(r, "interrupted")[0] == (0, 0) and heap(r, "in a handler")[0] == (0, 0) and r.torn == 0, "nothing is left over, nothing is torn",
       heap(r, "interrupted"), heap(r, "in a handler"))


def operators_are_counted_once():
    want = [1001, 1002, 1003, 1024]
    for name, flags in (("archive", words("seep-archive")), ("static", ["-static", *words("seep-static")]),
                        ("static-pie", ["-static-pie", "-fPIE", *words("seep-static")])):
        path = build(f"operators-{name}", "g++", *flags, source="operators.cc")
        with Place() as p:
            r = execute(path, place=p)
            (rec,) = [Recording(f) for f in p.files(os.path.basename(path))]
        got = [s for s in sizes(rec) if s in (*want, 1005, 1088)]
        ok((r.stdout, r.returncode) == ("operators\n", 0) and got == want, f"C++, {name}: operators are counted once, exceptions work", r, got)
        ok(rec.status["lost"][LOST_CUT] == 0, f"C++, {name}: no stack is cut", rec.status["lost"])


def libraries_opened_later():
    """Blocks of a library that is opened and closed again are its own, over both C libraries."""
    for compiler, flags in (("gcc", ["-ldl"]), ("musl-gcc", [HEADERS_FOR_UNWINDING])):
        path = build(f"opens-{compiler}", compiler, *flags, source="plugin.c")
        if not path:
            skip(f"{compiler}: libraries opened later", f"{compiler} is not installed")
            continue
        plugins = {size: build(f"plugin-{size}-{compiler}.so", compiler, "-shared", "-fPIC", f"-DPLUGIN={size}", HEADERS_FOR_UNWINDING,
                               "-Wl,--build-id", source="plugin.c") for size in (6001, 6002)}
        with Place() as p:
            r = execute(path, *plugins.values(), place=p, lib=LIB)
            (rec,) = [Recording(f) for f in p.files(os.path.basename(path))]
        got = {size: [rec.frames_of(s["stack"])[0][0] for s in of_size(rec, size)] for size in plugins}
        ok(r.stdout == "plugins: 2\n" and got == {size: [plugin] for size, plugin in plugins.items()},
           f"{compiler}: each block is booked to its own library", r, got)
        whole = [rec.stacks[s["stack"]][1] for size in plugins for s in of_size(rec, size)]
        ok(whole == [0, 0], f"{compiler}: and the walk goes through it to the root", whole)


def one_program_starts_another():
    """A program of one C library that starts one of the other: the library that is preloaded harms neither."""
    musl = build("musl", "musl-gcc", INCLUDE, HEADERS_FOR_UNWINDING)
    if not musl:
        skip("programs of two C libraries", "musl-gcc is not installed")
        return
    glibc = build("plain", "gcc", INCLUDE)
    for lib in (LIB, MUSL_LIB):
        with Place() as p:
            env = {**os.environ, "LD_PRELOAD": lib, "SEEP_DIR": p.dir, "SEEP_OPTIONS": "period=1,size=1M"}
            r = subprocess.run(["sh", "-c", f"{musl} blocks; {glibc} blocks"], env=env, capture_output=True, text=True, timeout=60)
            ok((r.stdout, r.stderr) == ("blocks: 0\nblocks: 0\n", ""), f"{os.path.basename(lib)}: both run", r)
            ok((len(p.files("musl")), len(p.files("plain"))) == (2, 2), f"{os.path.basename(lib)}: both are recorded", p.files("musl"), p.files("plain"))


def the_tool_knows_them():
    """seep run: the library by the loader, no second recorder in a program that has one, a clear line where there is none."""
    ways = {v[0]: v[1] for v in variants()}
    for name, complaint in (("musl, preloaded", ""), ("linked, static", ""), ("linked, archive", ""), ("preloaded", "")):
        path = ways[name]
        if not path:
            skip(f"seep run: {name}", "musl-gcc is not installed")
            continue
        script = f"{home}/script"
        with open(script, "w") as f:
            f.write(f"#!/usr/bin/env {path}\n")
        os.chmod(script, 0o755)
        for command in ([path, "status"], ["/usr/bin/env", path, "status"]):
            with Place() as p:
                r = subprocess.run([f"{BUILD}/seep", "run", f"--dir={p.dir}", "--exact", "--size=1M", "--", *command], capture_output=True, text=True,
                                   timeout=60)
                ok(r.returncode == 0 and r.stdout.startswith("1 1 1 ") and "unrecorded" not in r.stderr and "cannot be seen" not in r.stderr and
                   len(p.files(os.path.basename(path))) == 1, f"seep run {os.path.basename(command[0])}: {name} is recorded, once", r)
    maps = f"{home}/maps"
    if ways["musl, preloaded"]:
        with open(f"{home}/maps.c", "w") as f:
            f.write('#include <stdio.h>\nint main(void) { FILE *f = fopen("/proc/self/maps", "r"); int c;\n'
                    'while ((c = getc(f)) != EOF) putchar(c); return 0; }\n')
        for compiler, library in (("gcc", "libseep.so"), ("musl-gcc", "libseep-musl.so")):
            subprocess.run([compiler, "-o", maps, f"{home}/maps.c"], check=True)
            with Place() as p:
                r = subprocess.run([f"{BUILD}/seep", "run", f"--dir={p.dir}", "--", maps], capture_output=True, text=True, timeout=60)
                ok(f"/{library}\n" in r.stdout, f"seep run: {library} for a program of {compiler}", r.stdout[-500:])
    path = build("plain-static", "gcc", INCLUDE, "-static")
    with Place() as p:
        r = subprocess.run([f"{BUILD}/seep", "run", f"--dir={p.dir}", "--", path, "status"], capture_output=True, text=True, timeout=60)
        ok(r.stdout.startswith("0 0 ") and "will run unrecorded: it is statically linked, without libseep.a" in r.stderr,
           "seep run: a static program without it is told of", r)


def the_examples():
    cases = [("c-arena", ["gcc", "-std=c99"], f"{SOURCE}/examples/arenas/c-arena.c", {"sessions": (300, 307200)}),
             ("cpp-arena", ["g++", "-std=c++17"], f"{SOURCE}/examples/arenas/cpp-arena.cc",
              {"requests": (1, 777), "cache": (1, 98760), "scratch": (0, 0)}),
             ("rust-arena", ["rustc", "-O"], f"{SOURCE}/examples/rust-arena/main.rs", {"bump": (100, 10000)})]
    for name, compiler, source, want in cases:
        if not shutil.which(compiler[0]):
            skip(f"example {name}", f"{compiler[0]} is NOT INSTALLED: the example was neither built nor run")
            continue
        warnings = [] if compiler[0] == "rustc" else ["-Wall", "-Wextra", "-Wpedantic", "-Werror", INCLUDE]
        made = subprocess.run([*compiler, "-g", *warnings, "-o", f"{home}/{name}", source], capture_output=True, text=True)
        ok(made.returncode == 0 and not made.stderr, f"example {name}: builds without a warning", made.stderr)
        a = execute(f"{home}/{name}")
        with Place() as p:
            b = execute(f"{home}/{name}", place=p, lib=LIB)
            (file,) = p.files(name)
            r = Recording(file)
            arena, (_, in_use) = next(iter(want.items()))
            shown = subprocess.run([f"{BUILD}/seep", "top", "--json", f"--heap={arena}", file], capture_output=True, text=True, timeout=60)
        ok(json.loads(shown.stdout or "{}").get("total", {}).get("inuse_bytes") == in_use, f"example {name}: the tool shows them", shown)
        ok((a.returncode, a.stdout.replace(": no\n", ": yes\n")) == (b.returncode, b.stdout) and a.returncode == 0,
           f"example {name}: runs with and without", a, b)
        got = {n: heap(r, n)[0] for n in want}
        ok(got == want, f"example {name}: its arenas are in the recording", got)
        top = {r.frames_of(s["stack"])[0][0] for s in r.samples if s["kind"] >= 16}
        ok(top <= {f"{home}/{name}"}, f"example {name}: stacks begin in it", top)


lay_out()
try:
    failed = run_all((without_a_recorder, the_header_is_clean, blocks, arenas, switches, names_run_out, estimates_are_right,
                      threads_and_handlers, operators_are_counted_once, libraries_opened_later, one_program_starts_another, the_tool_knows_them, the_examples))
finally:
    shutil.rmtree(home)
sys.exit(failed)
