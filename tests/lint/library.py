#!/usr/bin/env python3
"""library.py WHAT LIBSEEP.SO ROOT: what the shared library of the recorder promises to the programs it is loaded into.

exports   it defines exactly the names of tests/lint/exports.txt, without a version (a version node disables interposition)
versions  it needs no symbol version above GLIBC_2.17, and no library but libc and its loader
imports   it calls nothing but the names of tests/lint/imports.txt
archive   of libseep.a: the same names, those of the C library as __wrap_NAME, and no others are global
size      at most 200 KiB of it are loaded or stored
"""
import os
import re
import subprocess
import sys

NEEDED_ALLOWED = re.compile(r"libc\.so\.6|ld-linux[-a-z0-9_]*\.so\.\d|libc\.musl-\w+\.so\.1|libc\.so")
NEWEST_GLIBC = (2, 17)
MAX_BYTES = 200 << 10


def tool(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def names_in(path):
    with open(path, encoding="utf-8") as lines:
        return {word for line in lines for word in line.split("#")[0].split()}


def compare(kind, got, allowed, required):
    wrong = [f"{kind} '{name}' is not in the list" for name in sorted(got - allowed)]
    return wrong + [f"{kind} '{name}' is missing" for name in sorted(required - got)]


def check_exports(library, lint):
    lines = [line.split() for line in tool("nm", "-D", "--defined-only", library).splitlines()]
    listed = names_in(os.path.join(lint, "exports.txt"))
    got = {words[-1] for words in lines if words[1] != "A"}
    versioned = [f"export '{name}' has a version" for name in sorted(got) if "@" in name]
    return versioned + compare("export", got, listed, listed)


def check_versions(library, _):
    wrong = []
    for version in sorted(set(re.findall(r"GLIBC_([0-9.]+)", tool("readelf", "-VW", library)))):
        if tuple(int(part) for part in version.split(".")) > NEWEST_GLIBC:
            wrong.append(f"needs GLIBC_{version}")
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", library)):
        if not NEEDED_ALLOWED.fullmatch(needed):
            wrong.append(f"needs the library {needed}")
    if re.search(r"\b(TEXTREL|RPATH|RUNPATH)\b", tool("readelf", "-dW", library)):
        wrong.append("has text relocations or a search path of its own")
    if "__tls_get_addr" in tool("nm", "-D", library):
        wrong.append("reaches thread-local data through __tls_get_addr, which may allocate")
    return wrong


def check_imports(library, lint):
    lines = [line.split() for line in tool("nm", "-D", "--undefined-only", library).splitlines()]
    got = {words[-1].split("@")[0] for words in lines}
    return compare("import", got, names_in(os.path.join(lint, "imports.txt")), set())


def check_size(library, _):
    size = stripped_size(library)
    return [f"{size} bytes without debug information, over {MAX_BYTES}"] if size > MAX_BYTES else []


def stripped_size(library):
    copy = library + ".stripped"
    try:
        tool("strip", "--strip-debug", "-o", copy, library)
        return os.path.getsize(copy)
    finally:
        if os.path.exists(copy):
            os.unlink(copy)


def check_archive(archive, lint):
    """libseep.a: nothing is global but what stands in front of the C library, as __wrap_NAME, and the API."""
    lines = [line.split() for line in tool("nm", "-g", "--defined-only", archive).splitlines()]
    got = {words[-1] for words in lines if len(words) == 3}
    listed = names_in(os.path.join(lint, "exports.txt"))
    want = {name if name.startswith("seep_") else f"__wrap_{name}" for name in listed
            if name != "__asan_default_options"}
    undefined = {line.split()[-1] for line in tool("nm", "-g", "--undefined-only", archive).splitlines() if len(line.split()) == 2}
    taken = names_in(os.path.join(lint, "imports.txt")) | {"_GLOBAL_OFFSET_TABLE_", "__dso_handle", "__popcountdi2", "__start_seep_text",
                                                            "__stop_seep_text", "__malloc_allzerop"}
    return compare("global", got, want, want) + compare("import", {n for n in undefined if not n.startswith("__real_")}, taken, set())


CHECKS = {"exports": check_exports, "archive": check_archive, "versions": check_versions, "imports": check_imports, "size": check_size}

if __name__ == "__main__":
    errors = CHECKS[sys.argv[1]](sys.argv[2], os.path.join(sys.argv[3], "tests/lint"))
    print("\n".join(errors) if errors else f"{sys.argv[1]}: as promised")
    sys.exit(1 if errors else 0)
