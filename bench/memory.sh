#!/bin/bash
# memory.sh: what recording costs in memory: a program with LIVE_BYTES (1 GiB) live in small blocks, plain and recorded,
# each in a memory cgroup of its own, with the recording on tmpfs.
set -u
. "$(dirname "$0")/common.sh"
. demo/cgroup.sh
prepare
live_bytes=${LIVE_BYTES:-$((1 << 30))}
SEEP_DIR=$(mktemp -d /dev/shm/seep-bench-XXXXXX)
trap 'rm -rf "$SEEP_DIR"' EXIT

usage_bytes() { cat "$cgroup_dir/memory.usage_in_bytes" 2>/dev/null || cat "$cgroup_dir/memory.current"; }
status_kib() { sed -n "s/^$2:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$1/status"; }

measure() { # measure PRELOAD: sets usage (bytes), rss and rss_anon (KiB)
	cgroup_make "seep-bench-$$" $((8 << 30)) || echo "no memory cgroup can be made here: usage is not measured" >&2
	coproc program {
		[ -z "$cgroup_dir" ] || cgroup_enter "$cgroup_dir"
		LD_PRELOAD=$1 exec "$work/live" "$live_bytes"
	}
	read -r _ <&"${program[0]}"
	usage=0
	[ -z "$cgroup_dir" ] || usage=$(usage_bytes)
	rss=$(status_kib "$program_PID" VmRSS)
	rss_anon=$(status_kib "$program_PID" RssAnon)
	pid=$program_PID
	eval "exec ${program[1]}>&-"
	wait "$pid"
	[ -z "$cgroup_dir" ] || cgroup_remove "$cgroup_dir"
}

heading "memory of a program with $((live_bytes >> 20)) MiB live in blocks of 64 to 256 bytes"
measure ''
measure '' # what the first run read from disk is cached now, and charged elsewhere
plain_usage=$usage plain_rss=$rss plain_anon=$rss_anon
measure "$recorder"
file=$(stat -c %s "$SEEP_DIR"/live.*.seep | head -n 1)
printf '%-26s %12s %12s %10s\n' '' plain recorded added
printf '%-26s %8d KiB %8d KiB %6d KiB\n' \
	'cgroup usage' $((plain_usage >> 10)) $((usage >> 10)) $(((usage - plain_usage) / 1024)) \
	'RSS' "$plain_rss" "$rss" $((rss - plain_rss)) \
	'of it anonymous' "$plain_anon" "$rss_anon" $((rss_anon - plain_anon))
printf '%-26s %8s     %8d KiB\n' 'file of the recording' '' $((file >> 10))
