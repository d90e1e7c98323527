#!/usr/bin/env python3
"""Prometheus, a server in Go: scrapes itself, answers queries, starts again on its data."""
import json
import time
import urllib.error
import urllib.parse
import urllib.request

from common import Wrong, main, version_of

CONFIG = """
global: {{ scrape_interval: 1s }}
scrape_configs:
  - job_name: self
    static_configs: [{{ targets: ['127.0.0.1:{port}'] }}]
"""


def ask(port, query):
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)["data"]["result"]


def value(port, query):
    """The only value, None while there is none."""
    try:
        result = ask(port, query)
    except urllib.error.HTTPError as e:
        if e.code != 503:  # it is still starting
            raise
        return None
    return result[0]["value"][1] if result else None


def start(trial, port):
    server = trial.start("prometheus", f"--config.file={trial.path('p.yml')}", f"--storage.tsdb.path={trial.path('data')}",
                         f"--web.listen-address=127.0.0.1:{port}")
    trial.wait_port(port, server)
    trial.wait(lambda: value(port, "up") == "1", "it has scraped itself", server)
    return server


def work(trial):
    port = trial.free_port()
    trial.write("p.yml", CONFIG.format(port=port))
    server = start(trial, port)
    names = sorted(r["metric"]["__name__"] for r in ask(port, 'topk(20, {__name__=~"go_info|go_threads|up|prometheus_tsdb_head_series"})'))
    sums = [value(port, f"sum(vector({i})) * 2") for i in range(trial.amount(50, 1000))]
    first = trial.stop(server)
    restarted = time.time()
    server = start(trial, port)
    trial.look()
    oldest = "min_over_time(timestamp(up)[10m:1s])"  # nothing before the first full second after a sample
    trial.wait(lambda: value(port, oldest), "it knows the time of a sample", server)
    oldest = value(port, oldest)
    if float(oldest) >= restarted:
        raise Wrong(f"the data before the restart is gone: the oldest is of {oldest}, the restart was at {restarted}")
    errors = [line for line in trial.read(server.log).splitlines() if "level=error" in line or "panic" in line]
    return {"names": names, "sums": sums, "exit": (first, trial.stop(server)), "errors": errors}


if __name__ == "__main__":
    main(work, "Prometheus", lambda: version_of("prometheus", "--version"),
         "queries, its own scrapes, a restart on its data; errors in the log; exit",
         blind="Go objects cannot be seen", note="Go: its heap is not malloc's, nothing of it is seen")
