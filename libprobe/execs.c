/*
 * The exec family. Noted before the call; each gets its environment repaired and is then
 * passed on to libc's own function (whose search in PATH, fallback to a shell and
 * errors are the user's), in the variant that takes an environment.
 * Fit for vfork children: nothing is stored outside the frame but the note.
 */
#include "process.h"
#include "wrap.h"

extern char **environ __attribute__((weak));

typedef char *const *texts;

/* A call of TARGET with the repaired environment, and a note when it comes back. */
#define EXECUTE(AT, PATH, ARGUMENTS, ENVIRONMENT, SEARCH, CALL_WITH)                       \
    do {                                                                                   \
        struct image image;                                                                \
        struct repair repair;                                                              \
        const struct probe_exec *begun = exec_begin(AT, PATH, ARGUMENTS, 0, SEARCH, &image); \
        char **repaired = REPAIRED(&repair, ENVIRONMENT, image.preload);                      \
        char **given = (char **)(uintptr_t)ARGUMENTS, **right = repaired;                  \
        size_t contained = ENTER_CONTAINER(begun, given, repaired);                        \
        exec_watch(&image, begun);                                                         \
        int result = CALL_WITH;                                                            \
        if (unlikely(contained && *__errno_location() == E2BIG)) { /* it only just fitted */ \
            given = (char **)(uintptr_t)ARGUMENTS, repaired = right;                       \
            result = CALL_WITH;                                                            \
        }                                                                                  \
        exec_failed(begun, *__errno_location());                                           \
        repair_end(&repair);                                                               \
        return result;                                                                     \
    } while (0)

#define ENTER(NAME, ...)                              \
    __typeof__(&hook_##NAME) next = NEXT(NAME);       \
    if (!next)                                        \
        return no_such_call();                        \
    if (!recording())                                 \
        return next(__VA_ARGS__)

WRAPPER(int, execve, (const char *path, texts arguments, texts environment))
{
    ENTER(execve, path, arguments, environment);
    EXECUTE(AT_FDCWD, path, arguments, environment, 0, next(path, given, repaired));
}

WRAPPER(int, execvpe, (const char *path, texts arguments, texts environment))
{
    ENTER(execvpe, path, arguments, environment);
    EXECUTE(AT_FDCWD, path, arguments, environment, 1, next(path, given, repaired));
}

WRAPPER(int, fexecve, (int file, texts arguments, texts environment))
{
    ENTER(fexecve, file, arguments, environment);
    EXECUTE(file, "", arguments, environment, 0, next(file, given, repaired));
}

WRAPPER(int, execveat, (int at, const char *path, texts arguments, texts environment, int flags))
{
    ENTER(execveat, at, path, arguments, environment, flags);
    EXECUTE(at, path, arguments, environment, 0, next(at, path, given, repaired, flags));
}

PROBE_INLINE int execute_here(const char *path, texts arguments)
{
    __typeof__(&hook_execve) next = NEXT(execve);
    if (!next)
        return no_such_call();
    EXECUTE(AT_FDCWD, path, arguments, environ, 0, next(path, given, repaired));
}

PROBE_INLINE int execute_found(const char *path, texts arguments)
{
    __typeof__(&hook_execvpe) next = NEXT(execvpe);
    if (!next)
        return no_such_call();
    EXECUTE(AT_FDCWD, path, arguments, environ, 1, next(path, given, repaired));
}

WRAPPER(int, execv, (const char *path, texts arguments))
{
    ENTER(execv, path, arguments);
    return execute_here(path, arguments);
}

WRAPPER(int, execvp, (const char *path, texts arguments))
{
    ENTER(execvp, path, arguments);
    return execute_found(path, arguments);
}

static size_t count_texts(va_list more)
{
    size_t count = 1;
    while (va_arg(more, char *))
        count++;
    return count;
}

/* The list of arguments as an array in the caller's frame; ENVIRONMENT is what may follow its NULL. */
#define COLLECT(ENVIRONMENT)                                               \
    va_list more, again;                                                   \
    va_start(more, first);                                                 \
    va_copy(again, more);                                                  \
    size_t count = first ? count_texts(again) : 0;                         \
    va_end(again);                                                         \
    char **arguments = __builtin_alloca((count + 1) * sizeof *arguments);  \
    arguments[0] = (char *)(uintptr_t)first;                               \
    for (size_t i = 1; i <= count; i++)                                    \
        arguments[i] = va_arg(more, char *);                               \
    ENVIRONMENT;                                                           \
    va_end(more)

WRAPPER(int, execl, (const char *path, const char *first, ...))
{
    COLLECT((void)0);
    __typeof__(&hook_execv) next = NEXT(execv);
    if (!next)
        return no_such_call();
    return recording() ? execute_here(path, arguments) : next(path, arguments);
}

WRAPPER(int, execlp, (const char *path, const char *first, ...))
{
    COLLECT((void)0);
    __typeof__(&hook_execvp) next = NEXT(execvp);
    if (!next)
        return no_such_call();
    return recording() ? execute_found(path, arguments) : next(path, arguments);
}

WRAPPER(int, execle, (const char *path, const char *first, ...))
{
    COLLECT(texts environment = va_arg(more, texts));
    ENTER(execve, path, arguments, environment);
    EXECUTE(AT_FDCWD, path, arguments, environment, 0, next(path, given, repaired));
}
