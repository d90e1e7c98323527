/*
 * Ticks and levels: what is kept of the past, the further back the further apart. Pure: the clock comes in as an
 * argument, so that days can be tested in no time.
 */
#ifndef SEEP_RECORDER_TRAIL_H
#define SEEP_RECORDER_TRAIL_H

#include "recording/layout.h"

/*
 * Gives the points that have passed by `now_us` since the last call the value that held until now. Returns the time at
 * which the next call is due. All zero is a trail without points.
 */
uint64_t seep_trail_advance(struct seep_rec_trail *t, uint64_t now_us, float before);

#endif
