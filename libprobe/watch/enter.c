/*
 * The target's side: may it be watched, does somebody answer, and putting the filter on.
 * In libprobe (just before an exec) and in the launcher (its own command, the helper).
 * No libc, no memory but the caller's stack, errno untouched: fit for vfork children.
 */
#include "watch.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "filter.h"

#define PATIENCE 2 /* seconds for an answer, before anything has been done */

/*
 * What must never have a filter of ours: starters of containers (they want a listener of their
 * own, there can be one only, and what they start belongs to another world), and programs whose
 * purpose is another privilege.
 */
static const char never[][28] = {
    "apptainer", "bubblewrap", "buildah", "buildkitd", "bwrap", "charliecloud", "ch-run", "chroot", "conmon",
    "containerd", "containerd-shim", "containerd-shim-runc-v2", "crio", "crun", "ctr", "docker", "docker-init",
    "dockerd", "doas", "enroot", "firejail", "flatpak", "fusermount", "fusermount3", "gvisor", "k3s", "kata-runtime",
    "kubelet", "lxc", "lxc-start", "lxd", "machinectl", "mount", "nerdctl", "newgidmap", "newgrp", "newuidmap", "nsenter",
    "pkexec", "podman", "proot", "rootlesskit", "run0", "runc", "runsc", "runuser", "shifter", "singularity",
    "singularity-ce", "skopeo", "snap", "snap-confine", "starter", "starter-suid", "su", "sudo", "sudo-rs",
    "systemd-nspawn", "systemd-run", "umount", "unshare", "youki", "probe-record", "probe-sh",
};

static const char *last_part(const char *path)
{
    const char *name = path;
    for (const char *at = path; *at; at++)
        if (*at == '/' && at[1])
            name = at + 1;
    return name;
}

static int is_never(const char *path)
{
    const char *name = last_part(path);
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (text_equal(name, never[i]))
            return 1;
    return 0;
}

size_t watch_address(struct watch_address *to, const char *folder)
{
    to->family = AF_UNIX;
    to->name[0] = 0;
    char *end = to->name + sizeof to->name;
    end = text_append(text_append(to->name + 1, end, WATCH_HELLO), end, last_part(folder));
    return offsetof(struct watch_address, name) + (size_t)(end - to->name);
}

/* Without one of these two the kernel asks for no_new_privs, which cannot be taken back. */
static int needs_no_new_rights(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    if (KERNEL(capget, &head, sets, 0, 0) == 0 && sets[CAP_SYS_ADMIN / 32].effective >> CAP_SYS_ADMIN % 32 & 1)
        return 1;
    return KERNEL(prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0) == 1;
}

int watch_hello(const char *folder)
{
    char question[PROBE_PATH_MAX];
    if (KERNEL(prctl, PR_GET_SECCOMP, 0, 0, 0) != 2)
        return 0;
    char *end = text_append(question, question + sizeof question, WATCH_HELLO);
    text_append(end, question + sizeof question, last_part(folder));
    return kernel_open(WATCH_HELLO_AT, question, 0, 0) == -WATCH_HELLO_ANSWER;
}

/* Abstract names are everybody's: the other side must be the same user. */
static int is_trusted(int connection)
{
    struct ucred other;
    uint32_t size = sizeof other;
    if (kernel_call(SYS_getsockopt, connection, SOL_SOCKET, SO_PEERCRED, (long)&other, (long)&size, 0) != 0)
        return 0;
    return other.uid == (uint32_t)KERNEL(geteuid, 0, 0, 0, 0);
}

/* Connects and waits for READY; the connection or minus an error number. */
static int ask(const char *folder, uint8_t word, struct watch_reply *reply)
{
    struct watch_address address;
    struct timeval patience = {PATIENCE, 0};
    size_t size = watch_address(&address, folder);
    int connection = (int)KERNEL(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0);
    if (connection < 0)
        return connection;
    kernel_call(SYS_setsockopt, connection, SOL_SOCKET, SO_SNDTIMEO, (long)&patience, sizeof patience, 0);
    kernel_call(SYS_setsockopt, connection, SOL_SOCKET, SO_RCVTIMEO, (long)&patience, sizeof patience, 0);
    long failed = KERNEL(connect, connection, &address, size, 0);
    if (failed == 0 && !is_trusted(connection))
        failed = -EPERM;
    if (failed == 0)
        failed = kernel_call(SYS_sendto, connection, (long)&word, 1, MSG_NOSIGNAL, 0, 0);
    if (failed == 1)
        failed = kernel_call(SYS_recvfrom, connection, (long)reply, sizeof *reply, 0, 0, 0);
    if (failed == (long)sizeof *reply && reply->word == WATCH_READY)
        return connection;
    kernel_close(connection);
    return failed < 0 ? (int)failed : -EPROTO;
}

static int may_enter(const struct watch_reply *reply)
{
    return reply->policy == WATCH_ALWAYS || (reply->policy == WATCH_AUTO && needs_no_new_rights());
}

int watch_ask(const char *folder, const char *path)
{
    struct watch_reply reply;
    if (is_never(path))
        return WATCH_NO;
    if (watch_hello(folder))
        return WATCH_ALREADY;
    int connection = ask(folder, WATCH_ENTER, &reply);
    if (connection >= 0 && may_enter(&reply))
        return connection;
    if (connection >= 0)
        kernel_close(connection);
    return WATCH_NO;
}

int watch_ask_helper(const char *folder, const char *path, char helper[PROBE_PATH_MAX])
{
    struct watch_reply reply;
    if (is_never(path))
        return WATCH_NO;
    if (watch_hello(folder))
        return WATCH_ALREADY;
    int connection = ask(folder, WATCH_QUERY, &reply);
    if (connection < 0)
        return WATCH_NO;
    kernel_close(connection);
    reply.helper[sizeof reply.helper - 1] = 0;
    text_append(helper, helper + PROBE_PATH_MAX, reply.helper);
    return may_enter(&reply) && KERNEL(faccessat, PROBE_AT_FDCWD, helper, 1 /* X_OK */, 0) == 0 ? 1 : WATCH_NO;
}

static int put_on_filter(void)
{
    struct sock_fprog program = {sizeof watch_filter / sizeof *watch_filter, (struct sock_filter *)(uintptr_t)watch_filter};
    long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long listener = KERNEL(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program, 0);
    if (listener == -EACCES) { /* only where the user asked for it: may_enter */
        KERNEL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
        listener = KERNEL(seccomp, SECCOMP_SET_MODE_FILTER, flags, &program, 0);
    }
    return (int)listener;
}

static long hand_over(int connection, int listener)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    uint8_t word = WATCH_ENTER;
    struct iovec text = {&word, 1};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    bytes_copy(CMSG_DATA(&control.head), &listener, sizeof listener);
    return KERNEL(sendmsg, connection, &message, MSG_NOSIGNAL, 0);
}

/* 1 when the worker and the keeper have it. */
static int hand_over_and_wait(int connection, int listener)
{
    uint8_t word = 0;
    struct timeval for_ever = {0, 0};
    kernel_call(SYS_setsockopt, connection, SOL_SOCKET, SO_RCVTIMEO, (long)&for_ever, sizeof for_ever, 0);
    if (hand_over(connection, listener) == 1)
        while (kernel_call(SYS_recvfrom, connection, (long)&word, 1, 0, 0, 0) == -EINTR)
            ;
    kernel_close(connection);
    return word == WATCH_HELD;
}

int watch_install(int connection, const char *folder)
{
    struct watch_reply reply;
    int listener = put_on_filter();
    if (listener < 0) {
        kernel_close(connection);
        return 0;
    }
    /* From here on there is no way back: should the worker be killed just now, another one takes it. */
    while (!hand_over_and_wait(connection, listener) && (connection = ask(folder, WATCH_ENTER, &reply)) >= 0)
        ;
    kernel_close(listener);
    return 1;
}
