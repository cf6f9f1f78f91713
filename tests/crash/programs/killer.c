/*
 * Kills programs, many times. It prints how often.
 *   killer time COUNT SEED MICROSECONDS one|group PROGRAM…   at a random moment up to MICROSECONDS
 *   killer step FROM TO STRIDE PROGRAM…                      after so many instructions behind SIGUSR2,
 *                                                            until the program ends before that
 * The program is started with the variables of RECORD ("NAME=VALUE" lines): who kills is not recorded.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void surround(void)
{
    char *lines = strdup(getenv("RECORD"));
    unsetenv("RECORD");
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
        putenv(line);
}

static pid_t start(char **program, int traced)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    setpgid(0, 0);
    if (traced)
        ptrace(PTRACE_TRACEME, 0, 0, 0);
    surround();
    execv(program[0], program);
    _exit(127);
}

static void wait_for_all(void)
{
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

static int by_time(char **arguments)
{
    int count = atoi(arguments[0]), most = atoi(arguments[2]), group = strcmp(arguments[3], "group") == 0;
    srandom((unsigned)atoi(arguments[1]));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int i = 0; i < count; i++) {
        long delay = random() % most * 1000;
        pid_t pid = start(arguments + 4, 0);
        setpgid(pid, pid);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){delay / 1000000000, delay % 1000000000}, NULL);
        kill(group ? -pid : pid, SIGKILL);
        wait_for_all();
    }
    return count;
}

/* 1: killed; 0: it ended by itself before. */
static int step(pid_t victim, long steps)
{
    int status;
    for (long i = 0; i < steps; i++)
        if (ptrace(PTRACE_SINGLESTEP, victim, 0, 0) || waitpid(victim, &status, __WALL) < 0 || !WIFSTOPPED(status))
            return 0;
    kill(victim, SIGKILL);
    return 1;
}

/* Lets all run until one says SIGUSR2, kills that one, and lets the others end. */
static int kill_after(char **program, long steps)
{
    int status, killed = 0;
    pid_t pid = start(program, 1);
    for (int first = 1; (pid = waitpid(-1, &status, __WALL)) > 0;) {
        if (!WIFSTOPPED(status))
            continue;
        int signal = WSTOPSIG(status);
        if (first)
            ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                                  PTRACE_O_EXITKILL);
        first = 0;
        if (signal == SIGUSR2) {
            killed = step(pid, steps);
            continue;
        }
        ptrace(PTRACE_CONT, pid, 0, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
    }
    return killed;
}

/* On one processor a step costs two switches and no waking up of another. */
static void stay_here(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
}

static int by_steps(char **arguments)
{
    stay_here();
    long from = atol(arguments[0]), to = atol(arguments[1]), stride = atol(arguments[2]);
    int count = 0;
    for (long steps = from; steps < to && kill_after(arguments + 3, steps); steps += stride)
        count++;
    return count;
}

int main(int count, char **arguments)
{
    if (count > 6 && strcmp(arguments[1], "time") == 0)
        printf("%d\n", by_time(arguments + 2));
    else if (count > 5 && strcmp(arguments[1], "step") == 0)
        printf("%d\n", by_steps(arguments + 2));
    else
        return 2;
    return 0;
}
