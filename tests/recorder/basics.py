"""What every program does: entry points, threads, children, mappings, limits, options, the end."""
import glob
import os
import resource
import struct
import subprocess
import time

from rig import (RECORDED, LIB, VICTIM, WHY_BAD, WHY_DOUBLED, WHY_EXITED, WHY_OFF, WHY_SANDBOXED, Place, Recording, ok, plain,
                 program, same, sizes, skip)


def every_entry_point():
    (r,) = same(["entries"], "every entry point")
    want = [1001, 1002, 1003, 1004, 1005, 1007, 1008, 1009, 1010, 1024]
    ok([s for s in sizes(r) if 1001 <= s <= 1024 and s != 1006][:10] == want, "requested sizes are recorded, freed blocks are not",
       sizes(r))
    ok(r.torn == 0, "no slot is torn")
    ok(r.status["reasons"] & WHY_EXITED, "the exit mark is there")
    ao, ab, fo, fb = r.counted()
    ok((ao - fo, ab - fb) == r.inuse(), "allocated minus freed is what is live", (ao - fo, ab - fb), r.inuse())
    stacks = {s["size"]: r.frames_of(s["stack"]) for s in r.samples}
    ok(stacks[1001][0][0] == RECORDED, "the first frame is malloc's caller", stacks[1001][:2])
    ok(r.stacks[[s["stack"] for s in r.samples if s["size"] == 1001][0]][1] == 0, "the walk reached its root")


def realloc_keeps_its_word():
    (r,) = same(["realloc"], "realloc grows, shrinks, fails, frees; errno")
    s = [x for x in r.samples if x["size"] == 50]
    ok(len(s) == 1 and s[0]["nr_reallocs"] == 2, "one block remains, moved twice", s)
    ok(sizes(r).count(310) == 1, "a block whose realloc fails stays", sizes(r))
    ok(not [x for x in r.samples if x["size"] in (100, 200, 300)], "what realloc ended is not live", sizes(r))


def threads_have_names():
    (r,) = same(["threads"], "threads")
    names = [r.threads.get(s["thread"], (0, None))[1] for s in r.samples if s["size"] == 70000]
    ok(sorted(names) == ["alpha", "alpha", "beta"], "blocks carry the name of their thread", names)
    main = [r.threads[s["thread"]] for s in r.samples if s["size"] == 60000]
    ok(main[0][0] == r.pid, "the main thread has the pid as its id", main)


def children_have_their_own():
    rs = same(["forks"], "fork and vfork")
    parent = [r for r in rs if not r.forked_from]
    children = sorted((r for r in rs if r.forked_from), key=lambda r: max(sizes(r)))
    ok(len(parent) == 1 and len(children) == 2, "two children allocated, two have recordings", [r.forked_from for r in rs])
    ok(all(c.forked_from == parent[0].pid for c in children), "they name their parent")
    ok(all(0 < c.status["samples_made"] < 10 for c in children), "and count their own samples only, as their own cost",
       [c.status["samples_made"] for c in children])
    ok([max(sizes(c)) for c in children] == [111111, 222222], "each has its own blocks")
    ok([sizes(c).count(10000) for c in children] == [10, 10], "what they freed of the parent's is freed in theirs only")
    ok(sizes(parent[0]).count(10000) == 15 and parent[0].torn == 0, "the parent's is its own", sizes(parent[0]).count(10000))
    ok(parent[0].status["reasons"] & WHY_EXITED, "a vfork child's _exit is not the parent's; its own exit is marked")


def mappings_are_a_kind_of_their_own():
    (r,) = same(["maps"], "mmap, munmap, mremap")
    ok([s for s in sizes(r, 1) if s in (6 * 4096, 20 * 4096, 15 * 4096, 4096)] == [4096, 6 * 4096, 15 * 4096, 20 * 4096],
       "what is left of unmapped mappings is known", sizes(r, 1))
    with Place() as p:
        p.run("maps", options="period=1,size=1M,mmap=off")
        ok(sizes(p.recordings()[0], 1) == [], "mmap=off records none")


def odd_stacks():
    (r,) = same(["signals"], "malloc and longjmp in a handler on an alternate stack")
    got = [s for s in r.samples if s["size"] == 33333]
    ok(len(got) == 5, "its blocks are recorded", len(got))
    ok(all(r.stacks[s["stack"]][1] == 0 and len(r.stacks[s["stack"]][2]) > 5 for s in got),
       "the walk goes through the signal frame to the root", [r.stacks[s["stack"]][1:] for s in got[:1]])
    (r,) = same(["coroutines"], "makecontext")
    got = [s for s in r.samples if s["size"] == 44444]
    ok(len(got) == 10 and all(r.stacks[s["stack"]][1] == 0 for s in got), "coroutines' stacks end cleanly", len(got))
    (r,) = same(["deep"], "300 frames")
    got = [s for s in r.samples if s["size"] == 55555]
    ok(len(r.stacks[got[0]["stack"]][2]) == 128 and r.stacks[got[0]["stack"]][1] == 1, "the leaf 128 are kept and flagged")


def another_library_at_the_same_address():
    plugins = [program("plugin-7001"), program("plugin-7002")]
    with Place() as p:
        a, b = plain("plugin", plugins[0], plugins[1]), p.run("plugin", plugins[0], plugins[1])
        ok((a.stdout, b.stdout, b.stderr) == ("plugin\n", "plugin\n", ""), "plugins load, run and unload", a, b)
        (r,) = p.recordings()
    got = {size: {r.frames_of(s["stack"])[0][0] for s in r.samples if s["size"] == size} for size in (7001, 7002)}
    ok(got == {7001: {plugins[0]}, 7002: {plugins[1]}}, "each block is booked to its own library", got)
    ids = {m["path"]: m["build_id"] for m in r.modules.values()}
    ok(ids.get(plugins[0]) and ids.get(plugins[1]) and ids[plugins[0]] != ids[plugins[1]], "with its own build id", ids)


def descriptors_are_left_alone():
    (r,) = same(["closes-fds"], "a program that closes fds 3 to 1023")
    ok(sizes(r).count(10000) == 1000, "is recorded all the same", sizes(r).count(10000))


def exec_is_followed():
    with Place() as p:
        a, b = plain("executes"), p.run("executes")
        ok(a.stdout == b.stdout and b.stderr == "", "exec", a, b)
        ok(len(p.files()) == 2, "the program that exec starts has its own recording", p.files())
    with Place() as p:
        p.run("executes", options="period=1,size=1M,follow=off")
        ok(len(p.files()) == 1, "follow=off: it has none", p.files())


def control_from_outside():
    with Place() as p:
        e = dict(os.environ, LD_PRELOAD=LIB, SEEP_DIR=p.dir, SEEP_OPTIONS="period=64K,size=1M")
        child = subprocess.Popen([VICTIM, "waits", "60"], env=e, stdout=subprocess.PIPE, text=True)
        for _ in range(200):
            if p.files():
                break
            time.sleep(0.01)
        time.sleep(0.2)
        with open(p.files()[0], "r+b", buffering=0) as f:
            for word in (1 << 63 | 1, 4096, 1 << 63 | 0, 1 << 63 | 2**48 - 1, 1 << 63 | 32768):
                f.seek(4096)
                f.write(struct.pack("<Q", word))
                time.sleep(0.15)
        out, _ = child.communicate(timeout=30)
        (r,) = p.recordings()
        ok(out == "waits\n", "the program does not notice")
        periods = [x[1] for x in sorted(r.periods)]
        ok(periods[:2] == [65536, 1], "the period changes while it runs", periods)
        ok(0 in periods and r.status["reasons"] & WHY_OFF, "off is noted", periods)
        ok(r.torn == 0, "nothing is torn")
        ao, ab, fo, fb = r.counted()
        no, nb = r.inuse()
        ok(abs(ao - fo - no) < 1e-6 * ao and abs(ab - fb - nb) < 1e-6 * ab, "the sums still agree", ao - fo, no)


def full_tables():
    with Place() as p:
        a = p.run("grows", options="period=1,size=64K,seed=1")
        (r,) = p.recordings()
    ok(a.stdout == "grows\n", "more live blocks than slots: the program runs on")
    ok(r.status["reasons"] & WHY_DOUBLED, "the period is doubled")
    total = r.inuse()[1] + r.status["lost"][1]
    ok(abs(total / 4e6 - 1) < 0.5, "the estimate plus what was lost is near the truth", total, r.status["lost"][:3])


def sandboxes():
    rs = same(["sandbox"], "prctl(PR_SET_NO_NEW_PRIVS) in a child")
    child = [r for r in rs if r.forked_from]
    ok(len(child) == 1 and child[0].status["reasons"] & WHY_SANDBOXED and 66666 in sizes(child[0]),
       "its recording is made before, and goes on")


def children_find_the_place():
    with Place() as p:
        b = p.run("titled", cwd=os.path.dirname(p.dir), env={"SEEP_DIR": os.path.basename(p.dir)})
        ok(b.stdout == "0\ntitled\n" and b.stderr == "" and sorted(6500 in sizes(r) for r in p.recordings()) == [False, True],
           "a relative directory is found though the environment is written over and the child is elsewhere", b, p.files())


def children_that_give_up_rights():
    if os.geteuid():
        skip("children that give up root", "not root")
        return
    for what in ("setuid", "seteuid", "setreuid", "setresuid", "chroot"):
        for mode in (0o755, 0o1777):
            # Where the new user may write, a child that allocates nothing has no recording.
            is_early = mode == 0o755 or what == "chroot"
            with Place() as p:
                os.chmod(p.dir, mode)
                a, b = plain("drops-rights", what), p.run("drops-rights", what)
                children = [r for r in p.recordings() if r.forked_from]
                ok((a.stdout, "") == (b.stdout, b.stderr) and sorted(6600 in sizes(r) for r in children) == [False] * is_early + [True],
                   f"a child is recorded after {what}, directory of mode {mode:o}", a, b, p.files())


def bad_days():
    with Place() as p:
        b = p.run("entries", options="period=1,size=1M,colour=red,period=12Q")
        ok(b.stdout == "entries\n" and b.stderr.count("\n") == 1 and "colour=red, period=12Q" in b.stderr,
           "bad options are named with their values, in one line", b.stderr)
        ok(p.recordings()[0].status["reasons"] & WHY_BAD, "and in the recording")
    for dir_, words in (("/proc", "/proc"), ("/nonexistent/dir", "/nonexistent/dir"), ("/dev/null", "not a directory")):
        with Place() as p:
            b = p.run("entries", env={"SEEP_DIR": dir_})
            ok(b.stdout == "entries\n" and b.returncode == 0 and b.stderr.count("\n") == 1 and words in b.stderr,
               f"SEEP_DIR={dir_}: one clear line, and the program runs", b.stderr)
    with Place() as p:
        b = p.run("entries", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000)))
        ok(b.stdout == "entries\n" and os.path.getsize(p.files()[0]) <= 300000, "RLIMIT_FSIZE: a smaller recording", b)
    with Place() as p:
        b = p.run("entries", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
        ok(b.stdout == "entries\n" and not p.files() and "leave no room" in b.stderr, "RLIMIT_FSIZE of a page: none", b)
    with Place() as p:
        limit = 64 << 20
        b = p.run("entries", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        ok(b.stdout == "entries\n" and b.stderr == "", "RLIMIT_AS: the program has its room", b)
        b = p.run("entries", options="period=1,size=256M", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        ok(b.stdout == "entries\n" and b.stderr == "", "RLIMIT_AS: a larger recording than fits is made smaller", b)
    if os.geteuid() == 0:
        with Place() as p:
            os.chmod(p.dir, 0o755)
            os.chown(p.dir, 12345, 12345)
            b = p.run("entries")
            ok(b.stdout == "entries\n" and "belongs to another user" in b.stderr, "a foreign directory is refused", b.stderr)
        with Place() as p:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", p.dir], check=False)
            if os.path.ismount(p.dir):
                b = p.run("entries")
                ok(b.stdout == "entries\n" and "no space" in b.stderr and not p.files(), "no space: said, nothing left", b)
                subprocess.run(["umount", p.dir], check=False)


def find_library(name):
    for dir_ in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"):
        for path in sorted(glob.glob(f"{dir_}/{name}*")):
            return path
    return None


def other_allocators():
    """Operators new are counted once, whether the allocator behind us has its own (some of them, all, none)."""
    want = [256, 1001, 1002, 1003, 1004, 1005, 1024]
    for name in ("", "libjemalloc.so.2", "libtcmalloc.so.4", "libmimalloc.so"):
        library = find_library(name) if name else ""
        if library is None:
            skip(f"operators over {name}", "it is not installed")
            continue
        with Place() as p:
            e = {**os.environ, "LD_PRELOAD": f"{LIB} {library}", "SEEP_DIR": p.dir, "SEEP_OPTIONS": "period=1,size=1M"}
            a = subprocess.run([program("operators")], env=e, capture_output=True, text=True, timeout=60)
            (r,) = [Recording(f) for f in p.files("operators")]
            got = [s for s in sizes(r) if s in want or s in (1006, 1280)]
            ok(a.stdout == "operators\n" and got == want, f"operators over {name or 'the C library'}: each once", a, got)


def old_ones_go():
    with Place() as p:
        made = []
        for _ in range(7):  # in one second or two: the file names do not tell their order
            p.run("entries", options="size=64K")
            made += [f for f in p.files() if f not in made]
        ok(sorted(p.files()) == sorted(made[-5:]), "the newest 4 of ended processes and the last are kept", made, p.files())


def killed():
    with Place() as p:
        e = dict(os.environ, LD_PRELOAD=LIB, SEEP_DIR=p.dir, SEEP_OPTIONS="period=1,size=1M")
        child = subprocess.Popen([VICTIM, "waits", "1000"], env=e, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        child.kill()
        child.wait()
        (r,) = p.recordings()
        ok(r.torn == 0 and not r.status["reasons"] & WHY_EXITED, "killed: whole, and without an exit mark")
        ok(sizes(r).count(1000) > 5, "and it has what was live", len(sizes(r)))


TESTS = [every_entry_point, realloc_keeps_its_word, threads_have_names, children_have_their_own, mappings_are_a_kind_of_their_own,
         odd_stacks, another_library_at_the_same_address, descriptors_are_left_alone, exec_is_followed, control_from_outside,
         full_tables, sandboxes, children_find_the_place,
         children_that_give_up_rights, bad_days, other_allocators, old_ones_go, killed]
