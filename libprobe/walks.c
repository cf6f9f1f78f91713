/*
 * Functions that walk directories inside libc: ftw, glob, fts.
 */
#include <fts.h>
#include <glob.h>

#include "process.h"
#include "wrap.h"

#define WALK_CHANGES_DIRECTORY 4 /* FTW_CHDIR */

typedef int visitor(const char *path, const void *status, int type, void *place);

static __thread visitor *visit; /* of the innermost walk of this thread */

static int is_glibc(void)
{
    static int glibc = -1;
    if (glibc < 0)
        glibc = lookup_next("gnu_get_libc_version") != NULL;
    return glibc;
}

enum { IS_FILE, IS_DIRECTORY, UNREADABLE, UNKNOWN, IS_LINK, IS_DIRECTORY_AFTER }; /* glibc's; musl begins with 1 */

static int note_visit(const char *path, const void *status, int type, void *place)
{
    visitor *user = visit;
    int what = is_glibc() ? type : type - 1;
    if (what == IS_DIRECTORY || what == IS_DIRECTORY_AFTER || what == UNREADABLE)
        note_access(PROBE_LIST, 0, AT_FDCWD, path, what == UNREADABLE ? EACCES : 0);
    else
        note_access(PROBE_LOOKUP, 0, AT_FDCWD, path, what == UNKNOWN ? EACCES : 0);
    int result = user(path, status, type, place);
    visit = user; /* a walk inside the visit has set its own */
    return result;
}

/* Where the walk changes the directory under us, relative names would be misread: only the root is noted. */
#define WALKS(NAME, PARAMETERS, ARGUMENTS, CHANGES_DIRECTORY)                \
    WRAPPER(int, NAME, PARAMETERS)                                           \
    {                                                                        \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                          \
        if (!next)                                                           \
            return no_such_call();                                           \
        if (recording()) {                                                   \
            note_access(PROBE_LIST, 0, AT_FDCWD, path, 0);                   \
            if (!(CHANGES_DIRECTORY) || path[0] == '/') {                    \
                visit = user;                                                \
                user = note_visit;                                           \
            }                                                                \
        }                                                                    \
        return next ARGUMENTS;                                               \
    }

WALKS(ftw, (const char *path, visitor *user, int depth), (path, user, depth), 0)
WALKS(ftw64, (const char *path, visitor *user, int depth), (path, user, depth), 0)
WALKS(nftw, (const char *path, visitor *user, int depth, int flags), (path, user, depth, flags), flags & WALK_CHANGES_DIRECTORY)
WALKS(nftw64, (const char *path, visitor *user, int depth, int flags), (path, user, depth, flags), flags & WALK_CHANGES_DIRECTORY)

static void note_listed(const char *path, size_t length)
{
    char directory[PROBE_PATH_MAX];
    while (length && path[length - 1] != '/')
        length--;
    if (length >= sizeof directory)
        return;
    if (length > 1)
        length--;
    put_text(directory, length ? path : ".", length ? length : 1);
    note_access(PROBE_LIST, 0, AT_FDCWD, directory, 0);
}

static size_t fixed_part(const char *pattern)
{
    size_t length = 0;
    while (pattern[length] && pattern[length] != '*' && pattern[length] != '?' && pattern[length] != '[' &&
           pattern[length] != '{')
        length++;
    return length;
}

/* The directories that were listed: that of the pattern's fixed part, and those of what was found. */
static void note_glob(const char *pattern, int flags, const glob_t *found, int result)
{
    size_t fixed = fixed_part(pattern);
    if (pattern[fixed])
        note_listed(pattern, fixed);
    size_t skip = flags & GLOB_DOOFFS ? found->gl_offs : 0;
    for (size_t i = 0; result == 0 && i < found->gl_pathc && i < 100000; i++) {
        const char *path = found->gl_pathv[skip + i];
        if (!path)
            break;
        if (pattern[fixed])
            note_listed(path, path_length(path));
        note_access(PROBE_LOOKUP, 0, AT_FDCWD, path, 0);
    }
}

#define GLOBS(NAME)                                                                           \
    WRAPPER(int, NAME, (const char *pattern, int flags, void *on_error, glob_t *found))       \
    {                                                                                         \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                                           \
        if (!next)                                                                            \
            return no_such_call();                                                            \
        int result = next(pattern, flags, on_error, found);                                   \
        if (recording() && !(flags & GLOB_ALTDIRFUNC))                                        \
            note_glob(pattern, flags, found, result);                                         \
        return result;                                                                        \
    }

GLOBS(glob)
GLOBS(glob64)

#define FTS_OPENS(NAME)                                                                \
    WRAPPER(void *, NAME, (char *const *paths, int options, void *compare))            \
    {                                                                                  \
        __typeof__(&hook_##NAME) next = NEXT(NAME);                                    \
        if (!next)                                                                     \
            return no_such_call(), NULL;                                               \
        if (recording())                                                               \
            for (char *const *at = paths; *at; at++)                                   \
                note_access(PROBE_LIST, 0, AT_FDCWD, *at, 0);                          \
        return next(paths, options, compare);                                          \
    }

FTS_OPENS(fts_open)
FTS_OPENS(fts64_open)

/* glibc's entry; other libcs have none or another, whose fields we do not know. */
static void note_entry(const FTSENT *entry)
{
    if (!is_glibc() || !entry)
        return;
    int listed = entry->fts_info == FTS_D || entry->fts_info == FTS_DNR;
    note_access(listed ? PROBE_LIST : PROBE_LOOKUP, 0, AT_FDCWD, entry->fts_path,
                entry->fts_info == FTS_DNR ? EACCES : 0);
}

#define FTS_READS(NAME)                                 \
    WRAPPER(void *, NAME, (void *walk))                 \
    {                                                   \
        __typeof__(&hook_##NAME) next = NEXT(NAME);     \
        if (!next)                                      \
            return no_such_call(), NULL;                \
        void *entry = next(walk);                       \
        if (recording())                                \
            note_entry(entry);                          \
        return entry;                                   \
    }

FTS_READS(fts_read)
FTS_READS(fts64_read)
