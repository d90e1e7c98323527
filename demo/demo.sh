#!/bin/bash
# demo.sh: about a minute on real programs. Builds what it needs, shows every command that it runs, leaves its files in
# build/demo. It ends its own processes and removes its cgroups, also when it is interrupted.
set -u
cd "$(dirname "$0")/.." || exit 4
. demo/cgroup.sh

build=${BUILD:-build}
here=$build/demo
seep=$build/seep
limit_bytes=$((64 << 20))
pids=() cgroups=()

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
show() { # prints a command as one would type it, then runs it
	printf '$ %s\n' "$*"
	"$@"
}

leave() {
	trap - EXIT INT TERM HUP
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	for dir in "${cgroups[@]}"; do
		cgroup_remove "$dir"
	done
	exit "$1"
}
trap 'leave $?' EXIT
trap 'leave 130' INT
trap 'leave 143' TERM HUP

fail() {
	echo "demo: $*" >&2
	leave 1
}

free_ports() { # free_ports COUNT: that many free ports of this machine, on one line
	python3 -c 'import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in sockets: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))' "$1"
}

set_up() {
	say "Building"
	scripts/setup.sh build demo || exit
	log=$(mktemp)
	make -s BUILD="$build" >"$log" 2>&1 || { tail -n 30 "$log" >&2 && fail "cannot build, see $log"; }
	rm -rf "$log" "$here"
	mkdir -p "$here" || exit
	read -r redis_port leaky_port honest_port < <(free_ports 3)
	show g++ -std=c++17 -O2 -g -pthread examples/leaky-server/server.cc -o "$here/server" || fail "cannot build the example"
}

# ---- redis ----

redis() { redis-cli -p "$redis_port" "$@" 2>/dev/null; }

wait_for_redis() {
	for _ in $(seq 100); do
		[ "$(redis ping)" = PONG ] && return 0
		sleep 0.05
	done
	fail "redis-server does not answer on port $redis_port"
}

redis_load() {
	redis-benchmark -p "$redis_port" -q -t set,lpush,hset -n 150000 -r 50000 -d 100 -P 16 >/dev/null
}

redis_cpu() { # user+system seconds of the server so far, by its own account
	redis info cpu | tr -d '\r' | awk -F: '/^used_cpu_(sys|user):/ { sum += $2 } END { print sum }'
}

redis_stop() {
	redis shutdown nosave
	wait "${pids[-1]}" 2>/dev/null
	unset 'pids[-1]'
}

redis_round() { # redis_round NAME [COMMAND…]: one server under load; appends its seconds to NAME.seconds
	name=$1
	shift
	"$@" redis-server --port "$redis_port" --save '' --daemonize no >"$here/redis.log" 2>&1 &
	pids+=($!)
	wait_for_redis
	redis_load
	redis_cpu >>"$here/$name.seconds"
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

redis_part() {
	say "1. A real server: redis-server under redis-benchmark, plain and recorded in turn"
	recorded=("$seep" run "--dir=$here/redis" --)
	printf '$ %s\n' "${recorded[*]} redis-server --port $redis_port --save ''"
	for round in 1 2 3; do
		redis_round plain
		redis_stop
		redis_round recorded "${recorded[@]}"
		[ "$round" = 3 ] || redis_stop
	done
	pid=$(redis info server | tr -d '\r' | sed -n 's/^process_id://p')
	say "What holds its memory, now, while it serves:"
	show "$seep" top "$(echo "$here"/redis/*."$pid".*.seep)"
	redis_stop
	awk -v plain="$(median "$here/plain.seconds")" -v recorded="$(median "$here/recorded.seconds")" 'BEGIN {
		printf "\nuser+system of redis-server for the same 450,000 requests, medians of 3: plain %.2f s, recorded %.2f s (%+.1f %%)\n",
			plain, recorded, 100 * (recorded / plain - 1) }'
	echo "single rounds: plain $(xargs <"$here/plain.seconds"), recorded $(xargs <"$here/recorded.seconds")"
}

# ---- the leaking server and its honest twin ----

rss_bytes() { awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$1/status" 2>/dev/null; }

guard() { # guard PID…: where no cgroup can be made, kills what grows past the limit, as the kernel would
	while sleep 0.1; do
		alive=
		for pid in "$@"; do
			for one in "$pid" $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
				rss=$(rss_bytes "$one")
				[ -n "$rss" ] && alive=yes
				[ "${rss:-0}" -gt "$limit_bytes" ] && kill -KILL "$one"
			done
		done
		[ -n "$alive" ] || return 0
	done
}

serve() { # serve NAME PORT [option…]: starts one server in a cgroup of its own
	name=$1 port=$2
	shift 2
	command=("$seep" run "--dir=$here/$name" -- "$here/server" "--port=$port" "$@")
	if cgroup_make "seep-demo-$name-$$" "$limit_bytes"; then
		cgroups+=("$cgroup_dir")
		printf '$ mkdir %s && echo %s >%s\n' "$cgroup_dir" "$limit_bytes" "$cgroup_limit"
		printf '$ (echo $BASHPID >%s/cgroup.procs; exec %s) &\n' "$cgroup_dir" "${command[*]}"
	else
		printf '$ %s &\n' "${command[*]}"
	fi
	(
		trap - EXIT INT TERM HUP
		[ -z "$cgroup_dir" ] || cgroup_enter "$cgroup_dir"
		exec "${command[@]}" 2>"$here/$name.log"
	) &
	pids+=($!)
}

servers_part() {
	say "2. Two servers with the same load, each limited to 64 MiB: one never closes a session, its twin keeps the newest 6000"
	serve leaky "$leaky_port"
	leaky=${pids[-1]}
	serve honest "$honest_port" --max-sessions=6000
	honest=${pids[-1]}
	if [ -z "$cgroup_dir" ]; then
		echo "No memory cgroup can be made here: the demo's own guard kills what grows past the limit (no OOM kill then)."
		guard "$leaky" "$honest" &
		pids+=($!)
	fi
	printf '$ %s &\n' "examples/leaky-server/load.py $leaky_port 25 6000" "examples/leaky-server/load.py $honest_port 14 6000"
	python3 examples/leaky-server/load.py "$honest_port" 14 6000 >"$here/honest-load.log" &
	honest_load=$!
	python3 examples/leaky-server/load.py "$leaky_port" 25 6000 >"$here/leaky-load.log" &
	wait $! "$honest_load"
	wait "$leaky"
	leaky_status=$?
	kill -TERM "$honest" 2>/dev/null
	wait "$honest"
	honest_status=$?
	echo "leaky:  $(cat "$here/leaky-load.log"); seep run exited with $leaky_status"
	echo "honest: $(cat "$here/honest-load.log"); seep run exited with $honest_status"
	sed 's/^/leaky:  /' "$here/leaky.log"
}

verdicts_part() {
	say "3. What the leaking server left behind"
	show "$seep" recordings "$here/leaky"
	show "$seep" info "$here/leaky"
	show "$seep" top "$here/leaky"
	show "$seep" why "$here/leaky"
	say "And its honest twin"
	show "$seep" why "$here/honest"
}

set_up
redis_part
servers_part
verdicts_part
say "All files are left in $here; the commands above can be typed again."
[ "$leaky_status" = 137 ] || fail "the leaking server was not killed: it ended with $leaky_status"
leave 0
