/*
 * Descriptors that are copied, changed or closed by calls with a tail of their own.
 */
#include "wrap.h"

#define CLONE_FILE 0x40049409u  /* FICLONE */
#define CLONE_RANGE 0x4020940du /* FICLONERANGE */
#define CLOSE_ON_EXEC 4u        /* CLOSE_RANGE_CLOEXEC */

#define CONTROLS(NAME)                                                \
    WRAPPER(int, NAME, (int descriptor, int command, ...))            \
    {                                                                 \
        va_list more;                                                 \
        va_start(more, command);                                      \
        void *argument = va_arg(more, void *);                        \
        va_end(more);                                                 \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                   \
        if (!next)                                                    \
            return no_such_call();                                    \
        int result = next(descriptor, command, argument);             \
        if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && result >= 0 && recording()) \
            note_moved(descriptor, result);                           \
        return result;                                                \
    }

CONTROLS(fcntl)
CONTROLS(fcntl64)
CONTROLS(__fcntl)

WRAPPER(int, ioctl, (int descriptor, unsigned long command, ...))
{
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    __typeof__(&hook_ioctl) next = NEXT(ioctl);
    if (!next)
        return no_such_call();
    int result = next(descriptor, command, argument);
    unsigned wanted = (unsigned)command; /* musl's parameter is an int */
    if ((wanted == CLONE_FILE || wanted == CLONE_RANGE) && recording())
        note_change(AT_FDCWD, "", descriptor, failure(result < 0));
    return result;
}

WRAPPER(int, close_range, (unsigned first, unsigned last, int flags))
{
    __typeof__(&hook_close_range) next = NEXT(close_range);
    if (!next)
        return no_such_call();
    if (recording() && !((unsigned)flags & CLOSE_ON_EXEC))
        note_range_closed(first, last);
    return next(first, last, flags);
}

WRAPPER(void, closefrom, (int first))
{
    __typeof__(&hook_closefrom) next = NEXT(closefrom);
    if (recording())
        note_range_closed(first < 0 ? 0 : (unsigned)first, ~0u);
    if (next)
        next(first);
}
