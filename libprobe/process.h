/*
 * Programs and processes: what is noted before an exec or a spawn, and of children.
 */
#ifndef PROBE_PROCESS_H
#define PROBE_PROCESS_H

#include <sys/resource.h>

#include "container.h"
#include "environ.h"
#include "image.h"
#include "log.h"
#include "note.h"

/* Writes the EXEC note (and a GAP when the preload cannot enter) and says what the target is.
 * `detail`: PROBE_SPAWNED or 0. `search`: like execvp, in PATH. The note; NULL when there is no such
 * file (a failed LOOKUP instead) or no room. */
struct probe_exec *exec_begin(int at, const char *path, char *const *arguments, uint16_t detail, int search,
                              struct image *image);
/* The last thing before an exec in this process: the filter, when the target is to be watched. */
void exec_watch(const struct image *image, const struct probe_exec *begun);
/* Where a container is started, ARGUMENTS and ENVIRONMENT become those with ours in them; how many bytes that took. */
#define ENTER_CONTAINER(begun, arguments, environment)                                                        \
    (__extension__({                                                                                          \
        const char *starter = (begun) ? (const char *)((begun) + 1) : NULL;                                   \
        size_t room = container_room(starter, arguments, environment);                                       \
        if (unlikely(room))                                                                                   \
            container_enter(__builtin_alloca(room), starter, &(arguments), &(environment));                   \
        room;                                                                                                 \
    }))
void exec_failed(const struct probe_exec *begun, int error);

/* Finds what a fork child ends by, in its parent: else each child would, at the price of five page faults. */
void ends_prepare(void);
void note_fork(long child);
void note_wait(long child, int status, const struct rusage *usage);
void note_exit(int code);

#endif
