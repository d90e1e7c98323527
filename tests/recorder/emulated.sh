#!/bin/sh
# emulated.sh LIBSEEP DIRECTORY EMULATOR ROOT: the tests of the recorder (run.py) with its programs, which are built for
# another machine, under qemu's user emulation. What that cannot do is left out: emulated.txt says why, test by test.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 0755 "$work"
trap 'rm -rf "$work"' EXIT
cc -static -O1 "-DEMULATOR=\"$3\"" "-DROOT=\"$4\"" -o "$work/launcher" "$here/emulated.c"
cp "$2"/*.so "$work"
mkdir "$work/foreign"
for program in victim operators early; do
	cp "$2/$program" "$work/foreign"
	cp "$work/launcher" "$work/$program"
done
SEEP_TESTS_LEFT_OUT=$here/emulated.txt python3 "$here/run.py" "$1" "$work"
