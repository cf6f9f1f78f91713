/*
 * unarmed WAY: makes a child before any file has been accessed; the child reads /etc/hostname, the parent
 * /etc/passwd after it. Shared memory (vfork): the child reads as its parent, which is then told from a fork.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char stack[1 << 16] __attribute__((aligned(16)));

static void reads(const char *path)
{
    int file = open(path, O_RDONLY);
    CHECK(file >= 0);
    close(file);
}

static int child(void *unused)
{
    (void)unused;
    reads("/etc/hostname");
    _exit(0);
}

static pid_t begin(const char *way)
{
    int terminal;
    if (!strcmp(way, "clone"))
        return clone(child, stack + sizeof stack, SIGCHLD, NULL);
    if (!strcmp(way, "syscall"))
        return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (!strcmp(way, "forkpty"))
        return forkpty(&terminal, NULL, NULL, NULL);
    return fork();
}

int main(int count, char **arguments)
{
    int status = 0;
    CHECK(count == 2);
    if (!strcmp(arguments[1], "daemon")) {
        CHECK(daemon(1, 1) == 0); /* the parent has ended */
        return child(NULL);
    }
    pid_t made = strcmp(arguments[1], "vfork") ? begin(arguments[1]) : vfork();
    CHECK(made >= 0);
    if (!made)
        child(NULL);
    CHECK(waitpid(made, &status, 0) == made && status == 0);
    reads("/etc/passwd");
    return 0;
}
