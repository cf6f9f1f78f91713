#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

static void make(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK(file >= 0 && close(file) == 0);
}

int main(void)
{
    int directory;
    make("a");
    KEEPS(rename("a", "b"));
    FAILS(rename("a", "b"), ENOENT);
    KEEPS(mkdir("d", 0700));
    FAILS(mkdir("d", 0700), EEXIST);
    KEEPS(directory = open("d", O_RDONLY | O_DIRECTORY));
    KEEPS(renameat(AT_FDCWD, "b", directory, "c"));
    KEEPS(link("d/c", "hard"));
    KEEPS(linkat(directory, "c", directory, "hard", 0));
    KEEPS(symlink("d/c", "soft"));
    KEEPS(symlinkat("../hard", directory, "soft"));
    KEEPS(unlink("hard"));
    KEEPS(unlinkat(directory, "hard", 0));
    KEEPS(mkdirat(directory, "e", 0700));
    KEEPS(unlinkat(directory, "e", AT_REMOVEDIR));
    KEEPS(mkfifo("f", 0600));
    KEEPS(remove("f"));
    KEEPS(mknod("n", S_IFREG | 0600, 0));
    KEEPS(truncate("n", 10));
    FAILS(truncate("none", 10), ENOENT);
    KEEPS(remove("n"));
    FAILS(unlink("none"), ENOENT);
    KEEPS(mkdir("g", 0700));
    KEEPS(rmdir("g"));
    return 0;
}
