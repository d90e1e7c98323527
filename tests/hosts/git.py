#!/usr/bin/env python3
"""git on a repository of thousands of commits: fast-import, clone, gc, fsck, log, blame, a merge; the same objects."""
import hashlib
import os

from common import main

IDENTITY = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b",
            "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000", "GIT_CONFIG_NOSYSTEM": "1"}


def stream(nr_commits):
    """A history for fast-import: 300 files, some changed by each commit."""
    for i in range(nr_commits):
        message = f"commit {i}\n"
        yield f"commit refs/heads/main\nmark :{i + 1}\ncommitter A <a@b> {1600000000 + i * 60} +0000\ndata {len(message)}\n{message}"
        for k in range(3):
            n = (i * 7 + k * 101) % 300
            text = "".join(f"line {j} of {n} {(i if j % 40 == k else n) * 7919 % 10007}\n" for j in range(150))
            yield f"M 100644 inline dir{n % 17}/file{n}\ndata {len(text)}\n{text}\n"


def work(trial):
    env = {**IDENTITY, "HOME": trial.dir}
    def git(*words, **more):
        return trial.run("git", *words, env=env, **more).stdout

    git("init", "-q", "--bare", "origin.git")
    git("-C", "origin.git", "fast-import", "--quiet", input="".join(stream(trial.amount(300, 6000))))
    git("-C", "origin.git", "symbolic-ref", "HEAD", "refs/heads/main")
    git("clone", "-q", "--no-local", "origin.git", "copy")
    work_tree = ["-C", "copy"]
    git(*work_tree, "checkout", "-q", "-b", "side", "main~20")
    with open(trial.path("copy", "new"), "w", encoding="utf-8") as f:
        f.write("new\n" * 1000)
    git(*work_tree, "add", "new")
    git(*work_tree, "commit", "-q", "-m", "side")
    git(*work_tree, "merge", "-q", "-m", "merge", "main")
    git(*work_tree, "gc", "-q", "--aggressive" if trial.is_whole else "--auto")
    git(*work_tree, "repack", "-q", "-a", "-d", "-f", "--threads=4")
    log = git(*work_tree, "log", "-p", "--stat") + git(*work_tree, "blame", "dir0/file0") + git(*work_tree, "grep", "-c", "line 3")
    return {"head": git(*work_tree, "rev-parse", "HEAD"), "log": hashlib.sha256(log.encode()).hexdigest()[:16],
            "fsck": git(*work_tree, "fsck", "--full", "--strict"), "count": git(*work_tree, "rev-list", "--all", "--objects", "--count"),
            "packs": len([n for n in os.listdir(trial.path("copy/.git/objects/pack")) if n.endswith(".pack")])}


if __name__ == "__main__":
    main(work, "git", ("git", "--version"), "head, log -p, blame, grep, fsck, number of objects after clone, merge, gc, repack", size="16M")
