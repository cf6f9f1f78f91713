/*
 * Streams of stdio: libc opens and closes their descriptors past our wrappers.
 */
#include "wrap.h"

int stream_number(void *stream)
{
    static int (*number)(void *stream);
    if (!number)
        number = (int (*)(void *))lookup_next("fileno");
    return number && stream ? number(stream) : -1;
}

static int flags_of(const char *mode)
{
    int flags = *mode == 'w' ? O_WRONLY | O_CREAT | O_TRUNC : *mode == 'a' ? O_WRONLY | O_CREAT | O_APPEND : O_RDONLY;
    for (mode++; *mode && *mode != ','; mode++)
        if (*mode == '+')
            flags = (flags & ~O_ACCMODE) | O_RDWR;
        else if (*mode == 'x')
            flags |= O_EXCL;
        else if (*mode == 'e')
            flags |= O_CLOEXEC;
    return flags;
}

void note_stream(const char *path, const char *mode, void *stream, int failed)
{
    note_open(AT_FDCWD, path, flags_of(mode), stream_number(stream), failed);
}

/* What it still holds is written by the call: so the file is asked afterwards, through a second descriptor. */
WRAPPER(int, fclose, (void *stream))
{
    __typeof__(&hook_fclose) next = NEXT(fclose);
    if (!next)
        return no_such_call();
    if (!recording())
        return next(stream);
    int error = *__errno_location();
    int descriptor = stream_number(stream), second = -1;
    *__errno_location() = error;
    struct closing closing = {.noted = 0};
    if (descriptor >= 0)
        closing_begin(&closing, descriptor);
    if (closing.noted)
        second = (int)KERNEL(fcntl, descriptor, F_DUPFD_CLOEXEC, 3, 0);
    int result = next(stream);
    if (second >= 0) {
        kernel_stat_of(second, &closing.status);
        kernel_close(second);
    }
    closing_end(&closing, 0); /* closed even where the last write failed */
    return result;
}

#define REOPENS(NAME)                                                                           \
    WRAPPER(void *, NAME, (const char *path, const char *mode, void *stream))                   \
    {                                                                                           \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                                             \
        if (!next)                                                                              \
            return no_such_call(), NULL;                                                        \
        if (!recording() || !path)                                                              \
            return next(path, mode, stream);                                                    \
        int error = *__errno_location();                                                        \
        struct closing closing;                                                                 \
        int old = stream_number(stream);                                                        \
        closing_begin(&closing, old);                                                           \
        *__errno_location() = error;                                                            \
        void *result = next(path, mode, stream);                                                \
        closing_end(&closing, 0);                                                               \
        note_stream(path, mode, result, failure(!result));                                      \
        return result;                                                                          \
    }

REOPENS(freopen)
REOPENS(freopen64)
