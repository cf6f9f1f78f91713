/*
 * Workers come into being one by one: the one that waits in accept forks its successor and
 * serves. All are in a session of their own, block every signal, and hold no descriptor but
 * their own: so they outlive the recording for as long as a program is behind a listener, and
 * `probe-record x | cat` ends with x.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "../launch.h"
#include "worker.h"

#define DRAIN_MS 100

enum { LISTENING = 3, ROOT = 4 }; /* the server's descriptors */

static struct shared *shared;

int server_listen(const char *folder)
{
    struct watch_address address;
    size_t size = watch_address(&address, folder);
    int listening = (int)KERNEL(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0);
    if (listening < 0)
        return listening;
    long failed = KERNEL(bind, listening, &address, size, 0);
    if (failed == 0)
        failed = KERNEL(listen, listening, 512, 0, 0);
    if (failed == 0)
        failed = KERNEL(fcntl, listening, F_SETOWN, kernel_pid(), 0);
    if (failed == 0)
        failed = KERNEL(fcntl, listening, F_SETSIG, SIGIO, 0);
    if (failed == 0)
        failed = KERNEL(fcntl, listening, F_SETFL, O_ASYNC, 0);
    if (failed < 0)
        kernel_close(listening);
    return failed < 0 ? (int)failed : listening;
}

static int take_slot(void)
{
    static unsigned next;
    for (unsigned i = 0; i < WATCH_SLOTS; i++) {
        unsigned number = (next + i + (unsigned)kernel_pid()) % WATCH_SLOTS;
        int free_one = SLOT_FREE;
        if (__atomic_compare_exchange_n(&shared->slots[number].state, &free_one, SLOT_TAKEN, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED)) {
            shared->slots[number].exec = shared->slots[number].pid = 0;
            bytes_clear(&shared->slots[number].call, sizeof shared->slots[number].call);
            return (int)number;
        }
    }
    return -1;
}

static int peer_of(int connection)
{
    struct ucred other;
    uint32_t size = sizeof other;
    uint32_t user = (uint32_t)KERNEL(geteuid, 0, 0, 0, 0);
    if (kernel_call(SYS_getsockopt, connection, SOL_SOCKET, SO_PEERCRED, (long)&other, (long)&size, 0) != 0)
        return 0;
    return other.uid == user ? other.pid : 0; /* who has become another user cannot write to the run either */
}

static int receive_listener(int connection)
{
    uint8_t word;
    int listener = -1;
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec text = {&word, 1};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (KERNEL(recvmsg, connection, &message, MSG_CMSG_CLOEXEC, 0) == 1 &&
        message.msg_controllen >= CMSG_LEN(sizeof(int)))
        bytes_copy(&listener, CMSG_DATA(&control.head), sizeof listener);
    return listener;
}

static _Noreturn void serve(int connection, int peer, const char *folder)
{
    uint8_t held = WATCH_HELD;
    int slot = take_slot(), listener = receive_listener(connection);
    if (listener >= 0) {
        struct slot none = {0}, *own_slot = slot >= 0 ? &shared->slots[slot] : &none;
        int handle = (int)KERNEL(pidfd_open, kernel_pid(), 0, 0, 0);
        if (handle >= 0 && slot >= 0)
            keeper_give(listener, handle, slot);
        kernel_close(handle);
        kernel_call(SYS_sendto, connection, (long)&held, 1, MSG_NOSIGNAL, 0, 0);
        kernel_close(connection);
        if (frames_open(folder) == 0)
            worker_serve(listener, own_slot, peer);
    }
    if (slot >= 0) /* the keeper frees it, when it has the listener */
        __atomic_store_n(&shared->slots[slot].state, listener >= 0 ? SLOT_DONE : SLOT_FREE, __ATOMIC_RELEASE);
    __atomic_fetch_sub(&shared->workers, 1, __ATOMIC_RELEASE);
    leave(0);
}

/* One that asks. Returns in the process that goes on waiting. */
static void welcome(int listening, int connection, const char *folder, const struct watch_reply *reply)
{
    struct timeval patience = {1, 0};
    uint8_t word = 0;
    int peer = peer_of(connection);
    kernel_call(SYS_setsockopt, connection, SOL_SOCKET, SO_RCVTIMEO, (long)&patience, sizeof patience, 0);
    if (!peer || kernel_call(SYS_recvfrom, connection, (long)&word, 1, 0, 0, 0) != 1)
        return;
    if (!keeper_lives())
        keeper_start(shared, folder);
    if (!keeper_lives())
        return;
    if (word == WATCH_ENTER)
        __atomic_fetch_add(&shared->workers, 1, __ATOMIC_RELEASE);
    kernel_call(SYS_sendto, connection, (long)reply, sizeof *reply, MSG_NOSIGNAL, 0, 0);
    if (word != WATCH_ENTER)
        return;
    long successor = kernel_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (successor == 0)
        return;
    kernel_close(listening);
    patience.tv_sec = 0; /* from now on as long as it takes */
    kernel_call(SYS_setsockopt, connection, SOL_SOCKET, SO_RCVTIMEO, (long)&patience, sizeof patience, 0);
    serve(connection, peer, folder);
}

static _Noreturn void wait_for_targets(int listening, const char *folder, int policy, int root)
{
    static struct watch_reply reply = {.word = WATCH_READY};
    reply.policy = (uint8_t)policy;
    kernel_link_text("/proc/self/exe", reply.helper, sizeof reply.helper - 1);
    struct pollfd asked[2] = {{listening, POLLIN, 0}, {root, POLLIN, 0}};
    for (;;) {
        if (kernel_call(SYS_ppoll, (long)asked, root >= 0 ? 2 : 1, 0, 0, 8, 0) < 0)
            continue;
        if (asked[0].revents & POLLIN) {
            int connection = (int)KERNEL(accept4, listening, NULL, NULL, SOCK_CLOEXEC);
            if (connection >= 0) {
                welcome(listening, connection, folder, &reply);
                kernel_close(connection);
            }
        } else {
            leave(0);
        }
    }
}

/* Away from the recorded command: its terminal, its descriptors, its directory. */
static void detach(int listening, int root)
{
    struct rlimit files;
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } ignored = {(void *)1, 0, NULL, 0};
    uint64_t all = ~(uint64_t)0;
    KERNEL(setsid, 0, 0, 0, 0);
    KERNEL(rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    KERNEL(rt_sigaction, SIGCHLD, &ignored, NULL, sizeof all); /* nobody waits for workers */
    int nothing = kernel_open(PROBE_AT_FDCWD, "/dev/null", O_RDWR, 0);
    listening = (int)KERNEL(fcntl, listening, F_DUPFD, 10, 0);
    root = (int)KERNEL(fcntl, root, F_DUPFD, 10, 0);
    for (int i = 0; i <= 2; i++)
        KERNEL(dup3, nothing, i, 0, 0);
    KERNEL(dup3, listening, LISTENING, O_CLOEXEC, 0);
    KERNEL(dup3, root, ROOT, O_CLOEXEC, 0);
    KERNEL(close_range, ROOT + 1, ~0u, 0, 0);
    KERNEL(chdir, "/", 0, 0, 0);
    KERNEL(prctl, PR_SET_NAME, "probe-watch", 0, 0);
    if (KERNEL(prlimit64, 0, RLIMIT_NOFILE, NULL, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        KERNEL(prlimit64, 0, RLIMIT_NOFILE, &files, NULL);
    }
}

void server_start(int listening, const char *folder, int policy, int root)
{
    KERNEL(fcntl, listening, F_SETFL, 0, 0); /* no further SIGIO */
    shared = kernel_map(sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
    int of_root = (int)KERNEL(pidfd_open, root, 0, 0, 0);
    if (shared && of_root >= 0 && kernel_call(SYS_clone, 0, 0, 0, 0, 0, 0) == 0) {
        detach(listening, of_root);
        wait_for_targets(LISTENING, folder, policy, ROOT);
    }
    kernel_close(of_root);
}

void server_drain(void)
{
    struct timespec pause = {0, 1000000};
    for (int i = 0; shared && i < DRAIN_MS && __atomic_load_n(&shared->workers, __ATOMIC_ACQUIRE) > 0; i++)
        KERNEL(nanosleep, &pause, NULL, 0, 0);
}
