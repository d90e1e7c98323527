#!/bin/sh
# bench.sh: all benches, side by side with peers; some minutes. Nothing here passes or fails: it prints.
cd "$(dirname "$0")" || exit 4
for bench in fastpath unwind programs memory time; do
	"./$bench.sh" || echo "bench: $bench.sh ended with $?" >&2
done
