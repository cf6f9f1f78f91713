/*
 * The server: started by the launcher when the first target asks, or at once for --prepare.
 * One worker waits in accept; who gets a target forks the next one and serves it.
 */
#ifndef PROBE_WATCH_SERVER_H
#define PROBE_WATCH_SERVER_H

#include <linux/seccomp.h>

#include "watch.h"

#define WATCH_SLOTS 4096

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_DONE };

/* One listener, in memory that workers and keeper share. */
struct slot {
    int state;                  /* enum slot_state; atomic */
    uint32_t pid;               /* of a program behind it, and */
    uint64_t exec;              /*   its exec: for the keeper's gap */
    struct seccomp_notif call;  /* the kernel writes it here: what a killed worker left unanswered */
};

struct shared {
    int workers;                /* that serve a target; atomic */
    struct slot slots[WATCH_SLOTS];
};

/* The listening socket for this run, SIGIO to the caller with its first target; minus an error number. */
HIDDEN_CALL int server_listen(const char *folder);
/* Forks the server; the socket goes along. `root`: the run is over when this process and all targets are gone. */
HIDDEN_CALL void server_start(int socket, const char *folder, int policy, int root);
/* Waits, but not long, until the workers without a target have written their last. */
HIDDEN_CALL void server_drain(void);

/* keeper.c */
HIDDEN_CALL void keeper_start(struct shared *shared, const char *folder);
HIDDEN_CALL int keeper_lives(void);
HIDDEN_CALL void keeper_give(int listener, int worker, int slot);

/* worker.c: serves one listener; returns when nobody is behind it. */
HIDDEN_CALL void worker_serve(int listener, struct slot *slot, int peer);

HIDDEN_CALL int listener_go_on(int listener, uint64_t id, int error);

#endif
