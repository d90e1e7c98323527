#!/usr/bin/env python3
"""all.py SEEP LIBSEEP.SO OUT [--docs=FILE] [--part] [NAME…]: every host in its whole form, one after the other; prints what each prints.

Writes OUT/hosts.md, a table of all hosts that were ever run to OUT; --docs puts these rows into the table of FILE, and leaves
its others as they are. --part is given to the hosts. The last line is "N passed, N failed, N skipped"; exit 1 when one failed or none passed.
"""
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NOT_HOSTS = ("all", "common", "web")
COLUMNS = ("512K, mmap=off", "512K", "period 1")
HEAD = ["| host | version | what was compared | 512K, `mmap=off` | 512K, `mmap=on` | period 1, `mmap=on` | note |",
        "|---|---|---|---|---|---|---|"]


def names():
    found = (os.path.splitext(os.path.basename(p))[0] for p in glob.glob(HERE + "/*.py"))
    return sorted(n for n in found if n not in NOT_HOSTS)


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def line_of(row):
    note = f"not run: {row['skipped']}" if row["skipped"] else row["note"]
    results = [row["runs"].get(c, "–") for c in COLUMNS]
    return "| " + " | ".join(cell(c) for c in (row["host"], row["version"], row["compared"], *results, note)) + " |"


def table(lines):
    """lines: {host: its line}"""
    return [*HEAD, *(lines[host] for host in sorted(lines, key=str.lower))]


def lines_in(out):
    lines = {}
    for path in glob.glob(os.path.join(out, "*.json")):
        with open(path, encoding="utf-8") as f:
            row = json.load(f)
        lines[row["host"]] = line_of(row)
    return lines


def put_into(docs, lines):
    """The rows that are not among `lines` stay."""
    with open(docs, encoding="utf-8") as f:
        text = f.read().splitlines()
    is_table = [line.startswith("|") for line in text]
    first = is_table.index(True) if True in is_table else len(text)
    last = len(text) - is_table[::-1].index(True) if True in is_table else len(text)
    old = {line.split(" | ")[0][2:]: line for line in text[first:last] if line not in HEAD}
    with open(docs, "w", encoding="utf-8") as f:
        f.write("\n".join([*text[:first], *table({**old, **lines}), *text[last:]]) + "\n")


def main(seep, library, out, *chosen):
    docs = [word[7:] for word in chosen if word.startswith("--docs=")]
    part = [word for word in chosen if word == "--part"]
    chosen = [word for word in chosen if not word.startswith("--")]
    os.makedirs(out, exist_ok=True)
    counts = {0: 0, 77: 0}
    nr_failed = 0
    for name in chosen or names():
        row = os.path.join(out, name + ".json")
        if os.path.exists(row):
            os.unlink(row)
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, os.path.join(HERE, name + ".py"), seep, library, "--whole", *part, "--row", row])
        if done.returncode in counts:
            counts[done.returncode] += 1
        else:
            nr_failed += 1
            print(f"failed: {name}", flush=True)
    lines = lines_in(out)
    with open(os.path.join(out, "hosts.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(table(lines)) + "\n")
    for path in docs:
        put_into(path, lines)
    print(f"{counts[0]} passed, {nr_failed} failed, {counts[77]} skipped")
    return 1 if nr_failed or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
