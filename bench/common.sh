# Sourced by the scripts of bench/: where things are, and what they share. Run from anywhere; files go to build-bench.
cd "$(dirname "$0")/.." || exit 4
root=$PWD
build=$root/${BUILD:-build}
work=$root/build-bench
recorder=$build/libseep.so
libdir=$(dirname "$(cc -print-file-name=libc.so.6)")
jemalloc=$libdir/libjemalloc.so.2
tcmalloc=$libdir/libtcmalloc.so.4
heaptrack_preload=/usr/lib/heaptrack/libheaptrack_preload.so
# What makes a sampling allocator sample: 512 KiB on average, as the recorder does. HEAPPROFILE records everything.
jemalloc_prof="MALLOC_CONF=prof:true,lg_prof_sample:19,prof_prefix:$work/jeprof LD_PRELOAD=$jemalloc"
tcmalloc_sampling="TCMALLOC_SAMPLE_PARAMETER=524288 LD_PRELOAD=$tcmalloc"
tcmalloc_profile="HEAPPROFILE=$work/heapprofile LD_PRELOAD=$tcmalloc"
# Recordings of the benches, nowhere else.
SEEP_DIR=$work/recordings
export SEEP_DIR

prepare() {
	scripts/setup.sh build bench || exit
	make -s BUILD="${BUILD:-build}" >/dev/null || exit
	mkdir -p "$work"
	rm -rf "$SEEP_DIR"
	mkdir -m 0700 "$SEEP_DIR"
	for source in bench/programs/*.c; do
		name=$(basename "$source" .c)
		[ "$name" = empty ] || cc -std=gnu11 -O2 -g -fomit-frame-pointer -pthread -o "$work/$name" "$source" || exit
	done
	cc -std=gnu11 -O2 -shared -fPIC -ftls-model=initial-exec -o "$work/empty.so" bench/programs/empty.c -ldl || exit
}

heading() { printf '\n== %s\n' "$*"; }

# missing FILE-OR-COMMAND WHAT: true, and said loudly, when a peer or a program is not there.
missing() {
	[ -e "$1" ] || command -v "$1" >/dev/null && return 1
	echo "-- left out: $2 ($1 is not installed)"
}

# instructions PRELOAD COMMAND…: what callgrind counts for the program alone; PRELOAD may be empty.
instructions() {
	preload=$1
	shift
	LD_PRELOAD=$preload valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>"$work/callgrind.log" >/dev/null
	count=$(sed -n 's/^==[0-9]*== Collected : *\([0-9]*\).*/\1/p' "$work/callgrind.log" | tail -n 1)
	[ -n "$count" ] || { tail -n 5 "$work/callgrind.log" >&2 && echo 0 && return 1; }
	echo "$count"
}
