#!/usr/bin/env python3
"""haproxy in master-worker mode, in a chroot, with threads, compression and Lua, reloaded by SIGUSR2 under load."""
import os
import signal
import time

import web
from common import main, version_of

CONFIG = """
global
	master-worker
	nbthread 2
	{rights}
	stats socket {dir}/admin.sock mode 600 level admin expose-fd listeners
	pidfile {dir}/haproxy.pid
	log stderr format raw local0 warning
	lua-load {dir}/hello.lua
defaults
	mode http
	timeout connect 10s
	timeout client 60s
	timeout server 60s
frontend front
	bind 127.0.0.1:{port}
	compression algo gzip
	compression type text/plain
	http-request use-service lua.hello if {{ path /lua }}
	http-request return status 200 content-type text/plain lf-string "small %[path]" if {{ path_beg /small }}
	default_backend behind
backend behind
	server origin 127.0.0.1:{origin} maxconn 20
"""
LUA = """
core.register_service("hello", "http", function(applet)
	local parts = {}
	for i = 1, 2000 do parts[i] = "line " .. i end
	local text = table.concat(parts, "\\n")
	applet:set_status(200)
	applet:add_header("content-length", string.len(text))
	applet:start_response()
	applet:send(text)
end)
"""


def work(trial):
    port = trial.free_port()
    source, source_port = web.origin(trial)
    trial.write("hello.lua", LUA)
    empty = trial.make_dir("empty")
    rights = f"user haproxy\n\tgroup haproxy\n\tchroot {empty}" if os.getuid() == 0 else ""
    config = trial.write("haproxy.cfg", CONFIG.format(dir=trial.dir, port=port, origin=source_port, rights=rights))
    server = trial.start("haproxy", "-W", "-f", config)
    trial.wait_port(port, server)
    paths = [("/small/1", {}), ("/lua", {}), ("/behind/1", {}), ("/lua", {"Accept-Encoding": "gzip"})]
    before = [web.get(port, path, headers) for path, headers in paths]
    loads = [web.Load(trial, f"http://127.0.0.1:{port}{path}", trial.amount(1, 8), may_close=trial.amount(1, 3))
             for path in ("/small/2", "/lua")]
    for nr in range(trial.amount(1, 3)):
        time.sleep(trial.amount(0.3, 1))
        server.send_signal(signal.SIGUSR2)
        trial.wait(lambda: trial.read(server.log).count("Loading success") == nr + 2, "the reload is done", server)
    trial.look()
    ended = [load.end() for load in loads]
    after = [web.get(port, path, headers) for path, headers in paths]
    code = trial.stop(server, signal.SIGTERM)
    trial.stop(source)
    alerts = [line for line in trial.read(server.log).splitlines() if "[ALERT]" in line]
    return {"answers": before, "answers after reloads": after, "load": ended, "exit": code, "alerts": len(alerts)}


if __name__ == "__main__":
    main(work, "haproxy", lambda: version_of("haproxy", "-v"),
         "answers (own, Lua, backend, gzip) before, under and after reloads by SIGUSR2; every request of wrk; alerts; exit",
         note="worker chrooted, as user haproxy")
