#!/usr/bin/env python3
"""PostgreSQL: initdb, pgbench, parallel and compiled (LLVM) queries, a backend that is killed, a crash and its recovery."""
import os
import signal

from common import Wrong, find, main, version_of

USER = "postgres"
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{dir}'
fsync = off
log_min_messages = warning
max_parallel_workers_per_gather = 2
min_parallel_table_scan_size = 0
parallel_setup_cost = 0
parallel_tuple_cost = 0
jit = off
jit_above_cost = 0
jit_inline_above_cost = 0
jit_optimize_above_cost = 0
"""
QUERIES = {
    "accounts": "select count(*), sum(abalance), md5(string_agg(aid || ':' || abalance, ',' order by aid)) from pgbench_accounts",
    "tellers": "select md5(string_agg(tid || ':' || tbalance, ',' order by tid)) from pgbench_tellers",
    "branches": "select md5(string_agg(bid || ':' || bbalance, ',' order by bid)) from pgbench_branches",
    "history": "select count(*), sum(delta) from pgbench_history",
    "parallel": "select aid % 97 as k, count(*), avg(sqrt(aid))::numeric(12, 4) from pgbench_accounts group by 1 order by 1 limit 5",
    "compiled": "set jit = on; select count(*), sum(bid), max(md5(aid::text)) from pgbench_accounts where aid % 3 = 1 and abalance < 1000",
    "function": "select sum(length(repeat(md5(i::text), 20))) from generate_series(1, 20000) i",
}


DATA = ("accounts", "tellers", "branches", "history")


def program(name):
    """Beside the server: the one in the path is a Perl script that starts it."""
    return os.path.join(os.path.dirname(os.path.realpath(find("postgres"))), name)


def query(trial, *texts, expect=0, **more):
    commands = [word for text in texts for word in ("-c", text)]
    done = trial.run(program("psql"), "-h", trial.dir, "-X", "-A", "-t", "-q", "-d", "postgres", *commands, user=USER, expect=expect,
                     **more)
    return done.stdout.strip()


def start(trial):
    server = trial.start("postgres", "-D", trial.path("data"), user=USER)
    trial.wait(lambda: query(trial, "select 1", expect=None, recorded=False) == "1", "the server answers", server)
    return server


def ask(trial, names):
    """The data by one recorded client, the others by one each."""
    lines = query(trial, *(QUERIES[name] for name in DATA)).splitlines()
    return {**dict(zip(DATA, lines, strict=True)),
            **{name: query(trial, QUERIES[name], recorded=False) for name in names if name not in DATA}}


def kill_backend(trial, server):
    """The postmaster ends all others and starts anew when one is killed."""
    text = "select pg_sleep(600)"
    sleeper = trial.start(program("psql"), "-h", trial.dir, "-X", "-d", "postgres", "-c", text, user=USER, recorded=False)
    find_it = f"select pid from pg_stat_activity where query = '{text}'"
    trial.wait(lambda: query(trial, find_it, recorded=False), "the backend sleeps")
    os.kill(int(query(trial, find_it, recorded=False)), signal.SIGKILL)
    sleeper.wait(60)
    trial.wait(lambda: query(trial, "select 1", expect=None, recorded=False) == "1", "the server answers again", server)


def crash(trial, server):
    """Kills the postmaster with data not yet written out; its children notice and end."""
    children = [int(p) for p in trial.run("ps", "-o", "pid=", "--ppid", str(server.pid), expect=None).stdout.split()]
    trial.stop(server, signal.SIGKILL)
    for pid in children:
        trial.wait_gone(pid)


def work(trial):
    trial.make_dir(".", USER)
    trial.make_once("data", lambda: trial.run(
        "initdb", "-D", trial.path("data"), "-A", "trust", "--no-locale", "-N", "-E", "UTF8", user=USER))
    with open(trial.path("data", "postgresql.conf"), "a", encoding="utf-8") as f:
        f.write(SETTINGS.format(dir=trial.dir))
    server = start(trial)
    bench = (program("pgbench"), "-h", trial.dir, "postgres")
    trial.run(*bench, "-i", "-q", "-s", str(trial.amount(1, 5)), user=USER)
    clients, transactions = trial.amount((3, 100), (8, 1500))
    said = trial.run(*bench, "-c", str(clients), "-j", "2", "-t", str(transactions), "--random-seed=7", user=USER).stdout
    trial.look()
    before = ask(trial, QUERIES)

    kill_backend(trial, server)
    after_kill = ask(trial, DATA)

    query(trial, "create table kept as select i, md5(i::text) from generate_series(1, 5000) i")
    crash(trial, server)
    server = start(trial)
    after_crash = ask(trial, DATA)
    kept = query(trial, "select count(*), min(md5), max(md5) from kept")
    if not {name: before[name] for name in DATA} == after_kill == after_crash:
        raise Wrong(f"other data after a kill or the crash: {before}\n{after_kill}\n{after_crash}")
    done = "number of transactions actually processed: "
    return {**before, "kept": kept, "exit": trial.stop(server, signal.SIGINT),
            "transactions": [line for line in said.splitlines() if line.startswith((done, "number of failed"))],
            "serious": [line for line in trial.read(server.log).splitlines() if "PANIC" in line or "ERROR" in line]}


if __name__ == "__main__":
    main(work, "PostgreSQL", lambda: version_of("postgres", "--version"),
         "checksums of all tables and queries (also parallel and JIT-compiled), before and after a killed backend and a crash; "
         "transactions; errors in the log; exit", user=USER)
