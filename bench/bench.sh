#!/bin/sh
# bench.sh: all benches, side by side with peers; a quarter of an hour, with LONG=1 an hour. Nothing here passes or fails:
# it prints. What each does stands in its head, and in bench/README.md.
cd "$(dirname "$0")" || exit 4
for bench in fastpath unwind programs memory exact time; do
	"./$bench.sh" || echo "bench: $bench.sh ended with $?" >&2
done
