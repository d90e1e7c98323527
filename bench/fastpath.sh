#!/bin/sh
# fastpath.sh: instructions that a step takes, by callgrind: (Ir at 3N steps - Ir at N) / 2N, which is exact on a busy
# machine. Each sampling allocator stands beside itself without sampling: allocators are not compared. "never" is the
# recorder at a period that is never reached: what is beyond it is sampling's share. STEPS (100000) is N.
set -u
. "$(dirname "$0")/common.sh"
prepare
few=${STEPS:-100000}

step() { # step PRELOAD PROGRAM BEFORE AFTER: with the number of steps between its arguments
	a=$(instructions "$1" "$work/$2" $3 "$few" $4) && b=$(instructions "$1" "$work/$2" $3 $((3 * few)) $4) &&
		awk -v few="$a" -v many="$b" -v n="$few" 'BEGIN { printf "%.1f", (many - few) / (2 * n) }'
}

row() { # row NAME WITHOUT WITH
	awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%-38s %8.1f %8.1f %+8.1f\n", name, a, b, b - a }'
}

# The random sizes of few steps are not the mean: sampling is rare, so its share is measured on ten times as many.
table() { # table HEADING PROGRAM BEFORE AFTER
	heading "instructions of $1"
	shift
	printf '%-38s %8s %8s %8s\n' '' without with added
	plain=$(step '' "$@")
	SEEP_OPTIONS=period=1G
	export SEEP_OPTIONS
	never=$(step "$recorder" "$@")
	unset SEEP_OPTIONS
	sampled=$(step "$recorder" "$@")
	row 'seep' "$plain" "$sampled"
	row "  of it sampling's share" "$never" "$sampled"
	row 'empty preload (counts, no more)' "$plain" "$(step "$work/empty.so" "$@")"
	if ! missing "$jemalloc" 'jemalloc'; then
		without=$(step "$jemalloc" "$@")
		MALLOC_CONF=prof:true,lg_prof_sample:19,prof_prefix:$work/jeprof
		export MALLOC_CONF
		row 'jemalloc, prof 512 KiB' "$without" "$(step "$jemalloc" "$@")"
		unset MALLOC_CONF
	fi
	if ! missing "$tcmalloc" 'gperftools'; then
		without=$(step "$tcmalloc" "$@")
		TCMALLOC_SAMPLE_PARAMETER=524288
		export TCMALLOC_SAMPLE_PARAMETER
		row 'gperftools, sampling 512 KiB' "$without" "$(step "$tcmalloc" "$@")"
		unset TCMALLOC_SAMPLE_PARAMETER
	fi
}

table 'a malloc+free pair, 64 bytes' pairs '' 64
table 'a malloc+free pair, 16 to 4096 bytes' pairs '' 0
table 'a step of mixed churn, 16 to 4096 bytes' churn 1 ''
table 'a malloc+free pair of 2048 bytes under 40 frames' deep 1 '40 2048'
