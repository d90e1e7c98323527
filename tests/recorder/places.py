"""Limits, sandboxes, roots, descriptors, huge pages: a program is where it is, and the recorder with it."""
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time

from rig import LIB, VICTIM, WHY_SANDBOXED, Place, is_balanced, of_size, ok, plain, same, skip

CUT = 2
NOBODY = 65534


def filters_that_kill():
    """After a filter that kills for anything else than write, brk, fork and exit: whoever installed it, and how."""
    for how in ("prctl", "syscall"):
        a = plain("filtered", how, "so")
        if a.returncode == 77:
            return skip("seccomp", "there are no filters here")
        (r,) = same(["filtered", how, "so"], f"a filter by {how}")
        ok(r.status["reasons"] & WHY_SANDBOXED and len(of_size(r, 7005)) == 50, f"{how}: recording goes on under it",
           r.status["reasons"], len(of_size(r, 7005)))
        is_balanced(r, f"a filter by {how}")
        (r,) = same(["filtered", how, "fork"], f"a filter by {how}, then a fork")
        ok(r.children_unrecorded == 1 and not of_size(r, 7004), f"{how}: the child is counted, not recorded",
           r.children_unrecorded)
        ok(len(of_size(r, 7006)) == 1, f"{how}: what it frees of its parent's is its parent's still")
        is_balanced(r, f"a filter by {how}, then a fork")
        (r,) = same(["filtered", how, "thread"], f"a filter by {how}, in one thread")
        ok((len(of_size(r, 7002)), len(of_size(r, 7003))) == (100, 50), f"{how}: both threads' blocks are recorded",
           len(of_size(r, 7002)), len(of_size(r, 7003)))
        (r,) = same(["filtered-elsewhere", how], f"a filter by {how}, then an unknown stack")
        got = [r.stacks[s["stack"]] for s in of_size(r, 7001)]
        if os.uname().machine == "x86_64":
            ok(len(got) == 50 and all(s[1] & CUT for s in got), f"{how}: its pages are not asked for, the walk is cut",
               len(got), [s[1] for s in got[:2]])


def descriptors_are_the_programs():
    (r,) = same(["owns-fds"], "all descriptors 0 to 1023 are the program's")
    ok(len(of_size(r, 7100)) == len(of_size(r, 7102)) == 50 and r.children_unrecorded == 1,
       "it is recorded; its child, for whose recording there is no descriptor, is counted", r.children_unrecorded)
    with Place() as p:
        args = ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', VICTIM, "no-streams"]
        for env, name in ((None, "plain"), (p.environment("period=1,size=1M,colour=red"), "recorded")):
            subprocess.run([*args, f"{p.dir}/{name}"], env=env, timeout=60, check=False, stderr=subprocess.DEVNULL)
        with open(f"{p.dir}/plain", encoding="utf-8") as a, open(f"{p.dir}/recorded", encoding="utf-8") as b:
            texts = a.read(), b.read()
        ok(texts == ("0 1\n", "0 1\n"), "started without streams: it gets the descriptors it would get, and only its own words",
           texts)
        ok(len(of_size(p.recordings()[0], 7150)) == 50, "and is recorded")


def other_roots():
    if os.geteuid() != 0:
        return skip("chroot and pivot_root", "needs root")
    for how in ("chroot", "pivot_root"):
        with tempfile.TemporaryDirectory() as root, Place() as p:
            a, b = plain("new-root", how, root), p.run("new-root", how, root)
            if a.returncode == 77:
                skip(how, "not permitted here")
                continue
            ok((a.stdout, a.returncode, b.stderr) == (b.stdout, b.returncode, ""),
               f"{how}: same result, and nothing is left in the new root", a, b)
            (r,) = p.recordings()
            ok(len(of_size(r, 7202)) == 50 and r.children_unrecorded == 1,
               f"{how}: recording goes on; the child, which cannot reach the directory, is counted", r.children_unrecorded)
            is_balanced(r, how)


def read_only_root():
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return skip("a read-only root", "needs root and unshare")
    script = ("mount --make-rprivate / && mount -t tmpfs none /dev/shm && mount -o remount,ro,bind / || exit 77; "
              "[ -w /tmp ] && mount -t tmpfs -o ro none /tmp; unset SEEP_DIR; "
              f"LD_PRELOAD={LIB} {VICTIM} entries; ls /dev/shm/seep-0 | grep -c 'victim.*[.]seep'; "
              "mount -o remount,ro /dev/shm; "
              f"LD_PRELOAD={LIB} {VICTIM} entries")
    r = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    if r.returncode == 77:
        return skip("a read-only root", "no mount can be made here")
    ok(r.stdout == "entries\n1\nentries\n", "a read-only root: recorded in /dev/shm", r)
    said = r.stderr.splitlines()
    ok(len(said) == 1 and "nothing is recorded" in said[0], "nothing to write anywhere: one line, and the program runs", r.stderr)


def as_nobody(limit=None):
    def become():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    return become


def locked_memory():
    """mlockall, with as much room as there is, and with none."""
    for limit in (resource.getrlimit(resource.RLIMIT_MEMLOCK)[1], 0):
        with Place() as p:
            os.chmod(p.dir, 0o777)
            if os.geteuid() == 0:
                os.chown(p.dir, NOBODY, NOBODY)
            a = plain("locked", preexec_fn=as_nobody(limit))
            b = p.run("locked", preexec_fn=as_nobody(limit))
            ok((a.stdout, a.returncode, b.stderr) == (b.stdout, b.returncode, ""),
               f"RLIMIT_MEMLOCK of {limit} and mlockall: same result", a, b)
            (r,) = [r for r in p.recordings() if not r.forked_from]
            ok(len(of_size(r, 7302)) == 50, "it is recorded")
            if limit and os.geteuid() == 0 and a.stdout.startswith("0\n0\n"):
                ok(r.children_unrecorded == 1, "its child, which cannot map anything, is counted", r.children_unrecorded)


def limits_that_come_later():
    (r,) = same(["limited-later"], "all limits set to nothing while it runs")
    ok(len(of_size(r, 7400)) == 50 and len(of_size(r, 100)) == 50 and r.children_unrecorded == 1,
       "recording goes on; the child is counted", len(of_size(r, 100)), r.children_unrecorded)
    is_balanced(r, "limits that come later")


def huge_pages():
    with open("/proc/meminfo", encoding="utf-8") as f:
        free = int(re.search(r"HugePages_Free:\s+(\d+)", f.read()).group(1))
    for value, what in (("1", "transparent huge pages"), ("2", "huge pages")):
        env = {"GLIBC_TUNABLES": f"glibc.malloc.hugetlb={value}"}
        for mmap in ("on", "off"):
            (r,) = same(["big-heap"], f"a heap of {what}, mmap={mmap}", plain_more={"env": env}, env=env,
                        options=f"period=1,size=1M,mmap={mmap}")
            got = [s["size"] for s in r.samples if s["size"] in (1 << 20, 3 << 20) and s["kind"] == 0]
            ok(sorted(got) == [1 << 20] * 21 + [3 << 20] * 21, f"{what}: what is live is known", len(got))
    with Place() as p:
        child = subprocess.Popen([VICTIM, "waits", "30"], env=p.environment("period=1,size=4M"), stdout=subprocess.DEVNULL)
        while not p.files():
            time.sleep(0.01)
        time.sleep(0.1)
        with open(f"/proc/{child.pid}/smaps", encoding="utf-8") as f:
            plain_pages = [int(kib) for kib, flags in re.findall(r"Size: +(\d+) kB\n(?:.*\n)*?VmFlags:(.*)", f.read()) if " nh" in flags]
        child.communicate(timeout=60)
    ok(sum(plain_pages) > 4096, "the recorder's own tables are never of huge pages, which would make all of them resident",
       plain_pages)
    if free < 40:
        skip("a heap that really has huge pages", f"the system has {free} free ones")


TESTS = [filters_that_kill, descriptors_are_the_programs, other_roots, read_only_root, locked_memory, limits_that_come_later,
         huge_pages]
