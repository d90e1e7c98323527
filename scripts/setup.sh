#!/bin/sh
# setup.sh [GROUP…]: installs the Debian packages that building and testing need. Groups: build check demo bench hosts aarch64.
# Without a word: all but the last two. Does and says nothing when nothing is missing; uses sudo when it is not root.
set -eu

build="gcc g++ meson ninja-build pkg-config scdoc libdw-dev libelf-dev libdebuginfod-dev libiberty-dev zlib1g-dev
	libpcre2-dev"
check="clang clang-format libclang-rt-14-dev mandoc python3 python3-venv golang-go binutils gdb musl-tools zsh fish redis-server
	redis-tools sqlite3 heaptrack libjemalloc2 libmimalloc2.0 google-perftools libgoogle-perftools4 stress-ng debootstrap
	rustc libunwind-dev"
demo="redis-server redis-tools python3"
bench="valgrind heaptrack libunwind-dev python3 sqlite3 perl libjemalloc2 libgoogle-perftools4 redis-server redis-tools debootstrap
	nginx haproxy wrk postgresql"
hosts="python3 perl procps strace wrk redis-server redis-tools nginx haproxy mariadb-server mariadb-client varnish postgresql memcached
	openssh-server openssh-client prometheus openjdk-17-jdk-headless openbsd-inetd daemonize gcc g++ git sqlite3 nodejs rustc
	golang-go ffmpeg imagemagick chromium chromium-sandbox clang libclang-rt-14-dev libpython3.11-testsuite stress-ng libjemalloc-dev
	libmimalloc2.0 libgoogle-perftools-dev libunwind-dev faketime fakeroot eatmydata heaptrack libheaptrack valgrind"
aarch64="g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"

wanted=
for group in ${*:-build check demo bench}; do
	case $group in
	build) wanted="$wanted $build" ;;
	check) wanted="$wanted $build $check" ;;
	demo) wanted="$wanted $build $demo" ;;
	bench) wanted="$wanted $build $bench" ;;
	hosts) wanted="$wanted $build $hosts" ;;
	aarch64) wanted="$wanted $aarch64" ;;
	*)
		echo "setup.sh: unknown group '$group': it is one of build, check, demo, bench, hosts, aarch64" >&2
		exit 2
		;;
	esac
done

# A tool that is there without its package (a toolchain of the user's own) is as good.
has_command() {
	case $1 in
	golang-go) command -v go ;;
	openjdk-17-jdk-headless) command -v javac ;;
	gcc | g++ | clang | meson | gdb | valgrind | heaptrack | rustc) command -v "$1" ;;
	ninja-build) command -v ninja ;;
	*) false ;;
	esac >/dev/null 2>&1
}

if ! command -v dpkg-query >/dev/null; then
	echo "setup.sh: this system has no dpkg: install by hand what stands for these packages:" $wanted >&2
	exit 4
fi
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
missing=
for package in $(printf '%s\n' $wanted | sort -u); do
	has_command "$package" || printf '%s\n' "$installed" | grep -qxF -e "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "setup.sh: installing$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup.sh: not root and no sudo: as root, type: apt-get install$missing" >&2
		exit 4
	fi
	as_root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; }
if ! { install || { $as_root apt-get update -q && install; }; } >"$log" 2>&1; then
	tail -20 "$log" >&2
	echo "setup.sh: apt-get could not install$missing" >&2
	exit 4
fi
