#!/usr/bin/env python3
"""tally.py RESULTS [testlog.json…]: counts tests over all builds, names what failed or was skipped and why.

RESULTS holds lines "OK|FAIL|SKIP TAB name [TAB why]"; a testlog.json is Meson's, one object a line. Exit 1 when anything failed.
"""
import json
import os
import re
import sys


def read_results(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            status, name, *why = line.rstrip("\n").split("\t", 2)
            yield status, name, "".join(why)


def read_testlog(path):
    build = path.split(os.sep)[-3]
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            test = json.loads(line)
            yield test["result"], build + ": " + test["name"], test.get("stdout") or ""


def skip_reason(text):
    """The reason a test printed: TAP's "# SKIP why", or its last line."""
    found = re.findall(r"# SKIP[ :]*(.+)", text, re.IGNORECASE)
    lines = text.strip().splitlines()
    return found[-1] if found else lines[-1] if lines else "no reason given"


def main(args):
    tests = list(read_results(args[0])) if args else []
    for path in args[1:]:
        if os.path.exists(path):
            tests += read_testlog(path)
    passed = [t for t in tests if t[0] in ("OK", "EXPECTEDFAIL")]
    skipped = [t for t in tests if t[0] in ("SKIP", "IGNORED")]
    failed = [t for t in tests if t not in passed and t not in skipped]
    for _, name, text in skipped:
        print(f"skipped: {name}: {skip_reason(text)}")
    for status, name, _ in failed:
        print(f"failed: {name} ({status})")
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
