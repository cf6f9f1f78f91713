/*
 * many SLICES EACH: SLICES times EACH look-ups by four threads, of 100,000 names in turn, so that hardly one
 * repeats while it is remembered; after each slice 100 programs. A line a slice: ns of CPU of a look-up, and
 * of a program with its child.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NAMES 100000
#define THREADS 4
#define PROGRAMS 100

extern char **environ;
static long each;

static void *look(void *first)
{
    char path[64];
    struct stat status;
    for (long i = 0, at = (long)first; i < each / THREADS; i++, at++) {
        snprintf(path, sizeof path, "/no-such-folder/%02ld/name%03ld", at % NAMES / 1000, at % 1000);
        if (stat(path, &status) == 0)
            exit(3);
    }
    return NULL;
}

static double used(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static void run_programs(void)
{
    char *arguments[] = {"true", NULL};
    for (int i = 0; i < PROGRAMS; i++) {
        pid_t child;
        int status = 0;
        if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) || waitpid(child, &status, 0) != child || status)
            exit(4);
    }
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    each = atol(arguments[2]);
    for (int slice = 0; slice < atoi(arguments[1]); slice++) {
        pthread_t threads[THREADS];
        double began = used(RUSAGE_SELF);
        for (long i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, look, (void *)(i * NAMES / THREADS));
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        double looked = used(RUSAGE_SELF), before = looked + used(RUSAGE_CHILDREN);
        run_programs();
        double after = used(RUSAGE_SELF) + used(RUSAGE_CHILDREN);
        printf("%.0f %.0f\n", (looked - began) / (double)each, (after - before) / PROGRAMS);
        fflush(stdout);
    }
    return 0;
}
