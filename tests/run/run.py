#!/usr/bin/env python3
"""run.py SEEP LIBRARY: `seep run` passes on exit status, signals, terminal and environment, and notes how it ended (TAP)."""
import glob
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SEEP, LIBRARY = sys.argv[1:3]
nr = failed = 0


def check(ok, what, got=None):
    global nr, failed
    nr += 1
    failed += not ok
    print(("ok" if ok else "not ok"), nr, "-", what)
    if not ok:
        print("#", repr(got))
    sys.stdout.flush()


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("SEEP_") and k != "LD_PRELOAD"}
    env.update(HOME=home, XDG_STATE_HOME=os.path.join(home, "state"), LC_ALL="C", **more)
    return env


def seep(*words, env=None, **more):
    return subprocess.run([SEEP, *words], env=env or environment(), capture_output=True, text=True, timeout=60, **more)


def run(*words, options=(), **more):
    return seep("run", "--lib=" + LIBRARY, "--dir=" + place, *options, "--", *words, **more)


def info(path):
    """{} while the recording is being made."""
    return json.loads(seep("info", "--json", path).stdout or "{}")


def recordings(*names):
    """Oldest first."""
    rows = json.loads(seep("recordings", "--json", place).stdout)["rows"]
    return [row["path"] for row in reversed(rows) if row["name"] in names]


def exit_status_is_passed_on():
    for code in (0, 1, 3, 255):
        result = run("sh", "-c", "exit %d" % code)
        check(result.returncode == code, "exit status %d is passed on" % code, result)
    newest = info(recordings("sh", "dash")[-1])
    check(newest["ended"] == "exited 255" and newest["ended_by"] == "seep run", "the exit status is noted", newest)


def failures_are_as_with_env():
    for words, code in ((("/nonexistent",), 127), (("no-such-program-anywhere",), 127), (("/etc/passwd",), 126), (("/",), 126)):
        result = run(*words)
        check(result.returncode == code and result.stderr.count("\n") == 1, "%s gives %d and one line" % (words[0], code), result)
    for words in ((), ("--no-such-option", "true"), ("--period=x", "true"), ("--size=1K", "true"), ("--period=0", "true"), ("--lib=/nonexistent", "true")):
        result = seep("run", *words)
        check(result.returncode == 125 and result.stderr.startswith("seep: "), "wrong words %s give 125" % (words,), result)


def a_signal_that_ends_it_gives_128_more():
    result = run("sh", "-c", "kill -TERM $$")
    check(result.returncode == 128 + signal.SIGTERM, "ended by SIGTERM gives 143", result)
    path = recordings("sh", "dash")[-1]
    check(info(path)["ended"] == "killed by 15", "the signal is noted", info(path))


COUNTER = r"""
import signal, sys
got = []
for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH, signal.SIGINT):
    signal.signal(s, lambda s, f: got.append(s))
print("ready", flush=True)
sys.stdin.read()
print(" ".join(str(s) for s in got), flush=True)
"""


def start_counter():
    p = subprocess.Popen([SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--", sys.executable, "-c", COUNTER],
                         env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
    p.stdout.readline()
    return p


def signals_to_us_reach_it_once():
    p = start_counter()
    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH):
        os.kill(p.pid, s)
        time.sleep(0.1)
    got = sorted(p.communicate()[0].split())
    check(got == ["1", "10", "15", "28"], "each signal sent to seep reaches the program once", got)
    check(p.returncode == 0, "and seep goes on", p.returncode)


def signals_to_the_group_reach_it_once():
    p = start_counter()
    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        os.killpg(p.pid, s)
        time.sleep(0.1)
    got = sorted(p.communicate()[0].split())
    check(got == ["1", "10", "15"], "each signal sent to the process group reaches the program once", got)


def it_outlives_us():
    p = subprocess.Popen([SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--", "sh", "-c", "echo $$; exec sleep 30"],
                         env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    child = int(p.stdout.readline())
    p.kill()
    p.wait()
    time.sleep(0.2)
    alive = os.path.exists("/proc/%d" % child)
    check(alive, "killing seep leaves the program alone")
    if alive:
        os.kill(child, signal.SIGKILL)
    p.stdout.close()


def read_until(fd, what, seconds=10):
    data = b""
    os.set_blocking(fd, False)
    end = time.time() + seconds
    while what not in data and time.time() < end:
        try:
            data += os.read(fd, 4096)
        except BlockingIOError:
            time.sleep(0.02)
        except OSError:
            break
    return data


def job_control_works():
    """A shell with job control on a terminal: stop by ^Z, see it stopped, go on in the foreground, end by ^C."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(environment(PS1="", PS2="", TERM="dumb", PATH="/usr/bin:/bin"))
        os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])
    command = "%s run --lib=%s --dir=%s -- sh -c 'echo here-we-are; exec sleep 60'; echo rc-$?\n" % (SEEP, LIBRARY, place)
    os.write(fd, command.encode())
    read_until(fd, b"here-we-are\r\n")
    time.sleep(0.3)
    os.write(fd, b"\x1a")
    text = read_until(fd, b"rc-148")
    check(b"rc-148" in text, "^Z stops the job, and the shell sees it", text)
    os.write(fd, b"fg\n")
    read_until(fd, b"fg\r\n")
    time.sleep(0.3)
    os.write(fd, b"\x03")
    os.write(fd, b"echo after-$?\n")
    text = read_until(fd, b"after-1")
    check(b"after-130" in text, "^C ends it after fg", text)
    os.write(fd, b"exit\n")
    os.close(fd)
    os.waitpid(pid, 0)


def environment_is_kept():
    env = environment(MARK="a b", LD_PRELOAD="")
    plain = subprocess.run(["env", "-0"], env=env, capture_output=True).stdout.split(b"\0")
    under = subprocess.run([SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--", "env", "-0"], env=env,
                           capture_output=True).stdout.split(b"\0")
    ours = (b"LD_PRELOAD=", b"SEEP_DIR=")
    check([v for v in plain if not v.startswith(ours)] == [v for v in under if not v.startswith(ours)],
          "the environment is the same but for LD_PRELOAD and SEEP_DIR", (plain, under))
    env = environment(LD_PRELOAD="libm.so.6", SEEP_OPTIONS="period=64K", ASAN_OPTIONS="verify_asan_link_order=0")
    text = subprocess.run([SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--period=32K", "--", "env"], env=env,
                          capture_output=True, text=True).stdout
    check("LD_PRELOAD=%s:libm.so.6\n" % LIBRARY in text, "an LD_PRELOAD that is there is kept behind ours", text)
    check("SEEP_OPTIONS=period=64K,period=32768\n" in text, "options are added to SEEP_OPTIONS", text)


def streams_are_untouched():
    result = run("sh", "-c", "cat; echo err >&2", input="hello")
    check(result.stdout == "hello" and result.stderr.startswith("err\n"), "stdin, stdout and stderr are the program's", result)
    last = [line for line in result.stderr.split("\n") if line][-1]
    check(re.search(r"seep why \S+\.seep$", last), "the last line says what to type next", result.stderr)


def descriptors_are_the_same():
    script = "exec 2>/dev/null; ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) -> .*/\\1/p' | tr '\\n' ' '"
    for close in ("", "<&-", "2>&-", "<&- 2>&-", "7</dev/null"):
        line = "exec %s; exec \"$@\"" % close if close else "exec \"$@\""
        plain = subprocess.run(["sh", "-c", line, "sh", "sh", "-c", script], env=environment(), capture_output=True).stdout
        ours = [SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--"]
        under = subprocess.run(["sh", "-c", line, "sh", *ours, "sh", "-c", script], env=environment(), capture_output=True).stdout
        check(plain == under, "the program has the same descriptors after '%s'" % close, (plain, under))


def what_cannot_be_recorded_is_said():
    source = os.path.join(home, "p.c")
    with open(source, "w") as f:
        f.write('#include <stdlib.h>\nint main(void) { void *p = malloc(1); free(p); return p ? 7 : 8; }\n')

    def built(name, *flags):
        path = os.path.join(home, name)
        made = subprocess.run(["gcc", "-o", path, source, *flags], capture_output=True)
        return path if made.returncode == 0 else None

    static = built("static", "-static")
    result = run(static)
    check(result.returncode == 7 and "static will run unrecorded: it is statically linked, without libseep.a\n" in result.stderr,
          "a static program runs unrecorded, and that is said", result)
    check("nothing was recorded" in result.stderr, "and that nothing was recorded", result)
    asan = built("asan", "-fsanitize=address")
    if asan:
        result = run(asan)
        check(result.returncode == 7 and "AddressSanitizer" in result.stderr, "a program with ASan runs on", result)
    musl = os.path.join(home, "musl")
    if shutil.which("musl-gcc"):
        subprocess.run(["musl-gcc", "-o", musl, source], check=True)
        result = run(musl)
        check(result.returncode == 7 and "unrecorded" not in result.stderr and recordings("musl"), "a program of musl is recorded",
              result)
    else:
        print("# SKIP: musl-gcc is not installed: a program of musl was not run", flush=True)
    with open(source, "w") as f:
        f.write('#include <stddef.h>\nvoid *malloc(size_t n) { static char a[1 << 20]; static size_t at; at += (n + 15) & ~15ul;'
                ' return a + at - ((n + 15) & ~15ul); }\nvoid free(void *p) { (void)p; }\n'
                'int main(void) { return malloc(1) ? 7 : 8; }\n')
    own = built("own", "-fno-builtin", "-rdynamic")
    result = run(own)
    check(result.returncode == 7 and "its allocator is inside the executable" in result.stderr, "an own allocator is told of", result)
    found = recordings("own")
    if found:
        check("inside the executable" in info(found[-1]).get("cannot_see", ""), "and info says it", info(found[-1]))


def several_processes():
    result = run("sh", "-c", "/bin/sleep 0.2; /usr/bin/env true; exec /bin/sleep 0.2")
    check(" recordings, the largest is of " in result.stderr, "several recordings are counted", result)
    paths = recordings("sh", "dash")
    check(info(paths[-1])["ended"] == "replaced by exec", "a program that exec'ed was replaced", info(paths[-1]))
    check(info(recordings("sleep")[-1])["ended"] == "exited 0", "and what it became exited", info(recordings("sleep")[-1]))
    before = len(recordings("env"))
    result = run("sh", "-c", "/usr/bin/env true; exit 4", options=("--no-follow",))
    check(result.returncode == 4 and len(recordings("env")) == before, "--no-follow does not record what is exec'ed", result)


def recordings_move_to_the_state_directory():
    env = environment()
    for _ in range(6):
        result = seep("run", "--lib=" + LIBRARY, "--", "sleep", "0.01", env=env)
    state = os.path.join(home, "state", "seep")
    kept = glob.glob(os.path.join(state, "sleep.*.seep"))
    check(len(kept) == 4, "of six ended processes of a name the newest four are kept", kept)
    check(os.stat(state).st_mode & 0o777 == 0o700, "the state directory is private", oct(os.stat(state).st_mode))
    check(all(os.stat(p).st_mode & 0o777 == 0o600 for p in kept), "so are the recordings", kept)
    check(result.stderr.strip().split(" ")[-1] in kept, "the last line names where it is now", result.stderr)
    listed = json.loads(seep("recordings", "--json", state).stdout)["rows"]
    check([r["ended"] for r in listed] == ["exited 0"] * 4, "the list says how they ended", listed)


def system_entries_are_written():
    run("sh", "-c", "sleep 0.5; true")
    rss = info(recordings("sh", "dash")[-1]).get("rss", {})
    check(rss.get("rss_bytes", 0) > 100000 and rss.get("threads") == 1, "RSS and threads are in the recording", rss)


def set_and_clean():
    p = subprocess.Popen([SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--", "sleep", "30"], env=environment(),
                         stderr=subprocess.DEVNULL)
    for _ in range(100):
        found = [p for p in recordings("sleep") if info(p).get("ended") == "running"]
        if found:
            break
        time.sleep(0.05)
    path = found[-1]
    result = seep("set", path, "--period=64K")
    check(result.returncode == 0 and "64kB" in result.stderr, "set says what holds from now on", result)
    check(seep("set", path).returncode == 2, "set without anything to set is wrong usage")
    result = seep("clean", place)
    check(result.returncode == 0 and os.path.exists(path), "clean keeps the recording of a running process", result)
    check(recordings("sh", "dash") == [], "clean removes those of ended ones", recordings("sh"))
    pid = info(path)["pid"]
    result = seep("info", "--json", "--dir=" + place, str(pid))
    check(json.loads(result.stdout or "{}").get("pid") == pid, "a pid finds its recording", result)
    result = seep("info", str(os.getpid()))
    check(result.returncode == 3 and "is not being recorded" in result.stderr and "seep run -- " in result.stderr,
          "a pid without a recording: the command to type", result)
    os.kill(pid, signal.SIGKILL)
    check(p.wait() == 137, "SIGKILL of the program is passed on", p.returncode)
    check(info(path)["ended"] == "killed by 9", "and noted as such", info(path))
    result = seep("set", path, "--off")
    check(result.returncode == 3 and "has ended" in result.stderr, "nothing can be set of an ended process", result)
    result = seep("info", "--dir=" + place, str(pid))
    check(result.returncode == 0 and "is gone" in result.stderr, "of a pid that is gone, that is said", result)


def total(*words):
    return json.loads(seep("top", "--json", *words).stdout or "{}").get("total", {})


def what_grew_since_a_mark():
    """To the byte, for every allocation is recorded; Python's own small objects are beside them."""
    mib = 1 << 20
    code = ("import sys; a = [bytes(1 << 20) for _ in range(20)]; print(flush=True); input(); b = [bytes(1 << 20) for _ in range(30)]; del a[5:];"
            "print(flush=True); input(); del b; print(flush=True); sys.stdin.read()")
    p = subprocess.Popen([SEEP, "run", "--lib=" + LIBRARY, "--dir=" + place, "--exact", "--", sys.executable, "-c", code],
                         env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    p.stdout.readline()
    path = recordings(os.path.basename(os.path.realpath(sys.executable)), os.path.basename(sys.executable))[-1]
    result = seep("set", path, "--mark=full")
    check(result.returncode == 0 and "'full'" in result.stderr, "set gives a moment a name", result)
    p.stdin.write("\n")
    p.stdin.flush()
    p.stdout.readline()
    grown = total("--since=mark:full", path)
    check(abs(grown.get("growth_bytes", 0) - 15 * mib) < mib / 2 and grown["growth_bytes_is_certain"], "what grew since it", grown)
    p.stdin.write("\n")
    p.stdin.flush()
    p.stdout.readline()
    grown = total("--since=mark:full", path)
    check(abs(grown.get("growth_bytes", 0) + 15 * mib) < mib / 2, "and what shrank", grown)
    at, then = total("--at=mark:full", path), total("--between=start,mark:full", path)
    check(20 * mib < at.get("inuse_bytes", 0) < 28 * mib, "what was in use then", at)
    check(then.get("growth_bytes") == at.get("inuse_bytes"), "is what grew until then", (at, then))
    peak = total("--at=peak", path)
    check(abs(peak.get("inuse_bytes", 0) - at["inuse_bytes"] - 30 * mib) < mib / 2, "the peak is kept", (peak, at))
    p.stdin.close()
    check(p.wait() == 0, "and the program ran to its end", p.returncode)
    said = info(path)
    check([m["name"] for m in said["marks"]] == ["full"] and said["peak"]["inuse_bytes"] == peak["inuse_bytes"],
          "info knows the mark and the peak", said)


def the_budget_is_passed_on():
    for bad in ("1", "0%", "101%", "a%", "0.12345%"):
        result = seep("run", "--lib=" + LIBRARY, "--budget=" + bad, "--", "true")
        check(result.returncode == 125 and "--budget" in result.stderr, "no budget: " + bad, result)
    run("sh", "-c", "true", options=["--budget=0.25%"])
    said = info(recordings("sh", "dash")[-1])["cost"]
    check(said.get("budget_cpu_share") == 0.0025, "the budget is in the recording", said)


with tempfile.TemporaryDirectory() as home:
    place = os.path.join(home, "recordings")
    os.mkdir(place, 0o700)
    for test in (exit_status_is_passed_on, failures_are_as_with_env, a_signal_that_ends_it_gives_128_more,
                 signals_to_us_reach_it_once, signals_to_the_group_reach_it_once, it_outlives_us, job_control_works,
                 environment_is_kept, streams_are_untouched, descriptors_are_the_same, what_cannot_be_recorded_is_said, several_processes,
                 recordings_move_to_the_state_directory, system_entries_are_written, set_and_clean,
                 what_grew_since_a_mark, the_budget_is_passed_on):
        test()
print("1..%d" % nr)
sys.exit(failed != 0)
