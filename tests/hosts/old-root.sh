#!/bin/sh
# old-root.sh SEEP LIBSEEP.SO CACHE: a program of Debian 11 (glibc 2.31) runs recorded in a root file system of its own,
# without /proc and /dev/shm, and its recording is read outside. CACHE keeps the root file system between runs.
set -u
seep=$1 library=$2 cache=$3
suite=bullseye
root=$cache/$suite

skip() {
	echo "the older root file system was NOT tested: $*"
	exit 77
}
fail() {
	echo "old-root: $*"
	exit 1
}

[ "$(id -u)" = 0 ] || skip "chroot needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed: scripts/setup.sh check"
if [ ! -e "$cache/$suite.done" ]; then
	rm -rf "$root"
	mkdir -p "$root" || exit
	mirror=$(sed -n 's/^URIs: *\([^ ]*\/debian\)\/\{0,1\}$/\1/p; s/^deb \(\[[^]]*\] \)*\([^ ]*\/debian\)\/\{0,1\} .*/\2/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
	# The first stage unpacks libc, sh and perl: all that is needed, and no script of a package runs.
	timeout 240 debootstrap --foreign --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} >"$cache/debootstrap.log" 2>&1 ||
		skip "debootstrap $suite: $(tail -n 1 "$cache/debootstrap.log")"
	: >"$cache/$suite.done"
fi

cp "$library" "$root/libseep.so" && rm -rf "$root/recordings" && mkdir -m 0700 "$root/recordings" || exit
# 20,000 strings of 4,000 bytes stay; as many are made and given back.
chroot "$root" /usr/bin/env LD_PRELOAD=/libseep.so SEEP_DIR=/recordings /usr/bin/perl -e \
	'$| = 1; for (1 .. 20000) { push @kept, "x" x 4000; my $gone = "y" x 4000; undef $gone } print scalar(@kept), "\n"; kill 9, $$' \
	>"$root/output" 2>"$root/errors"
status=$?
[ "$status" = 137 ] || fail "the program ended with $status, not by its own SIGKILL: $(cat "$root/errors")"
[ "$(cat "$root/output")" = 20000 ] || fail "the program printed '$(cat "$root/output")', not 20000"
grep -q seep "$root/errors" && fail "the recorder complained: $(cat "$root/errors")"

recording=$(ls "$root"/recordings/*.seep) || fail "there is no recording"
inuse=$("$seep" info --json "$recording" | python3 -c 'import json, sys; print(int(json.load(sys.stdin)["inuse_bytes"]))') ||
	fail "seep info cannot read $recording"
# 80 MB in 160 samples: five standard errors are 40 %.
[ "$inuse" -gt 48000000 ] && [ "$inuse" -lt 130000000 ] || fail "in use: $inuse bytes, about 81,000,000 were expected"
version=$(ls "$root"/lib/*/libc-2.*.so | head -n 1)
echo "recorded under $(basename "$version"): $inuse bytes in use"
