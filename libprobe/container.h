/*
 * Starters of containers: what their command line and environment must gain, so that the programs
 * inside are recorded too. Decided from arguments and environment alone, just before the exec:
 * so in a recorded program (execs.c, spawns.c, raw.c) and in the launcher alike. What cannot be
 * served is left as it is; that nothing was heard from inside is found out later (stitch/containers.py).
 */
#ifndef PROBE_CONTAINER_H
#define PROBE_CONTAINER_H

#include "kernel.h"

#define CONTAINER_VARIABLE "PROBE_CONTAINER=" /* a token, new for each start */
#define CONTAINER_PLACE_MOST 512

enum container_kind { CONTAINER_NONE, CONTAINER_PODMAN, CONTAINER_JOINED, CONTAINER_BWRAP, CONTAINER_APPTAINER, CONTAINER_CHARLIECLOUD, CONTAINER_HERE };

struct container {
    int kind;                   /* enum container_kind; NONE: nothing is changed */
    size_t count;               /* of arguments */
    size_t at;                  /* ours stand before this one */
    char *const *arguments;     /* as they are */
    char *const *environment;   /* as it is, repaired */
    size_t variables;
    const char *library;        /* our own file outside, its length, */
    size_t library_size;
    const char *folder;         /*   and the run's */
    const char *step;           /* "" for none */
    const char *foreign;        /* other preloads inside */
    size_t foreign_size;
    int same_names;             /* the folder and the file have the same names inside */
    int old_prefix;             /* SINGULARITY_… instead of APPTAINER_… */
    char place[CONTAINER_PLACE_MOST]; /* else they lie here */
    char token[17];
    size_t size;                /* bytes that container_build needs */
};

/* Bytes that container_enter needs; 0 = nothing is to be changed. `path` is the program's, NULL for none. */
size_t container_room(const char *path, char *const *arguments, char *const *environment);
/* Replaces both by those with ours in them, in `memory`. */
void container_enter(void *memory, const char *path, char ***arguments, char ***environment);

#endif
