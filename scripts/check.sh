#!/bin/sh
# check.sh [gcc] [sanitize] [fuzz] [aarch64]: everything that must hold, in four builds; all four without a word.
#   gcc       the build that users get, warnings are errors; every suite
#   sanitize  AddressSanitizer and UndefinedBehaviorSanitizer (not in the recorder, which is a guest elsewhere)
#   aarch64   the recorder and what needs no libraries, for another machine, by qemu's user emulation where that is to be had
#   fuzz      clang's libFuzzer, FUZZ_SECONDS (10) a target, on a copy of the corpus
# The last line counts over all builds: "N passed, N failed, N skipped". Exit 1 when anything failed.
set -u
cd "$(dirname "$0")/.." || exit 4
out=build-check
mkdir -p "$out"
results=$out/results
rm -f "$results"
: >"$results"
jobs=$(nproc)
targets=

# Everything that is not a Meson test is booked here: STATUS NAME [WHY].
book() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$results"; }

quietly() { # quietly NAME COMMAND…: its output is shown only when it fails
	name=$1
	shift
	if "$@" >"$out/$name.log" 2>&1; then
		return 0
	fi
	tail -n 60 "$out/$name.log"
	book FAIL "$name"
	return 1
}

build() { # build NAME [meson option…]: configures once, builds each time (only fuzz targets when targets=fuzz); warnings are errors
	dir=$out/$1
	name=$1
	shift
	if [ ! -f "$dir/build.ninja" ]; then
		rm -rf "$dir"
		quietly "$name-configure" meson setup -Dwerror=true "$@" "$dir" || return 1
	fi
	wanted=$targets
	[ "$targets" != fuzz ] || wanted=$(ninja -C "$dir" -t targets all | sed -n 's|^\(tests/fuzz/fuzz-[a-z0-9-]*\): .*|\1|p')
	quietly "$name-build" ninja -C "$dir" -j "$jobs" $wanted && book OK "$name-build"
}

run_tests() { # run_tests NAME [meson test option…]
	dir=$out/$1
	shift
	rm -f "$dir/meson-logs/testlog.json"
	meson test -C "$dir" --no-rebuild --print-errorlogs "$@" || true
	[ -s "$dir/meson-logs/testlog.json" ] || book FAIL "$dir-tests"
}

check_gcc() {
	echo "== gcc, the build that users get"
	build gcc && run_tests gcc --no-suite bench
}

check_sanitize() {
	echo "== gcc, AddressSanitizer and UndefinedBehaviorSanitizer"
	build sanitize -Db_sanitize=address,undefined &&
		run_tests sanitize --timeout-multiplier 3 --suite unit --suite cli --suite fuzz
}

fuzz_one() { # fuzz_one TARGET
	name=$(basename "$1")
	seen=$out/corpus-$name
	mkdir -p "$seen"
	if "$1" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="$out/$name-" "$seen" "tests/fuzz/corpus/${name#fuzz-}" >"$out/$name.log" 2>&1; then
		echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log") executions"
		book OK "$name"
	else
		tail -n 40 "$out/$name.log"
		book FAIL "$name"
	fi
}

check_fuzz() {
	echo "== clang, libFuzzer"
	targets=fuzz
	CC=clang CXX=clang++ build fuzz -Dfuzz=true -Drecorder=false -Db_sanitize=address,undefined -Db_lundef=false || return
	nr=0
	for target in "$out"/fuzz/tests/fuzz/fuzz-*; do
		if [ -f "$target" ] && [ -x "$target" ]; then
			fuzz_one "$target"
			nr=$((nr + 1))
		fi
	done
	[ "$nr" -gt 0 ] || book FAIL "no fuzz target was built"
}

check_aarch64() {
	echo "== gcc for AArch64, by qemu's user emulation"
	scripts/setup.sh aarch64 || true
	for tool in aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ qemu-aarch64-static; do
		if ! command -v "$tool" >/dev/null; then
			book SKIP aarch64 "no $tool: install g++-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user-static"
			return
		fi
	done
	build aarch64 --cross-file scripts/aarch64.ini -Dtool=false &&
		run_tests aarch64 --timeout-multiplier 4 --suite unit --suite recorder
}

scripts/setup.sh build check || exit
rm -f "$out"/*/meson-logs/testlog.json
for part in ${*:-gcc sanitize fuzz aarch64}; do
	case $part in
	gcc | sanitize | fuzz | aarch64) "check_$part" ;;
	*)
		echo "check.sh: unknown part '$part': it is one of gcc, sanitize, fuzz, aarch64" >&2
		exit 2
		;;
	esac
done
exec python3 scripts/tally.py "$results" "$out"/*/meson-logs/testlog.json
