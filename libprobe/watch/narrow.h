/*
 * Programs of the other word size on x86-64: i386's numbers of the calls that are notified. Arguments
 * mean the same; only pointers in memory are four bytes wide. What has no row here passes in the kernel.
 */
#ifndef PROBE_WATCH_NARROW_H
#define PROBE_WATCH_NARROW_H

#include <linux/audit.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

#define NARROW_ARCH AUDIT_ARCH_I386

/* CALL(i386's number, ours) */
#define NARROW_CALLS(CALL)                                                                              \
    CALL(2, SYS_fork) CALL(5, SYS_open) CALL(8, SYS_creat) CALL(9, SYS_link) CALL(10, SYS_unlink)       \
    CALL(11, SYS_execve) CALL(12, SYS_chdir) CALL(14, SYS_mknod) CALL(15, SYS_chmod)                    \
    CALL(16, SYS_lchown) CALL(33, SYS_access) CALL(38, SYS_rename) CALL(39, SYS_mkdir)                  \
    CALL(40, SYS_rmdir) CALL(61, SYS_chroot) CALL(83, SYS_symlink) CALL(85, SYS_readlink)               \
    CALL(92, SYS_truncate) CALL(94, SYS_fchmod) CALL(95, SYS_fchown) CALL(106, SYS_stat)                \
    CALL(107, SYS_lstat) CALL(133, SYS_fchdir) CALL(141, SYS_getdents64) CALL(182, SYS_chown)           \
    CALL(190, SYS_vfork) CALL(193, SYS_truncate) CALL(195, SYS_stat) CALL(196, SYS_lstat)               \
    CALL(198, SYS_lchown) CALL(207, SYS_fchown) CALL(212, SYS_chown) CALL(217, SYS_pivot_root)          \
    CALL(220, SYS_getdents64) CALL(252, SYS_exit_group) CALL(295, SYS_openat) CALL(296, SYS_mkdirat)    \
    CALL(297, SYS_mknodat) CALL(298, SYS_fchownat) CALL(301, SYS_unlinkat) CALL(302, SYS_renameat)      \
    CALL(303, SYS_linkat) CALL(304, SYS_symlinkat) CALL(305, SYS_readlinkat) CALL(306, SYS_fchmodat)    \
    CALL(307, SYS_faccessat) CALL(320, SYS_utimensat) CALL(353, SYS_renameat2) CALL(358, SYS_execveat)  \
    CALL(412, SYS_utimensat) CALL(425, WATCH_IO_URING_SETUP) CALL(435, WATCH_CLONE3)                    \
    CALL(437, WATCH_OPENAT2) CALL(439, WATCH_FACCESSAT2) CALL(452, WATCH_FCHMODAT2)

/* CALL(i386's number, ours, argument, bits): with any of these bits set it passes. */
#define NARROW_CALLS_WITHOUT(CALL)                                                                     \
    CALL(120, SYS_clone, 0, WATCH_CLONE_THREAD) CALL(300, SYS_newfstatat, 3, WATCH_EMPTY_PATH)          \
    CALL(383, SYS_statx, 2, WATCH_EMPTY_PATH)

static inline int narrow_number(int number)
{
    switch (number) {
#define CALL(THEIRS, OURS, ...) case THEIRS: return OURS;
        NARROW_CALLS(CALL) NARROW_CALLS_WITHOUT(CALL)
#undef CALL
    default: return -1;
    }
}

#endif
#endif
