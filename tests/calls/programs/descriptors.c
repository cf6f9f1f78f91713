#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"

int main(void)
{
    int file, copy, ends[2];
    KEEPS(file = open("a", O_WRONLY | O_CREAT, 0600));
    KEEPS(copy = fcntl(file, F_DUPFD, 20));
    CHECK(copy >= 20);
    KEEPS(close(file));
    CHECK(write(copy, "ab", 2) == 2);
    KEEPS(file = open("b", O_WRONLY | O_CREAT, 0600));
    KEEPS(dup2(file, copy));
    KEEPS(dup2(file, file));
    KEEPS(close(copy));
    KEEPS(dup3(file, 30, O_CLOEXEC));
    KEEPS(close(30));
    KEEPS(close(file));
    KEEPS(pipe(ends));
    KEEPS(close(ends[0]));
    KEEPS(close(ends[1]));
    KEEPS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    KEEPS(close(ends[0]));
    KEEPS(close(ends[1]));
    FAILS(close(9999), EBADF);
    KEEPS(file = memfd_create("name", 0));
    KEEPS(close(file));
    return 0;
}
