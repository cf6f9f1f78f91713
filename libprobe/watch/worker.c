/*
 * One listener, until nobody is behind it. Each call is read, noted, and let go on.
 * ENOENT from the kernel only means that this caller was interrupted meanwhile.
 */
#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "worker.h"

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif

int listener_go_on(int listener, uint64_t id, int error)
{
    struct seccomp_notif_resp answer = {.id = id};
    answer.error = -error;
    answer.flags = error ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    return (int)KERNEL(ioctl, listener, SECCOMP_IOCTL_NOTIF_SEND, &answer, 0);
}

static int read_call(struct slot *slot)
{
    struct notice notice = {.call = &slot->call, .thread = (int)slot->call.pid, .now = log_now()};
    notice.target = notice.thread > 0 ? target_of(notice.thread, notice.now) : NULL;
    if (!notice.target)
        return 0;
    int error = call_noticed(&notice);
    if (notice.target && notice.target->writer.exec && notice.target->state == TARGET_RECORDED) {
        slot->exec = notice.target->writer.exec;
        slot->pid = notice.target->writer.pid;
    }
    return error;
}

void worker_serve(int listener, struct slot *slot, int peer)
{
    struct pollfd asked = {listener, POLLIN, 0};
    /* The kernel then hands the processor over to the other side: 5 instead of 25 microseconds a call. */
    KERNEL(ioctl, listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, 0);
    target_add(peer, NULL);
    for (;;) {
        if (kernel_call(SYS_ppoll, (long)&asked, 1, 0, 0, 8, 0) < 0)
            continue;
        if (!(asked.revents & POLLIN))
            return;
        bytes_clear(&slot->call, sizeof slot->call);
        if (KERNEL(ioctl, listener, SECCOMP_IOCTL_NOTIF_RECV, &slot->call, 0) < 0)
            continue;
        listener_go_on(listener, slot->call.id, read_call(slot));
    }
}
