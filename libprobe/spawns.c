/*
 * Programs started in a child by libc itself: posix_spawn, and the shell behind system,
 * popen and wordexp.
 */
#include <unistd.h>

#include "process.h"
#include "watch/watch.h"
#include "wrap.h"

#pragma weak environ

typedef char *const *texts;

/* The child's pid goes into the note that was taken before. */
static void spawn_end(struct probe_exec *begun, int error, const int *child)
{
    if (!begun)
        return;
    if (error)
        exec_failed(begun, error);
    else if (child)
        __atomic_store_n(&begun->pid, (uint32_t)*child, __ATOMIC_RELEASE);
}

/*
 * A static program is started through a helper, which puts the filter on in the child. Its
 * arguments: its own name, the program, the program's arguments.
 */
static size_t helped_size(texts arguments)
{
    size_t count = 0;
    while (arguments && arguments[count])
        count++;
    return (count + 3) * sizeof *arguments;
}

static char **helped(char **to, const char *path, texts arguments)
{
    size_t count = 0;
    to[0] = (char *)(uintptr_t)WATCH_HELPER;
    to[1] = (char *)(uintptr_t)path;
    for (; arguments && arguments[count]; count++)
        to[count + 2] = arguments[count];
    to[count + 2] = NULL;
    return to;
}

#define SPAWNS(NAME, SEARCH, IS_PID)                                                              \
    WRAPPER(int, NAME, (int *child, const char *path, const void *actions, const void *attributes, \
                        texts arguments, texts environment))                                      \
    {                                                                                             \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                                               \
        if (!next)                                                                                \
            return ENOSYS;                                                                        \
        if (!recording())                                                                         \
            return next(child, path, actions, attributes, arguments, environment);                \
        struct image image;                                                                       \
        struct repair repair;                                                                     \
        int number = 0, *to = child ? child : &number;                                            \
        struct probe_exec *begun = exec_begin(AT_FDCWD, path, arguments, PROBE_SPAWNED, SEARCH, &image); \
        char **repaired = REPAIRED(&repair, environment, image.preload);                             \
        char **given = (char **)(uintptr_t)arguments, **right = repaired;                         \
        size_t contained = ENTER_CONTAINER(begun, given, repaired);                               \
        int result = E2BIG, watched = begun && image.watch > 0;                                   \
        if (watched) {                                                                            \
            char **with = helped(__builtin_alloca(helped_size(given)), (const char *)(begun + 1), given); \
            result = next(to, process.helper, actions, attributes, with, repaired);               \
        }                                                                                         \
        if (watched && result == E2BIG) /* its arguments only just fit */                         \
            note_gap(PROBE_STATIC, (const char *)(begun + 1));                                    \
        if (result == E2BIG)                                                                      \
            result = next(to, path, actions, attributes, given, repaired);                        \
        if (unlikely(contained && result == E2BIG))                                               \
            result = next(to, path, actions, attributes, arguments, right);                       \
        spawn_end(begun, result, IS_PID ? to : NULL);                                             \
        repair_end(&repair);                                                                      \
        return result;                                                                            \
    }

SPAWNS(posix_spawn, 0, 1)
SPAWNS(posix_spawnp, 1, 1)
SPAWNS(pidfd_spawn, 0, 0)
SPAWNS(pidfd_spawnp, 1, 0)

/*
 * The shell takes `environ` as it is: where the program cleared it, ours stands in for the
 * time of the call. Another thread that sets a variable meanwhile loses it: as rare as such programs.
 */
#define WITH_SHELL(TYPE, FAILURE, CALL_IT)                                            \
    struct image image;                                                               \
    struct repair repair;                                                             \
    char *arguments[] = {(char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c", (char *)(uintptr_t)command, NULL}; \
    struct probe_exec *begun = exec_begin(AT_FDCWD, "/bin/sh", arguments, PROBE_SPAWNED, 0, &image); \
    char **old = environ, **repaired = REPAIRED(&repair, old, image.preload);            \
    if (repaired != old)                                                              \
        environ = repaired;                                                           \
    TYPE result = CALL_IT;                                                            \
    if (repaired != old && environ == repaired)                                       \
        environ = old;                                                                \
    if (FAILURE)                                                                      \
        exec_failed(begun, *__errno_location());                                      \
    repair_end(&repair);                                                              \
    return result

WRAPPER(int, system, (const char *command))
{
    __typeof__(&hook_system) next = NEXT(system);
    if (!next)
        return no_such_call();
    if (!command || !recording())
        return next(command);
    WITH_SHELL(int, result == -1, next(command));
}

WRAPPER(void *, popen, (const char *command, const char *mode))
{
    __typeof__(&hook_popen) next = NEXT(popen);
    if (!next)
        return no_such_call(), NULL;
    if (!recording())
        return next(command, mode);
    WITH_SHELL(void *, !result, next(command, mode));
}

static int has_command(const char *words)
{
    for (; *words; words++)
        if (*words == '`' || (words[0] == '$' && words[1] == '('))
            return 1;
    return 0;
}

WRAPPER(int, wordexp, (const char *command, void *words, int flags))
{
    __typeof__(&hook_wordexp) next = NEXT(wordexp);
    if (!next)
        return no_such_call();
    if (!recording() || !has_command(command))
        return next(command, words, flags);
    WITH_SHELL(int, 0, next(command, words, flags));
}
