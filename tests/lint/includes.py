#!/usr/bin/env python3
"""includes.py ROOT: checks every #include "…" under src/ against tests/lint/layers.txt."""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


class Layers:
    def __init__(self, path):
        self.rank, self.open, self.recorder = {}, set(), set()
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                words = line.split("#")[0].split()
                if words[:1] == ["open"]:
                    self.open.update(words[1:])
                elif words[:1] == ["recorder"]:
                    self.recorder.update(words[1:])
                elif words:
                    rank = len(set(self.rank.values()))
                    self.rank.update((part, rank) for part in words)

    def why_not(self, part, target):
        """None when code of `part` may include `target`, else the reason."""
        other = target.split("/")[0]
        if other == part or target.startswith("seep"):
            return None
        if part == "recorder":
            return None if target in self.recorder else "the recorder may include only " + ", ".join(sorted(self.recorder))
        if other not in self.rank:
            return f"'{other}' is no part that others may include"
        if self.rank[other] >= self.rank[part]:
            return f"includes point down: {part} may not know {other}"
        if target != f"{other}/{other}.h" and target not in self.open:
            return f"only {other}/{other}.h is for others"
        return None


def includes(path):
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found.group(1)


def resolve(src, folder, name):
    """The path under src/ that the compiler takes: beside the includer first."""
    beside = os.path.normpath(os.path.join(folder, name))
    if not beside.startswith("..") and os.path.exists(os.path.join(src, beside)):
        return beside
    return name


def check(root):
    src = os.path.join(root, "src")
    layers = Layers(os.path.join(root, "tests/lint/layers.txt"))
    nr_checked, wrong = 0, []
    for folder, _, files in os.walk(src):
        part = os.path.relpath(folder, src).split(os.sep)[0]
        for name in sorted(files):
            if not name.endswith((".c", ".h", ".S")):
                continue
            path = os.path.join(folder, name)
            if part != "recorder" and part not in layers.rank:
                wrong.append(f"{path}: part '{part}' is not in tests/lint/layers.txt")
                continue
            for number, target in includes(path):
                nr_checked += 1
                why = layers.why_not(part, resolve(src, os.path.relpath(folder, src), target))
                if why:
                    wrong.append(f'{os.path.relpath(path, root)}:{number}: "{target}": {why}')
    return nr_checked, wrong


if __name__ == "__main__":
    nr, errors = check(sys.argv[1])
    print("\n".join(errors) if errors else f"{nr} includes point down")
    sys.exit(1 if errors or not nr else 0)
