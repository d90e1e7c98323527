#!/bin/sh
# archive.sh OUT OBJECTS.a WRAPPED.txt CC…: libseep.a as programs link it: one object, in which only the API and what
# stands in front of the C library is global, the latter under the names of --wrap, and the code in a section of its own, so that
# the recorder knows where it is in somebody else's program.
set -eu
out=$1 objects=$2 wrapped=$3
shift 3
objcopy=$("$@" -print-prog-name=objcopy) ar=$("$@" -print-prog-name=ar) # of the machine that it compiles for
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed 's/#.*//; s/^loader//; s/^some//' "$wrapped" | tr -s ' \t' '\n' | sed '/^$/d' >"$work/names"
sed 's/.*/& __wrap_&/' "$work/names" >"$work/renamed"
sed 's/.*/__wrap_&/' "$work/names" >"$work/global"
for name in on off period_get period_set mark status_get arena_new arena_alloc arena_realloc arena_free arena_clear; do
	echo "seep_$name" >>"$work/global"
done

"$@" -r -nostdlib -o "$work/whole.o" -Wl,--whole-archive "$objects"
set --
for section in .text .text.unlikely .text.startup .text.exit .text.hot; do
	set -- "$@" --rename-section "$section=seep_text"
done
"$objcopy" --redefine-syms="$work/renamed" "$work/whole.o" "$work/renamed.o"
"$objcopy" --keep-global-symbols="$work/global" --strip-debug "$@" "$work/renamed.o" "$work/seep.o"
rm -f "$out"
"$ar" rcD "$out" "$work/seep.o"
