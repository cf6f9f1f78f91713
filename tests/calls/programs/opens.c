#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>
#include "check.h"

int main(void)
{
    int file, directory;
    KEEPS(file = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0640));
    struct stat status;
    CHECK(fstat(file, &status) == 0 && (status.st_mode & 0777) == 0640);
    KEEPS(write(file, "abc", 3));
    KEEPS(close(file));
    KEEPS(file = open("new", O_RDONLY));
    KEEPS(close(file));
    KEEPS(file = open("new", O_RDONLY));
    close(file);
    KEEPS(file = open("new", O_RDWR | O_APPEND));
    close(file);
    KEEPS(file = open("new", O_RDONLY));
    close(file);
    FAILS(open("missing", O_RDONLY), ENOENT);
    FAILS(open("missing/x", O_WRONLY | O_CREAT, 0600), ENOENT);
    FAILS(open("new", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    FAILS(open("new/x", O_RDONLY), ENOTDIR);
    FAILS(open((char *)1, O_RDONLY), EFAULT);
    CHECK(mkdir("d", 0700) == 0);
    KEEPS(directory = open("d", O_RDONLY | O_DIRECTORY));
    KEEPS(file = openat(directory, "in", O_WRONLY | O_CREAT, 0600));
    close(file);
    KEEPS(file = openat(directory, "in", O_RDONLY));
    close(file);
    FAILS(openat(directory, "out", O_RDONLY), ENOENT);
    FAILS(openat(9999, "out", O_RDONLY), EBADF);
    KEEPS(file = creat("created", 0600));
    close(file);
    KEEPS(file = open("lock", O_RDONLY | O_CREAT, 0600));
    close(file);
    KEEPS(file = open("new", O_PATH));
    close(file);
    KEEPS(file = open("d", O_RDWR | O_TMPFILE, 0600));
    close(file);
    KEEPS(file = open("/proc/self/status", O_RDONLY));
    close(file);
    KEEPS(file = open("/dev/null", O_WRONLY));
    close(file);
    char one[] = "tXXXXXX", two[] = "uXXXXXX.c", three[] = "vXXXXXX";
    KEEPS(file = mkstemp(one));
    close(file);
    CHECK(rename(one, "t") == 0);
    KEEPS(file = mkostemps(two, 2, O_APPEND));
    close(file);
    CHECK(rename(two, "u.c") == 0);
    CHECK(mkdtemp(three) && rename(three, "v") == 0);
    return 0;
}
