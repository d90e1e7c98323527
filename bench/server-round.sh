#!/bin/bash
# server-round.sh redis|redis-pipelined|nginx|haproxy|postgres [VARIABLE=VALUE…]: one server under its load; prints the
# user+system time of its processes, "cpu_seconds N"; of wrk's servers, for 100,000 requests. PORT (17320) is its port.
set -u
kind=$1
shift
port=${PORT:-17320}
place=$(mktemp -d /tmp/seep-bench-XXXXXX)
chmod 0755 "$place"
server=
recordings=
trap '[ -z "$server" ] || kill -INT "$server" 2>/dev/null; wait; rm -rf "$place" $recordings' EXIT

# cpu_of PID: of it, its children that ended and its descendants, in seconds.
cpu_of() {
	local ticks=0 pid
	for pid in $1 $(pgrep -P "$1"); do
		ticks=$((ticks + $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | awk '{ print $12 + $13 + $14 + $15 }')))
	done
	awk -v ticks="$ticks" -v hz="$(getconf CLK_TCK)" 'BEGIN { print ticks / hz }'
}

wait_for() { # wait_for COMMAND…
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	echo "server-round.sh: $kind does not answer" >&2
	exit 4
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

under_wrk() {
	local before after requests
	wait_for is_open
	wrk -t 1 -c 16 -d 1 "http://127.0.0.1:$port/" >/dev/null || exit
	before=$(cpu_of "$server")
	requests=$(wrk -t 1 -c 16 -d "${SECONDS_OF_WRK:-3}" "http://127.0.0.1:$port/" | awk '/requests in/ { print $1 }')
	after=$(cpu_of "$server")
	awk -v a="$before" -v b="$after" -v n="$requests" 'BEGIN { print "cpu_seconds", (b - a) / n * 100000 }'
}

case $kind in
redis | redis-pipelined)
	env "$@" redis-server --port "$port" --save '' --daemonize no --dir "$place" >/dev/null 2>&1 &
	server=$!
	wait_for redis-cli -p "$port" ping
	if [ "$kind" = redis ]; then
		redis-benchmark -p "$port" -q -t set,lpush,hset -n 50000 -r 50000 -d 100 >/dev/null || exit
	else
		redis-benchmark -p "$port" -q -t set,lpush,hset -n 200000 -r 50000 -d 100 -P 16 >/dev/null || exit
	fi
	echo "cpu_seconds $(cpu_of $server)"
	;;
nginx)
	mkdir "$place/logs"
	head -c 1000 /dev/zero | tr '\0' x >"$place/index.html"
	cat >"$place/conf" <<-C
		daemon off; worker_processes 1; pid $place/pid; error_log /dev/null;
		events { worker_connections 256; }
		http { access_log off; client_body_temp_path $place; proxy_temp_path $place; fastcgi_temp_path $place;
		uwsgi_temp_path $place; scgi_temp_path $place; gzip on; gzip_min_length 100; gzip_types text/plain;
		server { listen 127.0.0.1:$port; root $place; } }
	C
	env "$@" nginx -p "$place" -c "$place/conf" >/dev/null 2>&1 &
	server=$!
	under_wrk
	;;
haproxy)
	cat >"$place/conf" <<-C
		global
			nbthread 1
		defaults
			mode http
			timeout client 5s
			timeout connect 5s
			timeout server 5s
		frontend f
			bind 127.0.0.1:$port
			http-request return status 200 content-type text/plain string "hello"
	C
	env "$@" haproxy -f "$place/conf" >/dev/null 2>&1 &
	server=$!
	under_wrk
	;;
postgres)
	tools=$(pg_config --bindir 2>/dev/null || dirname "$(ls /usr/lib/postgresql/*/bin/postgres | tail -n 1)")
	as=()
	if [ "$(id -u)" = 0 ]; then
		as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
		recordings=$(mktemp -d /dev/shm/seep-bench-XXXXXX)
		chown postgres "$place" "$recordings"
		export SEEP_DIR=$recordings
	fi
	"${as[@]}" "$tools/initdb" -D "$place/data" -A trust >/dev/null || exit
	(
		cd "$place" && exec "${as[@]}" env "$@" "$tools/postgres" -D data -p "$port" -k "$place" -c fsync=off
	) >/dev/null 2>&1 &
	server=$!
	wait_for "${as[@]}" "$tools/psql" -h "$place" -p "$port" -d postgres -c 'select 1'
	"${as[@]}" pgbench -h "$place" -p "$port" -i -s 2 postgres >/dev/null 2>&1 || exit
	"${as[@]}" pgbench -h "$place" -p "$port" -n -S -c 2 -t 10000 postgres >/dev/null 2>&1 || exit
	sleep 0.3
	echo "cpu_seconds $(cpu_of $server)"
	;;
*)
	echo "server-round.sh: what is '$kind'?" >&2
	exit 2
	;;
esac
