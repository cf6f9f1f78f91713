/* execs VARIANT: starts `show` (found in PATH, and in SHOW) in one of the ways there are. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

extern char **environ;

static const char *show;
static char *arguments[] = {"zero", "one", "", "three", NULL};
static char *other[] = {"MARK=other", "PATH=/nowhere", NULL};
static char *none[] = {NULL};

static void start(const char *how)
{
    if (!strcmp(how, "execl"))
        execl(show, "zero", "one", "", "three", (char *)NULL);
    else if (!strcmp(how, "execle"))
        execle(show, "zero", "one", "", "three", (char *)NULL, other);
    else if (!strcmp(how, "execlp"))
        execlp("show", "zero", "one", "", "three", (char *)NULL);
    else if (!strcmp(how, "execv"))
        execv(show, arguments);
    else if (!strcmp(how, "execve"))
        execve(show, arguments, other);
    else if (!strcmp(how, "execve-empty"))
        execve(show, arguments, none);
    else if (!strcmp(how, "execve-null"))
        execve(show, arguments, NULL);
    else if (!strcmp(how, "execvp"))
        execvp("show", arguments);
    else if (!strcmp(how, "execvpe"))
        execvpe("show", arguments, other);
    else if (!strcmp(how, "fexecve"))
        fexecve(open(show, O_RDONLY), arguments, other);
    else if (!strcmp(how, "clearenv"))
        environ = NULL, execv(show, arguments);
#ifdef __GLIBC__
    else if (!strcmp(how, "execveat"))
        execveat(open("/", O_RDONLY), show + 1, arguments, other, 0);
#endif
    else if (!strcmp(how, "syscall"))
        syscall(SYS_execve, show, arguments, other);
}

static int begin(const char *how)
{
    pid_t child;
    if (!strcmp(how, "posix_spawn"))
        CHECK(posix_spawn(&child, show, NULL, NULL, arguments, other) == 0);
    else if (!strcmp(how, "posix_spawnp"))
        CHECK(posix_spawnp(&child, "show", NULL, NULL, arguments, other) == 0);
    else if (!strncmp(how, "vfork-", 6)) {
        child = vfork();
        if (child == 0) {
            start(how + 6);
            _exit(98);
        }
    } else {
        child = fork();
        if (child == 0) {
            start(how);
            _exit(98);
        }
    }
    return child;
}

int main(int count, char **given)
{
    int status;
    show = getenv("SHOW");
    CHECK(count == 2 && show);
    pid_t child = begin(given[1]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    return 0;
}
