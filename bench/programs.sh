#!/bin/sh
# programs.sh [inputs]: instructions of whole single-threaded runs on fixed work, by callgrind, with the recorder over
# without, and their geometric mean. inputs: only makes the files that they work on.
set -u
. "$(dirname "$0")/common.sh"
prepare

row() { # row NAME COMMAND…
	name=$1
	shift
	plain=$(instructions '' "$@") && recorded=$(instructions "$recorder" "$@") &&
		awk -v name="$name" -v a="$plain" -v b="$recorded" \
			'BEGIN { printf "%-34s %10.1f M %10.1f M %8.4f\n", name, a / 1e6, b / 1e6, b / a }' |
		tee -a "$work/programs.txt"
}

# redis_instructions PRELOAD: of a server that gets the same commands; its clock ticks cost a little by themselves.
redis_instructions() {
	LD_PRELOAD=$1 valgrind --tool=callgrind --callgrind-out-file=/dev/null redis-server --port 17321 --save '' \
		>/dev/null 2>"$work/callgrind.log" &
	while [ "$(redis-cli -p 17321 ping 2>/dev/null)" != PONG ]; do
		sleep 0.2
	done
	redis-cli -p 17321 --pipe <"$work/work.redis" >/dev/null
	redis-cli -p 17321 shutdown nosave 2>/dev/null
	wait $!
	sed -n 's/^==[0-9]*== Collected : *\([0-9]*\).*/\1/p' "$work/callgrind.log" | tail -n 1
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

cat >"$work/work.pl" <<'P'
my %words; my $text = join ' ', map { "word" . ($_ * 7919 % 5003) } 1 .. 60000;
$words{$_}++ for split / /, $text;
my @order = sort { $words{$b} <=> $words{$a} or $a cmp $b } keys %words;
my $out = ''; $out .= "$_ $words{$_}\n" for @order; $out =~ s/word(\d+)/<$1>/g;
print length $out, "\n";
P
awk 'BEGIN { for (i = 0; i < 40000; i++) printf "SET key:%d value:%d:%0100d\r\n", i * 7919 % 20011, i, i
	for (i = 0; i < 20000; i++) printf "LPUSH list:%d %d\r\nHSET hash:%d field%d %d\r\n", i % 50, i, i % 100, i, i }' \
	>"$work/work.redis"
[ "${1:-}" != inputs ] || exit 0

rm -f "$work/programs.txt"
heading "instructions of whole programs on fixed work"
printf '%-34s %12s %12s %8s\n' '' without with ratio
PYTHONHASHSEED=0 row 'python (its own allocator)' /usr/bin/python3 -S "$work/work.py"
PYTHONHASHSEED=0 PYTHONMALLOC=malloc row 'python, PYTHONMALLOC=malloc' /usr/bin/python3 -S "$work/work.py"
row 'sqlite, bulk insert and index' /usr/bin/sqlite3 -init "$work/work.sql" :memory: .quit
row 'g++ (cc1plus -O2)' "$(g++ -print-prog-name=cc1plus)" -quiet -O2 -std=c++17 -fpreprocessed "$work/work.ii" -o /dev/null
row 'perl' /usr/bin/perl "$work/work.pl"
if ! missing redis-server 'redis'; then
	plain=$(redis_instructions '') && recorded=$(redis_instructions "$recorder") &&
		awk -v name='redis (its own jemalloc)' -v a="$plain" -v b="$recorded" \
			'BEGIN { printf "%-34s %10.1f M %10.1f M %8.4f\n", name, a / 1e6, b / 1e6, b / a }' | tee -a "$work/programs.txt"
fi
awk '{ sum += log($NF); nr++ } END { printf "%-34s %35.4f\n", "geometric mean", exp(sum / nr) }' "$work/programs.txt"
