/* LD_PRELOAD's value, taken apart. */
#ifndef PROBE_REPAIR_H
#define PROBE_REPAIR_H

#include "log.h"

/* Appends the value without our own file at `to`; whether anything was left. */
int preload_without_us(const char *value, char *to, const char *end);

#endif
