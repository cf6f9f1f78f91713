/*
 * A program that puts on a seccomp filter: from then on nothing is asked of the kernel,
 * since the filter may kill for it. Notes go on, by stores alone, while there is room.
 */
#include "wrap.h"

#define SET_SECCOMP 22 /* PR_SET_SECCOMP */

WRAPPER(int, prctl, (int option, ...))
{
    va_list more;
    va_start(more, option);
    long a = va_arg(more, long), b = va_arg(more, long), c = va_arg(more, long), d = va_arg(more, long);
    va_end(more);
    __typeof__(&hook_prctl) next = NEXT(prctl);
    if (!next)
        return no_such_call();
    int on = recording();
    if (on && option == SET_SECCOMP)
        log_arm();
    int result = next(option, a, b, c, d);
    if (on && option == SET_SECCOMP && result == 0)
        kernel_closed = 1;
    return result;
}
