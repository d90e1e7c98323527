#!/bin/sh
# options.sh SEEP MAN-FOLDER: every verb and option of --help stands in its man page and in the completion of every shell, and
# no man page tells of an option that there is not.
set -u
seep=$1 man=$2
bad=0
complain() {
	echo "$*"
	bad=1
}

verbs=$("$seep" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$verbs" ] || complain "seep --help names no verbs"
for shell in bash zsh fish; do
	"$seep" completion $shell >"${TMPDIR:-/tmp}/seep-options.$$.$shell" || complain "seep completion $shell failed"
done
trap 'rm -f "${TMPDIR:-/tmp}/seep-options.$$".*' EXIT

# What the completion offers for a verb's options, one name a line.
offered() {
	file=${TMPDIR:-/tmp}/seep-options.$$.$1
	case $1 in
	bash) sed -n "/^_seep_options/,/^}/s/^\t$2) words='\(.*\)' ;;/\1/p" "$file" | tr ' ' '\n' | sed 's/=$//' ;;
	zsh) sed -n "/^\t$2)\$/,/;;/s/^\t\t\t'\*\{0,1\}\(--[a-z-]*\).*/\1/p" "$file" ;;
	fish) sed -n "s/^complete .*__fish_seen_subcommand_from $2' -l \([a-z-]*\).*/--\1/p" "$file" ;;
	esac
}

check_verb() {
	verb=$1 page=$man/seep-$1.1.scd
	options=$("$seep" "$verb" --help | sed -n 's/^  \(-[a-zA-Z], \|    \)\(--[a-z-]*\).*/\1\2/p' | tr -d ' ')
	[ -n "$options" ] || complain "seep $verb --help names no options"
	[ -f "$page" ] || {
		complain "man/seep-$verb.1.scd is missing"
		return
	}
	text=$("$man/expand.sh" "$page")
	for option in $options; do
		name=${option#-?,}
		head=$(printf '%s\n' "$text" | grep -e "^\*.*\*$name\*" -e "^\*$name\*")
		[ -n "$head" ] || complain "man/seep-$verb.1.scd: $name is missing"
		case $option in
		-?,*) printf '%s\n' "$head" | grep -q -e "^\*${option%%,*}\*, " ||
			complain "man/seep-$verb.1.scd: ${option%%,*} is missing beside $name" ;;
		esac
		for shell in bash zsh fish; do
			offered $shell "$verb" | grep -qx -e "$name" || complain "completion of $shell: $verb $name is missing"
		done
	done
	for name in $(printf '%s\n' "$text" | sed -n 's/^\(\*-[a-zA-Z]\*, \)\{0,1\}\*\(--[a-z-]*\)\*.*/\2/p'); do
		printf '%s\n' "$options" | grep -q -e "\(^\|,\)$name\$" ||
			complain "man/seep-$verb.1.scd: there is no option $name"
	done
}

for verb in $verbs; do
	grep -q "^\*seep-$verb\*(1)\$" "$man/seep.1.scd" || complain "man/seep.1.scd: the verb $verb is missing"
	check_verb "$verb"
done
exit $bad
