/*
 * Targets: the words a user names memory by, turned into loaded recordings and profiles.
 *
 * In this order: `-`; SCHEME://…; pid: container: compose: k8s: prefixes; an existing file, told by its content; a
 * directory (all recordings in it); digits: a pid; a container's name. No word: the newest recording by its start time.
 *
 * Ownership: a targets object owns all it hands out; free it once. What is wrong with a part of the input is warned of
 * (printed as it is found, and kept for JSON); what leaves nothing to show is an error, printed, with its exit code.
 */
#ifndef SEEP_CLI_TARGETS_H
#define SEEP_CLI_TARGETS_H

#include "cli/cli.h"
#include "recording/recording.h"
#include "symbol/symbol.h"
#include "system/system.h"

/* Options that every verb with targets has; CLI_TARGET_ROWS puts them in its table. */
struct cli_target_options {
	struct cli_list dirs; /* where recordings are looked for; none: the usual places */
	struct cli_list symbol_path;
	const char *sysroot; /* NULL: the running system */
	bool no_debuginfod;
};
#define CLI_TARGET_ROWS(options, member)                                                                    \
	CLI_LIST(0, "dir", options, member.dirs, "DIR", "look for recordings in DIR (may be given again)"), \
		CLI_LIST(0, "symbol-path", options, member.symbol_path, "DIR",                              \
	                 "look for program files and debug files in DIR (may be given again)"),             \
		CLI_TEXT(0, "sysroot", options, member.sysroot, "DIR", "read files and /proc below DIR"),   \
		CLI_FLAG(0, "no-debuginfod", options, member.no_debuginfod, "do not ask debuginfod servers")

struct cli_target {
	char *path;                       /* of the file; "-" standard input */
	char *label;                      /* "redis-server[4242]", or the file's name */
	struct seep_recording *recording; /* NULL: the file is a profile */
	struct seep_profile *profile;     /* a file that is a profile itself; NULL: a recording */
	bool is_alive;                    /* its process runs on this machine, now */
	double now_s;                     /* what ages are counted to: now if alive, else the last event */
};

struct cli_targets {
	struct cli_target *items;
	size_t nr, cap;
	char **warnings; /* without "seep: warning: " */
	size_t nr_warnings, cap_warnings;
	struct cli_target_options options;  /* borrowed */
	struct seep_symboliser *symboliser; /* made when first needed */
	struct seep_profile **profiles;     /* made here, freed with this */
	size_t nr_profiles, cap_profiles;
};

/*
 * Finds and loads what `words` name (nr_words 0: the newest recording). Returns CLI_OK with at least one item, or an
 * exit code after printing one clear line. `verb` is the verb's name, for the command that a message proposes.
 */
SEEP_NODISCARD int cli_targets_resolve(const char *verb, const struct cli_target_options *options, int nr_words,
                                       char **words, struct cli_targets *out);
void cli_targets_release(struct cli_targets *t);

/* Prints "seep: warning: …" and keeps the text. */
void cli_targets_warn(struct cli_targets *t, const char *fmt, ...) SEEP_PRINTF(2, 3);

/*
 * The symbolised profile of one target, or of all of them merged; `kind` is SEEP_REC_KIND_HEAP or SEEP_REC_KIND_MMAP.
 * Owned by `t`. CLI_OK, or an exit code after printing why. Every target's processes keep apart in a merged profile.
 */
SEEP_NODISCARD int cli_target_profile(struct cli_targets *t, size_t i, uint8_t kind, struct seep_profile **out);
/* `choices`: one for each target, of the same types; a profile that is a file's own is taken as it is. */
SEEP_NODISCARD int cli_targets_profile(struct cli_targets *t, const struct seep_choice *choices,
                                       struct seep_profile **out);

/* ---- how a recording's process ended, and what its recording lost (end.c) ---- */

enum cli_end_how { CLI_END_RUNNING, CLI_END_EXITED, CLI_END_KILLED, CLI_END_OOM, CLI_END_EXEC, CLI_END_UNKNOWN };
struct cli_end {
	enum cli_end_how how;
	bool is_gone;    /* its process has certainly ended; false: it runs, or cannot be seen from here */
	int code;        /* exit status, -1 not known; or signal */
	double time_s;   /* since the recording's epoch; NaN not known */
	char text[96];   /* "running", "exited 0", "killed by 9", "OOM-killed", "replaced by exec", "unknown (no exit
	                    mark)" */
	char by[64];     /* "seep run", "kernel log", "cgroup counter", "exit mark", "process table"; "" nobody */
	char detail[96]; /* "limit of /app" */
};
/* One word for JSON: "running" "exited" "killed" "oom" "exec" "unknown". */
const char *cli_end_word(enum cli_end_how how);
/* What endings are looked up in; zeroed but for `sysroot` at first, filled when needed, released once. */
struct cli_end_sources {
	const char *sysroot; /* NULL: the running system */
	struct seep_klog log;
	bool is_log_read;
};
void cli_end_sources_release(struct cli_end_sources *s);
/*
 * From the recording's own end slot and exit mark; else, on the boot that it was made on, from the process table, the
 * kernel log and the cgroup's counter. Needs no more than what seep_recording_read_header() gives.
 */
void cli_end_of(struct cli_end_sources *sources, const struct seep_recording *r, struct cli_end *out);
/* The pid, here and now, of the running process whose recording this is; 0 when it has ended or became another
 * program. */
uint32_t cli_alive_pid(const char *sysroot, const struct seep_recording *r);

/*
 * What the recorder cannot see in this program, a clause, "" nothing; from its file, if that is still the same, and its
 * modules. Returns true when it sees nothing at all of the heap.
 */
bool cli_blind_spot(const char *sysroot, const struct seep_recording *r, char *out, size_t cap);
/* All of it, with what can see it. */
bool cli_blind_spots(const char *sysroot, const struct seep_recording *r,
                     const struct seep_blind_spot *out[SEEP_BLIND_SPOTS_MAX], size_t *nr);

/* Lost or skipped, never 0. */
struct cli_loss {
	const char *id, *text; /* "samples", "sampled blocks for which there was no slot" */
	double count;
	bool is_bytes;
};
/* Fills at most `cap` and returns how many there are. */
size_t cli_losses_of(const struct seep_recording *r, struct cli_loss *out, size_t cap);
#define CLI_LOSSES_MAX 24

/* ---- looking for recordings without loading them (list.c) ---- */

struct cli_found {
	char *path;
	struct seep_recording *header; /* header, words, status, ended only */
	uint64_t file_bytes, disk_bytes;
};
struct cli_found_list {
	struct cli_found *items; /* newest start first */
	size_t nr, cap;
	char **bad; /* paths of files *.seep that are no readable recordings */
	size_t nr_bad, cap_bad;
};

/* $SEEP_DIR, /dev/shm/seep-EUID, /tmp/seep-EUID (root: those of all users) and the state directory: those that
 * exist. */
void cli_usual_dirs(struct cli_list *out);
void cli_owned_list_release(struct cli_list *list); /* of texts that it owns */
/* $XDG_STATE_HOME/seep or ~/.local/state/seep; NULL without a home. malloc'ed. */
char *cli_state_dir(void);
/*
 * All recordings in `dirs` (none: the usual places), newest first. `warn` prints a line for each bad file. A directory
 * that cannot be read is an error only when it was named.
 */
SEEP_NODISCARD int cli_find_recordings(const struct cli_list *dirs, bool warn, struct cli_found_list *out);
void cli_found_release(struct cli_found_list *list);
/* "there is no recording in A, B" (NULL: the usual places), and how one is made. */
void cli_say_no_recordings(const struct cli_list *dirs);
bool cli_is_recording_name(const char *name); /* ends in .seep */

#endif
