#!/bin/sh
# unwind.sh: what one walk of a stack without frame pointers costs, beside libunwind on the same stack. Instructions by
# callgrind: (Ir at 3N walks - Ir at N) / 2N, exact on a busy machine; nanoseconds: the best of five.
set -u
. "$(dirname "$0")/common.sh"
prepare
few=500
ninja -C "$build" src/recorder/libseep-unwind.a >/dev/null || exit
# The archive is a thin one: its objects are read where they lie.
cc -std=gnu11 -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -Isrc -o "$work/unwind" bench/unwind.c \
	"$build/src/recorder/libseep-unwind.a" -lunwind || exit

per_walk() { # per_walk WAY DEPTH
	a=$(instructions '' "$work/unwind" "$1" "$2" $few) && b=$(instructions '' "$work/unwind" "$1" "$2" $((3 * few))) &&
		echo $(((b - a) / (2 * few)))
}

nanoseconds() { # nanoseconds WAY DEPTH: and frames
	for round in 1 2 3 4 5; do
		"$work/unwind" "$1" "$2" 20000
	done | sort -n | head -n 1
}

row() { # row DEPTH NAME WAY
	timed=$(nanoseconds "$3" "$1")
	count=$(per_walk "$3" "$1")
	awk -v name="$2" -v count="$count" -v timed="$timed" 'BEGIN {
		split(timed, t, " ")
		printf "%-34s %6d %9d %9.1f %9d %9.1f\n", name, t[2], count, count / t[2], t[1], t[1] / t[2]
	}'
}

heading 'one walk, all rules known'
printf '%-34s %6s %9s %9s %9s %9s\n' '' frames instr. a-frame ns a-frame
for depth in 5 25 100; do
	row $depth 'seep' seep
	row $depth 'libunwind, unw_backtrace' backtrace
	row $depth 'libunwind, unw_step' step
done
