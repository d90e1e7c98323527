#!/bin/sh
# unwind.sh: what one walk of a stack without frame pointers costs, beside libunwind on the same stack. Instructions by
# callgrind: (Ir at 3N walks - Ir at N) / 2N, exact on a busy machine, less those of the same without a walk;
# nanoseconds: the best of five, less likewise.
set -u
. "$(dirname "$0")/common.sh"
prepare
few=200
ninja -C "$build" src/recorder/libseep-unwind.a >/dev/null || exit
# The archive is a thin one: its objects are read where they lie.
cc -std=gnu11 -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -Isrc -o "$work/unwind" bench/unwind.c \
	"$build/src/recorder/libseep-unwind.a" -lunwind || exit


per_round() { # per_round WAY STACKS DEPTH
	a=$(instructions '' "$work/unwind" "$1" "$2" "$3" $few) &&
		b=$(instructions '' "$work/unwind" "$1" "$2" "$3" $((3 * few))) && echo $(((b - a) / (2 * few)))
}

nanoseconds() { # nanoseconds WAY STACKS DEPTH: and frames
	rounds=20000
	[ "$2" != cold ] || rounds=60
	for round in 1 2 3 4 5; do
		"$work/unwind" "$1" "$2" "$3" $rounds
	done | sort -n | head -n 1
}

row() { # row STACKS DEPTH NAME WAY
	timed=$(nanoseconds "$4" "$1" "$2")
	none=$(nanoseconds none "$1" "$2")
	count=0
	[ "$1" = cold ] || count=$(($(per_round "$4" "$1" "$2") - $(per_round none "$1" "$2")))
	awk -v stacks="$1" -v name="$3" -v count="$count" -v timed="$timed" -v none="$none" 'BEGIN {
		split(timed, t, " ")
		split(none, n, " ")
		ns = t[1] - n[1]
		printf "%-6s %-26s %6d %9s %9s %9d %9.1f\n", stacks, name, t[2], count ? count : "-",
			count ? sprintf("%.1f", count / t[2]) : "-", ns, ns / t[2]
	}'
}

heading 'one walk, all rules known'
printf '%-33s %6s %9s %9s %9s %9s\n' stacks frames instr. a-frame ns a-frame
for stacks in same leaf two eight cold; do
	for depth in 5 25 100; do
		row $stacks $depth 'seep' seep
		row $stacks $depth 'libunwind, unw_backtrace' backtrace
		[ $stacks != same ] || row $stacks $depth 'libunwind, unw_step' step
	done
done
