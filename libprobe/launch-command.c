/*
 * Running the command as if the launcher were not there.
 *
 * The command stays in the launcher's process group, so the terminal's own signals
 * (Ctrl-C, Ctrl-\, Ctrl-Z) reach it from the kernel; the launcher only drops its copy.
 * What somebody sends to the launcher alone is passed on. When the command stops, the
 * launcher stops itself by the same signal, so that the shell sees a stopped job.
 * All signals are blocked here and taken one by one: there are no handlers. Mask and
 * dispositions are put back for the command before it is executed.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "watch/server.h"

#define ALL_SIGNALS (~(uint64_t)0)
#define BIT(signal) ((uint64_t)1 << ((signal) - 1))

struct action { /* the kernel's struct sigaction */
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

static uint64_t mask_before;
static struct action child_action_before;
static int death_signal;
static struct {
    int socket; /* -1: nobody is to be watched, or the server has it */
    int policy;
    const char *folder;
} watching = {.socket = -1};

void leave(int code)
{
    for (;;)
        KERNEL(exit_group, code, 0, 0, 0);
}

static void set_mask(uint64_t mask) { KERNEL(rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof mask); }

static void set_action(int signal, const struct action *action, struct action *before)
{
    KERNEL(rt_sigaction, signal, action, before, sizeof(uint64_t));
}

static void prepare_signals(void)
{
    uint64_t all = ALL_SIGNALS;
    struct action usual = {0};
    KERNEL(rt_sigprocmask, SIG_SETMASK, &all, &mask_before, sizeof all);
    /* With SIGCHLD ignored the kernel would reap the command and its status be lost. */
    set_action(SIGCHLD, &usual, &child_action_before);
    KERNEL(prctl, PR_GET_PDEATHSIG, &death_signal, 0, 0);
}

int fork_child(void)
{
    int pid = (int)kernel_call(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (pid == 0) {
        set_action(SIGCHLD, &child_action_before, NULL);
        if (death_signal) /* is kept over exec, but lost in a fork */
            KERNEL(prctl, PR_SET_PDEATHSIG, death_signal, 0, 0);
        set_mask(mask_before);
    }
    return pid;
}

/* Gives 1 when process `pid` has `signal` already waiting: the sender reached the whole group. */
static int has_pending(int pid, int signal)
{
    char path[64], text[4096], *end = path + sizeof path;
    text_append(text_append_number(text_append(path, end, "/proc/"), end, (uint64_t)pid), end, "/status");
    if (read_small_file(path, text, sizeof text) <= 0)
        return 0;
    for (const char *line = text; *line; line++) {
        if (!text_begins(line, "\nShdPnd:\t"))
            continue;
        uint64_t pending = 0;
        for (line += 9; *line && *line != '\n'; line++)
            pending = pending << 4 | (uint64_t)(*line <= '9' ? *line - '0' : *line - 'a' + 10);
        return (pending & BIT(signal)) != 0;
    }
    return 0;
}

/* The terminal's signals come from the kernel, to the whole foreground group. */
static int group_got_it(const siginfo_t *info)
{
    if (info->si_code != SI_KERNEL)
        return 0;
    switch (info->si_signo) {
    case SIGINT: case SIGQUIT: case SIGTSTP: case SIGTTIN: case SIGTTOU: case SIGWINCH: case SIGCONT:
        return 1;
    case SIGHUP: /* a hang-up goes to the session's leader alone */
        return KERNEL(getsid, 0, 0, 0, 0) != kernel_pid();
    }
    return 0;
}

static void pass_on(int pid, siginfo_t *info)
{
    if (group_got_it(info) || has_pending(pid, info->si_signo))
        return;
    if (info->si_code != SI_QUEUE || KERNEL(rt_sigqueueinfo, pid, info->si_signo, info, 0) < 0)
        KERNEL(kill, pid, info->si_signo, 0, 0);
}

/* Stops this process as the command was stopped; returns when it is continued. */
static void stop_as(int signal)
{
    struct action usual = {0}, before;
    if (signal != SIGSTOP)
        set_action(signal, &usual, &before);
    /* While it is blocked: one that the terminal sent may wait already, and once is enough. */
    KERNEL(kill, kernel_pid(), signal, 0, 0);
    set_mask(ALL_SIGNALS & ~BIT(signal));
    set_mask(ALL_SIGNALS);
    if (signal != SIGSTOP)
        set_action(signal, &before, NULL);
}

static int64_t microseconds(const struct timeval *time) { return (int64_t)time->tv_sec * 1000000 + time->tv_usec; }

/* Gives 1 when the command has ended, its outcome filled in. */
static int look_at_child(int pid, int *stopped, struct outcome *outcome)
{
    struct rusage usage;
    int status;
    while (KERNEL(wait4, pid, &status, WNOHANG | WUNTRACED | WCONTINUED, &usage) == pid) {
        if (WIFSTOPPED(status)) {
            *stopped = 1;
            stop_as(WSTOPSIG(status));
        } else if (WIFCONTINUED(status)) {
            *stopped = 0;
        } else {
            outcome->status = status;
            outcome->user = microseconds(&usage.ru_utime);
            outcome->system = microseconds(&usage.ru_stime);
            outcome->memory = usage.ru_maxrss;
            return 1;
        }
    }
    return 0;
}

/* The first program that wants to be watched: only now is there a server. */
static int is_first_target(const siginfo_t *info)
{
    if (watching.socket < 0 || info->si_signo != SIGIO || info->si_code != POLL_IN)
        return 0;
    server_start(watching.socket, watching.folder, watching.policy, kernel_pid());
    kernel_close(watching.socket);
    watching.socket = -1;
    return 1;
}

static void wait_for(int pid, struct outcome *outcome)
{
    uint64_t all = ALL_SIGNALS;
    int stopped = 0;
    outcome->pid = pid;
    while (!look_at_child(pid, &stopped, outcome)) {
        siginfo_t info;
        if (KERNEL(rt_sigtimedwait, &all, &info, NULL, sizeof all) <= 0 || info.si_signo == SIGCHLD ||
            is_first_target(&info))
            continue;
        if (info.si_signo != SIGCONT)
            pass_on(pid, &info);
        else if (look_at_child(pid, &stopped, outcome))
            return;
        else if (stopped) /* somebody continued only the launcher */
            KERNEL(kill, pid, SIGCONT, 0, 0);
    }
}

/*
 * The launcher must not keep open what the command closes: the other end of a pipe
 * would wait. Standard error stays where a word on it may still be due.
 */
static void let_go_of_descriptors(int keep_error)
{
    int nothing = kernel_open(PROBE_AT_FDCWD, "/dev/null", O_RDWR, 0);
    for (int i = 0; nothing >= 0 && i <= 2; i++)
        if (nothing != i && (i < 2 || !keep_error))
            KERNEL(dup3, nothing, i, 0, 0);
    int from = 3;
    if (watching.socket >= 0) {
        KERNEL(dup3, watching.socket, from, O_CLOEXEC, 0);
        watching.socket = from++;
    }
    if (KERNEL(close_range, from, ~0u, 0, 0) == -ENOSYS)
        for (int i = from; i < 1024; i++)
            kernel_close(i);
}

static int is_terminal(int descriptor)
{
    char settings[256];
    return KERNEL(ioctl, descriptor, TCGETS, settings, 0) == 0;
}

void run_as_given(const struct request *request, char **environment, struct outcome *outcome)
{
    prepare_signals();
    if (request->policy) {
        watching.policy = request->policy;
        watching.folder = variable(environment, "PROBE_RUN");
        watching.socket = server_listen(watching.folder);
    }
    int pid = fork_child();
    if (pid == 0)
        execute(request->command, environment, request->environment);
    if (pid < 0) { /* no process to spare: the command goes first */
        set_action(SIGCHLD, &child_action_before, NULL);
        set_mask(mask_before);
        execute(request->command, request->environment, request->environment);
    }
    let_go_of_descriptors(request->verbose || (!request->quiet && is_terminal(2)));
    wait_for(pid, outcome);
}

/* The environment of what takes the run in: as the launcher got it, without an outer recording's marks. */
char **outer_environment(const struct request *request)
{
    size_t count = 0, used = 0;
    while (request->environment[count])
        count++;
    char **environment = grab((count + 1) * sizeof *environment);
    for (size_t i = 0; i < count; i++)
        if (!text_begins(request->environment[i], "PROBE_RUN=") && !text_begins(request->environment[i], "PROBE_STEP="))
            environment[used++] = request->environment[i];
    return environment;
}

/* Whether what takes the run in would be ended with the launcher: a container's or a service's first process. */
static int must_wait(const struct request *request)
{
    const char *said = variable(request->environment, "PROBE_WAIT");
    if (said && *said)
        return !text_equal(said, "0");
    return kernel_pid() == 1 || kernel_parent() == 1;
}

/* Whether somebody reads standard error who does not read an outer recording's line already. */
static int is_seen(const struct request *request)
{
    const char *outer = variable(request->environment, "PROBE_RUN");
    return request->verbose || (!request->quiet && !(outer && *outer) && is_terminal(2));
}

/* Runs the `--then` arguments with the folder behind them, apart from the command's streams. */
void take_in(const struct request *request, const struct recording *recording)
{
    struct outcome outcome;
    if (request->behind && !must_wait(request) && is_large(recording) &&
        take_in_behind(request, recording, is_seen(request)))
        return;
    request->then[request->then_count] = (char *)recording->folder;
    int pid = fork_child();
    if (pid == 0) {
        char **environment = outer_environment(request);
        KERNEL(dup3, 2, 1, 0, 0);
        execute(request->then, environment, environment);
    }
    if (pid > 0)
        wait_for(pid, &outcome);
}

/* Ends as the command ended: the same code, or the same signal without a second core file. */
void end_as(int status)
{
    if (!WIFSIGNALED(status))
        leave(WEXITSTATUS(status));
    int signal = WTERMSIG(status);
    struct action usual = {0};
    struct rlimit none = {0, 0};
    KERNEL(prlimit64, 0, RLIMIT_CORE, &none, NULL);
    KERNEL(prctl, PR_SET_DUMPABLE, 0, 0, 0);
    if (signal != SIGKILL)
        set_action(signal, &usual, NULL);
    KERNEL(kill, kernel_pid(), signal, 0, 0);
    set_mask(ALL_SIGNALS & ~BIT(signal));
    leave(128 + signal);
}
