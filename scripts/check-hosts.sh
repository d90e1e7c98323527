#!/bin/sh
# check-hosts.sh [--docs=docs/hosts.md] [--part] [NAME…]: other people's programs, each with and without the recorder, in their whole
# form; all without a name. Installs what they need first. Writes build-hosts/hosts/hosts.md, a table; --docs puts its rows into
# that page; --part runs less of hosts that say what (cpython). The last line counts: "N passed, N failed, N skipped". Exit 1
# when anything failed.
set -u
cd "$(dirname "$0")/.." || exit 4
scripts/setup.sh build hosts || exit
dir=build-hosts
[ -f "$dir/build.ninja" ] || meson setup -Dwerror=true "$dir" >/dev/null || exit 4
ninja --quiet -C "$dir" seep libseep.so || exit 4
exec python3 tests/hosts/all.py "$dir/seep" "$dir/libseep.so" "$dir/hosts" "$@"
