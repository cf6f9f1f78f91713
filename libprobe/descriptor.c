#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define SCANNED 64

static int64_t nanoseconds(struct timespec time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec; }

void identity_fill(struct probe_identity *identity, int descriptor, const struct stat *status, int flags)
{
    identity->descriptor = descriptor;
    identity->flags = (uint32_t)flags;
    if (!status)
        return;
    identity->mode = status->st_mode;
    identity->links = (uint32_t)status->st_nlink;
    identity->device = status->st_dev;
    identity->inode = status->st_ino;
    identity->size = status->st_size;
    identity->modified = nanoseconds(status->st_mtim);
    identity->changed = nanoseconds(status->st_ctim);
}

/* The path behind a descriptor costs a readlink: asked once per file and segment. */
static size_t path_once(int descriptor, const struct stat *status, char path[PROBE_PATH_MAX], uint64_t *id)
{
    char name[48];
    *id = 0;
    if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode))
        return 0;
    uint64_t hash = hash_word(hash_word(PROBE_DESCRIPTOR, status->st_dev), status->st_ino) | 1;
    if (log_seen(hash))
        return 0;
    char *at = text_append(name, name + sizeof name, "/proc/self/fd/");
    text_append_number(at, name + sizeof name, (uint64_t)descriptor);
    long length = kernel_link_text(name, path, PROBE_PATH_MAX - 1);
    if (length <= 0)
        return 0;
    *id = hash;
    return (size_t)length;
}

__attribute__((noinline)) void descriptor_note(uint8_t kind, int descriptor, const struct stat *status, int flags)
{
    char path[PROBE_PATH_MAX];
    uint64_t id;
    size_t length = kind == PROBE_DESCRIPTOR ? path_once(descriptor, status, path, &id) : (id = 0);
    struct probe_identity *note = log_claim(kind, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    identity_fill(note, descriptor, status, flags);
    if (kind == PROBE_DESCRIPTOR && S_ISREG(status->st_mode))
        note->position = KERNEL(lseek, descriptor, 0, 1 /* SEEK_CUR */, 0);
    if (process.state == STATE_ON && KERNEL(fcntl, descriptor, F_GETFD, 0, 0) == FD_CLOEXEC)
        note->frame.detail = PROBE_CLOSE_ON_EXEC; /* what is open at start came through an exec */
    put_text((char *)(note + 1), path, length);
    log_commit(note);
    if (id)
        log_mark(id);
}

void descriptor_note_open(int descriptor)
{
    struct stat status;
    if (kernel_stat_of(descriptor, &status) || S_ISCHR(status.st_mode))
        return;
    int flags = (int)KERNEL(fcntl, descriptor, F_GETFL, 0, 0);
    set_writing(descriptor, S_ISREG(status.st_mode) && (flags & O_ACCMODE) != O_RDONLY);
    descriptor_note(PROBE_DESCRIPTOR, descriptor, &status, flags);
}

/* One poll tells which are open: a closed one is POLLNVAL. */
void descriptors_note(int first, int last)
{
    struct pollfd asked[SCANNED];
    struct timespec now = {0, 0};
    int count = last - first + 1;
    for (int i = 0; i < count; i++)
        asked[i] = (struct pollfd){first + i, 0, 0};
    long answered = kernel_call(SYS_ppoll, (long)asked, count, (long)&now, 0, 8, 0);
    for (int i = 0; i < count; i++) /* refused where RLIMIT_NOFILE is smaller: ask each */
        if (answered < 0 || !(asked[i].revents & POLLNVAL))
            descriptor_note_open(first + i);
}

void descriptors_describe(void)
{
    log_announce();
    if (own->described || strayed())
        return;
    own->described = 1;
    descriptors_note(0, 2);
}
