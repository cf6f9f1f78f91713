/*
 * The static launcher, in parts: what was asked for (request), the run's place in
 * the spool (recording), the command and its signals (command), and text (report).
 * No libc: the kernel's calls come from kernel.h. A failing function returns minus an
 * error number; a recording that cannot start never keeps the command from running.
 */
#ifndef PROBE_LAUNCH_H
#define PROBE_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

struct request {
    const char *spool;    /* NULL: PROBE_SPOOL, else the user's state folder, else below /tmp */
    const char *name;     /* NULL: none */
    const char *engine;   /* NULL: none */
    const char *id;       /* NULL: a new random one */
    char **then;          /* arguments of what takes the run in, with two free places at the end */
    size_t then_count;
    int root;             /* --prepare: pid of the process that is recorded; 0: the launcher itself */
    int prepare;
    int exclusive;        /* only who makes the run's folder fills it: another gets -EEXIST */
    int policy;           /* enum watch_policy: for programs that no preload can enter */
    int verbose;
    int quiet;
    int behind;           /* a large run may be taken in after the launcher's own end */
    char **command;       /* NULL-terminated; empty for --prepare */
    char **environment;   /* as the launcher got it */
};

struct recording {
    char spool[PROBE_PATH_MAX];
    char folder[PROBE_PATH_MAX];  /* <spool>/runs/<id> */
    char library[PROBE_PATH_MAX]; /* what LD_PRELOAD names */
    char id[40];
    const char *failed_at;        /* when it could not be opened: what could not be done */
};

struct outcome {
    int status; /* wait status */
    int pid;
    int64_t user, system; /* µs */
    int64_t memory;       /* KiB */
};

/* report.c: messages on standard error, and JSON files. */
struct json {
    int file;
    size_t used;
    long failed;
    char buffer[4096];
};

void say(const char *first, ...) __attribute__((sentinel)); /* "probe: ", the texts, a newline */
const char *error_text(long error);
void json_open(struct json *json, int file);
void json_raw(struct json *json, const char *text);
void json_string(struct json *json, const char *bytes); /* NULL: null */
void json_number(struct json *json, int64_t number);
long json_close(struct json *json);

/* surroundings.c: what the launcher finds around it. */
const char *variable(char **environment, const char *name); /* NULL when it is not set */
void *grab(size_t size);                                     /* zeroed memory, never given back; ends the program when there is none */
char *joined(const char *first, ...) __attribute__((sentinel));
long read_small_file(const char *path, char *to, size_t size); /* NUL-terminated; its length */
uint64_t process_started(int pid);
uint64_t process_named(int pid, char *name, size_t size); /* the same, with what the kernel calls it */
char *preloaded_library(char **environment); /* our own entry of LD_PRELOAD; NULL: there is none */
char **recorded_environment(const struct request *request, const struct recording *recording, const char *step);

/* folder.c, library.c: the run's folder with all that must lie there before the command starts. */
long recording_open(struct recording *recording, const struct request *request);
int recording_place(struct recording *recording, const struct request *request); /* 1: the user said which spool */
long make_folder(const char *path, unsigned mode);
long own_place_below_tmp(char to[PROBE_PATH_MAX]);
long library_unpack(struct recording *recording);
long describe_run(const struct recording *recording, const struct request *request);
void write_result(const struct recording *recording, const struct outcome *outcome);

/* command.c: running something as the terminal expects. */
void run_as_given(const struct request *request, char **environment, struct outcome *outcome);
void take_in(const struct request *request, const struct recording *recording);
int fork_child(void); /* with the signals as the launcher got them */
char **outer_environment(const struct request *request);
_Noreturn void execute(char **command, char **environment, char **unrecorded);
_Noreturn void end_as(int status);
_Noreturn void leave(int code);

/* behind.c: taking in while the prompt is there again; gives 0 when it must be done at once. */
int is_large(const struct recording *recording);
int take_in_behind(const struct request *request, const struct recording *recording, int say_so);

/* unseen.c: what a command that cannot be entered would have said of itself. */
void note_unseen(const char *folder, const char *path, char **arguments, uint32_t reason);

/* shell.c: the launcher as make's shell. */
_Noreturn void shell_main(char **arguments, char **environment);

#endif
