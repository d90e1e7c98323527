#!/bin/sh
# pkgconfig.sh WRAPPED.txt wrap|defsym: the linker's words that put libseep.a in front of the C library (linked.h says why two).
set -eu
names() { sed -n "s/#.*//; $1; /./p" "$2" | tr -s ' \t' '\n' | sed '/^$/d'; }
case $2 in
wrap)
	for name in $(names 's/^loader.*//; s/^some.*//' "$1"); do
		printf -- '-Wl,--wrap=%s,-u,%s ' "$name" "$name"
	done
	for name in $(names 's/^loader.*//; s/^some//; t; s/.*//' "$1"); do
		printf -- '-Wl,--wrap=%s ' "$name"
	done
	echo '-Wl,-u,seep_status_get,-u,pthread_atfork -Wl,--eh-frame-hdr'
	;;
defsym)
	for name in $(names 's/^loader//; s/^some//' "$1"); do
		printf -- '-Wl,--defsym=%s=__wrap_%s ' "$name" "$name"
	done
	echo '-Wl,-u,seep_status_get'
	;;
esac
