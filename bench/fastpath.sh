#!/bin/sh
# fastpath.sh: instructions that a malloc and free pair takes, by callgrind: (Ir at 3N pairs - Ir at N) / 2N, which is
# exact on a busy machine. Each sampling allocator stands beside itself without sampling: allocators are not compared.
set -u
. "$(dirname "$0")/common.sh"
prepare
nr_pairs=${NR_PAIRS:-100000}

pair() { # pair SIZE PRELOAD
	few=$(instructions "$2" "$work/pairs" "$nr_pairs" "$1") &&
		many=$(instructions "$2" "$work/pairs" $((3 * nr_pairs)) "$1") &&
		awk -v few="$few" -v many="$many" -v n="$nr_pairs" 'BEGIN { printf "%.1f", (many - few) / (2 * n) }'
}

row() { # row NAME WITHOUT WITH
	awk -v name="$1" -v a="$2" -v b="$3" 'BEGIN { printf "%-34s %8.1f %8.1f %+8.1f\n", name, a, b, b - a }'
}

for size in 64 0; do
	heading "instructions of a malloc+free pair, $([ "$size" = 0 ] && echo '16 to 4096 bytes' || echo "$size bytes")"
	printf '%-34s %8s %8s %8s\n' '' without with added
	plain=$(pair "$size" '')
	row 'seep, default period' "$plain" "$(pair "$size" "$recorder")"
	row 'empty preload (counts, no more)' "$plain" "$(pair "$size" "$work/empty.so")"
	if [ -e "$jemalloc" ]; then
		without=$(pair "$size" "$jemalloc")
		MALLOC_CONF=prof:true,lg_prof_sample:19,prof_prefix:$work/jeprof
		export MALLOC_CONF
		row 'jemalloc, prof 512 KiB' "$without" "$(pair "$size" "$jemalloc")"
		unset MALLOC_CONF
	fi
	if [ -e "$tcmalloc" ]; then
		without=$(pair "$size" "$tcmalloc")
		TCMALLOC_SAMPLE_PARAMETER=524288
		export TCMALLOC_SAMPLE_PARAMETER
		row 'gperftools, sampling 512 KiB' "$without" "$(pair "$size" "$tcmalloc")"
		unset TCMALLOC_SAMPLE_PARAMETER
	fi
done
