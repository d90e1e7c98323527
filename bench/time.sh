#!/bin/sh
# time.sh: user+system time at the default period, each program beside itself without the recorder and beside an empty
# preload, alternating; sampling allocators beside themselves without sampling. ROUNDS (5) rounds; LONG=1: four times the
# work. Servers: CPU seconds of the server for so many requests, see server-round.sh. Figures of a busy machine: look at
# the spread.
set -u
. "$(dirname "$0")/common.sh"
prepare
rounds=${ROUNDS:-5}
scale=$((1 + 3 * ${LONG:-0}))

beside() { # beside HEADING COMMAND
	heading "$1"
	bench/alternate.py "$rounds" "plain=$2" "seep=LD_PRELOAD=$recorder $2" \
		"empty preload=LD_PRELOAD=$work/empty.so $2"
	missing "$jemalloc" 'jemalloc' ||
		bench/alternate.py "$rounds" "jemalloc=LD_PRELOAD=$jemalloc $2" "jemalloc, prof 512 KiB=$jemalloc_prof $2"
	missing "$tcmalloc" 'gperftools' ||
		bench/alternate.py "$rounds" "tcmalloc=LD_PRELOAD=$tcmalloc $2" \
			"gperftools, sampling 512 KiB=$tcmalloc_sampling $2"
}

for threads in 1 2 8; do
	beside "mixed churn, $threads threads, 16 to 4096 bytes" "$work/churn $threads $((2000000 * scale / threads))"
done
beside 'realloc' "$work/reallocs $((10000000 * scale))"
beside 'malloc and free of 2048 bytes under 40 frames' "$work/deep 1 $((5000000 * scale)) 40 2048"
beside 'calloc and free, 16 to 4096 bytes' "$work/pairs $((5000000 * scale)) 0 calloc"
beside 'thread start and join' "$work/starts thread $((10000 * scale))"
beside 'fork, and one block in the child' "$work/starts fork $((1000 * scale))"

server() { # server PROGRAM HEADING KIND
	heading "$2"
	missing "$1" "$2" && return
	bench/alternate.py "$rounds" "plain=bench/server-round.sh $3" \
		"seep=bench/server-round.sh $3 LD_PRELOAD=$recorder" \
		"empty preload=bench/server-round.sh $3 LD_PRELOAD=$work/empty.so"
}

server redis-server 'redis, pipelined' redis-pipelined
server redis-server 'redis, one request at a time' redis
if ! missing wrk 'nginx and haproxy'; then
	server nginx 'nginx under wrk, CPU seconds of 100,000 requests' nginx
	server haproxy 'haproxy under wrk, CPU seconds of 100,000 requests' haproxy
fi
server pgbench 'PostgreSQL, pgbench -S' postgres
rm -f "$SEEP_DIR"/*
