#!/bin/sh
# compare.sh LIBRARY [short|long]: the walker against libunwind on the stacks of real programs (compare.c), TAP.
# Short: some ten thousand stacks in seconds. Long: more than a million; the table of what was found comes at the end.
# Where a program switches stacks by itself (Go's calls into C), both stop at the switch: that is complete for a stack.
# A program that is not installed is skipped by name. COMPARE_KEEP=DIR keeps the descriptions of what differs.
set -u
library=$(realpath "$1")
form=${2:-short}
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -f "$library" ]; then
	echo "1..0 # SKIP libunwind-dev was not there when this was configured: nothing to compare with"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nr=0
has_switches=
table=$work/table
: >"$table"

result() { # result ok|"not ok" TEXT
	nr=$((nr + 1))
	echo "$1 $nr - $2"
}

# counts FILE: total equal equal-incomplete only-ours only-theirs both neither deep deep-different frames remembered
counts() { od -A n -v -t u8 -w80 -N 80 "$1" | awk '{ t = 0; for (i = 1; i <= 8; i++) t += $i; print t, $0 }'; }

# compare NAME EVERY COMMAND…: at every EVERY-th allocation; long: twenty times as often where that is more than once
compare() {
	name=$1 every=$2
	shift 2
	[ "$form" = short ] || every=$(((every + 19) / 20))
	file=$work/counts-$name
	head -c 4096 /dev/zero >"$file"
	LD_PRELOAD=$library COMPARE_FILE=$file COMPARE_EVERY=$every "$@" >"$work/out" 2>&1 </dev/null
	status=$?
	set -- $(counts "$file")
	echo "$name $*" >>"$table"
	[ -z "${COMPARE_KEEP:-}" ] || cp "$file.text" "$COMPARE_KEEP/$name.text"
	# Of stacks that fit, at most one in a thousand may differ or be incomplete; where only ours is complete, it is right.
	wrong=$(($3 + $5 + $6 + $7 + $9))
	[ -z "$has_switches" ] || wrong=$((wrong - $3))
	if [ "$status" -eq 0 ] && [ "$1" -ge 100 ] && [ $((wrong * 1000)) -le "$1" ]; then
		result ok "$name: $1 stacks, $2 equal, $wrong not"
	else
		result "not ok" "$name: exit status $status, $1 stacks, $2 equal, $wrong not"
		tail -n 5 "$work/out" | sed 's/^/# /'
		head -n 40 "$file.text" | sed 's/^/# /'
	fi
}

missing() { # missing NAME WHAT
	nr=$((nr + 1))
	echo "ok $nr - $1 # SKIP $2 is not installed"
}
has() { command -v "$1" >/dev/null 2>&1; }

# ---- programs ----

python() { # with C extensions, threads and a library that it loads
	cat >"$work/work.py" <<'END'
import collections, concurrent.futures, decimal, hashlib, json, random, re, sqlite3, sys, zlib
def work(seed):
    r = random.Random(seed)
    db = sqlite3.connect(":memory:")
    db.execute("create table t (a integer primary key, b text)")
    db.executemany("insert into t values (?, ?)", ((i, "row %d" % (i * seed)) for i in range(2000)))
    rows = db.execute("select b, count(*) from t group by substr(b, 5, 2) order by 1 desc").fetchall()
    text = json.dumps([{"k%d" % i: [r.random(), str(i)] for i in range(200)} for _ in range(8)])
    words = collections.Counter(re.findall(r"[a-z]+\d*", text))
    packed = zlib.compress(text.encode())
    return (len(rows), len(json.loads(zlib.decompress(packed))), len(words), hashlib.sha1(packed).hexdigest(),
            str(decimal.Decimal(seed).sqrt()))
rounds = int(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(r[0] for r in pool.map(work, range(1, rounds))))
END
	has /usr/bin/python3 || { missing python python3 && return; }
	compare python 40 env PYTHONMALLOC=malloc /usr/bin/python3 "$work/work.py" "$1"
}

cxx() {
	c++ -std=gnu++17 -O2 -fomit-frame-pointer -pthread -o "$work/cxx" "$here/compare-cxx.cc" || exit
	compare exceptions-and-threads 40 "$work/cxx"
	printf '#include <map>\n#include <regex>\n#include <string>\nint main(int c, char **v) { std::map<std::string, int> m; m[v[0]] = c; return std::regex_match(v[0], std::regex("a+(b|c)*")); }\n' >"$work/source.cc"
	compare g++ 400 c++ -std=gnu++17 -O2 -c -o "$work/source.o" "$work/source.cc"
}

sqlite() {
	has sqlite3 || { missing sqlite3 sqlite3 && return; }
	compare sqlite3 100 sqlite3 :memory: "create table t (a integer primary key, b text, c text);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
		insert into t select i, 'text ' || (i * 7919 % 1000), hex(i * i) from n; create index x on t (b, c);
		select count(*), max(length(c)) from (select b, group_concat(c) as c from t group by b order by 2);"
}

perl_and_git() {
	has perl || missing perl perl
	! has perl || compare perl 100 perl -e 'my %h; for my $i (1 .. 20000) { $h{"key $i"} = [ map { { n => $_ } } 1 .. 3 ];
		(my $s = "a$i b$i") =~ s/([a-z])(\d+)/$2$1/g; } print scalar(keys %h), "\n"; my @s = sort { $a cmp $b } keys %h;'
	has git || { missing git git && return; }
	mkdir -p "$work/repository" && (cd "$work/repository" && git init -q . && cp -r "$here/.." . && git add -A &&
		git -c user.name=a -c user.email=b commit -qm one) || exit
	compare git 20 git -C "$work/repository" log -p --stat
	compare git-repack 20 git -C "$work/repository" repack -adfq
}

servers() {
	if has nginx && has curl; then
		mkdir -p "$work/nginx"
		cat >"$work/nginx.conf" <<END
daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx/errors;
events {}
http { access_log $work/nginx/log; client_body_temp_path $work/nginx/a; proxy_temp_path $work/nginx/b;
fastcgi_temp_path $work/nginx/c; uwsgi_temp_path $work/nginx/d; scgi_temp_path $work/nginx/e;
server { listen unix:$work/nginx/socket; root $here; gzip on; gzip_types *; gzip_min_length 1; autoindex on; } }
END
		cat >"$work/nginx.sh" <<END
nginx -e $work/nginx/errors -c $work/nginx.conf &
unset LD_PRELOAD
server=\$!
for i in 1 2 3 4 5 6 7 8 9 10; do [ -S $work/nginx/socket ] && break; sleep 0.2; done
for i in \$(seq $((30 * $1))); do
	curl -s --compressed --unix-socket $work/nginx/socket http://x/compare.c http://x/ http://x/none >/dev/null
done
kill -QUIT \$server
wait \$server
END
		compare nginx 1 sh "$work/nginx.sh"
	else
		missing nginx 'nginx or curl'
	fi
}

runtimes() {
	has node || missing node node
	! has node || compare node 200 node -e 'const z = require("zlib"), c = require("crypto"); let s = 0;
		for (let i = 0; i < 300; i++) { const o = JSON.parse(JSON.stringify([...Array(200).keys()].map(k => ({ k, v: "x".repeat(k) }))));
		s += z.gzipSync(Buffer.from(JSON.stringify(o))).length + c.createHash("sha1").update(String(i)).digest("hex").length +
		o.map(x => x.v.replace(/x(x+)/, "$1y").length).sort().length; } console.log(s)'
	has java || missing java java
	! has java || compare java 20 java -XX:-UsePerfData -version
	if has go; then
		mkdir -p "$work/go" && cat >"$work/go/main.go" <<'END'
package main

// #include <stdlib.h>
// static void *make(int n) { return malloc(n); }
// static int work(int n) { void *p[50]; for (int i = 0; i < 50; i++) p[i] = make(n + i); for (int i = 0; i < 50; i++) free(p[i]); return n; }
import "C"
import ("fmt"; "sync")

func main() {
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			for k := 0; k < 200; k++ { C.work(C.int(n + k)) }
		}(i)
	}
	all.Wait()
	fmt.Println("done")
}
END
		has_switches=1
		(cd "$work/go" && go mod init x && HOME=${HOME:-$work} go build -o "$work/go/x" .) >"$work/out" 2>&1 &&
			compare go-with-c 40 "$work/go/x" || missing go-with-c 'a go that builds'
		has_switches=
	else
		missing go-with-c go
	fi
	has rustc || missing rustc rustc
	if has rustc; then
		printf 'use std::collections::HashMap; fn main() { let mut t = HashMap::new(); for i in 0..20000u64 { t.insert(format!("k{i}"), vec![i; 4]); } let h: Vec<_> = (0..4).map(|n| std::thread::spawn(move || (0..3000).map(|i| format!("{i}{n}")).collect::<Vec<_>>().len())).collect(); println!("{} {}", t.len(), h.into_iter().map(|h| h.join().unwrap()).sum::<usize>()); }' >"$work/r.rs"
		rustc --edition 2021 -O -o "$work/rust" "$work/r.rs" >"$work/out" 2>&1 && compare rust 20 "$work/rust" ||
			missing rust 'a rustc that builds'
	fi
	has convert || missing convert ImageMagick
	! has convert || compare imagemagick 20 convert -size 400x300 plasma:red-blue -blur 0x3 -rotate 30 -resize 50% "$work/x.png"
	has ffmpeg || missing ffmpeg ffmpeg
	! has ffmpeg || compare ffmpeg 20 ffmpeg -v error -f lavfi -i testsrc=duration=1:size=320x240 -threads 4 -f mp4 -y "$work/x.mp4"
}

if [ "$form" = short ]; then
	python 12
	cxx
	sqlite
	perl_and_git
else
	python 20
	cxx
	sqlite
	perl_and_git
	servers 5
	runtimes
fi

if [ "$form" = long ]; then
	all=$(awk '{ n += $2 } END { print n + 0 }' "$table")
	[ "$all" -ge 1000000 ] && result ok "a million stacks: $all" || result "not ok" "a million stacks: only $all"
fi
echo "1..$nr"
awk 'BEGIN { printf "# %-24s %9s %9s %9s %9s %9s %9s %9s %9s %9s\n", "stacks of", "all", "equal", "both stop", "ours only", "theirs only", "both, not equal", "neither", "deep", "deep, not equal" }
	{ printf "# %-24s", $1; for (i = 2; i <= 10; i++) { printf " %9d", $i; sum[i] += $i } print "" }
	END { printf "# %-24s", "sum"; for (i = 2; i <= 10; i++) printf " %9d", sum[i]; print "" }' "$table"
