#!/usr/bin/env python3
"""redis-server under redis-benchmark: a fixed data set, a saving child (BGSAVE), a rewriting child (AOF), a restart."""
import re

from common import Wrong, main, version_of


def cli(trial, port, *command, expect=0):
    done = trial.run("redis-cli", "-p", str(port), *command, recorded=False, expect=expect)
    if done.stdout.startswith("ERR"):
        raise Wrong(f"{command}: {done.stdout}")
    return done.stdout.strip()


def warnings(trial, server):
    """What the server found worth a word at the level of warnings, without what differs by nature."""
    lines = (line.split(" # ", 1)[1] for line in trial.tail(server.log, 1 << 20).splitlines() if " # " in line)
    return sorted(re.sub(r"\bpid=\d+", "pid=N", line) for line in lines)


def start(trial, port):
    server = trial.start("redis-server", "--port", str(port), "--dir", trial.dir, "--appendonly", "yes", "--save", "",
                         "--enable-debug-command", "local")
    trial.wait(lambda: cli(trial, port, "ping", expect=None) == "PONG", "the server answers", server)
    return server


def wait_idle(trial, port):
    def is_idle():
        info = cli(trial, port, "info", "persistence")
        return "rdb_bgsave_in_progress:0" in info and "aof_rewrite_in_progress:0" in info and "scheduled:0" in info
    trial.wait(is_idle, "saving and rewriting are done")


def work(trial):
    port = trial.free_port()
    server = start(trial, port)
    nr = trial.amount(20000, 200000)
    cli(trial, port, "debug", "populate", str(nr), "key", "200")
    for test in ("set", "lpush", "sadd", "zadd", "hset", "mset"):
        # Random keys would be others each time: the same one, and the populated ones stay.
        bench = trial.run("redis-benchmark", "-p", str(port), "-q", "-n", str(nr), "-c", "20", "-P", "16", "-t", test,
                          recorded=False)
        if "rror" in bench.stdout + bench.stderr:
            raise Wrong(bench.stdout + bench.stderr)
    trial.look()
    cli(trial, port, "bgsave")
    wait_idle(trial, port)
    cli(trial, port, "bgrewriteaof")
    wait_idle(trial, port)
    digest, info = cli(trial, port, "debug", "digest"), cli(trial, port, "info", "persistence")
    ended = trial.stop(server)
    rdb = trial.run("redis-check-rdb", trial.path("dump.rdb"), recorded=False).stdout
    again = start(trial, port)
    after = cli(trial, port, "debug", "digest")
    if after != digest:
        raise Wrong(f"another data set after the restart: {digest}, {after}")
    return {"digest": digest, "digest after restart": after, "exit": ended, "exit again": trial.stop(again),
            "bgsave": "rdb_last_bgsave_status:ok" in info, "rewrite": "aof_last_bgrewrite_status:ok" in info,
            "rdb is good": "RDB looks OK" in rdb, "warnings": warnings(trial, server)}


if __name__ == "__main__":
    main(work, "redis", lambda: version_of("redis-server", "--version"),
         "digest of the data set, before and after a restart; BGSAVE, AOF rewrite; warnings; exit")
