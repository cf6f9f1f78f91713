/*
 * Notes of accesses, taken after the call. `failed` is what failure() made of the
 * call's result: 0, the error number, or NOTHING when the failure tells nothing about
 * any file (interrupted, bad address, no descriptor left). Never touches errno.
 */
#ifndef PROBE_NOTE_H
#define PROBE_NOTE_H

#include "descriptor.h"
#include "log.h"

#define NOTHING (-1)

/* Weak, like `environ`: a program with a loader need not have a libc (Go's position-independent ones). */
extern int *__errno_location(void) __attribute__((weak));

/* 0 for success, else the error number when it says something about the path. */
int failure_number(int error);

PROBE_INLINE int failure(int failed) { return likely(!failed) ? 0 : failure_number(*__errno_location()); }

/* Texts of the exec itself: PLACE, STEP. */
void note_text(uint8_t kind, const char *text);
void note_gap(uint32_t reason, const char *text);
void note_root_changed(const char *text);
/* `bit` of own->said: once an exec, for each kind. */
enum said { SAID_RING, SAID_LINK, SAID_SYMLINK, SAID_RENAME, SAID_TRUNCATE, SAID_ROOT, SAID_PLACE };
void note_gap_once(enum said bit, uint32_t reason, const char *text);

void note_open(int at, const char *path, int flags, int descriptor, int failed);
void note_temporary(const char *path, int flags, int descriptor);
void note_access(uint8_t kind, uint16_t detail, int at, const char *path, int failed);
void note_names(uint8_t kind, uint16_t detail, int at, const char *path, int failed);
void note_two_names(uint8_t kind, uint16_t detail, int at, const char *path, int at_second, const char *second,
                    int failed);
void note_change(int at, const char *path, int descriptor, int failed);
void note_metadata_of(int descriptor, int failed);
void note_place(int failed);
void note_pipe(const int ends[2], int failed);

/* remote.c: the other end of a socket. */
void note_connection(int socket, const void *address, unsigned size, int failed);
void note_acceptance(int socket);

/* received.c: descriptors that came along with a message, or with many. */
void note_received(const void *message);
void note_received_many(const void *messages, int count);

/* A file that libc reads by itself, once per exec. */
enum database { PASSWD = 16, GROUP, HOSTS, ZONE, SERVICES, PROTOCOLS, SHADOW }; /* bits of own->said */
void note_database(enum database which);

/* A written descriptor that is about to be closed: what it is now. `noted` of it tells whether one is to be written. */
struct closing {
    int descriptor;
    int flags;
    int noted;
    struct stat status;
};

void closing_look(struct closing *closing, int descriptor);
void closing_note(const struct closing *closing);

PROBE_INLINE void closing_begin(struct closing *closing, int descriptor)
{
    closing->noted = 0;
    if (unlikely(is_writing(descriptor)))
        closing_look(closing, descriptor);
}

PROBE_INLINE void closing_end(const struct closing *closing, int failed)
{
    if (unlikely(closing->noted) && !failed)
        closing_note(closing);
}
void note_moved(int from, int to);
void note_range_closed(unsigned first, unsigned last);

#endif
