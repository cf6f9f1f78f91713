/*
 * probe-record: one static file that records a command. It carries libprobe inside, makes
 * the run's folder, runs the command as the terminal expects, and ends as the command ended.
 * Under the names probe-sh and sh it is a shell for make (launch-shell.c).
 */
#include "launch.h"

#include "segment.h"
#include "watch/server.h"

static const char usage[] =
    "Usage: probe-record [OPTION]... [--] COMMAND [ARGUMENT]...\n"
    "       probe-record --prepare [--root PID] [OPTION]... [COMMAND...]\n"
    "Records what COMMAND, and everything below it, reads, writes and runs; ends as COMMAND ends.\n"
    "\n"
    "  --spool DIR    where the recording lies (default: $PROBE_SPOOL, else\n"
    "                 $XDG_STATE_HOME/probe, else ~/.local/state/probe)\n"
    "  --name N       a name for the run\n"
    "  --engine E     the workflow engine that COMMAND is\n"
    "  --id UUID      the run's id (default: a random one)\n"
    "  --static=gap|watch|auto\n"
    "                 static programs, which the recorder cannot enter: note a gap (default,\n"
    "                 or $PROBE_STATIC); watch them through seccomp; or watch them only where that\n"
    "                 takes no privilege away. docs/limits.md tells what watching changes\n"
    "  --then ARG     may be repeated: a command to run afterwards, with the run's folder behind it\n"
    "  --behind       of a large recording the command may run on by itself, in a session of its own;\n"
    "                 never with PROBE_WAIT=1 in the environment\n"
    "  --prepare      make the folder for a process that already runs, and print the variables its\n"
    "                 children need, NAME=VALUE, each with a NUL behind it\n"
    "  --root PID     that process (default: the parent)\n"
    "  -v, --verbose  say where the recording lies\n"
    "  -q, --quiet    say nothing, not even that nothing is recorded\n"
    "  --help, --version\n"
    "\n"
    "Exit status: that of COMMAND; 127 when it does not exist, 126 when it cannot be executed,\n"
    "2 when an option is wrong.\n";

static void print(const char *text) { KERNEL(write, 1, text, text_length(text), 0); }

static _Noreturn void wrong(const char *what, const char *argument)
{
    say(what, " '", argument, "'; `probe-record --help` tells the options", NULL);
    leave(2);
}

static int number_of(const char *text)
{
    int number = 0;
    for (const char *digit = text; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || number > 100000000)
            wrong("not a process", text);
        number = number * 10 + (*digit - '0');
    }
    if (!number || !process_started(number))
        wrong("no such process", text);
    return number;
}

/* Becomes a folder's name: nothing but a UUID will do. */
static const char *checked_id(char *text)
{
    size_t at = 0;
    for (; text[at]; at++) {
        int dash = at == 8 || at == 13 || at == 18 || at == 23;
        if (text[at] >= 'A' && text[at] <= 'F')
            text[at] |= 0x20;
        char c = text[at];
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            break;
    }
    if (text[at] || at != 36)
        wrong("not a UUID:", text);
    return text;
}

static int policy_of(const char *text)
{
    static const char *const known[] = {"gap", "auto", "watch"};
    for (int i = 0; i < 3; i++)
        if (text_equal(text, known[i]))
            return i;
    return -1;
}

static int checked_policy(const char *text)
{
    int policy = policy_of(text);
    if (policy < 0)
        wrong("--static is gap, watch or auto, not", text);
    return policy;
}

/* An option with a value takes the next argument; gives the place of the last one taken. */
static char **take_value(struct request *request, char **at)
{
    char *option = *at, *value = at[1];
    static const char *const known[] = {"--spool", "--name", "--engine", "--id", "--then", "--root", "--static"};
    int which = 0;
    while (which < 7 && !text_equal(option, known[which]))
        which++;
    if (which == 7)
        wrong("unknown option", option);
    if (!value)
        wrong("a value is missing after", option);
    switch (which) {
    case 0: request->spool = value; break;
    case 1: request->name = value; break;
    case 2: request->engine = value; break;
    case 3: request->id = checked_id(value); break;
    case 4: request->then[request->then_count++] = value; break;
    case 5: request->root = number_of(value); break;
    case 6: request->policy = checked_policy(value); break;
    }
    return at + 1;
}

static void read_arguments(struct request *request, char **at)
{
    for (; *at && **at == '-'; at++) {
        if (text_equal(*at, "--")) {
            at++;
            break;
        }
        if (text_equal(*at, "-v") || text_equal(*at, "--verbose"))
            request->verbose = 1;
        else if (text_equal(*at, "-q") || text_equal(*at, "--quiet"))
            request->quiet = 1;
        else if (text_begins(*at, "--static="))
            request->policy = checked_policy(*at + 9);
        else if (text_equal(*at, "--behind"))
            request->behind = 1;
        else if (text_equal(*at, "--prepare"))
            request->prepare = 1;
        else if (text_equal(*at, "--help") || text_equal(*at, "-h"))
            print(usage), leave(0);
        else if (text_equal(*at, "--version"))
            print("probe-record " PROBE_RELEASE "\n"), leave(0);
        else
            at = take_value(request, at);
    }
    request->command = at;
}

/* For a root that runs already: the folder is made, its children's variables printed. */
static _Noreturn void prepare(struct request *request, struct recording *recording)
{
    if (!request->root)
        request->root = kernel_parent();
    long failed = recording_open(recording, request);
    if (failed < 0) {
        if (!request->quiet)
            say("not recorded: ", recording->failed_at ? recording->failed_at : "no place for the spool", ": ",
                error_text(failed), NULL);
        leave(1);
    }
    int listening = request->policy ? server_listen(recording->folder) : -1;
    if (listening >= 0)
        server_start(listening, recording->folder, request->policy, request->root);
    for (char **entry = recorded_environment(request, recording, NULL); *entry; entry++)
        if (text_begins(*entry, "LD_PRELOAD=") || text_begins(*entry, "PROBE_RUN="))
            KERNEL(write, 1, *entry, text_length(*entry) + 1, 0);
    leave(0);
}

static _Noreturn void record(struct request *request, struct recording *recording)
{
    struct outcome outcome = {0};
    long failed = recording_open(recording, request);
    if (failed < 0) {
        if (!request->quiet)
            say("not recorded: ", recording->failed_at ? recording->failed_at : "no place for the spool", ": ",
                error_text(failed), NULL);
        execute(request->command, request->environment, request->environment);
    }
    char **environment = recorded_environment(request, recording, NULL);
    run_as_given(request, environment, &outcome);
    server_drain();
    write_result(recording, &outcome);
    if (request->then_count)
        take_in(request, recording);
    else if (request->verbose)
        say("recorded in ", recording->folder, NULL);
    end_as(outcome.status);
}

static const char *base_name(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

/* Below posix_spawn: puts the filter on in the child, then becomes the program. */
static _Noreturn void watched_main(char **arguments, char **environment)
{
    const char *folder = variable(environment, "PROBE_RUN");
    if (!arguments[0] || !arguments[1] || !folder)
        wrong("started by a recorded program only:", WATCH_HELPER);
    int connection = watch_ask(folder, *arguments);
    if (connection != WATCH_ALREADY && (connection < 0 || !watch_install(connection, folder)))
        note_unseen(folder, *arguments, arguments + 1, PROBE_STATIC);
    KERNEL(execve, *arguments, arguments + 1, environment, 0);
    leave(127);
}

__attribute__((used, visibility("hidden"))) _Noreturn void start(long *stack);

void start(long *stack)
{
    static struct recording recording;
    size_t count = (size_t)*stack;
    char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;
    struct request request = {.environment = environment};
    if (count && (text_equal(base_name(arguments[0]), "probe-sh") || text_equal(base_name(arguments[0]), "sh")))
        shell_main(arguments, environment);
    if (count > 1 && text_equal(arguments[0], WATCH_HELPER))
        watched_main(arguments + 1, environment);
    const char *policy = variable(environment, "PROBE_STATIC");
    if (policy && policy_of(policy) >= 0)
        request.policy = policy_of(policy);
    request.then = grab((count + 2) * sizeof *request.then);
    read_arguments(&request, count ? arguments + 1 : arguments);
    if (request.prepare)
        prepare(&request, &recording);
    if (!*request.command)
        wrong("no command behind", count ? arguments[0] : "probe-record");
    record(&request, &recording);
}

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n bl start\n");
#endif
