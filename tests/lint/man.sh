#!/bin/sh
# man.sh MAN-FOLDER: every page is proper scdoc, and mandoc finds nothing in what becomes of it but the empty paragraphs that
# scdoc always writes.
set -u
for tool in scdoc mandoc; do
	command -v $tool >/dev/null || {
		echo "$tool is not installed: scripts/setup.sh check"
		exit 77
	}
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad=0
for page in "$1"/*.scd; do
	made=$folder/$(basename "$page" .scd)
	"$1/expand.sh" "$page" scdoc >"$made" || {
		echo "$page: scdoc refuses it"
		bad=1
	}
	found=$(mandoc -T lint -W warning "$made" | grep -v 'skipping paragraph macro: PP')
	[ -z "$found" ] || {
		printf '%s: %s\n' "$page" "$found"
		bad=1
	}
done
exit $bad
