#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

int main(void)
{
    struct stat status;
    char text[PATH_MAX];
    int directory;
    CHECK(mkdir("d", 0700) == 0 && symlink("d", "l") == 0);
    KEEPS(stat("d", &status));
    CHECK(S_ISDIR(status.st_mode));
    KEEPS(lstat("l", &status));
    CHECK(S_ISLNK(status.st_mode));
    FAILS(stat("none", &status), ENOENT);
    FAILS(stat("none", &status), ENOENT);
    KEEPS(directory = open("d", O_RDONLY | O_DIRECTORY));
    FAILS(fstatat(directory, "x", &status, AT_SYMLINK_NOFOLLOW), ENOENT);
    KEEPS(access("l", R_OK));
    FAILS(access("no", R_OK), ENOENT);
    FAILS(faccessat(directory, "y", R_OK, 0), ENOENT);
    KEEPS(readlink("l", text, sizeof text));
    FAILS(readlinkat(directory, "z", text, sizeof text), ENOENT);
    CHECK(realpath("l", text) && text[0] == '/');
    errno = 0;
    CHECK(!realpath("gone", text) && errno == ENOENT);
    KEEPS(stat("/proc/self", &status));
    return 0;
}
