/*
 * Ends: of this process, and of children that are waited for.
 */
#include <signal.h>
#include <sys/wait.h>

#include "process.h"
#include "wrap.h"

extern int dl_iterate_phdr(int (*visit)(struct dl_phdr_info *, size_t, void *), void *data) __attribute__((weak));

/* Objects that were loaded on the way, with the paths they were found at. */
static int note_object(struct dl_phdr_info *object, size_t size, void *data)
{
    (void)size;
    (void)data;
    if (object->dlpi_name && object->dlpi_name[0] == '/' && !lookup_started_with(object->dlpi_name))
        note_access(PROBE_LOAD, 0, AT_FDCWD, object->dlpi_name, 0);
    return 0;
}

__attribute__((destructor)) static void end(void)
{
    if (!recording())
        return;
    if (process.loaded && dl_iterate_phdr && !strayed())
        dl_iterate_phdr(note_object, NULL);
    note_exit(process.code);
}

WRAPPER(void, exit, (int code))
{
    __typeof__(&hook_exit) next = NEXT(exit);
    if (recording() && !(own->exec && strayed()))
        process.code = code & 0xff;
    next(code);
    __builtin_unreachable();
}

static void (*next_exit)(int) __attribute__((noreturn));

void ends_prepare(void)
{
    if (!next_exit)
        next_exit = (__typeof__(next_exit))lookup_next("_exit");
}

WRAPPER(void, _exit, (int code))
{
    ends_prepare();
    if (recording())
        note_exit(code & 0xff);
    next_exit(code);
}

#define ENDS(NAME)                                     \
    WRAPPER(void, NAME, (int code))                    \
    {                                                  \
        __typeof__(&hook_##NAME) next = NEXT(NAME);    \
        if (recording())                               \
            note_exit(code & 0xff);                    \
        next(code);                                    \
        __builtin_unreachable();                       \
    }

ENDS(_Exit)
ENDS(quick_exit)

/* The caller's own variable where it gave one, else ours: the status is asked for in any case. */
#define WAITS(NAME, PARAMETERS, ARGUMENTS, USAGE)                \
    WRAPPER(pid_t, NAME, PARAMETERS)                             \
    {                                                            \
        __typeof__(&hook_##NAME) next = NEXT(NAME);              \
        int own_status = 0;                                      \
        if (!next)                                               \
            return no_such_call();                               \
        if (!status)                                             \
            status = &own_status;                                \
        pid_t result = next ARGUMENTS;                           \
        if (result > 0 && recording())                           \
            note_wait(result, *status, USAGE);                   \
        return result;                                           \
    }

WAITS(wait, (int *status), (status), NULL)
WAITS(__wait, (int *status), (status), NULL)
WAITS(waitpid, (pid_t child, int *status, int options), (child, status, options), NULL)
WAITS(__waitpid, (pid_t child, int *status, int options), (child, status, options), NULL)
WAITS(wait3, (int *status, int options, struct rusage *usage), (status, options, usage), usage)
WAITS(wait4, (pid_t child, int *status, int options, struct rusage *usage), (child, status, options, usage), usage)

static int status_of(const siginfo_t *information)
{
    if (information->si_code == CLD_EXITED)
        return (information->si_status & 0xff) << 8;
    return (information->si_status & 0x7f) | (information->si_code == CLD_DUMPED ? 0x80 : 0);
}

WRAPPER(int, waitid, (int type, id_t id, siginfo_t *information, int options))
{
    __typeof__(&hook_waitid) next = NEXT(waitid);
    if (!next)
        return no_such_call();
    int result = next(type, id, information, options);
    if (result == 0 && information && !(options & WNOWAIT) && information->si_pid > 0 &&
        (information->si_code == CLD_EXITED || information->si_code == CLD_KILLED ||
         information->si_code == CLD_DUMPED) && recording())
        note_wait(information->si_pid, status_of(information), NULL);
    return result;
}
