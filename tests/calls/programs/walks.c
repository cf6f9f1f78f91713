#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"

static int seen;

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)path, (void)status, (void)type, (void)place;
    seen++;
    return 0;
}

int main(void)
{
    DIR *directory;
    struct dirent **list;
    glob_t found;
    CHECK(mkdir("d", 0700) == 0 && mkdir("d/e", 0700) == 0 && close(open("d/f", O_CREAT | O_WRONLY, 0600)) == 0);
    CHECK((directory = opendir("d")) && closedir(directory) == 0);
    errno = 0;
    CHECK(!opendir("none") && errno == ENOENT);
    CHECK(scandir("d", &list, NULL, alphasort) == 4);
    CHECK(nftw("d", visit, 8, FTW_PHYS) == 0 && seen == 3);
    CHECK(glob("d/*", 0, NULL, &found) == 0 && found.gl_pathc == 2);
    return 0;
}
