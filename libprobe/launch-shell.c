/*
 * The launcher as make's shell: `make SHELL=probe-sh`. It becomes ${PROBE_SHELL:-/bin/sh} by
 * exec, with the recorder in the environment. It joins the run it finds; where there is none it
 * opens one for its parent, under an id made from the boot and that process, so that all the
 * recipes of one make meet in one run: who makes the folder first fills it, the others wait, and
 * whoever comes later finds the link `library` in it and asks no more.
 * Each recipe line is a step of its own, and a line in declarations/probe-sh tells which.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>

#define PATIENCE_MS 5000

static int has_description(const char *folder)
{
    struct stat found;
    return kernel_stat_at(PROBE_AT_FDCWD, joined(folder, "/run.json", NULL), &found, 0) == 0;
}

static uint64_t mixed(uint64_t hash, const void *from, size_t size)
{
    const unsigned char *bytes = from;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3;
        hash ^= hash >> 31;
    }
    hash *= 0xd6e8feb86659fd93;
    return hash ^ hash >> 32;
}

/* A UUID of version 8 from the boot, the namespace of pids, the pid and when it started. */
static void id_of_process(char to[40], int pid, uint64_t started)
{
    struct { char boot[40]; uint64_t space, pid, started; } of = {.pid = (uint64_t)pid, .started = started};
    struct stat found;
    read_small_file("/proc/sys/kernel/random/boot_id", of.boot, sizeof of.boot);
    if (kernel_stat_at(PROBE_AT_FDCWD, "/proc/self/ns/pid", &found, 0) == 0)
        of.space = found.st_ino;
    uint64_t half[2] = {mixed(0xcbf29ce484222325, &of, sizeof of), mixed(0x84222325cbf29ce4, &of, sizeof of)};
    half[0] = (half[0] & ~(uint64_t)0xf000) | 0x8000;
    half[1] = (half[1] & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = "0123456789abcdef"[half[i / 16] >> (60 - i % 16 * 4) & 15];
    }
    *to = 0;
}

static int is_make(int pid, uint64_t *started)
{
    char name[64] = "";
    uint64_t found = process_named(pid, name, sizeof name);
    if (started)
        *started = found;
    size_t length = text_length(name);
    return length >= 4 && text_equal(name + length - 4, "make");
}

/* Another recipe of the same make is making the folder: wait until it is complete. */
static int wait_for_description(const char *folder)
{
    struct timespec pause = {0, 1000000};
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (has_description(folder))
            return 1;
        KERNEL(nanosleep, &pause, NULL, 0, 0);
    }
    return 0;
}

static int is_there(const char *path) { return KERNEL(faccessat, PROBE_AT_FDCWD, path, 4 /* R_OK */, 0) == 0; }

/* An earlier recipe has opened the run: its link, made last, tells where the library is. */
static int is_open_already(struct recording *recording, const struct request *request)
{
    char *end = recording->folder + sizeof recording->folder;
    recording_place(recording, request);
    char *at = text_append(text_append(recording->folder, end, recording->spool), end, "/runs/");
    at = text_append(at, end, request->id);
    if (!recording->spool[0] || at + 300 > end)
        return 0;
    const char *link = joined(recording->folder, "/library", NULL);
    long length = KERNEL(readlinkat, PROBE_AT_FDCWD, link, recording->library, sizeof recording->library - 1);
    if (length <= 0)
        return 0;
    recording->library[length] = 0;
    return is_there(recording->library);
}

/* Gives 0 when there is no run to be had, 1 when it is this one's work, 2 when an earlier recipe had opened it. */
static int open_for_parent(struct recording *recording, struct request *request)
{
    char id[40];
    uint64_t started;
    request->root = kernel_parent();
    request->engine = is_make(request->root, &started) ? "make" : NULL;
    id_of_process(id, request->root, started);
    request->id = id;
    request->exclusive = 1;
    if (is_open_already(recording, request))
        return 2;
    long failed = recording_open(recording, request);
    if (failed == -EEXIST)
        return wait_for_description(recording->folder);
    if (failed < 0)
        say("not recorded: ", recording->failed_at ? recording->failed_at : "no place", ": ", error_text(failed), NULL);
    else
        KERNEL(symlinkat, recording->library, PROBE_AT_FDCWD, joined(recording->folder, "/library", NULL), 0);
    return failed == 0;
}

/* The run this shell was started in, with its library made sure of. */
static int join(struct recording *recording, const struct request *request)
{
    const char *folder = variable(request->environment, "PROBE_RUN");
    char *end = recording->folder + sizeof recording->folder;
    if (!folder || *folder != '/' || text_length(folder) + 1 > sizeof recording->folder || !has_description(folder))
        return 0;
    text_append(recording->folder, end, folder);
    const char *library = preloaded_library(request->environment);
    if (library && text_length(library) < sizeof recording->library && is_there(library)) {
        text_append(recording->library, recording->library + sizeof recording->library, library);
        return 1;
    }
    char *cut = text_append(recording->spool, recording->spool + sizeof recording->spool, folder);
    for (int parts = 0; parts < 2 && cut > recording->spool;)
        parts += *--cut == '/';
    *cut = 0;
    long mask = KERNEL(umask, 0, 0, 0, 0);
    long failed = library_unpack(recording);
    KERNEL(umask, mask, 0, 0, 0);
    return failed == 0;
}

static char *number_text(int number)
{
    char *text = grab(24);
    text_append_number(text, text + 24, (uint64_t)number);
    return text;
}

/* The make above may tell the target itself (`probe make SHELL=probe-sh`); another make's step is not ours. */
static int make_told(const char *step)
{
    return step && text_begins(step, joined("make:", number_text(kernel_parent()), ":", NULL));
}

/* What make was called with, a word a line. */
static const char *command_line(int pid)
{
    char path[64], *end = path + sizeof path, *text = grab(4096);
    text_append(text_append_number(text_append(path, end, "/proc/"), end, (uint64_t)pid), end, "/cmdline");
    long length = read_small_file(path, text, 4096);
    for (long i = 0; i + 1 < length; i++)
        if (!text[i])
            text[i] = '\n';
    return length > 0 ? text : "";
}

/* What the make was called with is told by the recipe that opened the run for it. */
static void declare(const struct recording *recording, const char *key, const char *text, int is_later)
{
    static struct json json;
    char directory[PROBE_PATH_MAX] = "";
    int file = kernel_open(PROBE_AT_FDCWD, joined(recording->folder, "/declarations/probe-sh", NULL),
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    kernel_directory(directory, sizeof directory);
    json_open(&json, file);
    json_raw(&json, "{\"key\":");
    json_string(&json, key);
    json_raw(&json, ",\"pid\":");
    json_number(&json, kernel_pid());
    json_raw(&json, ",\"make\":");
    json_number(&json, kernel_parent());
    if (!is_later) {
        json_raw(&json, ",\"arguments\":");
        json_string(&json, command_line(kernel_parent()));
    }
    json_raw(&json, ",\"started\":");
    json_number(&json, kernel_clock(CLOCK_REALTIME));
    json_raw(&json, ",\"directory\":");
    json_string(&json, directory);
    json_raw(&json, ",\"command\":");
    json_string(&json, text);
    json_raw(&json, "}\n");
    json_close(&json);
    kernel_close(file);
}

/* The text behind the option that ends in c: -c, -ec. */
static char **command_text(char **arguments)
{
    for (; *arguments; arguments++)
        if (**arguments == '-' && (*arguments)[text_length(*arguments) - 1] == 'c')
            return arguments[1] ? arguments + 1 : NULL;
    return NULL;
}

/*
 * Under .ONESHELL make gives the whole recipe at once, and takes the `@`, `-` and `+` off its later lines only
 * for shells that it knows by name. Here they are taken off as make does it: where a line ends without an
 * odd number of backslashes, all blanks and signs that follow.
 */
static char *without_signs(const char *text)
{
    char *result = grab(text_length(text) + 1), *to = result;
    while (*text) {
        int escaped = 0;
        while (*text == ' ' || *text == '\t' || *text == '@' || *text == '-' || *text == '+')
            text++;
        while (*text) {
            char letter = *to++ = *text++;
            if (letter == '\n' && !escaped)
                break;
            escaped = letter == '\\' && !escaped;
        }
    }
    *to = 0;
    return result;
}

/* Only a whole recipe has a line that ends without a backslash. */
static int is_whole_recipe(const char *text)
{
    for (int escaped = 0; *text; text++) {
        if (*text == '\n' && !escaped && text[1])
            return 1;
        escaped = *text == '\\' && !escaped;
    }
    return 0;
}

static const char help[] =
    "usage: make SHELL=probe-sh [ARGUMENT]...\n"
    "The recorder as make's shell: becomes ${PROBE_SHELL:-/bin/sh} for each recipe line and records what it does.\n"
    "All recipes of one make, and of the makes below, are one run; the next `probe` command takes it in.\n"
    "\n"
    "  PROBE_SHELL  the shell to become, e.g. /bin/bash\n"
    "  PROBE_SPOOL  where runs lie until they are taken in\n"
    "\n"
    "PREFIX/share/probe/sh, where PREFIX/bin/probe-sh is this program, is the same by a name that make knows as a\n"
    "shell's; with .ONESHELL make then takes the signs off a recipe's lines itself.\n"
    "\n"
    "`probe make` does more and changes less. SHELL= on make's command line\n"
    "  - replaces the Makefile's own SHELL and those of single targets (PROBE_SHELL stands for all of them);\n"
    "  - makes make start a shell for each line, also for those it would have executed itself: some ms each,\n"
    "    and a command that is missing is told by the shell and not by make;\n"
    "  - does not tell targets: they are looked for in the Makefile by the text of the line; where several fit,\n"
    "    or none, a step is called by its first word; prerequisites are not told, and nothing is checked;\n"
    "  - does not record make itself, nor a Makefile that says `override SHELL`.\n";

void shell_main(char **arguments, char **environment)
{
    static struct recording recording;
    struct request request = {.command = (char *[]){NULL}, .environment = environment};
    const char *shell = variable(environment, "PROBE_SHELL");
    if (arguments[1] && text_equal(arguments[1], "--help"))
        KERNEL(write, 1, help, sizeof help - 1, 0), leave(0);
    if (!shell || !*shell)
        shell = "/bin/sh";
    arguments[0] = (char *)shell;
    char **text = command_text(arguments + 1);
    const char *step = variable(environment, "PROBE_STEP");
    if (text && is_whole_recipe(*text) && is_make(kernel_parent(), NULL))
        *text = without_signs(*text);
    int is_open = join(&recording, &request) ? 1 : open_for_parent(&recording, &request);
    if (!is_open)
        execute(arguments, environment, environment);
    if (text && !make_told(step)) {
        step = joined("make-sh:", number_text(kernel_parent()), ":", number_text(kernel_pid()), NULL);
        declare(&recording, step, *text, is_open == 2);
    }
    execute(arguments, recorded_environment(&request, &recording, step), environment);
}
