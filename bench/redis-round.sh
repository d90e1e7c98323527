#!/bin/sh
# redis-round.sh PORT [PRELOAD]: one redis-server under redis-benchmark; prints its user+system time, by its own account.
port=$1
LD_PRELOAD=${2:-} redis-server --port "$port" --save '' --daemonize no >/dev/null 2>&1 &
server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in $(seq 100); do
	[ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ] && break
	sleep 0.05
done
redis-benchmark -p "$port" -q -t set,lpush,hset -n 200000 -r 50000 -d 100 -P 16 >/dev/null || exit
redis-cli -p "$port" info cpu | tr -d '\r' |
	awk -F: '/^used_cpu_(sys|user):/ { sum += $2 } END { print "cpu_seconds " sum }'
redis-cli -p "$port" shutdown nosave 2>/dev/null
wait $server
