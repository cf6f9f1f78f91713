/*
 * Looking at a target from outside: its memory, and what /proc says of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

#include "worker.h"

/* Some containers forbid the call but not the file. */
static long read_file(int thread, uint64_t at, void *to, size_t size)
{
    char name[64];
    int file = kernel_open(PROBE_AT_FDCWD, proc_path(name, thread, "/mem"), O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return file;
    long got = kernel_read_at(file, to, size, (int64_t)at);
    kernel_close(file);
    return got;
}

long memory_read(int thread, uint64_t at, void *to, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)(uintptr_t)at, size};
    long got = kernel_call(SYS_process_vm_readv, thread, (long)&here, 1, (long)&there, 1, 0);
    return got == -EPERM || got == -ENOSYS ? read_file(thread, at, to, size) : got;
}

/* A NUL-terminated text, read page by page: what follows it may not be there. 1, 0 (not readable, or too long). */
int memory_text(int thread, uint64_t at, char to[PROBE_PATH_MAX])
{
    size_t used = 0;
    while (used < PROBE_PATH_MAX) {
        size_t size = PROBE_PAGE - (at + used) % PROBE_PAGE;
        if (size > 256)
            size = 256;
        if (size > PROBE_PATH_MAX - used)
            size = PROBE_PATH_MAX - used;
        if (memory_read(thread, at + used, to + used, size) != (long)size)
            return 0;
        for (size_t i = 0; i < size; i++)
            if (!to[used + i])
                return 1;
        used += size;
    }
    return 0;
}

char *proc_path(char to[64], int pid, const char *rest)
{
    char *end = to + 64;
    text_append(text_append_number(text_append(to, end, "/proc/"), end, (uint64_t)pid), end, rest);
    return to;
}

/* The text of a link below /proc/PID, its length; 0 or less when there is none. */
long proc_link(int pid, const char *rest, char to[PROBE_PATH_MAX])
{
    char name[64];
    long length = kernel_link_text(proc_path(name, pid, rest), to, PROBE_PATH_MAX - 1);
    to[length > 0 ? length : 0] = 0;
    return length;
}

/* What stands in a file below /proc/PID, NUL-terminated; its length, -1 when it cannot be read. */
long proc_read(int pid, const char *rest, char *to, size_t size)
{
    char name[64];
    size_t used = 0;
    int file = kernel_open(PROBE_AT_FDCWD, proc_path(name, pid, rest), O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return -1;
    for (long got = 1; got > 0 && used + 1 < size; used += got > 0 ? (size_t)got : 0)
        got = kernel_read(file, to + used, size - 1 - used);
    kernel_close(file);
    to[used] = 0;
    return (long)used;
}
