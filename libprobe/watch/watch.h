/*
 * The second mechanism: programs that no preload can enter are watched through seccomp's
 * user notification. Three parties:
 *
 *   the target   puts the filter on just before its exec (enter.c), hands its listener over;
 *   the worker   answers one listener until the last program behind it is gone, always with
 *                "go on" (CONTINUE), and writes the frames that the target cannot write;
 *   the keeper   holds a duplicate of each listener and only answers when a worker died:
 *                without it every filtered call would fail with ENOSYS from then on.
 *
 * The target never depends on an answer that may not come: it asks first (READY), and puts
 * the filter on only when worker and keeper both live and no right is lost by it.
 */
#ifndef PROBE_WATCH_H
#define PROBE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "../kernel.h"

#define HIDDEN_CALL __attribute__((visibility("hidden")))

/* What is said over the socket, a byte a message. READY goes on with a struct watch_reply. */
enum watch_word {
    WATCH_ENTER = 'e', /* target: I am about to put the filter on; then the listener comes */
    WATCH_QUERY = 'q', /* target: would you? no more follows */
    WATCH_READY = 'r', /* worker */
    WATCH_HELD = 'h'   /* worker: the keeper has the listener too */
};

enum watch_policy { WATCH_GAP, WATCH_AUTO, WATCH_ALWAYS };

struct watch_reply {
    uint8_t word;
    uint8_t policy;             /* enum watch_policy */
    char helper[1022];          /* the launcher's path, that of probe-watched below posix_spawn */
};

/* "Are you there?", asked of the filter itself by an openat that cannot mean anything else. */
#define WATCH_HELLO_AT 0x50524f42
#define WATCH_HELLO "probe-watch/"    /* … and the run's id */
#define WATCH_HELLO_ANSWER 117        /* EUCLEAN */
#define WATCH_HELPER "probe-watched"  /* the launcher's name when it is the helper */

/* enter.c, in the target. `folder` is the run's. */

/* What watch_ask found; a number from 0 on is the connection to a worker that is ready. */
enum { WATCH_NO = -1, WATCH_ALREADY = -2 };

/* Whether this very process is watched for that run already. Says to the worker that the preload is here. */
HIDDEN_CALL int watch_hello(const char *folder);
/* For a program about to be executed in this process. */
HIDDEN_CALL int watch_ask(const char *folder, const char *path);
/* Puts the filter on and hands over; closes the connection. 1 when the next program will be watched. */
HIDDEN_CALL int watch_install(int connection, const char *folder);
/* For a program about to be started in a child: 1 and the helper's path when it would be watched. */
HIDDEN_CALL int watch_ask_helper(const char *folder, const char *path, char helper[PROBE_PATH_MAX]);

struct watch_address {
    uint16_t family;
    char name[108];
};

/* "\0probe-watch/<id>"; the length of the address. */
HIDDEN_CALL size_t watch_address(struct watch_address *to, const char *folder);

#endif
