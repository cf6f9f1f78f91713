/*
 * What a program file is, before it is executed: can the preload enter it?
 */
#ifndef PROBE_IMAGE_H
#define PROBE_IMAGE_H

#include "log.h"

#define PROBE_SCRIPT_MAX 256

struct image {
    int error;   /* why it cannot be executed, 0 = nothing seems to hinder it */
    int enters;  /* the preload gets in */
    int preload; /* bits: how LD_PRELOAD must be, enum preload (environ.h) */
    int narrow;  /* of this machine's other word size: no preload, but it can be watched */
    int watch;   /* what watch_ask said (watch/watch.h) */
    uint32_t reason; /* enum probe_reason, 0 = no gap */
    char script[PROBE_SCRIPT_MAX]; /* the text after #!, "" for none */
};

/* Nothing found yet. */
void image_clear(struct image *image);
void image_look(int at, const char *path, struct image *image);

#endif
