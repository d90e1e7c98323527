#!/bin/sh
# man-examples.sh MAN-FOLDER SEEP MAKE-RECORDING: runs the commands that the man pages show, each in a directory with a
# recording of the name that they use; a pid stands for it, too. What needs another tool that is missing is left out, and so is
# what would start a server or change a shell. TAP.
set -u
man=$1 seep=$(realpath "$2") make_recording=$(realpath "$3")
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
recording=server.4711.1700000000.seep
mkdir "$work/home" "$work/dir"
nr=0

has_tools() {
	for tool in jq flamegraph.pl; do
		case $1 in
		*"$tool "*) command -v $tool >/dev/null || return 1 ;;
		esac
	done
}

is_runnable() {
	case $1 in
	'seep run '* | 'seep set '* | 'seep completion '*'>'* | SEEP_DIR=*) return 1 ;;
	'seep '*) has_tools "$1" ;;
	*) return 1 ;;
	esac
}

run_example() {
	"$make_recording" moments "$work/dir/$recording"
	(cd "$work/dir" && env PATH="$(dirname "$seep"):$PATH" HOME="$work/home" LC_ALL=C SEEP_DIR="$work/dir" \
		sh -c "$1" </dev/null >"$work/out" 2>&1)
}

# One command a line, with the page before it.
examples() {
	for page in "$man"/*.scd; do
		awk -v page="$(basename "$page")" '/^```/ { inside = !inside; next } inside { print page "\t" $0 }' "$page"
	done
}

examples >"$work/examples"
while IFS='	' read -r page line; do
	is_runnable "$line" || continue
	nr=$((nr + 1))
	# Nothing outside the test's directory is read, least of all cleaned.
	command=$(printf '%s\n' "$line" | sed -e "s/ 4711\>/ $recording/" -e 's|/recordings|.|' -e 's|/dev/shm/seep-[0-9]*|.|' \
		-e 's/^seep \(top\|tree\|peek\|why\|info\|export\)\>/& --dir=./' -e 's/^seep \(clean\|recordings\)\>/& ./')
	if run_example "$command"; then
		echo "ok $nr - $page: $line"
	else
		echo "not ok $nr - $page: $line"
		sed 's/^/# /' "$work/out"
	fi
done <"$work/examples"
echo "1..$nr"
[ "$nr" -gt 0 ]
