/*
 * Functions that must see their true caller, or may return twice: the note is taken
 * before, then the next definition is jumped to. dlopen searches the RUNPATH of the
 * object that calls it; syscall may be a vfork.
 */
#include "jumps.h"

#include "process.h"
#include "wrap.h"

#define DEEPBIND 8 /* RTLD_DEEPBIND */

static void *nothing_loaded(void) { return no_such_call(), NULL; }

static void note_load(const char *path)
{
    process.loaded = 1;
    note_access(PROBE_LOAD, 0, AT_FDCWD, path, 0);
}

JUMP_TARGET void *before_dlopen(const char *path, int flags)
{
    void *next = FOUND(dlopen, void);
    if (path && recording()) {
        note_load(path);
        if (flags & DEEPBIND)
            note_gap(PROBE_NAMESPACE, path);
    }
    return next ? next : (void *)nothing_loaded;
}

JUMP_TARGET void *before_dlmopen(long space, const char *path, int flags)
{
    void *next = FOUND(dlmopen, void);
    if (path && recording()) {
        note_load(path);
        if (space != 0 || flags & DEEPBIND) /* 0 = LM_ID_BASE */
            note_gap(PROBE_NAMESPACE, path);
    }
    return next ? next : (void *)nothing_loaded;
}

JUMP(dlopen)
JUMP(dlmopen)
JUMP(syscall)
