/*
 * syscall(2): what goes to the kernel past libc's own functions. Calls on files and
 * programs that we know are noted like their libc twins; others that matter are a Gap.
 */
#include "jumps.h"
#include "process.h"
#include "wrap.h"

#define IO_URING_SETUP 425
#define CLONE3 435
#define OPENAT2 437

typedef long raw_call(long number, long a, long b, long c, long d, long e, long f);

static raw_call *next_syscall(void)
{
    static raw_call *found;
    if (!found)
        found = (raw_call *)lookup_next("syscall");
    return found;
}

static long no_syscall(void) { return no_such_call(); }

static void note_raw(long number, long a, long b, long c, long d, long e, long result, int failed)
{
    switch (number) {
#ifdef SYS_open
    case SYS_open: note_open(AT_FDCWD, (const char *)a, (int)b, (int)result, failed); break;
    case SYS_unlink: note_names(PROBE_REMOVE, 0, AT_FDCWD, (const char *)a, failed); break;
    case SYS_mkdir: note_names(PROBE_MAKE, PROBE_IS_DIRECTORY, AT_FDCWD, (const char *)a, failed); break;
    case SYS_rename:
        note_two_names(PROBE_RENAME, 0, AT_FDCWD, (const char *)a, AT_FDCWD, (const char *)b, failed);
        break;
#endif
    case SYS_openat: note_open((int)a, (const char *)b, (int)c, (int)result, failed); break;
    case OPENAT2: note_open((int)a, (const char *)b, (int)*(const uint64_t *)c, (int)result, failed); break;
    case SYS_unlinkat:
        note_names(PROBE_REMOVE, c & AT_REMOVEDIR ? PROBE_IS_DIRECTORY : 0, (int)a, (const char *)b, failed);
        break;
    case SYS_mkdirat: note_names(PROBE_MAKE, PROBE_IS_DIRECTORY, (int)a, (const char *)b, failed); break;
    case SYS_renameat2:
        note_two_names(PROBE_RENAME, (uint16_t)((e & 1 ? PROBE_EXCLUSIVE : 0) | (e & 2 ? PROBE_BOTH : 0)), (int)a,
                       (const char *)b, (int)c, (const char *)d, failed);
        break;
    case SYS_memfd_create: note_temporary("", O_RDWR | O_TMPFILE, (int)result); break;
    case SYS_statx:
        note_access(PROBE_LOOKUP, c & AT_SYMLINK_NOFOLLOW ? PROBE_NO_FOLLOW : 0, (int)a, (const char *)b, failed);
        break;
    case SYS_seccomp:
        if (!failed && (a == 0 || a == 1)) /* SECCOMP_SET_MODE_STRICT, _FILTER */
            kernel_closed = 1;
        break;
    default: break;
    }
}

static long noted_call(long number, long a, long b, long c, long d, long e, long f)
{
    long result = next_syscall()(number, a, b, c, d, e, f);
    note_raw(number, a, b, c, d, e, result, failure(result < 0));
    return result;
}

static int is_noted(long number)
{
    switch (number) {
#ifdef SYS_open
    case SYS_open: case SYS_unlink: case SYS_mkdir: case SYS_rename:
#endif
    case SYS_openat: case OPENAT2: case SYS_unlinkat: case SYS_mkdirat: case SYS_renameat2: case SYS_memfd_create:
    case SYS_statx: case SYS_seccomp:
        return 1;
    default:
        return 0;
    }
}

static void note_gaps(long number)
{
    switch (number) {
#ifdef SYS_fork
    case SYS_fork: case SYS_vfork:
#endif
    case SYS_clone: case CLONE3: log_arm(); break;
    case IO_URING_SETUP: note_gap_once(SAID_RING, PROBE_IO_URING, "io_uring_setup"); break;
    case SYS_linkat: note_gap_once(SAID_LINK, PROBE_RAW_CALL, "syscall linkat"); break;
    case SYS_symlinkat: note_gap_once(SAID_SYMLINK, PROBE_RAW_CALL, "syscall symlinkat"); break;
    case SYS_renameat: note_gap_once(SAID_RENAME, PROBE_RAW_CALL, "syscall renameat"); break;
    case SYS_truncate: note_gap_once(SAID_TRUNCATE, PROBE_RAW_CALL, "syscall truncate"); break;
    case SYS_chroot: case SYS_pivot_root:
        process.elsewhere = 1;
        note_gap_once(SAID_ROOT, PROBE_ROOT_CHANGED, "syscall chroot");
        break;
    case SYS_chdir: case SYS_fchdir: note_gap_once(SAID_PLACE, PROBE_RAW_CALL, "syscall chdir"); break;
    default: break;
    }
}

static long raw_execve(long number, long a, long b, long c, long d, long e, long f)
{
    struct image image;
    struct repair repair;
    int relative = number == SYS_execveat;
    int at = relative ? (int)a : AT_FDCWD;
    char *const *environment = (char *const *)(relative ? d : c);
    const struct probe_exec *begun =
        exec_begin(at, (const char *)(relative ? b : a), (char *const *)(relative ? c : b), 0, 0, &image);
    char **repaired = REPAIRED(&repair, environment, image.preload);
    char **given = (char **)(relative ? c : b), **right = repaired;
    size_t contained = ENTER_CONTAINER(begun, given, repaired);
    exec_watch(&image, begun);
    long result = relative ? next_syscall()(number, a, b, (long)given, (long)repaired, e, f)
                           : next_syscall()(number, a, (long)given, (long)repaired, d, e, f);
    if (unlikely(contained && *__errno_location() == E2BIG))
        result = relative ? next_syscall()(number, a, b, c, (long)right, e, f)
                          : next_syscall()(number, a, b, (long)right, d, e, f);
    exec_failed(begun, *__errno_location());
    repair_end(&repair);
    return result;
}

JUMP_TARGET void *before_syscall(long number)
{
    raw_call *next = next_syscall();
    if (!next)
        return (void *)no_syscall;
    if (!recording())
        return (void *)next;
    if (number == SYS_execve || number == SYS_execveat)
        return (void *)raw_execve;
    if (number == SYS_seccomp)
        log_arm(); /* afterwards it may be refused */
    if (is_noted(number))
        return (void *)noted_call;
    note_gaps(number);
    return (void *)next;
}
