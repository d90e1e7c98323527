#!/bin/sh
# programs.sh: instructions of whole single-threaded runs on fixed work, by callgrind, with the recorder over without.
set -u
. "$(dirname "$0")/common.sh"
prepare

row() { # row NAME COMMAND…
	name=$1
	shift
	plain=$(instructions '' "$@") && recorded=$(instructions "$recorder" "$@") &&
		awk -v name="$name" -v a="$plain" -v b="$recorded" \
			'BEGIN { printf "%-34s %10.1f M %10.1f M %8.4f\n", name, a / 1e6, b / 1e6, b / a }'
}

cat >"$work/work.py" <<'P'
import json
table = {}
for i in range(20000):
    table[f"key{i}"] = [str(i), {"n": i, "list": list(range(i % 20))}]
text = json.dumps(table)
again = json.loads(text)
print(len(text), sum(len(v) for v in again.values()))
P
cat >"$work/work.sql" <<'S'
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, price REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO t SELECT i, 'item ' || i, i * 1.25 FROM n;
CREATE INDEX t_name ON t (name);
COMMIT;
SELECT count(*), sum(price) FROM t WHERE name LIKE 'item 9%';
S
cat >"$work/work.cc" <<'C'
#include <map>
#include <string>
#include <vector>
std::map<std::string, std::vector<int>> table;
void add(const std::string &key, int value) { table[key].push_back(value); }
int sum(const std::string &key) { int n = 0; for (int v : table[key]) n += v; return n; }
C
g++ -std=c++17 -E -o "$work/work.ii" "$work/work.cc" || exit

heading "instructions of whole programs on fixed work"
printf '%-34s %12s %12s %8s\n' '' without with ratio
PYTHONHASHSEED=0 row 'python (its own allocator)' /usr/bin/python3 -S "$work/work.py"
PYTHONHASHSEED=0 PYTHONMALLOC=malloc row 'python, PYTHONMALLOC=malloc' /usr/bin/python3 -S "$work/work.py"
row 'sqlite, bulk insert and index' /usr/bin/sqlite3 -init "$work/work.sql" :memory: .quit
row 'g++ (cc1plus -O1)' "$(g++ -print-prog-name=cc1plus)" -quiet -O1 -std=c++17 -fpreprocessed "$work/work.ii" -o /dev/null
