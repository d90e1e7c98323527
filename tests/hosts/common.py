"""A host: somebody else's program that does its fixed work without the recorder and with it, to the same result.

A script NAME.py here defines `work(trial)`, which starts the program, lets it work, stops it, and returns what must be
equal in every run as a dict {what: value}; it ends in `main(…)`. Its command line:

    NAME.py SEEP LIBSEEP.SO [--whole [--part]] [--row FILE] [--keep] [--only=RUN]

The short form makes the runs "plain", "512K" (with mmap=on, the default) and "period 1"; --whole also "512K, mmap=off",
with more work; --part only some of that, where a host says what. After each recorded run every recording must open
(`seep info`, `seep top`) and be whole, and something must have been recorded, unless the host declares why nothing can be. Exit 0, 1, or 77: not run, with the reason in the
last line. --row writes the host's row of the table in docs/hosts.md as JSON.
"""
import argparse
import contextlib
import glob
import json
import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

RUNS = {  # name: (period and mmap for the recorder, is in the short form)
    "plain": (None, True),
    "512K, mmap=off": ("period=512K,mmap=off", False),
    "512K": ("period=512K,mmap=on", True),
    "period 1": ("period=1,mmap=on", True),
}
PLACES = ["/usr/local/sbin", "/usr/sbin", "/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True), "/usr/games"]


class Wrong(Exception):
    """The host did not do its work; the text says what was seen."""


class Absent(Exception):
    """The host cannot run here; the text says why."""


def find(program):
    """The program's path, also where only services are kept."""
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))
    if not found:
        raise Absent(f"{program} is not installed (scripts/setup.sh hosts)")
    return found


def first_line(*command):
    done = subprocess.run([find(command[0]), *command[1:]], capture_output=True, text=True, timeout=60)
    return (done.stdout.strip() or done.stderr.strip()).splitlines()[0]


def version_of(*command):
    """The first thing like a version in what the command prints."""
    found = re.search(r"\d+(?:\.\d+)+[\w.+~-]*", first_line(*command))
    return found.group(0).rstrip(".-") if found else first_line(*command)


class Trial:
    """One run of the host: a scratch directory, an environment with or without the recorder, processes, their logs."""

    def __init__(self, seep, library, scratch, name, options, size, is_whole, is_part=False):
        self.seep, self.library, self.name, self.is_whole, self.is_part = seep, library, name, is_whole, is_part
        self.is_recorded = options is not None
        self.dir = os.path.join(scratch, re.sub(r"\W+", "-", name))
        self.recordings_dir = os.path.join(self.dir, "recordings")
        os.mkdir(self.dir)
        os.mkdir(self.recordings_dir)
        os.chmod(self.recordings_dir, 0o1777)  # children that give up root write there too
        self.plain_env = {**os.environ, "HOSTS_TRIAL": self.dir, "LC_ALL": "C", "TZ": "UTC"}
        for name in ("LD_PRELOAD", "SEEP_DIR", "SEEP_OPTIONS"):
            self.plain_env.pop(name, None)
        self.env = dict(self.plain_env)
        if self.is_recorded:
            if "period=1," in options + "," and size:
                options += f",size={size}"
            self.env.update(LD_PRELOAD=library, SEEP_DIR=self.recordings_dir, SEEP_OPTIONS=options)
        self.started = []
        self.logs = []
        self.tracer = []  # in front of every server that is started recorded; the server keeps its process id

    # -- processes; everything recorded unless it says recorded=False

    def _how(self, recorded, user, env, more):
        whole = {**(self.env if recorded else self.plain_env), **(env or {})}
        if user and os.getuid() == 0:
            who = pwd.getpwnam(user)
            more = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": [], **more}
            whole = {**whole, "HOME": self.dir, "USER": user, "LOGNAME": user}
        return {"env": whole, "cwd": self.dir, **more}

    def run(self, *command, recorded=True, user=None, env=None, timeout=300, expect=0, **more):
        """Runs a command to its end; output as text. Another exit code than `expect` (None: any) is Wrong."""
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        try:
            done = subprocess.run([find(command[0]), *command[1:]], capture_output=True, text=True, errors="replace",
                                  timeout=timeout, **self._how(recorded, user, env, more))
        except subprocess.TimeoutExpired as e:
            raise Wrong(f"{command[0]} did not end in {timeout} s") from e
        if expect is not None and done.returncode != expect:
            raise Wrong(f"{' '.join(command)[:200]} ended with {done.returncode}, not {expect}:\n"
                        + (done.stdout + done.stderr)[-3000:])
        return done

    def start(self, *command, recorded=True, user=None, env=None, **more):
        """Starts a server in a session of its own; what it prints goes to a log."""
        log = self.log_file(f"{os.path.basename(command[0])}-{len(self.started)}.log")
        tracer = [find(self.tracer[0]), *self.tracer[1:]] if self.tracer and recorded else []
        how = self._how(recorded, user, env, more)
        if tracer:  # the recorder is for the server alone
            preload = [f"-E{k}={how['env'].pop(k)}" for k in ("LD_PRELOAD",) if k in how["env"]]
            tracer += preload
        with open(log, "wb") as out:
            p = subprocess.Popen([*tracer, find(command[0]), *command[1:]], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True, **how)
        p.log = log
        self.started.append(p)
        return p

    def stop(self, process, number=signal.SIGTERM, timeout=60):
        """Signals a started server and returns how it ended (negative: by that signal)."""
        process.send_signal(number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired as e:
            raise Wrong(f"{process.args[0]} did not end {timeout} s after signal {number}:\n{self.tail(process.log)}") from e

    def wait(self, ready, what, process=None, timeout=60):
        """Waits until ready() is true."""
        end = time.monotonic() + timeout
        while not ready():
            if process and process.poll() is not None:
                raise Wrong(f"{process.args[0]} ended with {process.returncode} before {what}:\n{self.tail(process.log)}")
            if time.monotonic() > end:
                raise Wrong(f"{what}: not in {timeout} s\n{self.tail(process.log) if process else ''}")
            time.sleep(0.02)

    def wait_port(self, port, process=None):
        def is_open():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        self.wait(is_open, f"port {port} is open", process)

    @staticmethod
    def free_port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def wait_gone(self, pid):
        self.wait(lambda: not os.path.exists(f"/proc/{pid}"), f"the end of process {pid}")

    # -- files

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def forget(self):
        """Empties the scratch directory for another host, but for logs and recordings."""
        for name in os.listdir(self.dir):
            if self.path(name) not in self.logs and name != "recordings" and not name.startswith("trace-"):
                (shutil.rmtree if os.path.isdir(self.path(name)) else os.unlink)(self.path(name))

    def make_dir(self, name, user=None, mode=0o755):
        os.makedirs(self.path(name), exist_ok=True)
        os.chmod(self.path(name), mode)
        if user and os.getuid() == 0:
            shutil.chown(self.path(name), user)
        return self.path(name)

    def make_once(self, name, make):
        """A directory that make() fills at length. In the short form only the plain run does: the others begin with a copy."""
        kept = os.path.join(os.path.dirname(self.dir), "kept-" + name)
        if self.is_whole or not os.path.exists(kept):
            make()
            if not self.is_whole:
                subprocess.run(["cp", "-a", self.path(name), kept], check=True)
        else:
            subprocess.run(["cp", "-a", kept, self.path(name)], check=True)

    def log_file(self, name):
        """A file that a program logs to: it is searched for the recorder's complaints and shown when a run goes wrong."""
        self.logs.append(self.path(name))
        return self.path(name)

    @staticmethod
    def tail(path, nr_bytes=3000):
        with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as f:
            return f.read()[-nr_bytes:]
        return ""

    def amount(self, short, whole):
        return whole if self.is_whole else short

    # -- recordings

    def look(self):
        """Reads the recordings while the programs run: they must open at any moment."""
        for path in self.recording_files()[-self.amount(3, 100):]:
            self.seep_reads("top", path)

    def recording_files(self):
        return sorted(glob.glob(self.recordings_dir + "/*.seep"), key=lambda p: (os.path.getmtime(p), p))

    def seep_reads(self, verb, path, *options):
        done = subprocess.run([self.seep, verb, *options, path], capture_output=True, text=True, errors="replace",
                              env=self.plain_env, timeout=120)
        # The kept ones of a program are the newest: one may be removed while it is looked at.
        if done.returncode and os.path.exists(path):
            raise Wrong(f"seep {verb} {os.path.basename(path)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def infos(self):
        found = []
        for path in self.recording_files():
            text = self.seep_reads("info", path, "--json")
            found.append({**json.loads(text), "path": path})
        return found

    # -- the end

    def leftovers(self):
        """Processes of this run that are still there."""
        mark = f"HOSTS_TRIAL={self.dir}\0".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as f:
                if mark in f.read() + b"\0":
                    yield int(pid)

    def clean_up(self):
        for p in self.started:
            if p.poll() is None:
                with contextlib.suppress(OSError):
                    os.killpg(p.pid, signal.SIGKILL)
        for pid in list(self.leftovers()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for p in self.started:
            p.wait()


class Host:
    def __init__(self, work, name, version, compares, *, blind=None, user=None, note="", size="32M", complaints=(),
                 has_sandboxed_children=False, part=""):
        """version: a function or a command; compares: words for the table; blind: words in which `seep info` says what it cannot see;
        user: must exist, for programs that refuse root; size: of recordings at period 1; complaints: lines of the
        recorder that are right here; part: words for what --part runs of the whole form."""
        self.work, self.name, self.version, self.compares = work, name, version, compares
        self.part = part
        self.has_sandboxed_children = has_sandboxed_children  # forked behind a filter: counted, and not recorded
        self.blind, self.user, self.note, self.size, self.complaints = blind, user, note, size, complaints

    def check_complaints(self, trial):
        for log in trial.logs:
            for line in trial.tail(log, 1 << 20).splitlines():
                if "seep: recorder:" in line and not any(c in line for c in self.complaints):
                    raise Wrong(f"the recorder complains in {os.path.basename(log)}: {line}")

    def check_recordings(self, trial):
        """Every recording opens and is whole; something was recorded. Returns (recordings, samples)."""
        infos = trial.infos()
        nr_samples = sum(i["samples_made"] for i in infos)
        nr_heap = sum(i["alloc_objects"] for i in infos)
        for i in infos:
            torn = {k: v for k, v in i["lost"].items() if k.startswith("torn")}
            if torn:
                raise Wrong(f"{os.path.basename(i['path'])} is not whole: {torn}")
            if "children" in i["lost"] and not self.has_sandboxed_children:
                raise Wrong(f"{os.path.basename(i['path'])}: {i['lost']['children']} children are not recorded")
        most = sorted(infos, key=lambda i: -i["samples_made"])
        for i in most[:trial.amount(2, 12)]:
            trial.seep_reads("top", i["path"])
        if not infos:
            raise Wrong("there is no recording")
        said = trial.seep_reads("info", most[0]["path"])
        if self.blind and not any(self.blind in trial.seep_reads("info", i["path"]) for i in most):
            raise Wrong(f"seep info does not say '{self.blind}':\n{said}")
        if not self.blind and not nr_heap and "period=1," in trial.env["SEEP_OPTIONS"]:
            raise Wrong(f"nothing was recorded:\n{said}")
        return len(infos), nr_samples

    def run_once(self, trial):
        try:
            result = self.work(trial)
            left = list(trial.leftovers())
            if left:
                raise Wrong(f"processes {left} are still there")
            self.check_complaints(trial)
            counts = self.check_recordings(trial) if trial.is_recorded else (0, 0)
            return result, counts
        except Wrong:
            for log in trial.logs:
                if os.path.exists(log) and os.path.getsize(log):
                    print(f"--- {os.path.basename(log)}\n{trial.tail(log)}")
            raise
        finally:
            trial.clean_up()

    def need(self):
        """Raises Absent, or tells the version."""
        if self.user and os.getuid() == 0:
            try:
                pwd.getpwnam(self.user)
            except KeyError as e:
                raise Absent(f"there is no user {self.user}") from e
        return self.version() if callable(self.version) else version_of(*self.version)


def differences(plain, other):
    for what in sorted(plain.keys() | other.keys()):
        a, b = plain.get(what), other.get(what)
        if a != b and isinstance(a, dict) and isinstance(b, dict):
            yield from (f"{what}: {line}" for line in differences(a, b))
            continue
        if a != b:
            yield f"{what}: plain {str(a)[:400]!r}, recorded {str(b)[:400]!r}"


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_all(host, args, scratch, row):
    plain, failed = None, 0
    for name, (options, is_short) in RUNS.items():
        if not (args.whole or is_short) or (args.only and name not in ("plain", args.only)):
            continue
        trial = Trial(args.seep, args.library, scratch, name, options, host.size, args.whole, args.part)
        begun, begun_cpu = time.monotonic(), cpu_seconds()
        try:
            result, (nr_recordings, nr_samples) = host.run_once(trial)
            wrong = list(differences(plain, result)) if plain is not None else []
            said = f"same; {nr_recordings} recordings, {nr_samples} samples"
        except Wrong as e:
            result, wrong = None, str(e).splitlines()
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError):
            result, wrong = None, traceback.format_exc().splitlines()
        took = f"({time.monotonic() - begun:.1f} s, {cpu_seconds() - begun_cpu:.1f} s of CPU)"
        if wrong:
            failed += 1
            print(f"{host.name}: {name}: WRONG\n  " + "\n  ".join(wrong), flush=True)
        elif plain is None:
            print(f"{host.name}: plain: {json.dumps(result)[:600]} {took}", flush=True)
        else:
            print(f"{host.name}: {name}: {said} {took}", flush=True)
        if name == "plain" and wrong:
            break  # nothing to compare with
        plain = result if plain is None else plain
        row["runs"][name] = "; ".join(wrong)[:300] if wrong else "same" if name != "plain" else "done"
        if not wrong and name != "plain":
            row["runs"][name] += f", {nr_recordings} rec., {nr_samples:,} samples"
        if not args.keep:
            shutil.rmtree(trial.dir, ignore_errors=True)
    return failed


def main(work, name, version, compares, **more):
    """Makes the runs of one host and exits. See Host for the arguments."""
    p = argparse.ArgumentParser(description=f"{name} with and without the recorder")
    p.add_argument("seep")
    p.add_argument("library")
    p.add_argument("--whole", action="store_true")
    p.add_argument("--part", action="store_true", help="only a part of the whole form; the row says which")
    p.add_argument("--row")
    p.add_argument("--keep", action="store_true", help="leaves the scratch directory")
    p.add_argument("--only", help="plain and one other run")
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # who ran too long cleans up as well
    args.seep, args.library = os.path.abspath(args.seep), os.path.abspath(args.library)
    host = Host(work, name, version, compares, **more)
    if args.part and not (host.part and args.whole):
        p.error("--part: only with --whole, and not of every host")
    note = "; ".join(filter(None, [f"only a part was run: {host.part}" if args.part else "", host.note]))
    row = {"host": name, "version": "", "compared": compares, "runs": {}, "note": note, "skipped": ""}
    scratch = tempfile.mkdtemp(prefix="seep-host-")
    os.chmod(scratch, 0o755)
    try:
        row["version"] = host.need()
        failed = run_all(host, args, scratch, row)
    except Absent as e:
        failed, row["skipped"] = 0, str(e)
    finally:
        if args.keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    if args.row:
        with open(args.row, "w", encoding="utf-8") as f:
            json.dump(row, f)
    if row["skipped"]:
        print(f"{name} was NOT run: {row['skipped']}")
        sys.exit(77)
    sys.exit(1 if failed else 0)
