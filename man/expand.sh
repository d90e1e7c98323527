#!/bin/sh
# expand.sh PAGE.scd [FILTER]: the page with every line "@include FILE" replaced by that file of the page's folder, through
# FILTER (scdoc) when one is given. What several pages say is written once.
set -eu
folder=$(dirname "$1")
expand() {
	awk -v folder="$folder" '
	function include(file, line, status) {
		while ((status = (getline line < file)) > 0)
			take(line)
		if (status < 0) {
			print "expand.sh: cannot read " file > "/dev/stderr"
			exit 1
		}
		close(file)
	}
	function take(line, words) {
		if (line !~ /^@include /)
			print line
		else {
			split(line, words, " ")
			include(folder "/" words[2])
		}
	}
	{ take($0) }' "$1"
}
if [ $# -gt 1 ]; then
	expand "$1" | "$2"
else
	expand "$1"
fi
