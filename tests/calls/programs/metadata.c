#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>
#include "check.h"

int main(void)
{
    int file = open("a", O_RDONLY | O_CREAT, 0600);
    struct timespec times[2] = {{1, 0}, {2, 0}};
    KEEPS(chmod("a", 0644));
    KEEPS(fchmod(file, 0600));
    KEEPS(fchmodat(AT_FDCWD, "a", 0644, 0));
    KEEPS(chown("a", getuid(), getgid()));
    KEEPS(lchown("a", getuid(), getgid()));
    KEEPS(fchown(file, getuid(), getgid()));
    KEEPS(utime("a", NULL));
    KEEPS(utimes("a", NULL));
    KEEPS(utimensat(AT_FDCWD, "a", times, 0));
    KEEPS(futimens(file, times));
    FAILS(chmod("none", 0644), ENOENT);
    return 0;
}
