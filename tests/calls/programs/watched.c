/* A static program for the second mechanism: what it does is its first argument. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static long bad[8], missing, interrupted;

static long opens(long count)
{
    long failed = 0;
    for (long i = 0; i < count; i++) {
        int file = open("input", O_RDONLY);
        failed += file < 0;
        missing += file < 0 && errno == ENOSYS;
        interrupted += file < 0 && errno == EINTR;
        if (file >= 0)
            close(file);
    }
    return failed;
}

static void *thread(void *which)
{
    bad[(long)which] = opens(500);
    return NULL;
}

static int threads(void)
{
    pthread_t all[8];
    long sum = 0;
    for (long i = 0; i < 8; i++)
        pthread_create(&all[i], NULL, thread, (void *)i);
    for (long i = 0; i < 8; i++)
        pthread_join(all[i], NULL), sum += bad[i];
    printf("%ld\n", sum);
    return sum != 0;
}

static void *for_ever(void *unused)
{
    for (;;)
        opens(100);
    return unused;
}

/* The process ends while its threads are in the middle of calls. */
static int race(void)
{
    pthread_t one;
    for (int i = 0; i < 8; i++)
        pthread_create(&one, NULL, for_ever, NULL);
    usleep(50000);
    return 0;
}

static void *short_life(void *unused) { opens(1); return unused; }

static int churn(long count)
{
    pthread_t one;
    for (long i = 0; i < count; i++)
        pthread_create(&one, NULL, short_life, NULL), pthread_join(one, NULL);
    return 0;
}

static void nothing(int number) { (void)number; }

static int timer(long count, int restart)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = restart ? SA_RESTART : 0};
    struct itimerval often = {{0, 100}, {0, 100}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    opens(count);
    printf("%ld\n", interrupted);
    return 0;
}

/* What a program can see of itself, without what differs from run to run. */
static int self(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        if ((!strncmp(line, "Sig", 3) && line[3] != 'Q') || !strncmp(line, "ShdPnd", 6) || !strncmp(line, "NoNew", 5))
            fputs(line, stdout);
    fclose(status);
    DIR *open_ones = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(open_ones));)
        if (atoi(entry->d_name) != dirfd(open_ones))
            printf("%s ", entry->d_name);
    printf("pid %d parent %d leader %d\n", getpid() == atoi(getenv("ITS_PID") ? getenv("ITS_PID") : "0"),
           getppid() == atoi(getenv("ITS_PARENT") ? getenv("ITS_PARENT") : "0"), getpgrp() == getpid());
    return 0;
}

static int daemon_of(const char *out)
{
    if (fork())
        return 0;
    setsid();
    if (fork())
        _exit(0);
    for (int i = 0; i < 3; i++)
        close(i);
    usleep(700000);
    long failed = opens(1000);
    int file = open(out, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    dprintf(file, "%ld\n", failed);
    return 0;
}

static int start(char **arguments, char how)
{
    pid_t child = -1;
    int status;
    if (how == 's' && posix_spawn(&child, *arguments, NULL, NULL, arguments, environ))
        return 99;
    if (how == 'f')
        child = fork();
    if (how == 'v')
        child = vfork();
    if (how == '3') { /* clone3 by itself, as new libcs do */
        struct { unsigned long flags, pidfd, child, parent, signal, stack, size, tls; } call = {.signal = SIGCHLD};
        child = (pid_t)syscall(435, &call, sizeof call);
    }
    if (child == 0) {
        execve("/nowhere/at/all", arguments, environ);
        execve(*arguments, arguments, environ);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    if (!strcmp(what, "opens")) {
        long failed = opens(atol(arguments[2]));
        printf("%ld %ld\n", failed, missing);
        return failed != 0;
    }
    if (!strcmp(what, "threads"))
        return threads();
    if (!strcmp(what, "timer"))
        return timer(atol(arguments[2]), 0);
    if (!strcmp(what, "restarted"))
        return timer(atol(arguments[2]), 1);
    if (!strcmp(what, "race"))
        return race();
    if (!strcmp(what, "churn"))
        return churn(atol(arguments[2]));
    if (!strcmp(what, "serve"))
        return open("/dev/fuse", O_RDWR), (int)opens(3);
    if (!strcmp(what, "self"))
        return self();
    if (!strcmp(what, "daemon"))
        return daemon_of(arguments[2]);
    if (!strncmp(what, "start-", 6))
        return start(arguments + 2, what[6]);
    return 1;
}
