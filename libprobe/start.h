/*
 * Beginning to record: once a process, by our constructor or by the first call
 * that reaches us (libraries are initialised before us, and call too).
 */
#ifndef PROBE_START_H
#define PROBE_START_H

#include <stdint.h>

/* Writes how this exec began: START when parent is 0, else FORKED. Called by log.c with the exec's first block. */
void start_announce(uint64_t parent);

#endif
