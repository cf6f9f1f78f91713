/* closed PROGRAM: everything closed, then a file, whose descriptor must be 0, then a shell. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    for (int i = 0; i < 1024; i++)
        close(i);
    if (open("first", O_WRONLY | O_CREAT, 0600) != 0)
        return 1;
    if (open("second", O_WRONLY | O_CREAT, 0600) != 1)
        return 2;
    for (int i = 0; i < 30000; i++) { /* past the end of a segment */
        char path[300];
        struct stat status;
        int at = 0;
        for (; at < 200; at++)
            path[at] = (char)('a' + (i >> at % 16 & 1));
        path[at] = 0;
        stat(path, &status);
    }
    if (open("third", O_WRONLY | O_CREAT, 0600) != 2)
        return 3;
    clearenv();
    return system("exec /bin/true");
}
