#!/usr/bin/env python3
"""nginx: files, compression, a proxy, a cache; a reload by SIGHUP under load; workers that gave up root."""
import os
import signal
import time

import web
from common import main, version_of

CONFIG = """
{user}
daemon off;
worker_processes 2;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 512; }}
http {{
	access_log {dir}/access.log;
	client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
	proxy_cache_path {dir}/cache keys_zone=kept:1m;
	server {{
		listen 127.0.0.1:{port};
		root {dir}/pages;
		gzip on; gzip_types *; gzip_min_length 1;
		keepalive_requests 100000;
		location /front/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_cache kept; proxy_cache_valid 200 1s; }}
	}}
}}
"""


def work(trial):
    port = trial.free_port()
    pages = trial.make_dir("pages")
    trial.write("pages/small.html", "<p>small</p>\n" * 10)
    trial.write("pages/large.txt", "".join(f"line {i}\n" for i in range(60000)))
    user = "user www-data;" if os.getuid() == 0 else ""
    config = trial.write("nginx.conf", CONFIG.format(dir=trial.dir, port=port, user=user))
    error_log = trial.log_file("error.log")
    server = trial.start("nginx", "-c", config, "-e", error_log, "-p", trial.dir)
    trial.wait_port(port, server)
    paths = [("/small.html", {}), ("/large.txt", {}), ("/large.txt", {"Accept-Encoding": "gzip"}), ("/front/small.html", {}),
             ("/missing", {})]
    before = [web.get(port, path, headers) for path, headers in paths]
    nr_reloads = trial.amount(1, 4)
    loads = [web.Load(trial, f"http://127.0.0.1:{port}{path}", trial.amount(1, 8), may_close=nr_reloads)
             for path in ("/small.html", "/front/large.txt")]
    for _ in range(nr_reloads):
        time.sleep(trial.amount(0.3, 1))
        server.send_signal(signal.SIGHUP)
    trial.look()
    ended = [load.end() for load in loads]
    after = [web.get(port, path, headers) for path, headers in paths]
    return {"answers": before, "answers after reloads": after, "load": ended, "exit": trial.stop(server, signal.SIGQUIT),
            "pages": len(os.listdir(pages)),
            "errors": [line for line in trial.read("error.log").splitlines() if "/missing" not in line]}


if __name__ == "__main__":
    main(work, "nginx", lambda: version_of("nginx", "-v"),
         "answers (files, gzip, proxy with a cache) before, under and after reloads by SIGHUP; every request of wrk; error log; exit",
         note="workers run as www-data")
