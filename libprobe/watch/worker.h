/*
 * The worker's parts: the programs behind one listener (target.c), how each call is read
 * (calls.c, programs.c, files.c), and the frames that come of it (frames.c). One thread, one listener;
 * nothing is shared with other workers but the segments and the table of slots.
 */
#ifndef PROBE_WATCH_WORKER_H
#define PROBE_WATCH_WORKER_H

#include <linux/seccomp.h>

#include "../log.h"
#include "server.h"

#define WATCH_FOLDS 256
#define WATCH_WRITTEN 64
#define WATCH_RANDOM 16

/* Where the frames of one exec go. */
struct writer {
    struct probe_block *block;
    uint64_t exec;
    uint32_t pid;
    uint32_t size;
};

enum target_state {
    TARGET_RECORDED, /* by us */
    TARGET_MUTED,    /* by the preload in it, or in its parent */
    TARGET_EXPECTED, /* a new program that the preload is about to enter */
    TARGET_ENDED     /* has called exit */
};

/* One process. A fork child has no exec of its own (writer.exec 0) until it touches a file. */
struct target {
    struct target *next;              /* of those that ended, or are free */
    int pid;
    int state;                        /* enum target_state */
    int records;                      /* it is, or was until it ended, RECORDED: its children are too */
    int parent_pid;
    uint64_t started;                 /* clock ticks since boot */
    uint64_t parent_exec;
    struct writer writer;
    int exec_pending;                 /* the thread that asked for execve: the next call tells whether it happened */
    int forks;                        /* has made, or is making, processes */
    int image_known;
    char image[WATCH_RANDOM];         /* the kernel's AT_RANDOM: another one with every exec */
    uint32_t said;                    /* gaps said once */
    const struct probe_exec *exec;    /* the note of that execve, or NULL */
    int64_t moved;                    /* when it last changed its directory */
    struct probe_identity *unsettled; /* a file that did not exist yet when its WRITE was noted */
    struct probe_identity *written[WATCH_WRITTEN];
    int written_count;
    struct {
        uint64_t hash;
        struct probe_access *frame;
        const struct probe_block *block;
    } folds[WATCH_FOLDS];
    char directory[PROBE_PATH_MAX];   /* its current one; "" = to be asked for */
};

/* One notified call. */
struct notice {
    const struct seccomp_notif *call;
    struct target *target;
    int thread;
    int narrow; /* pointers in its memory are four bytes wide */
    int64_t now;
};

/* frames.c */
HIDDEN_CALL int frames_open(const char *folder);
HIDDEN_CALL const char *frames_folder(void);
/* The time of the call that is read now: of all its frames. */
HIDDEN_CALL int64_t frames_tick(void);
HIDDEN_CALL void frames_for(struct writer *writer); /* log_claim writes there */
HIDDEN_CALL void frames_begin(struct writer *writer, int pid);
HIDDEN_CALL void frame_gap(uint32_t reason, int pid, const char *text);
HIDDEN_CALL void frame_text(uint8_t kind, const char *text);

/* target.c */
HIDDEN_CALL struct target *target_of(int thread, int64_t now);
HIDDEN_CALL struct target *target_add(int pid, struct target *parent);
HIDDEN_CALL void target_end(struct target *target, int64_t now);
HIDDEN_CALL void target_adopt_children(struct target *target);
/* Writes to the target's own exec, made if it has none yet. */
HIDDEN_CALL void target_announce(struct target *target);
HIDDEN_CALL struct target *target_known(int pid);

/* image.c: after an execve, in the first call that follows it. */
HIDDEN_CALL void image_remember(struct target *target);
HIDDEN_CALL void image_settle(const struct notice *notice);

/* memory.c */
HIDDEN_CALL long memory_read(int thread, uint64_t at, void *to, size_t size);
HIDDEN_CALL int memory_text(int thread, uint64_t at, char to[PROBE_PATH_MAX]);
HIDDEN_CALL char *proc_path(char to[64], int pid, const char *rest);
HIDDEN_CALL long proc_link(int pid, const char *rest, char to[PROBE_PATH_MAX]);
HIDDEN_CALL long proc_read(int pid, const char *rest, char *to, size_t size);

/* files.c: paths as the target means them, and the notes of accesses. */
HIDDEN_CALL int path_of(const struct notice *notice, int at, uint64_t address, char to[PROBE_PATH_MAX]);
HIDDEN_CALL int path_of_descriptor(const struct notice *notice, int descriptor, char to[PROBE_PATH_MAX]);
HIDDEN_CALL int path_is_kernels(const char *path);
HIDDEN_CALL void file_opened(const struct notice *notice, const char *path, int flags);
HIDDEN_CALL void file_access(const struct notice *notice, uint8_t kind, uint16_t detail, int error, const char *path);
HIDDEN_CALL void file_settle(struct target *target);
HIDDEN_CALL void file_close_all(struct target *target);
HIDDEN_CALL void file_named(uint8_t kind, uint16_t detail, int error, const char *path, const char *second,
                            const struct stat *status, struct target *target);
HIDDEN_CALL void file_identity(uint8_t kind, uint16_t detail, int error, const char *path, int flags,
                               const struct stat *status, struct target *target);
/* Whether a program behind this listener serves a file system: then no file may be looked at. */
HIDDEN_CALL int files_served(void);
HIDDEN_CALL void files_serve(const char *opened);
HIDDEN_CALL void file_fill(struct probe_identity *note, const struct stat *status);

/* programs.c: what execve is about to do, and what exit_group does. */
HIDDEN_CALL void program_executed(const struct notice *notice, int at, uint64_t path, uint64_t arguments, int flags);
HIDDEN_CALL void program_ended(const struct notice *notice, int status);

/* calls.c. The error to answer with instead of "go on"; 0 as a rule. */
HIDDEN_CALL int call_noticed(struct notice *notice);

#endif
