#!/usr/bin/env python3
"""MariaDB: its installation, mariadb-slap with threads, a dump, SIGKILL and InnoDB's recovery."""
import hashlib
import os
import re
import signal

from common import Wrong, main, version_of

TABLES = """
create database work; use work;
create table t (id int primary key auto_increment, a int, b varchar(200), key (a)) engine=InnoDB;
insert into t (a, b) select seq % 97, repeat(md5(seq), 4) from seq_1_to_{nr};
create table u engine=Aria as select a, count(*) n, max(b) m from t group by a;
"""
LOAD = "update work.t set a = a + 1 where id = 7; select sql_no_cache count(*), sum(length(b)) from work.t where a between 10 and 20;" \
       "insert into work.t (a, b) values (1, 'added'); select * from work.t order by b desc limit 50"


def client(trial, sql, expect=0, **more):
    done = trial.run("mariadb", "--no-defaults", "-S", trial.path("m.sock"), "-u", "root", "-N", "-B", "-e", sql, expect=expect, **more)
    return done.stdout.strip()


def start(trial):
    user = ["--user=mysql"] if os.getuid() == 0 else []
    server = trial.start("mariadbd", "--no-defaults", *user, "--datadir=" + trial.path("data"), "--socket=" + trial.path("m.sock"),
                         "--skip-networking", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M",
                         "--tmpdir=" + trial.path("tmp"), "--pid-file=" + trial.path("data", "m.pid"), "--log-warnings=1")
    trial.wait(lambda: client(trial, "select 1", expect=None, recorded=False) == "1", "the server answers", server)
    return server


def state(trial):
    dump = trial.run("mariadb-dump", "--no-defaults", "-S", trial.path("m.sock"), "-u", "root", "--skip-dump-date", "--order-by-primary",
                     "work").stdout
    sums = client(trial, "checksum table work.t, work.u; check table work.t, work.u")
    return hashlib.sha256(re.sub(r" AUTO_INCREMENT=\d+", "", dump).encode()).hexdigest()[:16], sums


def work(trial):
    owner = "mysql" if os.getuid() == 0 else None
    trial.make_dir(".", owner)
    trial.make_dir("tmp", owner)
    user = ["--user=mysql"] if owner else []

    def install():
        trial.make_dir("data", owner)
        trial.run("mariadb-install-db", "--no-defaults", *user, "--datadir=" + trial.path("data"),
                  "--auth-root-authentication-method=normal", "--skip-test-db")
    trial.make_once("data", install)
    server = start(trial)
    client(trial, TABLES.format(nr=trial.amount(3000, 40000)))
    trial.run("mariadb-slap", "--no-defaults", "-S", trial.path("m.sock"), "-u", "root", "--create-schema=slap", "--delimiter=;",
              "--query=" + LOAD, f"--concurrency={trial.amount(4, 16)}", f"--number-of-queries={trial.amount(400, 8000)}")
    trial.look()
    before = state(trial)
    # Numbers given to inserts that were undone may be given again after a crash: that counter is not compared.
    if trial.stop(server, signal.SIGKILL) != -signal.SIGKILL:
        raise Wrong("the server did not end by SIGKILL")
    server = start(trial)
    after = state(trial)
    if before != after:
        raise Wrong(f"other data after the crash: {before}, {after}")
    code = trial.stop(server)
    errors = [line for line in trial.read(server.log).splitlines() if "[ERROR]" in line]
    return {"dump and checksums": before, "after SIGKILL": after, "exit": code, "errors": errors}


if __name__ == "__main__":
    main(work, "MariaDB", lambda: version_of("mariadbd", "--version"),
         "dump and table checksums after mariadb-slap, and again after SIGKILL and recovery; errors in the log; exit",
         note="started as root, runs as mysql")
