/* Which old recordings go: the newest 4 of ended processes stay for each NAME. */
#ifndef SEEP_RECORDER_RETENTION_H
#define SEEP_RECORDER_RETENTION_H

#include <stdint.h>

#define SEEP_KEEP_ENDED 4

/*
 * Unlinks recordings NAME.*.seep in `dir` of processes that have ended, but for the newest few. One whose process
 * cannot be judged from here (another pid namespace) stays.
 */
void seep_retention_clear(const char *dir, const char *name, uint64_t pid_namespace, const uint8_t boot_id[16]);

/* Field 22 of /proc/PID/stat: clock ticks from boot to the start of the process; 0 if unreadable. */
uint64_t seep_stat_start_ticks(const char *stat);

#endif
