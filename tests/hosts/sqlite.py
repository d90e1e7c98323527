#!/usr/bin/env python3
"""sqlite3: bulk insert, indexes, full text search, joins, a vacuum; the dump and the answers."""
import hashlib

from common import main

SCRIPT = """
PRAGMA cache_size=-20000;
CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL, c BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{rows})
  INSERT INTO t SELECT i, printf('row %d %s', i, hex(i*7919)), i*0.5, zeroblob(i%200) FROM n;
CREATE INDEX ta ON t(a); CREATE INDEX tb ON t(b, a);
CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f SELECT a FROM t WHERE id%5=0;
BEGIN; UPDATE t SET a=a||'!' WHERE id%3=0; ROLLBACK;
UPDATE t SET a=a||'?' WHERE id%7=0; DELETE FROM t WHERE id%11=0;
SELECT count(*), sum(length(a)), sum(b) FROM t;
SELECT count(*) FROM f WHERE f MATCH 'row';
SELECT group_concat(a) FROM (SELECT x.a FROM t x JOIN t y ON y.id=x.id+1 WHERE x.b<60 ORDER BY y.a DESC);
SELECT json_group_array(json_object('k', id, 'v', a)) FROM t WHERE id<200;
VACUUM; PRAGMA integrity_check;
"""


def work(trial):
    done = trial.run("sqlite3", trial.path("db"), input=SCRIPT.format(rows=trial.amount(30000, 400000)))
    dump = trial.run("sqlite3", trial.path("db"), ".dump")
    with open(trial.path("db"), "rb") as f:
        file = hashlib.sha256(f.read()).hexdigest()[:16]
    return {"answers": hashlib.sha256(done.stdout.encode()).hexdigest()[:16], "stderr": done.stderr + dump.stderr,
            "integrity": done.stdout.splitlines()[-1], "file": file, "dump": hashlib.sha256(dump.stdout.encode()).hexdigest()[:16]}


if __name__ == "__main__":
    main(work, "sqlite3", ("sqlite3", "--version"), "answers, dump, the database file, integrity", size="128M")
