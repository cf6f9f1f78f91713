/* Threads that open files while signals do the same and forks go on beside them: nothing is lost. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

enum { THREADS = 8, FILES = 200, FORKS = 30 };

static volatile int in_signal;

static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    int file = open("/etc/passwd", O_RDONLY | O_NOFOLLOW);
    if (file >= 0)
        close(file);
    in_signal++;
    errno = saved;
}

static void *work(void *which)
{
    char path[64];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "none-%ld-%d", (long)which, i);
        FAILS(open(path, O_RDONLY), ENOENT);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    struct itimerval every = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    for (long i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            char path[64];
            snprintf(path, sizeof path, "child-%d", i);
            open(path, O_RDONLY);
            _exit(i);
        }
        int status;
        while (waitpid(child, &status, 0) < 0)
            CHECK(errno == EINTR);
        CHECK(WEXITSTATUS(status) == i);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    while (!in_signal)
        usleep(100);
    setitimer(ITIMER_REAL, &off, NULL);
    return 0;
}
