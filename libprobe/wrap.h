/*
 * What a wrapper is made of. Its symbol is the function's name, but in C it is called
 * hook_NAME: so no prototype of libc's is in the way, and none of our own calls can reach
 * a wrapper by mistake.
 */
#ifndef PROBE_WRAP_H
#define PROBE_WRAP_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>

#include "log.h"
#include "lookup.h"
#include "note.h"

#define EXPORT __attribute__((visibility("default"), used))

#define WRAPPER(TYPE, NAME, PARAMETERS)          \
    EXPORT TYPE hook_##NAME PARAMETERS __asm__(#NAME); \
    EXPORT TYPE hook_##NAME PARAMETERS

/* The next definition, looked up once; NULL where this libc has none. */
#define NEXT(NAME)                                             \
    (__extension__({                                           \
        static __typeof__(&hook_##NAME) next_definition;       \
        if (unlikely(!next_definition))                        \
            next_definition = (__typeof__(&hook_##NAME))lookup_next(#NAME); \
        next_definition;                                       \
    }))

/* A name that this libc does not have, found through us: say so as the kernel would. */
PROBE_INLINE int no_such_call(void)
{
    *__errno_location() = ENOSYS;
    return -1;
}

/* The descriptor of a FILE, -1 for none. */
int stream_number(void *stream);
void note_stream(const char *path, const char *mode, void *stream, int failed);

#endif
