/*
 * The filter: which system calls are notified. Everything else passes in the kernel.
 * Threads are not notified (clone), nor questions about open descriptors. What the client
 * needs after it put the filter on (sendmsg, recvmsg, close) must not stand here.
 */
#ifndef PROBE_WATCH_FILTER_H
#define PROBE_WATCH_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "../kernel.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define WATCH_OPENAT2 437
#define WATCH_FACCESSAT2 439
#define WATCH_FCHMODAT2 452
#define WATCH_CLONE3 435
#define WATCH_IO_URING_SETUP 425
#define WATCH_CLONE_THREAD 0x10000
#define WATCH_EMPTY_PATH 0x1000

#include "narrow.h"

#if defined(__x86_64__)
#define WATCH_ARCH AUDIT_ARCH_X86_64
#else
#define WATCH_ARCH AUDIT_ARCH_AARCH64
#endif

#define WATCH_LOAD(FIELD) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, FIELD))
#define WATCH_RETURN(ACTION) BPF_STMT(BPF_RET | BPF_K, ACTION)
/* Skips the `n` following statements unless the number is this one. */
#define WATCH_UNLESS(NUMBER, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NUMBER, 0, n)
#define NOTIFY(NUMBER) WATCH_UNLESS(NUMBER, 1), WATCH_RETURN(SECCOMP_RET_USER_NOTIF)
/* The low half of an argument decides: with any of these bits the call passes. */
#define NOTIFY_WITHOUT(NUMBER, ARGUMENT, BITS)                                                     \
    WATCH_UNLESS(NUMBER, 4), WATCH_LOAD(args[ARGUMENT]),                                          \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, BITS, 0, 1), WATCH_RETURN(SECCOMP_RET_ALLOW),        \
        WATCH_RETURN(SECCOMP_RET_USER_NOTIF)

#ifdef NARROW_ARCH
#define NARROW_NOTIFY(THEIRS, OURS) NOTIFY(THEIRS),
#define NARROW_NOTIFY_WITHOUT(THEIRS, OURS, ARGUMENT, BITS) NOTIFY_WITHOUT(THEIRS, ARGUMENT, BITS),
#define NARROW_TWO(...) +2
#define NARROW_FIVE(...) +5
#define NARROW_SIZE (2 NARROW_CALLS(NARROW_TWO) NARROW_CALLS_WITHOUT(NARROW_FIVE)) /* LOAD, the calls, RETURN */
_Static_assert(NARROW_SIZE < 256, "a jump over it must fit");
#endif

static const struct sock_filter watch_filter[] = {
    WATCH_LOAD(arch),
#ifdef NARROW_ARCH
    WATCH_UNLESS(NARROW_ARCH, NARROW_SIZE), WATCH_LOAD(nr),
    NARROW_CALLS(NARROW_NOTIFY) NARROW_CALLS_WITHOUT(NARROW_NOTIFY_WITHOUT) WATCH_RETURN(SECCOMP_RET_ALLOW),
#endif
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WATCH_ARCH, 1, 0), WATCH_RETURN(SECCOMP_RET_ALLOW),
    WATCH_LOAD(nr),
    NOTIFY(SYS_openat), NOTIFY(WATCH_OPENAT2),
#ifdef SYS_open
    NOTIFY(SYS_open), NOTIFY(SYS_creat), NOTIFY(SYS_stat), NOTIFY(SYS_lstat), NOTIFY(SYS_access), NOTIFY(SYS_readlink),
    NOTIFY(SYS_unlink), NOTIFY(SYS_rmdir), NOTIFY(SYS_rename), NOTIFY(SYS_link), NOTIFY(SYS_symlink),
    NOTIFY(SYS_mkdir), NOTIFY(SYS_mknod), NOTIFY(SYS_chmod), NOTIFY(SYS_chown), NOTIFY(SYS_lchown),
    NOTIFY(SYS_fork), NOTIFY(SYS_vfork),
#endif
#ifdef SYS_renameat
    NOTIFY(SYS_renameat),
#endif
    NOTIFY_WITHOUT(SYS_newfstatat, 3, WATCH_EMPTY_PATH), NOTIFY_WITHOUT(SYS_statx, 2, WATCH_EMPTY_PATH),
    NOTIFY_WITHOUT(SYS_clone, 0, WATCH_CLONE_THREAD), NOTIFY(WATCH_CLONE3),
    NOTIFY(SYS_faccessat), NOTIFY(WATCH_FACCESSAT2), NOTIFY(SYS_readlinkat), NOTIFY(SYS_getdents64),
    NOTIFY(SYS_unlinkat), NOTIFY(SYS_renameat2), NOTIFY(SYS_linkat), NOTIFY(SYS_symlinkat), NOTIFY(SYS_mkdirat),
    NOTIFY(SYS_mknodat), NOTIFY(SYS_truncate), NOTIFY(SYS_fchmod), NOTIFY(SYS_fchmodat), NOTIFY(WATCH_FCHMODAT2),
    NOTIFY(SYS_fchown), NOTIFY(SYS_fchownat), NOTIFY(SYS_utimensat), NOTIFY(SYS_chdir), NOTIFY(SYS_fchdir),
    NOTIFY(SYS_chroot), NOTIFY(SYS_pivot_root), NOTIFY(WATCH_IO_URING_SETUP), NOTIFY(SYS_execve),
    NOTIFY(SYS_execveat), NOTIFY(SYS_exit_group),
    WATCH_RETURN(SECCOMP_RET_ALLOW),
};

#endif
