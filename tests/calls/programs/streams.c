#define _GNU_SOURCE
#include <unistd.h>
#include "check.h"

int main(void)
{
    FILE *stream;
    CHECK((stream = fopen("w", "w")));
    CHECK(fputs("some text", stream) >= 0);
    KEEPS(fclose(stream));
    CHECK((stream = fopen("w", "r")));
    char text[20];
    CHECK(fgets(text, sizeof text, stream));
    KEEPS(fclose(stream));
    CHECK((stream = fopen("w", "a+e")));
    KEEPS(fclose(stream));
    CHECK((stream = fopen("w", "r+")));
    CHECK((stream = freopen("x", "wx", stream)));
    KEEPS(fclose(stream));
    errno = 0;
    CHECK(!fopen("w", "wx") && errno == EEXIST);
    CHECK(!fopen("none", "r") && errno == ENOENT);
    CHECK((stream = tmpfile()));
    KEEPS(fclose(stream));
    CHECK((stream = popen("cat; exit 3", "w")));
    CHECK(fputs("piped", stream) >= 0);
    CHECK(pclose(stream) == 3 << 8);
    CHECK(system("exit 5") == 5 << 8);
    return 0;
}
