#!/bin/sh
# Runs one golden case: every line of CASE/cmd by itself, in an empty directory, and compares what it printed and its
# exit code with CASE/expect. UPDATE=1 writes expect instead.
#   run.sh CASE SEEP MAKE-RECORDING
# A line that begins with "+ " prepares something and is not shown; one that begins with "#" is a comment.
# $SEEP, $MAKE_RECORDING and $LIBSEEP are paths; `seep` and `make-recording` are found. Text that differs from machine to machine
# (paths of the build, the directory of the test) is replaced by a word.
set -u
case_dir=$(cd "$1" && pwd) || exit 99
seep=$(realpath "$2") make_recording=$(realpath "$3")
bin_dir=$(dirname "$seep")
fixture_dir=$(dirname "$make_recording")
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 99
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
mkdir "$work/here" "$work/home" "$work/none"

run_line() {
	(cd "$work/here" && env -i PATH="$bin_dir:$fixture_dir:/usr/bin:/bin:/usr/sbin:/sbin" HOME="$work/home" \
		LC_ALL=C TZ=UTC SHELL=/bin/sh TERM=xterm COLUMNS=80 LINES=24 SEEP_DIR="$work/none" SEEP="$seep" \
		MAKE_RECORDING="$make_recording" SOURCE="$source_dir" \
		LIBSEEP="$bin_dir/libseep.so" sh -c "$1" </dev/null 2>&1)
}

neutral() {
	sed -e "s|$work/here|HERE|g" -e "s|$work/home|HOME|g" -e "s|$work|WORK|g" -e "s|$fixture_dir|BUILD|g" \
		-e "s|$bin_dir|BUILD|g" -e "s|$source_dir|SOURCE|g" -e 's|BUILD/\(\.\./\)*|BUILD/|g'
}

while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	'' | '#'*) ;;
	'+ '*)
		run_line "${line#+ }" >"$work/out" || {
			echo "preparation failed: $line"
			cat "$work/out"
			exit 99
		}
		;;
	*)
		printf '$ %s\n' "$line" >>"$work/all"
		run_line "$line" >"$work/out"
		code=$?
		neutral <"$work/out" >>"$work/all"
		[ "$code" -eq 0 ] || printf '[exit %d]\n' "$code" >>"$work/all"
		;;
	esac
done <"$case_dir/cmd"

if [ "${UPDATE:-}" = 1 ]; then
	cp "$work/all" "$case_dir/expect"
else
	diff -u "$case_dir/expect" "$work/all"
fi
