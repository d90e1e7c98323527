#!/usr/bin/env python3
"""Real OOM kills in a memory cgroup: the file that is left must say that it was the OOM killer and name the code.

  oom.py SEEP LIBSEEP VICTIM PLUGINS [--kills N]

Three quarters of the kills come in a storm of forks, of libraries that are loaded and unloaded, or of short threads.

Needs a memory cgroup (v1 or v2) that can be made here; where there is none everything is skipped, and says so. Prints TAP.
"""
import argparse
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

LIMIT = "48M"
FUNCTION = "remember_order"
STORMS = ("none", "fork", "dlopen", "thread")


class Cgroup:
    """A memory cgroup with a limit; None from make() where there can be none."""

    def __init__(self, path):
        self.path = path

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w", encoding="ascii") as f:
            f.write(text)

    def remove(self):
        """With what a storm may have left in it."""
        for _ in range(200):
            with open(os.path.join(self.path, "cgroup.procs"), encoding="ascii") as f:
                for pid in f.read().split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)

    @classmethod
    def make(cls, name):
        for base, limit, swap in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
                                  ("/sys/fs/cgroup", "memory.max", "memory.swap.max")):
            group = cls(os.path.join(base, name))
            try:
                os.mkdir(group.path)
            except OSError:
                continue
            try:
                group.write(limit, LIMIT)
            except OSError:
                os.rmdir(group.path)
                continue
            try:
                group.write(swap, LIMIT if "memsw" in swap else "0")
            except OSError:
                pass
            return group
        return None


def ask(args, *words):
    done = subprocess.run([args.seep, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip()}
    return json.loads(done.stdout)


def kill_one(args, number):
    """What seep says of one killed victim: (ended, first function of top, verdict, first suspect)."""
    group = Cgroup.make(f"seep-oom-{os.getpid()}-{number}")
    if not group:
        return None
    try:
        with tempfile.TemporaryDirectory(prefix="seep-oom-", dir="/var/tmp") as work:
            recordings = os.path.join(work, "recordings")
            os.mkdir(recordings)
            join = f'echo $$ >{group.path}/cgroup.procs && exec "$@"'
            victim = [args.victim, str(int(10e6 + 3e6 * (number % 5))), STORMS[number % len(STORMS)], args.plugins]
            subprocess.run([args.seep, "run", "--lib", args.libseep, "--dir", recordings, "--", "sh", "-c", join, "sh",
                            *victim], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=120, check=False)
            found = glob.glob(os.path.join(recordings, os.path.basename(args.victim) + ".*.seep"))
            infos = [(path, ask(args, "info", "--json", path)) for path in found]
            own = [(path, info) for path, info in infos if not info.get("forked_from")]
            broken = [info["error"] for _, info in infos if "error" in info]
            if len(own) != 1 or broken:
                return f"{len(own)} recordings {broken}", "", "", ""
            found, info = own[0]
            top, why = ask(args, "top", "--json", found), ask(args, "why", "--json", found)
    finally:
        group.remove()
    rows, suspects = top.get("rows", []), why.get("suspects", [])
    ended = info.get("ended", info.get("error"))
    return (json.dumps(ended), rows[0]["function"] if rows else "", why.get("verdict", why.get("error")),
            suspects[0]["function"] if suspects else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seep")
    parser.add_argument("libseep")
    parser.add_argument("victim")
    parser.add_argument("plugins")
    parser.add_argument("--kills", type=int, default=100)
    args = parser.parse_args()
    failed = 0
    for number in range(1, args.kills + 1):
        said = kill_one(args, number)
        if said is None:
            print(f"ok {number} # SKIP no memory cgroup can be made here: NO OOM KILL WAS TESTED")
            continue
        ended, top, verdict, suspect = said
        # The kill may come before there is evidence enough to say leak: then the word is growing, never another.
        ok = ("oom" in ended.lower() and top == FUNCTION and verdict in ("leak", "growing") and suspect == FUNCTION)
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {number} - ended {ended}, top: {top}, why: {verdict} at {suspect}", flush=True)
    print(f"1..{args.kills}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
