/*
 * The ELF half of looking at a program, for program.c only.
 */
#ifndef SEEP_SYSTEM_PROGRAM_H
#define SEEP_SYSTEM_PROGRAM_H

#include <elf.h>

#include "system/system.h"

#if defined(__x86_64__)
#define PROGRAM_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define PROGRAM_MACHINE EM_AARCH64
#else
#define PROGRAM_MACHINE EM_NONE
#endif

/* Fills what an ELF file tells; leaves the rest, and everything when it is none. */
void program_read_elf(int fd, struct seep_program *out);

#endif
