/*
 * The table's rows, made into functions.
 */
#include "wrap.h"

#include "process.h"

#define CREATES (O_WRONLY | O_CREAT | O_TRUNC)
#define TEMPORARY (O_RDWR | O_CREAT | O_EXCL)
#define UNNAMED (O_RDWR | O_TMPFILE)
#define NEW_MOUNTS 0x20000 /* CLONE_NEWNS */

struct how { /* the kernel's struct open_how */
    uint64_t flags, mode, resolve;
};

PROBE_INLINE uint16_t no_follow(int flags) { return flags & AT_SYMLINK_NOFOLLOW ? PROBE_NO_FOLLOW : 0; }

PROBE_INLINE uint16_t rename_detail(unsigned flags)
{
    return (uint16_t)((flags & 1 ? PROBE_EXCLUSIVE : 0) | (flags & 2 ? PROBE_BOTH : 0));
}

static const char *shared_path(const char *name, char path[PROBE_PATH_MAX])
{
    while (*name == '/')
        name++;
    text_append(text_append(path, path + PROBE_PATH_MAX, "/dev/shm/"), path + PROBE_PATH_MAX, name);
    return path;
}

static void note_shared(const char *name, int flags, int descriptor, int failed)
{
    char path[PROBE_PATH_MAX];
    note_open(AT_FDCWD, shared_path(name, path), flags, descriptor, failed);
}

static void note_shared_removed(const char *name, int failed)
{
    char path[PROBE_PATH_MAX];
    note_names(PROBE_REMOVE, 0, AT_FDCWD, shared_path(name, path), failed);
}

#define ROW(TYPE, NAME, PARAMETERS, ARGUMENTS, NOTE, FAILED, MISSING) \
    WRAPPER(TYPE, NAME, PARAMETERS)                                   \
    {                                                                 \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                   \
        if (unlikely(!next))                                          \
            return MISSING;                                           \
        int on = recording();                                         \
        TYPE result = next ARGUMENTS;                                 \
        if (likely(on)) {                                             \
            int failed = failure(FAILED);                             \
            (void)failed;                                             \
            NOTE;                                                     \
        }                                                             \
        return result;                                                \
    }

#define CALL(TYPE, NAME, PARAMETERS, ARGUMENTS, NOTE) \
    ROW(TYPE, NAME, PARAMETERS, ARGUMENTS, NOTE, result < 0, no_such_call())

#define POINTER(TYPE, NAME, PARAMETERS, ARGUMENTS, NOTE) \
    ROW(TYPE, NAME, PARAMETERS, ARGUMENTS, NOTE, !result, (no_such_call(), NULL))

#define OPEN(NAME, PARAMETERS, ARGUMENTS, AT)                                \
    WRAPPER(int, NAME, PARAMETERS)                                           \
    {                                                                        \
        mode_t mode = 0;                                                     \
        if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {           \
            va_list more;                                                    \
            va_start(more, flags);                                           \
            mode = va_arg(more, mode_t);                                     \
            va_end(more);                                                    \
        }                                                                    \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                          \
        if (unlikely(!next))                                                 \
            return no_such_call();                                           \
        int on = recording();                                                \
        int result = next ARGUMENTS;                                         \
        if (likely(on))                                                      \
            note_open(AT, path, flags, result, failure(result < 0));         \
        return result;                                                       \
    }

#define CLOSES(TYPE, NAME, PARAMETERS, ARGUMENTS, DESCRIPTOR, NOTE)  \
    WRAPPER(TYPE, NAME, PARAMETERS)                                  \
    {                                                                \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                  \
        if (unlikely(!next))                                         \
            return no_such_call();                                   \
        if (unlikely(!recording()))                                  \
            return next ARGUMENTS;                                   \
        struct closing closing;                                      \
        closing_begin(&closing, DESCRIPTOR);                         \
        TYPE result = next ARGUMENTS;                                \
        closing_end(&closing, result < 0);                           \
        if (result >= 0)                                             \
            NOTE;                                                    \
        return result;                                               \
    }

#define BY_HAND(NAME, FILE)
#define SKIP(NAME, REASON)
#define OLD(NAME, VERSION, REASON)

#include "calls.h"
