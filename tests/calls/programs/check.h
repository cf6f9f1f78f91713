/* What the small programs share: a call that does not do as expected ends the program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(CONDITION)                                                              \
    do {                                                                              \
        if (!(CONDITION)) {                                                           \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #CONDITION, strerror(errno)); \
            exit(99);                                                                 \
        }                                                                             \
    } while (0)

/* The call fails with this error and leaves no other. */
#define FAILS(CALL, ERROR)                                \
    do {                                                  \
        errno = 0;                                        \
        CHECK((CALL) == -1 && errno == (ERROR));          \
    } while (0)

/* The call succeeds and does not touch errno. */
#define KEEPS(CALL)                                       \
    do {                                                  \
        errno = 4242;                                     \
        CHECK((CALL) != -1);                              \
        CHECK(errno == 4242);                             \
    } while (0)
