/*
 * What an open says by its flags: which kind of frame, with which bits. One place for libprobe,
 * which sees the result, and for the worker (watch/files.c), which foresees it.
 */
#ifndef PROBE_MODE_H
#define PROBE_MODE_H

#include <fcntl.h>

#include "log.h"

/* `made`: O_CREAT made the file, or may have. (O_RDONLY|O_CREAT is how locks are opened.) */
PROBE_INLINE uint8_t mode_kind(int flags, int made)
{
    if ((flags & O_PATH) == O_PATH)
        return PROBE_LOOKUP;
    return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC || made ? PROBE_WRITE : PROBE_READ;
}

PROBE_INLINE uint16_t mode_detail(uint8_t kind, int flags)
{
    unsigned detail = 0;
    if (kind != PROBE_WRITE) {
        detail |= flags & O_NOFOLLOW ? PROBE_NO_FOLLOW : 0;
        detail |= kind == PROBE_READ && flags & O_DIRECTORY ? PROBE_IS_DIRECTORY : 0;
        return (uint16_t)detail;
    }
    detail |= flags & O_CREAT ? PROBE_CREATED : 0;
    detail |= flags & O_EXCL ? PROBE_EXCLUSIVE : 0;
    detail |= flags & O_TRUNC ? PROBE_TRUNCATED : 0;
    detail |= flags & O_APPEND ? PROBE_APPENDED : 0;
    detail |= (flags & O_ACCMODE) == O_RDWR ? PROBE_BOTH : 0;
    detail |= (flags & O_TMPFILE) == O_TMPFILE ? PROBE_NO_NAME : 0;
    detail |= flags & O_CLOEXEC ? PROBE_CLOSE_ON_EXEC : 0;
    return (uint16_t)detail;
}

#endif
