/*
 * What the operating system knows: processes, cgroups, the kernel log, and program files before they start.
 *
 * Everything is read below a root ("" or NULL: the running system), so that recorded trees test it. A figure that is
 * not known is SEEP_UNKNOWN (never 0). Files of /proc may vanish between two reads: what could be read is returned.
 * Ownership: plain structs, filled in place; where memory is handed out the function says so. Threads: no globals.
 * Sources: Linux Documentation/filesystems/proc.rst, admin-guide/cgroup-v1/memory.rst, admin-guide/cgroup-v2.rst,
 * mm/oom_kill.c (the text of the kernel log).
 */
#ifndef SEEP_SYSTEM_H
#define SEEP_SYSTEM_H

#include "base/base.h"

#define SEEP_UNKNOWN UINT64_MAX

/* ---- processes (process.c) ---- */

struct seep_process_status {
	uint32_t pid, parent_pid, pgrp, session;
	char comm[64];
	char state;           /* R S D Z T …; 0 unknown */
	uint64_t start_ticks; /* field 22 of stat: clock ticks since boot */
	uint32_t inner_pid;   /* its pid in its own pid namespace (the last of NSpid); 0 unknown */
	uint32_t nr_threads;
	uint32_t uid, euid;
	uint64_t virtual_bytes, data_bytes, stack_bytes;
	uint64_t rss, rss_anon, rss_file, rss_shmem, swap; /* bytes */
};

/* Reads stat and status. SEEP_ERR_NOT_FOUND when there is no such process. */
SEEP_NODISCARD enum seep_status seep_process_read(const char *root, uint32_t pid, struct seep_process_status *out,
                                                  struct seep_error *err);

/* A process as a recording names it. */
struct seep_process_key {
	uint32_t pid;           /* as it sees itself */
	uint64_t pid_namespace; /* inode of its ns/pid; 0 unknown */
	uint64_t start_ticks;   /* 0 unknown */
	uint8_t boot_id[16];    /* all zero: unknown */
};
/*
 * The pid, in our namespace, of the running process that `key` names: same boot, same pid in the same pid namespace,
 * same start. 0 when there is none (a zombie counts as none). Unknown parts of the key are not compared.
 */
uint32_t seep_process_find(const char *root, const struct seep_process_key *key);

/* Text of /proc/PID/exe without " (deleted)"; *is_deleted may be NULL. False when it cannot be read. */
bool seep_process_exe(const char *root, uint32_t pid, char *out, size_t cap, bool *is_deleted);
/* Inode of /proc/PID/ns/NAME ("pid", "mnt"), PID 0: ours; 0 unknown. */
uint64_t seep_process_namespace(const char *root, uint32_t pid, const char *name);
/* True when we are in the first pid namespace: all processes are seen, and have the pids that the kernel log has. */
bool seep_process_sees_all(const char *root);
/* Entries of /proc/PID/fd. */
uint64_t seep_process_nr_fds(const char *root, uint32_t pid);

/* Sums over /proc/PID/maps, in bytes of address space, and the count of mappings. */
struct seep_process_maps {
	uint32_t nr;
	uint64_t stack_bytes; /* [stack] and thread stacks that the kernel labels */
	uint64_t heap_bytes;  /* [heap] */
};
SEEP_NODISCARD enum seep_status seep_process_maps_read(const char *root, uint32_t pid, struct seep_process_maps *out,
                                                       struct seep_error *err);

/* True when a file whose path ends in `suffix` is mapped; *could_read is false when its mappings may not be read. */
bool seep_process_has_mapped(const char *root, uint32_t pid, const char *suffix, bool *could_read);

/* Sums of /proc/PID/smaps_rollup in bytes; may be refused for another user's process. */
struct seep_process_memory {
	uint64_t rss, pss, private_dirty, private_clean, shared_dirty, shared_clean, anonymous, swap;
};
SEEP_NODISCARD enum seep_status seep_process_memory_read(const char *root, uint32_t pid,
                                                         struct seep_process_memory *out, struct seep_error *err);

struct seep_process_task {
	uint32_t tid;       /* in our namespace */
	uint32_t inner_tid; /* in the process's own; 0 unknown */
	char name[16];
};
/* The threads of a process; malloc'ed, caller frees. NULL with *nr 0 when there are none to be read. */
struct seep_process_task *seep_process_tasks(const char *root, uint32_t pid, size_t *nr);

/* All pids; malloc'ed, caller frees. */
uint32_t *seep_process_list(const char *root, size_t *nr);

/* A limit of /proc/PID/limits, by its resource ("Max file size"), in its unit; SEEP_UNKNOWN for "unlimited" or none. */
uint64_t seep_process_limit(const char *root, uint32_t pid, const char *resource);

bool seep_boot_id(const char *root, uint8_t out[16]);

/* ---- cgroups (cgroup.c) ---- */

struct seep_cgroup {
	int version;     /* 1 or 2; 0: no memory cgroup was found */
	char path[512];  /* of the memory hierarchy, as /proc/PID/cgroup says it */
	char dir[768];   /* its directory below the root; "" not mounted here */
	char mount[256]; /* mount point of the hierarchy: the walk to the ancestors ends there */
};
/* Finds the memory cgroup of a process. SEEP_ERR_NOT_FOUND when there is none. */
SEEP_NODISCARD enum seep_status seep_cgroup_find(const char *root, uint32_t pid, struct seep_cgroup *out,
                                                 struct seep_error *err);
/* The same from a path that a recording holds. */
SEEP_NODISCARD enum seep_status seep_cgroup_at(const char *root, const char *path, bool is_v2, struct seep_cgroup *out,
                                               struct seep_error *err);

struct seep_cgroup_memory {
	uint64_t usage, limit;              /* limit: the smallest of it and all its ancestors; SEEP_UNKNOWN: none */
	char limited_by[512];               /* path of the cgroup that has this limit */
	uint64_t anon, file, shmem, kernel; /* file: page cache without shmem */
	uint64_t peak, swap;
	uint64_t failcnt;   /* v1 memory.failcnt, v2 memory.events: max */
	uint64_t oom_kills; /* processes of this cgroup killed (v2: and of those below it) */
	uint64_t nr_pids;
};
void seep_cgroup_read(const struct seep_cgroup *cgroup, struct seep_cgroup_memory *out);

/* ---- kernel log (klog.c) ---- */

struct seep_oom_kill {
	uint32_t pid; /* in the first pid namespace */
	uint32_t uid;
	char comm[16];
	char constraint[32];                              /* "CONSTRAINT_MEMCG", "CONSTRAINT_NONE"; "" unknown */
	char memcg[256];                                  /* the cgroup that ran out; "" none */
	char task_memcg[256];                             /* the cgroup of the killed */
	uint64_t anon_rss, file_rss, shmem_rss, total_vm; /* bytes */
	uint64_t time_us;                                 /* since boot (CLOCK_MONOTONIC, roughly) */
	bool is_memcg; /* "Memory cgroup out of memory": the limit; false: the whole machine ran out */
};
struct seep_klog {
	struct seep_oom_kill *kills; /* in the order of the log */
	size_t nr, cap;
	bool could_read; /* false: not permitted, so that no entry means nothing */
};
/* Reads /dev/kmsg without waiting, or where that is refused the ring by syslog(2). Below a root: its file dev/kmsg. */
void seep_klog_read(const char *root, struct seep_klog *out);
/* From text, one record a line, with or without "PRI,SEQ,USEC,-;" or "[ 12.34]" before it. */
void seep_klog_parse(struct seep_klog *out, const char *text, size_t len);
void seep_klog_release(struct seep_klog *log);
/* The newest kill of `pid` at or after `since_us`; NULL none. `comm` may be NULL: any name. */
const struct seep_oom_kill *seep_klog_find(const struct seep_klog *log, uint32_t pid, const char *comm,
                                           uint64_t since_us);

/* ---- containers (container.c) ---- */

/* Running processes of the docker or podman container of this name or id (12 digits or more). Caller frees. */
uint32_t *seep_container_pids(const char *root, const char *name, size_t *nr);

/* ---- program files, looked at before they start (program.c) ---- */

enum seep_libc { SEEP_LIBC_UNKNOWN, SEEP_LIBC_GLIBC, SEEP_LIBC_MUSL };

struct seep_program {
	char path[1024];   /* the file whose header the kernel will read in the end (a script's interpreter) */
	char script[1024]; /* the script that led there; "" none */
	uint16_t machine;  /* ELF e_machine; 0: not an ELF file */
	bool is_elf, is_64, is_static; /* static: no interpreter, so nothing can be preloaded */
	enum seep_libc libc;
	char interpreter[256];
	uint8_t build_id[32];
	uint32_t build_id_bytes; /* 0 none */
	bool is_setuid;          /* setuid, setgid or file capabilities, and that changes something for us */
	bool needs_asan;         /* libasan (or clang's) is a needed library */
	bool has_asan_inside;    /* ASan is linked in statically (clang's default) */
	/* "tcmalloc", "jemalloc", "mimalloc" or "malloc": defined inside the executable; "" none */
	char own_allocator[64];
	bool has_malloc_before;   /* a library that was preloaded before the recorder has the malloc that is called */
	bool is_linked;           /* it has the recorder inside (libseep.a) */
	bool exports_malloc;      /* … and the definition is visible to others, so that even libc's calls go there */
	bool has_partition_alloc; /* Chromium's */
	bool is_go, is_cgo, is_jvm, is_node, is_v8, is_luajit, is_dotnet, is_php, is_python;
};
/*
 * Looks at a program file. Follows #! lines (at most 4), through env(1) by `search` ($PATH). Never fails for odd files:
 * what cannot be told is unset.
 * SEEP_ERR_NOT_FOUND, SEEP_ERR_IO (EACCES) as execvp would.
 */
SEEP_NODISCARD enum seep_status seep_program_look(const char *root, const char *path, const char *search,
                                                  struct seep_program *out, struct seep_error *err);
/* The path that execvp(3) would find for `name` in `search` ($PATH). False with errno as execvp's. */
bool seep_program_search(const char *name, const char *search, char *out, size_t cap);

/* Why the recorder can never be loaded into it, and is not in it: a clause ("it is statically linked …"), or NULL. */
const char *seep_program_refuses(const struct seep_program *p);
/* What the recorder cannot see in it though it is loaded, and what can; most important first. Texts are static. */
struct seep_blind_spot {
	const char *id, *text, *way; /* "go", a clause, another */
};
#define SEEP_BLIND_SPOTS_MAX 12
size_t seep_program_blind_spots(const struct seep_program *p, const struct seep_blind_spot *out[SEEP_BLIND_SPOTS_MAX]);
/* The text of the first, or NULL. */
const char *seep_program_blind_spot(const struct seep_program *p);
/* True when the recorder would see nothing at all (blind spot, not partial sight). */
bool seep_program_is_blind(const struct seep_program *p);

#endif
