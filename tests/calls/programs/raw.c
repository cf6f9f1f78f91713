#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "check.h"

int main(void)
{
    int file;
    KEEPS(file = (int)syscall(SYS_openat, AT_FDCWD, "raw", O_WRONLY | O_CREAT, 0600));
    close(file);
    FAILS(syscall(SYS_openat, AT_FDCWD, "none", O_RDONLY, 0), ENOENT);
    KEEPS(syscall(SYS_renameat2, AT_FDCWD, "raw", AT_FDCWD, "cooked", 0));
    KEEPS(syscall(SYS_unlinkat, AT_FDCWD, "cooked", 0));
    CHECK(syscall(SYS_getpid) == getpid());
    syscall(SYS_io_uring_setup, 1, NULL);
    syscall(SYS_io_uring_setup, 1, NULL);
    char *arguments[] = {"true", NULL}, *none[] = {NULL};
    if (fork() == 0)
        syscall(SYS_execve, "/bin/true", arguments, none);
    return 0;
}
