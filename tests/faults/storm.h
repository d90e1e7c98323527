/*
 * Unrest beside a program under test: a thread that forks, loads and unloads libraries, or starts threads, all the
 * time. Everybody in it allocates and frees through the recorder.
 */
#ifndef SEEP_FAULTS_STORM_H
#define SEEP_FAULTS_STORM_H

/*
 * Starts the storm called `kind`: "none", "fork" (children that allocate, free blocks of their parent and end),
 * "dlopen"
 * (`plugins`, two libraries with a colon between them, take turns at the same addresses) or "thread". Exits with 2 for
 * any other, with 3 where it cannot be started.
 */
void storm_start(const char *kind, const char *plugins);

#endif
