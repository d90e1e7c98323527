#!/usr/bin/env python3
"""varnishd in its jail (the manager as vcache, the worker as varnish), compiling VCL, under wrk; its worker is killed."""
import os
import signal
import time

import web
from common import main, version_of

VCL = """
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "%d"; }
sub vcl_recv {
	if (req.url == "/made") { return (synth(200, "made")); }
	if (req.url ~ "^/pass") { return (pass); }
}
sub vcl_backend_response { set beresp.do_gzip = true; }
"""


def admin(trial, *command):
    return trial.run("varnishadm", "-n", trial.path("state"), "-t", "60", *command, recorded=False).stdout.strip()


def work(trial):
    port = trial.free_port()
    source, source_port = web.origin(trial)
    vcl = trial.write("site.vcl", VCL % source_port)
    trial.make_dir("state", mode=0o755)
    jail = ["-j", "unix,user=vcache,workuser=varnish"] if os.getuid() == 0 else ["-j", "none"]
    server = trial.start("varnishd", *jail, "-F", "-f", vcl, "-a", f"127.0.0.1:{port}", "-T", "127.0.0.1:0", "-n", trial.path("state"),
                         "-s", "malloc,32m", "-p", "thread_pool_min=20", "-p", "thread_pools=2")
    trial.wait_port(port, server)
    paths = [("/one", {}), ("/two", {"Accept-Encoding": "gzip"}), ("/pass/1", {}), ("/made", {}), ("/one", {"Range": "bytes=3-99"})]

    def answers():
        # A page that Varnish makes itself holds the number of the request.
        return [web.get(port, path, headers)[:1 if path == "/made" else 2] for path, headers in paths]
    before = answers()
    loads = [web.Load(trial, f"http://127.0.0.1:{port}{path}", trial.amount(1, 8)) for path in ("/one", "/two")]
    time.sleep(trial.amount(0.3, 1))
    trial.run("varnishadm", "-n", trial.path("state"), "-t", "60", "vcl.load", "again", vcl)
    admin(trial, "vcl.use", "again")
    trial.look()
    ended = [load.end() for load in loads]
    worker = trial.run("ps", "-o", "pid=", "--ppid", str(server.pid), recorded=False).stdout.split()
    os.kill(int(worker[0]), signal.SIGKILL)
    trial.wait_gone(int(worker[0]))  # before that the manager takes it for running
    trial.wait(lambda: "running" in admin(trial, "status"), "the manager starts another worker", server)
    trial.wait_port(port, server)
    after = answers()
    panic = trial.run("varnishadm", "-n", trial.path("state"), "panic.show", recorded=False, expect=None).stdout
    code = trial.stop(server)
    trial.stop(source)
    return {"answers": before, "answers after SIGKILL of the worker": after, "load": ended, "exit": code, "panic": "Panic at" in panic,
            "errors": [line for line in trial.read(server.log).splitlines() if "rror" in line and "died signal=9" not in line]}


if __name__ == "__main__":
    main(work, "Varnish", lambda: version_of("varnishd", "-V"),
         "answers (cached, gzip, passed, made, ranges) before and after SIGKILL of the worker; every request of wrk; VCL compiled and "
         "loaded; panics; exit", note="jail: vcache and varnish; allocator jemalloc")
