#!/bin/sh
# exact.sh: user+system time with every allocation recorded, beside heaptrack's (its own processes with it) in the same
# run, alternating; what counts is what each adds. HEAPPROFILE, which is some hundred times slower, does a twentieth of
# the work. ROUNDS (5) rounds; LONG=1: four times the work.
set -u
. "$(dirname "$0")/common.sh"
prepare
rounds=${ROUNDS:-5}
scale=$((1 + 3 * ${LONG:-0}))
exact="SEEP_OPTIONS=period=1,size=256M LD_PRELOAD=$recorder"
raw="DUMP_HEAPTRACK_OUTPUT=$work/heaptrack.raw LD_PRELOAD=$heaptrack_preload"

beside() { # beside HEADING COMMAND [ENVIRONMENT]
	heading "$1"
	if missing heaptrack 'heaptrack'; then
		bench/alternate.py "$rounds" "plain=${3-} $2" "seep --exact=$exact ${3-} $2"
	else
		bench/alternate.py --share-of=heaptrack "$rounds" "plain=${3-} $2" "seep --exact=$exact ${3-} $2" \
			"heaptrack's preload alone=$raw ${3-} $2" "heaptrack=${3-} heaptrack -o $work/heaptrack $2"
	fi
	rm -f "$work"/heaptrack* "$SEEP_DIR"/*
}

beside 'churn, 16 to 4096 bytes' "$work/churn 1 $((2000000 * scale))"
beside 'churn, 8 threads' "$work/churn 8 $((250000 * scale))"
beside 'realloc' "$work/reallocs $((2000000 * scale))"
beside '40-deep stacks' "$work/deep 1 $((1000000 * scale))"
beside '40-deep stacks, 8 threads' "$work/deep 8 $((125000 * scale))"
beside 'thread start and join' "$work/starts thread $((10000 * scale))"
[ -e "$work/work.sql" ] || bench/programs.sh inputs
beside 'sqlite, bulk insert and index' "/usr/bin/sqlite3 -init $work/work.sql :memory: .quit"
beside 'python, PYTHONMALLOC=malloc' "/usr/bin/python3 -S $work/work.py" PYTHONMALLOC=malloc

heading 'HEAPPROFILE over tcmalloc: churn, a twentieth of the work'
missing "$tcmalloc" 'gperftools' ||
	bench/alternate.py 2 "tcmalloc=LD_PRELOAD=$tcmalloc $work/churn 1 $((100000 * scale))" \
		"HEAPPROFILE=$tcmalloc_profile $work/churn 1 $((100000 * scale))"
rm -f "$work"/heapprofile*
