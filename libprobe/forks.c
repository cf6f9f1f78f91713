/*
 * New processes. Before each the pages that tell a child from its parent are made ready (log_arm);
 * the child announces itself by its first note. vfork and clone return, or begin, in a way that no
 * C function can pass on, so they are jumped to. A child made without any of these, by the program's
 * own system call instruction and before its first access, counts as its parent.
 */
#include "jumps.h"

#include "process.h"
#include "wrap.h"

#define FORKS(NAME)                                    \
    WRAPPER(pid_t, NAME, (void))                       \
    {                                                  \
        __typeof__(&hook_##NAME) next = NEXT(NAME);    \
        if (!next)                                     \
            return no_such_call();                     \
        int on = recording();                          \
        if (likely(on))                                \
            log_arm();                                 \
        pid_t result = next();                         \
        if (likely(on))                                \
            note_fork(result);                         \
        return result;                                 \
    }

FORKS(fork)
FORKS(_Fork)
FORKS(__fork)
FORKS(__libc_fork)

static int no_process(void) { return no_such_call(); }

#define JUMPED(NAME)                               \
    JUMP_TARGET void *before_##NAME(void);         \
    JUMP_TARGET void *before_##NAME(void)          \
    {                                              \
        void *next = FOUND(NAME, void);            \
        if (recording())                           \
            log_arm();                             \
        return next ? next : (void *)no_process;   \
    }                                              \
    JUMP(NAME)

JUMPED(vfork)
JUMPED(__vfork)
JUMPED(clone)
JUMPED(__clone)
JUMPED(daemon)
JUMPED(forkpty)
