#!/usr/bin/env python3
"""CPython's own test suite, as Debian packages it: each test ends as it does without the recorder.

The whole form runs all of it, which takes hours; with --part the tests named in PART. Some tests depend on the
machine's load: those that ended otherwise are run again alone, at most twice, and what they do then counts.
"""
import os
import re

from common import Absent, Wrong, find, main

PYTHON = "/usr/bin/python3.11"  # whose tests are in its package; not another in the path
# Quick ones that take much memory, start children or threads, or load extensions.
PART = """
__all__ abc argparse array ast atexit base64 binascii bisect bufio builtin bytes bz2 cmath code codecs
collections compile complex configparser contextlib copy coroutines cprofile csv ctypes dataclasses dbm deque
descr dict difflib dis enum exceptions fcntl file fileio float fork1 format frame fstring functools gc
generators glob grammar gzip hash hashlib heapq hmac html int interpreters json list locale long marshal math
memoryio memoryview minidom mmap ntpath operator ordered_dict os pathlib pickletools plistlib popen posix
posixpath pprint pty pyexpat queue random range re resource sax select set shelve shutil site sort stat string
struct subprocess super syntax sys sys_settrace tempfile thread threadedtempfile threading_local time timeit
traceback tracemalloc tuple types typing unicode unicodedata urllib urlparse uuid warnings weakref weakset
xml_etree xml_etree_c zipimport zlib
""".split()
SHORT = ["test_dict", "test_struct", "test_fork1", "test_thread"]
ENDS = re.compile(r"^\S+ .*?\[ *\d+/\d+(?:/\d+)?\] (test[\w.]+) (passed|failed|skipped|crashed|timed out|interrupted|worker)", re.M)
OVERALL = re.compile(r"^(\d+ tests? (?:OK|failed|skipped).*)$", re.M)


def run(trial, options, tests, timeout):
    done = trial.run(PYTHON, "-m", "test", "--timeout", "600", *options, *tests, expect=None, timeout=timeout,
                     env={"HOME": trial.dir, "TMPDIR": trial.make_dir("tmp")})
    ends = {name: end.split()[0] for name, end in ENDS.findall(done.stdout)}
    # Only the parallel form writes how each one ended as it ends.
    if not ends:
        raise Wrong("no test ran:\n" + (done.stdout + done.stderr)[-2000:])
    return ends


PLAIN = {}


def work(trial):
    if not trial.is_whole:
        return run(trial, ["-j1"], SHORT, 120)
    jobs = "-j2"
    ends = run(trial, [jobs], ["test_" + name for name in PART] if trial.is_part else [], 5400)
    if not trial.is_recorded:
        PLAIN.update(ends)
        return ends
    for _ in range(2):
        again = [name for name in ends if ends[name] != PLAIN.get(name)]
        if again:
            ends.update(run(trial, ["-j1"], again, 3600))
    return ends


def version():
    python = find(PYTHON)
    if not os.path.exists("/usr/lib/python3.11/test/test_dict.py"):
        raise Absent("libpython3.11-testsuite is not installed (scripts/setup.sh hosts)")
    import subprocess
    return subprocess.check_output([python, "-V"], text=True).split()[1]


if __name__ == "__main__":
    main(work, "CPython's test suite", version, "how each test ended", size="16M",
         part=f"{len(PART)} tests (PART in cpython.py)")
