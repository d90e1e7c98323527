/* From the registers of a function to those of its caller, for seep_regs_capture (unwind.h). Private to the walker. */
#ifndef SEEP_RECORDER_CLIMB_H
#define SEEP_RECORDER_CLIMB_H

#include "recorder/unwind.h"

/* Called by seep_regs_capture with the registers of its caller. */
void seep_regs_climb(struct seep_regs *regs);
/* One function up by whatever rule there is; false: there is none. */
bool unwind_climb(struct seep_regs *regs);

#endif
