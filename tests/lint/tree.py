#!/usr/bin/env python3
"""tree.py ROOT: what holds for every text file of the project.

No path of somebody's machine, no work that is announced but not done, no file of C over 600 lines, no line over 120
columns in C, no function over 60 lines, no trailing blanks; a licence for what was copied.
"""
import os
import re
import subprocess
import sys

MACHINE_PATH = re.compile(r"(?<![\w./$}-])/(?:work|root|home/[a-z]+|tmp/h-\w+)(?:/|\b)(?!\w)")
ANNOUNCED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
OWN_C = re.compile(r"^(?:src|include|tests|bench|demo|examples)/.*\.(?:c|h|cc)$")
MAX_FILE, MAX_FUNCTION, MAX_COLUMNS = 600, 60, 120
# A table of names is as long as there are names.
LONG_TABLES = ("/frames.c",)


def project_files(root):
    if os.path.exists(os.path.join(root, ".git")):
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z"], capture_output=True, check=True)
        return [name for name in listed.stdout.decode().split("\0") if name]
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(("build", ".git"))]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return found


def long_functions(lines):
    """Function bodies open with "{" in the first column and close with "}" there."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > MAX_FUNCTION:
                yield start, number - start - 1
            start = None


def check_c(name, lines):
    if len(lines) > MAX_FILE and not name.endswith(LONG_TABLES):
        yield f"{name}: {len(lines)} lines, over {MAX_FILE}"
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > MAX_COLUMNS:
            yield f"{name}:{number}: over {MAX_COLUMNS} columns"
    for number, length in long_functions(lines):
        yield f"{name}:{number}: a function of {length} lines, over {MAX_FUNCTION}"


def check_text(name, lines):
    for number, line in enumerate(lines, 1):
        for pattern, what in ((MACHINE_PATH, "a path of somebody's machine"), (ANNOUNCED, "announces work")):
            found = pattern.search(line)
            if found:
                yield f"{name}:{number}: {what}: {found.group(0)}"
        if line != line.rstrip() and not name.endswith(".md"):
            yield f"{name}:{number}: blanks at the end of the line"


def check(root):
    nr_files, wrong = 0, []
    for name in project_files(root):
        path = os.path.join(root, name)
        if not os.path.isfile(path) or "/corpus/" in name or name.startswith("subprojects/"):
            continue
        with open(path, "rb") as file:
            data = file.read()
        if b"\0" in data:
            continue
        nr_files += 1
        lines = data.decode("utf-8", errors="replace").split("\n")
        if lines[-1] == "":
            lines.pop()
        elif data:
            wrong.append(f"{name}: no newline at the end")
        if name != "LICENSE":
            wrong += check_text(name, lines)
        if OWN_C.match(name):
            wrong += check_c(name, lines)
    return nr_files, wrong


if __name__ == "__main__":
    nr, errors = check(sys.argv[1])
    print("\n".join(errors) if errors else f"{nr} files are clean")
    sys.exit(1 if errors or not nr else 0)
