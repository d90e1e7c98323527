"""Processes that are started in every way there is, and those that watch them."""
import os
import shutil
import signal
import subprocess
import tempfile
import time

from rig import LIB, VICTIM, WHY_EXITED, Place, is_balanced, of_size, ok, same, skip

# The newest 4 of ended processes of a name are kept.
KEPT = 4


def parent_and_children(rs):
    return [r for r in rs if not r.forked_from], [r for r in rs if r.forked_from]


def fork_beside_threads():
    (parent,), children = parent_and_children(same(["fork-beside-threads"], "fork beside threads, frees in the children"))
    ok(len(of_size(parent, 5000)) == 100 and not of_size(parent, 5001), "the parent keeps what its children freed",
       len(of_size(parent, 5000)))
    is_balanced(parent, "the parent")
    ok(len(children) >= KEPT, "the children have recordings", len(children))
    ok(all((c.torn, len(of_size(c, 5000)), len(of_size(c, 5001))) == (0, 40, 1) for c in children),
       "with what they inherited, freed and allocated", [(c.torn, len(of_size(c, 5000)), len(of_size(c, 5001))) for c in children])


def children_that_share_our_memory():
    """What they allocate is their parent's; their _exit is not."""
    for name, own in (("vforks", 6001), ("clones", 6101)):
        rs = same([name], name)
        parent = [r for r in rs if of_size(r, own)]
        ok(len(parent) == 1 and len(of_size(parent[0], own - 1)) == 5, f"{name}: what the children allocate is the parent's",
           [sorted({s["size"] for s in r.samples}) for r in rs])
        is_balanced(parent[0], name)
        (r,) = [r for r in same([name, "killed"], f"{name}, then a kill") if of_size(r, own)]
        ok(not r.status["reasons"] & WHY_EXITED, f"{name}: a child's _exit is not its parent's end", r.status["reasons"])


def spawned_programs():
    rs = same(["spawns"], "posix_spawn, system, popen")
    (r,) = [r for r in rs if of_size(r, 6200)]
    ok(len(of_size(r, 6200)) == 5, "the parent's recording is its own", len(of_size(r, 6200)))
    ok(len(rs) >= KEPT, "what is spawned has its own", len(rs))


def forks_past_the_c_library():
    (parent,), children = parent_and_children(same(["raw-forks"], "_Fork and a bare clone"))
    ok(len(of_size(parent, 6300)) == 1 and not of_size(parent, 6301), "the parent's recording is its own",
       sorted(s["size"] for s in parent.samples))
    ok(len(children) == 2 and all((len(of_size(c, 6300)), len(of_size(c, 6301))) == (0, 1) for c in children),
       "and each child's", [sorted({s["size"] for s in c.samples}) for c in children])
    is_balanced(parent, "the parent")


def debuggers():
    (parent,), _ = parent_and_children(same(["traced"], "ptrace attaches and lets go in the middle of allocations"))
    ok(len(of_size(parent, 6401)) == 1, "the recording goes on")
    is_balanced(parent, "traced")
    if not shutil.which("gdb"):
        return skip("gdb", "it is not installed")
    with Place() as p:
        r = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"set environment LD_PRELOAD {LIB}", "-ex", f"set environment SEEP_DIR {p.dir}",
                            "-ex", "set environment SEEP_OPTIONS period=1,size=1M", "-ex", "set startup-with-shell off",
                            "-ex", "break malloc if $_streq(\"a\", \"b\")", "-ex", "run entries", "-ex", "bt", VICTIM],
                           capture_output=True, text=True, timeout=120, errors="replace")
        ok("entries" in r.stdout and "exited normally" in r.stdout, "a breakpoint with a condition on malloc", r.stdout[-600:], r.stderr)


def core_dumps():
    """A killed program's core has the recording's pages or not, as the kernel likes; what matters: it is killed as ever."""
    with Place() as p:
        child = subprocess.Popen([VICTIM, "waits", "1000"], env=p.environment(), stdout=subprocess.DEVNULL, cwd=p.dir)
        time.sleep(0.3)
        child.send_signal(signal.SIGABRT)
        ok(child.wait(timeout=30) == -signal.SIGABRT, "SIGABRT kills", child.returncode)
        (r,) = p.recordings()
        ok(r.torn == 0 and not r.status["reasons"] & WHY_EXITED, "the recording is whole, without an exit mark", r.torn)


def gains_privileges():
    """Loaded by the system's own preload list into a setuid program, the recorder says why it does nothing."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        return skip("setuid and file capabilities", "needs root, unshare and setpriv")
    with Place() as p, tempfile.TemporaryDirectory(dir="/var/tmp") as outside:
        os.chmod(p.dir, 0o755)
        os.chmod(outside, 0o755)
        for name, how in (("setuid", ["chmod", "4755"]), ("capable", ["setcap", "cap_net_raw=ep"])):
            target, library, etc = f"{outside}/{name}", f"{outside}/libseep.so", f"{outside}/etc"
            shutil.copy(VICTIM, target)
            shutil.copy(LIB, library)
            for d in ("upper", "work"):
                os.makedirs(f"{etc}/{d}", exist_ok=True)
            if not shutil.which(how[0]) or subprocess.run([*how, target], check=False).returncode:
                skip(name, f"{how[0]} does not work here")
                continue
            script = (f"mount -t tmpfs none {etc} && mkdir {etc}/upper {etc}/work && "
                      f"mount -t overlay -o lowerdir=/etc,upperdir={etc}/upper,workdir={etc}/work none /etc || exit 77; "
                      f"echo {library} >/etc/ld.so.preload; "
                      f"SEEP_DIR={p.dir} exec setpriv --reuid=65534 --regid=65534 --clear-groups {target} entries")
            r = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=60)
            if r.returncode == 77:
                skip(name, "no overlay can be mounted")
                continue
            said = [line for line in r.stderr.splitlines() if "gains privileges" in line]
            ok(r.stdout == "entries\n" and len(said) == 1, f"{name}: it runs, and one line says why it is not recorded", r)
            ok(not p.files(name), f"{name}: there is no recording", p.files(name))


TESTS = [fork_beside_threads, children_that_share_our_memory, spawned_programs, forks_past_the_c_library, debuggers,
         core_dumps, gains_privileges]
