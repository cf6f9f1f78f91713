/*
 * The keeper: a duplicate of every listener and a handle on the worker that serves it. It does
 * nothing until a worker dies without having finished. From then on it lets every call behind
 * that listener go on, unrecorded, and a gap says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "worker.h"

#define IS_LISTENER ((uint64_t)1 << 32) /* in an epoll entry, beside the slot's number */
#define MAIL ((uint64_t)1 << 33)

enum { MAILBOX = 3 }; /* the keeper's end, and */
static int mailbox = -1; /* the workers' end */

static struct {
    int listener, worker;
} kept[WATCH_SLOTS];

static int watch_descriptor(int of, int operation, int descriptor, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return (int)KERNEL(epoll_ctl, of, operation, descriptor, &event);
}

static void let_go(int all, unsigned slot)
{
    watch_descriptor(all, EPOLL_CTL_DEL, kept[slot].listener, 0, 0);
    kernel_close(kept[slot].listener);
    kept[slot].listener = -1;
}

/* 1 when there is one worker more. */
static int take_mail(int all, int *alone)
{
    uint32_t slot = 0;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec text = {&slot, sizeof slot};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int got[2];
    long size = KERNEL(recvmsg, MAILBOX, &message, MSG_CMSG_CLOEXEC, 0);
    if (size == 0) {
        watch_descriptor(all, EPOLL_CTL_DEL, MAILBOX, 0, 0);
        *alone = 1;
    }
    if (size != (long)sizeof slot || slot >= WATCH_SLOTS || message.msg_controllen < CMSG_LEN(2 * sizeof(int)))
        return 0;
    bytes_copy(got, CMSG_DATA(&control.head), sizeof got);
    kept[slot].listener = got[0];
    kept[slot].worker = got[1];
    return watch_descriptor(all, EPOLL_CTL_ADD, got[1], EPOLLIN, slot) == 0;
}

static void note_loss(const struct slot *slot, const char *folder)
{
    struct writer writer = {.exec = slot->exec, .pid = slot->pid, .size = PROBE_BLOCK_UNIT};
    if (!slot->exec || (!*frames_folder() && frames_open(folder) != 0))
        return;
    frames_tick();
    frames_for(&writer);
    frame_gap(PROBE_UNWATCHED, (int)slot->pid, "");
}

/* A worker is gone: finished, or the calls behind its listener are ours now. 1 for that. */
static int worker_ended(int all, struct slot *slot, unsigned number, const char *folder)
{
    watch_descriptor(all, EPOLL_CTL_DEL, kept[number].worker, 0, 0);
    kernel_close(kept[number].worker);
    if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == SLOT_DONE) {
        kernel_close(kept[number].listener);
        kept[number].listener = -1;
        __atomic_store_n(&slot->state, SLOT_FREE, __ATOMIC_RELEASE);
        return 0;
    }
    if (slot->call.id) /* it may have been answered: then this one is refused */
        listener_go_on(kept[number].listener, slot->call.id, 0);
    note_loss(slot, folder);
    watch_descriptor(all, EPOLL_CTL_ADD, kept[number].listener, EPOLLIN, IS_LISTENER | number);
    return 1;
}

static int answer(int all, const struct epoll_event *event, unsigned number)
{
    struct seccomp_notif call = {0};
    if (!(event->events & EPOLLIN)) {
        let_go(all, number);
        return 0;
    }
    if (KERNEL(ioctl, kept[number].listener, SECCOMP_IOCTL_NOTIF_RECV, &call, 0) == 0)
        listener_go_on(kept[number].listener, call.id, 0);
    return 1;
}

static _Noreturn void keep(struct shared *shared, const char *folder)
{
    int all = (int)KERNEL(epoll_create1, 0, 0, 0, 0), alone = 0, workers = 0, ours = 0;
    KERNEL(prctl, PR_SET_NAME, "probe-keeper", 0, 0);
    watch_descriptor(all, EPOLL_CTL_ADD, MAILBOX, EPOLLIN, MAIL);
    while (!alone || workers || ours) {
        struct epoll_event event;
        if (kernel_call(SYS_epoll_pwait, all, (long)&event, 1, -1, 0, 8) != 1)
            continue;
        unsigned number = (unsigned)(event.data.u64 & (WATCH_SLOTS - 1));
        if (event.data.u64 == MAIL)
            workers += take_mail(all, &alone);
        else if (event.data.u64 & IS_LISTENER)
            ours -= !answer(all, &event, number);
        else
            workers--, ours += worker_ended(all, &shared->slots[number], number, folder);
    }
    for (;;)
        KERNEL(exit_group, 0, 0, 0, 0);
}

void keeper_start(struct shared *shared, const char *folder)
{
    int ends[2];
    if (KERNEL(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return;
    long child = kernel_call(SYS_clone, 0, 0, 0, 0, 0, 0);
    if (child == 0) {
        KERNEL(setsid, 0, 0, 0, 0);
        ends[1] = (int)KERNEL(fcntl, ends[1], F_DUPFD, 10, 0);
        KERNEL(dup3, ends[1], MAILBOX, O_CLOEXEC, 0);
        KERNEL(close_range, MAILBOX + 1, ~0u, 0, 0); /* the socket and the connections are not ours to keep open */
        keep(shared, folder);
    }
    kernel_close(ends[1]);
    if (mailbox >= 0)
        kernel_close(mailbox);
    mailbox = child > 0 ? ends[0] : -1;
    if (child <= 0)
        kernel_close(ends[0]);
}

/* The other end is closed as soon as the keeper is gone, however it went. */
int keeper_lives(void)
{
    struct pollfd asked = {mailbox, 0, 0};
    struct timespec now = {0, 0};
    return mailbox >= 0 && kernel_call(SYS_ppoll, (long)&asked, 1, (long)&now, 0, 8, 0) == 0;
}

void keeper_give(int listener, int worker, int slot)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(2 * sizeof(int))];
    } control = {.head = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    int both[2] = {listener, worker};
    uint32_t number = (uint32_t)slot;
    struct iovec text = {&number, sizeof number};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    bytes_copy(CMSG_DATA(&control.head), both, sizeof both);
    KERNEL(sendmsg, mailbox, &message, MSG_NOSIGNAL, 0);
}
