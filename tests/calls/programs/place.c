#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

int main(void)
{
    struct stat status;
    int here;
    CHECK(mkdir("d", 0700) == 0);
    FAILS(stat("x", &status), ENOENT);
    KEEPS(here = open(".", O_RDONLY));
    KEEPS(chdir("d"));
    FAILS(stat("x", &status), ENOENT);
    FAILS(chdir("none"), ENOENT);
    KEEPS(fchdir(here));
    FAILS(stat("x", &status), ENOENT);
    return 0;
}
