/*
 * What each notified call means. Only arguments are known, and memory as it is now: another
 * thread could change it before the kernel reads it, as with every observer from outside.
 */
#include <errno.h>
#include <fcntl.h>

#include "filter.h"
#include "worker.h"

#define ARGUMENT(n) (notice->call->data.args[n])
#define NUMBER(n) ((int)notice->call->data.args[n])

static int no_follow(int flags) { return flags & AT_SYMLINK_NOFOLLOW ? PROBE_NO_FOLLOW : 0; }

static void opened(const struct notice *notice, int at, uint64_t path, int flags)
{
    char name[PROBE_PATH_MAX];
    if (path_of(notice, at, path, name))
        file_opened(notice, name, flags);
}

static void looked_up(const struct notice *notice, int at, uint64_t path, int detail)
{
    char name[PROBE_PATH_MAX];
    struct stat status;
    if (!path_of(notice, at, path, name) || path_is_kernels(name))
        return;
    int error = -kernel_stat_at(PROBE_AT_FDCWD, name, &status, detail ? AT_SYMLINK_NOFOLLOW : 0);
    file_access(notice, PROBE_LOOKUP, (uint16_t)detail, error, name);
}

static void named(const struct notice *notice, uint8_t kind, int detail, int at, uint64_t path)
{
    char name[PROBE_PATH_MAX];
    struct stat status;
    if (!path_of(notice, at, path, name) || path_is_kernels(name))
        return;
    int error = -kernel_stat_at(PROBE_AT_FDCWD, name, &status, AT_SYMLINK_NOFOLLOW);
    if (kind == PROBE_MAKE)
        error = error ? 0 : EEXIST;
    file_named(kind, (uint16_t)detail, error, name, NULL, NULL, notice->target);
}

static void named_twice(const struct notice *notice, uint8_t kind, int detail, int at, uint64_t path, int at_second,
                        uint64_t second)
{
    char from[PROBE_PATH_MAX], to[PROBE_PATH_MAX];
    struct stat status;
    if (!path_of(notice, at_second, second, to) || path_is_kernels(to))
        return;
    int known = kind == PROBE_SYMLINK ? memory_text(notice->thread, path, from) : path_of(notice, at, path, from);
    if (!known)
        return;
    int error = -kernel_stat_at(PROBE_AT_FDCWD, kind == PROBE_SYMLINK ? to : from, &status, AT_SYMLINK_NOFOLLOW);
    if (kind == PROBE_SYMLINK)
        error = error ? 0 : EEXIST;
    file_named(kind, (uint16_t)detail, error, from, to, kind == PROBE_SYMLINK ? NULL : &status, notice->target);
}

static void metadata_of(const struct notice *notice, int descriptor)
{
    char name[PROBE_PATH_MAX];
    if (path_of_descriptor(notice, descriptor, name) && !path_is_kernels(name))
        file_named(PROBE_METADATA, 0, 0, name, NULL, NULL, notice->target);
}

static void listed(const struct notice *notice)
{
    char name[PROBE_PATH_MAX];
    if (path_of_descriptor(notice, NUMBER(0), name))
        file_access(notice, PROBE_LIST, 0, 0, name);
}

static void truncated(const struct notice *notice)
{
    char name[PROBE_PATH_MAX];
    struct stat status;
    if (!path_of(notice, AT_FDCWD, ARGUMENT(0), name) || path_is_kernels(name))
        return;
    int error = -kernel_stat_at(PROBE_AT_FDCWD, name, &status, 0);
    file_identity(PROBE_CHANGE, 0, error, name, 0, error ? NULL : &status, notice->target);
}

static void said_once(const struct notice *notice, unsigned bit, uint32_t reason, const char *text)
{
    struct target *target = notice->target;
    target_announce(target);
    if (!(target->said >> bit & 1))
        frame_gap(reason, target->pid, text);
    target->said |= 1u << bit;
}

static int is_thread(const struct notice *notice)
{
    uint64_t flags = 0;
    return notice->call->data.nr == WATCH_CLONE3 && memory_read(notice->thread, ARGUMENT(0), &flags, 8) == 8 &&
           flags & WATCH_CLONE_THREAD;
}

static void opened_how(const struct notice *notice)
{
    uint64_t flags = 0;
    if (memory_read(notice->thread, ARGUMENT(2), &flags, 8) == 8)
        opened(notice, NUMBER(0), ARGUMENT(1), (int)flags);
}

static void renamed(const struct notice *notice, unsigned flags)
{
    int detail = (flags & 1 ? PROBE_EXCLUSIVE : 0) | (flags & 2 ? PROBE_BOTH : 0);
    named_twice(notice, PROBE_RENAME, detail, NUMBER(0), ARGUMENT(1), NUMBER(2), ARGUMENT(3));
}

/* Calls by path alone, which only the older machine has. */
static int noticed_old(const struct notice *notice)
{
    switch (notice->call->data.nr) {
#ifdef SYS_open
    case SYS_open: opened(notice, AT_FDCWD, ARGUMENT(0), NUMBER(1)); break;
    case SYS_creat: opened(notice, AT_FDCWD, ARGUMENT(0), O_CREAT | O_WRONLY | O_TRUNC); break;
    case SYS_stat: case SYS_access: looked_up(notice, AT_FDCWD, ARGUMENT(0), 0); break;
    case SYS_lstat: case SYS_readlink: looked_up(notice, AT_FDCWD, ARGUMENT(0), PROBE_NO_FOLLOW); break;
    case SYS_unlink: named(notice, PROBE_REMOVE, 0, AT_FDCWD, ARGUMENT(0)); break;
    case SYS_rmdir: named(notice, PROBE_REMOVE, PROBE_IS_DIRECTORY, AT_FDCWD, ARGUMENT(0)); break;
    case SYS_mkdir: named(notice, PROBE_MAKE, PROBE_IS_DIRECTORY, AT_FDCWD, ARGUMENT(0)); break;
    case SYS_mknod: named(notice, PROBE_MAKE, 0, AT_FDCWD, ARGUMENT(0)); break;
    case SYS_chmod: case SYS_chown: case SYS_lchown: named(notice, PROBE_METADATA, 0, AT_FDCWD, ARGUMENT(0)); break;
    case SYS_rename: named_twice(notice, PROBE_RENAME, 0, AT_FDCWD, ARGUMENT(0), AT_FDCWD, ARGUMENT(1)); break;
    case SYS_link: named_twice(notice, PROBE_LINK, 0, AT_FDCWD, ARGUMENT(0), AT_FDCWD, ARGUMENT(1)); break;
    case SYS_symlink: named_twice(notice, PROBE_SYMLINK, 0, AT_FDCWD, ARGUMENT(0), AT_FDCWD, ARGUMENT(1)); break;
#endif
#ifdef SYS_renameat
    case SYS_renameat: renamed(notice, 0); break;
#endif
    default: return 0;
    }
    return 1;
}

static void noticed(const struct notice *notice)
{
    switch (notice->call->data.nr) {
    case SYS_openat: opened(notice, NUMBER(0), ARGUMENT(1), NUMBER(2)); break;
    case WATCH_OPENAT2: opened_how(notice); break;
    case SYS_newfstatat: looked_up(notice, NUMBER(0), ARGUMENT(1), no_follow(NUMBER(3))); break;
    case SYS_statx: looked_up(notice, NUMBER(0), ARGUMENT(1), no_follow(NUMBER(2))); break;
    case SYS_faccessat: case WATCH_FACCESSAT2: looked_up(notice, NUMBER(0), ARGUMENT(1), 0); break;
    case SYS_readlinkat: looked_up(notice, NUMBER(0), ARGUMENT(1), PROBE_NO_FOLLOW); break;
    case SYS_getdents64: listed(notice); break;
    case SYS_unlinkat:
        named(notice, PROBE_REMOVE, NUMBER(2) & AT_REMOVEDIR ? PROBE_IS_DIRECTORY : 0, NUMBER(0), ARGUMENT(1));
        break;
    case SYS_mkdirat: named(notice, PROBE_MAKE, PROBE_IS_DIRECTORY, NUMBER(0), ARGUMENT(1)); break;
    case SYS_mknodat: named(notice, PROBE_MAKE, 0, NUMBER(0), ARGUMENT(1)); break;
    case SYS_renameat2: renamed(notice, (unsigned)ARGUMENT(4)); break;
    case SYS_linkat: named_twice(notice, PROBE_LINK, 0, NUMBER(0), ARGUMENT(1), NUMBER(2), ARGUMENT(3)); break;
    case SYS_symlinkat: named_twice(notice, PROBE_SYMLINK, 0, 0, ARGUMENT(0), NUMBER(1), ARGUMENT(2)); break;
    case SYS_truncate: truncated(notice); break;
    case SYS_fchmodat: case WATCH_FCHMODAT2: case SYS_fchownat:
        named(notice, PROBE_METADATA, 0, NUMBER(0), ARGUMENT(1));
        break;
    case SYS_fchmod: case SYS_fchown: metadata_of(notice, NUMBER(0)); break;
    case SYS_utimensat:
        if (ARGUMENT(1))
            named(notice, PROBE_METADATA, 0, NUMBER(0), ARGUMENT(1));
        else
            metadata_of(notice, NUMBER(0));
        break;
    case SYS_chroot: case SYS_pivot_root: said_once(notice, 1, PROBE_ROOT_CHANGED, ""); break;
    case WATCH_IO_URING_SETUP: said_once(notice, 2, PROBE_IO_URING, "io_uring_setup"); break;
    default: noticed_old(notice); break;
    }
}

static int is_hello(const struct notice *notice)
{
    char text[PROBE_PATH_MAX];
    struct watch_address ours;
    if (notice->call->data.nr != SYS_openat || NUMBER(0) != WATCH_HELLO_AT ||
        !memory_text(notice->thread, ARGUMENT(1), text))
        return 0;
    watch_address(&ours, frames_folder());
    return text_equal(text, ours.name + 1);
}

/* What concerns the process itself, whoever records it. 1 when that was all. */
static int noticed_process(struct notice *notice)
{
    switch (notice->call->data.nr) {
    case SYS_execve: program_executed(notice, AT_FDCWD, ARGUMENT(0), ARGUMENT(1), 0); return 1;
    case SYS_execveat: program_executed(notice, NUMBER(0), ARGUMENT(1), ARGUMENT(2), NUMBER(4)); return 1;
    case SYS_exit_group: program_ended(notice, NUMBER(0)); return 1;
    case SYS_chdir: case SYS_fchdir:
        notice->target->moved = notice->now;
        notice->target->directory[0] = 0;
        return 1;
#ifdef SYS_fork
    case SYS_fork: case SYS_vfork:
#endif
    case SYS_clone: case WATCH_CLONE3:
        notice->target->forks |= !is_thread(notice);
        return 1;
    default: return 0;
    }
}

/* Of a program whose accesses are not read here; for others see file_opened. */
static void notice_server(const struct notice *notice)
{
    char text[PROBE_PATH_MAX];
    uint64_t path = notice->call->data.nr == SYS_openat ? ARGUMENT(1) : 0;
#ifdef SYS_open
    path = notice->call->data.nr == SYS_open ? ARGUMENT(0) : path;
#endif
    if (path && memory_text(notice->thread, path, text))
        files_serve(text);
}

int call_noticed(struct notice *notice)
{
    struct target *target = notice->target;
    if (target->state == TARGET_ENDED)
        return 0;
    if (target->exec_pending)
        image_settle(notice);
    if (is_hello(notice)) {
        target->state = TARGET_MUTED;
        target->records = 0;
        return WATCH_HELLO_ANSWER;
    }
    if (target->state != TARGET_RECORDED && !files_served())
        notice_server(notice);
    file_settle(target);
    if (noticed_process(notice) || target->state != TARGET_RECORDED)
        return 0;
    if (files_served())
        said_once(notice, 3, PROBE_SERVES_FILES, "");
    else
        noticed(notice);
    return 0;
}
