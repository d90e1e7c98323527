#!/bin/sh
# time.sh: user+system time of mixed churn and of redis-server, plain beside recorded, alternating; exact mode beside
# heaptrack in the same run. ROUNDS (5) rounds. Figures of a busy machine: look at the spread.
set -u
. "$(dirname "$0")/common.sh"
prepare
rounds=${ROUNDS:-5}

for threads in 1 2 8; do
	steps=$((4000000 / threads))
	heading "mixed churn, $threads threads, 16 to 4096 bytes, 4 million steps in all"
	bench/alternate.py "$rounds" \
		"plain=$work/churn $threads $steps" \
		"seep=LD_PRELOAD=$recorder $work/churn $threads $steps" \
		"empty preload=LD_PRELOAD=$work/empty.so $work/churn $threads $steps"
	if [ -e "$jemalloc" ]; then
		bench/alternate.py "$rounds" \
			"jemalloc=LD_PRELOAD=$jemalloc $work/churn $threads $steps" \
			"jemalloc, prof 512 KiB=MALLOC_CONF=prof:true,lg_prof_sample:19,prof_prefix:$work/jeprof LD_PRELOAD=$jemalloc $work/churn $threads $steps"
	fi
done

heading "redis-server under redis-benchmark (600,000 requests)"
bench/alternate.py "$rounds" "plain=bench/redis-round.sh 17320" "seep=bench/redis-round.sh 17320 $recorder"

heading "every allocation recorded: exact mode beside heaptrack"
exact="SEEP_OPTIONS=period=1,size=256M LD_PRELOAD=$recorder"
bench/alternate.py "$rounds" \
	"plain churn=$work/churn 1 1000000" \
	"seep --exact=$exact $work/churn 1 1000000" \
	"heaptrack, its preload alone=DUMP_HEAPTRACK_OUTPUT=$work/heaptrack.raw LD_PRELOAD=$heaptrack_preload $work/churn 1 1000000" \
	"heaptrack=heaptrack -o $work/heaptrack $work/churn 1 1000000"
[ -e "$work/work.sql" ] || bench/programs.sh >/dev/null
sqlite="/usr/bin/sqlite3 -init $work/work.sql :memory: .quit"
bench/alternate.py "$rounds" \
	"plain sqlite=$sqlite" \
	"seep --exact=$exact $sqlite" \
	"heaptrack, its preload alone=DUMP_HEAPTRACK_OUTPUT=$work/heaptrack.raw LD_PRELOAD=$heaptrack_preload $sqlite" \
	"heaptrack=heaptrack -o $work/heaptrack $sqlite"
rm -f "$work"/heaptrack*
