#!/bin/sh
# Verdicts against programs of known cause: five runs each, with what was said of every one. About three minutes.
#   bench/why.sh [BUILD] [OPTION of tests/truth/why.py…]
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build}
[ $# -gt 0 ] && shift
exec python3 "$root/tests/truth/why.py" "$build/seep" "$build/libseep.so" "$build/tests/truth/programs" "$@"
