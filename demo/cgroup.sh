# Sourced: memory cgroups for the demo, v1 or v2, where one can be made.
#   cgroup_make NAME BYTES   makes one; sets cgroup_dir ("" when none can be made) and cgroup_limit, the file of its limit
#   cgroup_enter DIR         puts the calling shell into it
#   cgroup_remove DIR        removes it; it must be empty of processes

cgroup_own_path() { # cgroup_own_path CONTROLLER: this process's path in that hierarchy, "" for the unified one
	sed -n "s|^[0-9]*:$1:||p" /proc/self/cgroup | head -n 1
}

cgroup_try_v1() { # cgroup_try_v1 DIR BYTES
	mkdir "$1" 2>/dev/null || return 1
	if echo "$2" >"$1/memory.limit_in_bytes"; then
		# Without this a machine with swap would swap instead of killing.
		echo "$2" >"$1/memory.memsw.limit_in_bytes" || :
		return 0
	fi 2>/dev/null
	rmdir "$1"
	return 1
}

cgroup_try_v2() { # cgroup_try_v2 DIR BYTES
	mkdir "$1" 2>/dev/null || return 1
	if echo "$2" >"$1/memory.max" && sh -c 'echo $$ >"$1/cgroup.procs"' sh "$1"; then
		echo 0 >"$1/memory.swap.max" || :
		return 0
	fi 2>/dev/null
	rmdir "$1"
	return 1
}

cgroup_make() {
	for root in "/sys/fs/cgroup/memory$(cgroup_own_path memory)" /sys/fs/cgroup/memory; do
		if [ -e "$root/memory.limit_in_bytes" ] && cgroup_try_v1 "${root%/}/$1" "$2"; then
			cgroup_dir=${root%/}/$1 cgroup_limit=${root%/}/$1/memory.limit_in_bytes
			return 0
		fi
	done
	for root in "/sys/fs/cgroup$(cgroup_own_path '')" /sys/fs/cgroup; do
		if grep -qs memory "$root/cgroup.subtree_control" && cgroup_try_v2 "${root%/}/$1" "$2"; then
			cgroup_dir=${root%/}/$1 cgroup_limit=${root%/}/$1/memory.max
			return 0
		fi
	done
	cgroup_dir=
	return 1
}

cgroup_enter() { sh -c 'echo "$PPID" >"$1/cgroup.procs"' sh "$1"; }

cgroup_remove() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -d "$1" ] || return 0
		rmdir "$1" 2>/dev/null && return 0
		sleep 0.2
	done
	echo "demo: cannot remove the cgroup $1" >&2
}
