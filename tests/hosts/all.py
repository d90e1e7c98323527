#!/usr/bin/env python3
"""all.py SEEP LIBSEEP.SO OUT [NAME…]: every host in its whole form, one after the other; prints what each prints.

Writes OUT/hosts.md, the table of docs/hosts.md, and keeps OUT/NAME.json of hosts that were not chosen this time. The last
line is "N passed, N failed, N skipped"; exit 1 when one failed or none passed.
"""
import glob
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NOT_HOSTS = ("all", "common", "web")
COLUMNS = ("512K, mmap=off", "512K", "period 1")


def names():
    found = (os.path.splitext(os.path.basename(p))[0] for p in glob.glob(HERE + "/*.py"))
    return sorted(n for n in found if n not in NOT_HOSTS)


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(rows):
    yield "| host | version | what was compared | 512K, `mmap=off` | 512K, `mmap=on` | period 1, `mmap=on` | note |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        note = f"not run: {row['skipped']}" if row["skipped"] else row["note"]
        results = [row["runs"].get(c, "–") for c in COLUMNS]
        yield "| " + " | ".join(cell(c) for c in (row["host"], row["version"], row["compared"], *results, note)) + " |"


def write_table(out):
    rows = []
    for name in names():
        path = os.path.join(out, name + ".json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                rows.append(json.load(f))
    rows.sort(key=lambda r: r["host"].lower())
    with open(os.path.join(out, "hosts.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(table(rows)) + "\n")
    return rows


def main(seep, library, out, *chosen):
    os.makedirs(out, exist_ok=True)
    counts = {0: 0, 77: 0}
    nr_failed = 0
    for name in chosen or names():
        row = os.path.join(out, name + ".json")
        if os.path.exists(row):
            os.unlink(row)
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, os.path.join(HERE, name + ".py"), seep, library, "--whole", "--row", row])
        if done.returncode in counts:
            counts[done.returncode] += 1
        else:
            nr_failed += 1
            print(f"failed: {name}", flush=True)
    write_table(out)
    print(f"{counts[0]} passed, {nr_failed} failed, {counts[77]} skipped")
    return 1 if nr_failed or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
