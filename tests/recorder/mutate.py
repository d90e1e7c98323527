#!/usr/bin/env python3
"""Is each guard of the recorder guarded by a test? Takes them out one by one; the test that is named must go red.

mutate.py BUILD [NAME…]: BUILD is a build directory, NAME a word of the mutants to try (default: all). Only the recorder is
built again, in a directory of its own. Exit 1 when a mutant survives, 2 when one does not apply or compile any more.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

from mutants import MUTANTS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def tool(command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", check=False)


class Build:
    """How the build makes the recorder: one command an object, and one that links them."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        if tool(["ninja"], self.path).returncode:
            sys.exit(f"mutate.py: {path} does not build")
        text = tool(["ninja", "-t", "commands", "libseep.so"], self.path).stdout
        self.objects, self.link = {}, None
        for words in map(shlex.split, text.splitlines()):
            if "-c" in words:
                source = os.path.relpath(os.path.join(self.path, words[words.index("-c") + 1]), ROOT)
                self.objects[source] = words
            elif words[1:3] == ["-o", "libseep.so"]:
                self.link = words

    def make(self, mutated, scratch):
        """The recorder with one file of src/ replaced; the compiler's words if it does not compile."""
        shutil.copytree(os.path.join(ROOT, "src"), f"{scratch}/src")
        with open(f"{scratch}/{mutated[0]}", "w", encoding="utf-8") as f:
            f.write(mutated[1])
        link = list(self.link)
        for source, words in self.objects.items():
            if source != mutated[0] and not mutated[0].endswith(".h"):
                continue
            old = words[words.index("-o") + 1]
            new = f"{scratch}/{os.path.basename(old)}"
            command = [w.replace("../src", f"{scratch}/src") if w == "-I../src" else w for w in words]
            command[command.index("-o") + 1] = new
            command[command.index("-c") + 1] = f"{scratch}/{source}"
            command = [w for i, w in enumerate(command) if w not in ("-MD", "-MQ", "-MF") and command[i - 1] not in ("-MQ", "-MF")]
            r = tool(command + ["-w"], self.path)
            if r.returncode:
                return r.stderr
            link[link.index(old)] = new
        link[2] = f"{scratch}/libseep.so"
        return tool(link, self.path).stderr


def run_test(build, library, tests):
    return tool([sys.executable, f"{HERE}/run.py", library, f"{build.path}/tests/recorder", *tests], ROOT)


def try_mutant(build, mutant):
    """None when the test goes red, else what is wrong, and whether that is the list's fault."""
    path, old, new, tests = mutant[1:]
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        text = f.read()
    if text.count(old) != 1:
        return f"{path} has {text.count(old)} times: {old!r}", True
    with tempfile.TemporaryDirectory(prefix="seep-mutant-") as scratch:
        said = build.make((path, text.replace(old, new)), scratch)
        if not os.path.exists(f"{scratch}/libseep.so"):
            return f"does not build: {said[:600]}", True
        try:
            r = run_test(build, f"{scratch}/libseep.so", tests.split())
        except subprocess.TimeoutExpired:
            return None
    red = re.findall(r"^not ok \d+ - (.*)", r.stdout, re.M)
    if r.returncode == 1 and red:
        print(f"killed   {mutant[0]}: {red[0]}", flush=True)
        return None
    if "# SKIP" in r.stdout:
        print(f"skipped  {mutant[0]}: {tests} cannot run here", flush=True)
        return None
    return f"survives {tests}", False


def main():
    build = Build(sys.argv[1])
    chosen = [m for m in MUTANTS if not sys.argv[2:] or any(word in m[0] for word in sys.argv[2:])]
    needed = sorted({t for m in chosen for t in m[4].split()})
    before = run_test(build, f"{build.path}/libseep.so", needed)
    if before.returncode:
        print(before.stdout)
        sys.exit("mutate.py: the tests are not green to begin with")
    survivors = broken = 0
    for mutant in chosen:
        wrong = try_mutant(build, mutant)
        if wrong:
            print(f"{'BROKEN  ' if wrong[1] else 'SURVIVES'} {mutant[0]}: {wrong[0]}", flush=True)
            broken += wrong[1]
            survivors += not wrong[1]
    print(f"{len(chosen)} mutants, {survivors} survive, {broken} do not apply")
    return 2 if broken else 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
