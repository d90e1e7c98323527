#!/usr/bin/env python3
"""Chromium loads a page headless: the DOM after its scripts, without its sandbox, and with each kind of it as a user."""
import hashlib
import re

from common import Wrong, main

PAGE = """<html><body><h1 id=h>x</h1><script>
let s = 0; for (let i = 0; i < 300000; i++) s = (s * 31 + i) % 1000003;
let d = document.createElement('div');
for (let i = 0; i < 500; i++) { let p = document.createElement('p'); p.textContent = 'row ' + i * s; d.appendChild(p); }
document.body.appendChild(d);
let c = document.createElement('canvas'); c.width = 300; c.height = 200;
let x = c.getContext('2d'); x.fillStyle = 'red'; x.fillRect(10, 10, 50, 50);
document.getElementById('h').textContent = s + ' ' + x.getImageData(20, 20, 1, 1).data.join(',');
</script></body></html>
"""
HOW = {
    "no sandbox": (["--no-sandbox"], None),
    "namespaces and seccomp": (["--disable-setuid-sandbox"], "nobody"),
    "setuid helper and seccomp": (["--disable-namespace-sandbox"], "nobody"),
}


def work(trial):
    page = trial.write("page.html", PAGE)
    results = {}
    for name in trial.amount(["namespaces and seccomp"], list(HOW)):
        options, user = HOW[name]
        home = trial.make_dir("home-" + re.sub(r"\W", "-", name), user)
        done = trial.run("chromium", "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=5000",
                         "--user-data-dir=" + home + "/profile", *options, "--dump-dom", "file://" + page, user=user,
                         env={"HOME": home}, timeout=120)
        found = re.search(r"<h1[^>]*>([^<]*)", done.stdout)
        if not found or found.group(1) == "x":
            raise Wrong(f"{name}: the page did not run:\n{done.stdout[:500]}\n{done.stderr[-1500:]}")
        if "seep: recorder" in done.stderr:
            raise Wrong(f"{name}: the recorder complains:\n{done.stderr[-1500:]}")
        results[name] = (found.group(1), hashlib.sha256(done.stdout.encode()).hexdigest()[:16])
    return results


if __name__ == "__main__":
    main(work, "Chromium", ("chromium", "--version"), "the DOM after scripts and a canvas, for each sandbox", user="nobody", size="8M",
         blind="PartitionAlloc", has_sandboxed_children=True,
         note="PartitionAlloc is inside the executable: nothing of its heap is seen; children of the sandboxed zygote can make no "
              "recording and are counted: `seep info` says both")
