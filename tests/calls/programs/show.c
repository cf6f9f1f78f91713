/* Says what it was given: its arguments, and one variable. */
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        printf("[%s]", arguments[i]);
    const char *mark = getenv("MARK");
    printf(" MARK=%s\n", mark ? mark : "");
    return 7;
}
