#!/bin/sh
# format.sh ROOT: every C and C++ file of the project is as clang-format (.clang-format) writes it.
cd "$1" || exit 1
if ! command -v clang-format >/dev/null; then
	echo "clang-format is not installed: scripts/setup.sh check"
	exit 77
fi
files=$(find src include tests demo bench examples \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.hpp' \) -print)
# shellcheck disable=SC2086
wrong=$(clang-format --dry-run -Werror $files 2>&1 | grep -E 'error|warning')
if [ -n "$wrong" ]; then
	printf '%s\n' "$wrong" | head -n 40
	echo "write it so with: clang-format -i FILE"
	exit 1
fi
echo "$(printf '%s\n' "$files" | wc -l) files are formatted"
