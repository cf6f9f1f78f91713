/* Makes more notes than a segment holds. */
#include <sys/stat.h>
#include "check.h"

int main(void)
{
    struct stat status;
    char path[201];
    for (int i = 0; i < 30000; i++) {
        for (int at = 0; at < 200; at++)
            path[at] = (char)('a' + (i >> at % 16 & 1));
        path[200] = 0;
        FAILS(stat(path, &status), ENOENT);
    }
    return 0;
}
