"""After its start the recorder makes no system call but those that are named here."""
import array
import platform
import re
import subprocess
import tempfile

from rig import Place, ok, skip

NUMBERS = 512  # TRAP_NUMBERS of victim.h
X86 = platform.machine() == "x86_64"
# How each victim is run; those that exec or filter themselves take the handler or the filter away.
CASES = """entries|realloc|threads|maps|signals|coroutines|closes-fds|grows|deep|sandbox|forks|waits 3
    interrupted allocate 50|interrupted leave 50|storm|thread-locals|many-threads 300|very-deep|no-rules|generated-code
    short-stacks|stack-in-stack|fork-beside-threads|raw-forks|traced|locked|limited-later|big-heap|clones""".replace("\n", "|")
# Asks whether a page of an unknown stack can be read.
PROBE = {"rt_sigprocmask"}
# At the end of a process that another one could share its memory with.
END = {"getpid"}
MAKES_RECORDING = {"openat", "close", "read", "pread64", "readlinkat", "mkdirat", "newfstatat", "fstatfs", "fallocate", "mmap",
                   "munmap", "getpid", "getppid", "geteuid", "uname", "sched_getaffinity", "unlinkat", "getdents64", "prlimit64", "kill"}
SHARING = {"forks", "clones", "traced", "raw-forks"}


def names():
    """Numbers to names, by the compiler's own header."""
    text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], capture_output=True, text=True,
                          check=True).stdout
    return {int(nr): name for name, nr in re.findall(r"#define __NR_(\w+) (\d+)", text)}


def counted(case, place, options):
    with tempfile.NamedTemporaryFile() as counts:
        counts.write(bytes(8 * NUMBERS))
        counts.flush()
        r = place.run(*case.split(), options=options, env={"VICTIM_TRAP": counts.name})
        words = array.array("I")
        with open(counts.name, "rb") as f:
            words.fromfile(f, 2 * NUMBERS)
    return r, words[:NUMBERS], words[NUMBERS:]


def system_calls_after_the_start():
    try:
        known = names()
    except (OSError, subprocess.CalledProcessError):
        return skip("system calls after the start", "no compiler to ask for their names")
    total_probes = 0
    for options in ("period=1,size=1M", "period=4K,size=1M,mmap=on"):
        for case in CASES.split("|"):
            case = case.strip()
            if case.startswith("interrupted") and not X86:
                continue
            with Place() as p:
                r, own, others = counted(case, p, options)
            if r.returncode == 77:
                return skip("system calls after the start", r.stderr.strip())
            made = {known.get(i, str(i)): n for i, n in enumerate(own) if n}
            children = {known.get(i, str(i)): n for i, n in enumerate(others) if n}
            allowed = PROBE | (END if case.split()[0] in SHARING | {"interrupted", "sandbox"} else set())
            ok(r.returncode == 0 and set(made) <= allowed, f"{case}, {options}: none of its own but the named", made, r)
            if set(children) - PROBE - MAKES_RECORDING:
                ok(False, f"{case}, {options}: none in children but for a recording", children)
            total_probes += made.get("rt_sigprocmask", 0)
    ok(total_probes > 0, "and the harness sees those that there are", total_probes)


TESTS = [system_calls_after_the_start]
