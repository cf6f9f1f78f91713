/*
 * run.json and result.json: what the launcher knows of a run before and after it.
 * Both are written aside and renamed, so that a reader finds them whole or not at all.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>

static const char *user_name(char **environment, unsigned user)
{
    static char text[65536], wanted[32];
    const char *name;
    text_append(text_append_number(text_append(wanted, wanted + sizeof wanted, ":"), wanted + sizeof wanted, user),
                wanted + sizeof wanted, ":");
    read_small_file("/etc/passwd", text, sizeof text);
    for (char *line = text; *line;) {
        char *field = line, *next = line;
        while (*next && *next != '\n')
            next++;
        while (field < next && *field != ':') /* the name, then the password's place */
            field++;
        char *second = field + (field < next);
        while (second < next && *second != ':')
            second++;
        if (field < next && text_begins(second, wanted)) {
            *field = 0;
            return line;
        }
        line = next + (*next != 0);
    }
    if ((name = variable(environment, "USER")) || (name = variable(environment, "LOGNAME")))
        return name;
    return text_append_number(wanted, wanted + sizeof wanted, user), wanted;
}

/* Gives whether it was there: another process may close it meanwhile. */
static int describe_descriptor(struct json *json, const char *comma, const char *folder, int number, int mine)
{
    char target[PROBE_PATH_MAX], digits[24];
    struct stat found;
    text_append_number(digits, digits + sizeof digits, (uint64_t)number);
    char *path = joined(folder, "/", digits, NULL);
    long length = kernel_link_text(path, target, sizeof target - 1);
    if (length < 0 || kernel_stat_at(PROBE_AT_FDCWD, path, &found, 0) < 0)
        return 0;
    target[length] = 0;
    long flags = mine ? KERNEL(fcntl, number, F_GETFL, 0, 0) : -1;
    json_raw(json, comma);
    json_raw(json, "{\"fd\":");
    json_number(json, number);
    json_raw(json, ",\"path\":");
    json_string(json, target);
    json_raw(json, ",\"device\":");
    json_number(json, (int64_t)found.st_dev);
    json_raw(json, ",\"inode\":");
    json_number(json, (int64_t)found.st_ino);
    json_raw(json, ",\"mode\":");
    json_number(json, found.st_mode);
    json_raw(json, ",\"flags\":");
    json_number(json, flags < 0 ? 0 : flags);
    json_raw(json, "}");
    return 1;
}

struct entry { /* struct linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t kind;
    char name[];
};

static int number_in(const char *text)
{
    int number = 0;
    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + (*text - '0');
    }
    return number;
}

/* Of process `pid` (0: this one, without the two descriptors that are open for the writing). */
static void describe_descriptors(struct json *json, int pid)
{
    char folder[64], *end = folder + sizeof folder, *at = text_append(folder, end, "/proc/");
    at = pid ? text_append_number(at, end, (uint64_t)pid) : text_append(at, end, "self");
    text_append(at, end, "/fd");
    int list = kernel_open(PROBE_AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    const char *comma = "";
    _Alignas(8) char buffer[4096];
    long got;
    while (list >= 0 && (got = KERNEL(getdents64, list, buffer, sizeof buffer, 0)) > 0)
        for (long offset = 0; offset < got;) {
            const struct entry *entry = (const struct entry *)(const void *)(buffer + offset);
            int number = number_in(entry->name);
            offset += entry->size;
            if (number < 0 || (!pid && (number == list || number == json->file)))
                continue;
            if (describe_descriptor(json, comma, folder, number, !pid))
                comma = ",";
        }
    if (list >= 0)
        kernel_close(list);
}

/* The arguments of a process that runs already, as /proc has them. */
static void describe_arguments(struct json *json, const char *folder)
{
    static char text[131072];
    long size = read_small_file(joined(folder, "/cmdline", NULL), text, sizeof text);
    for (long at = 0; at < size; at += (long)text_length(text + at) + 1) {
        json_raw(json, at ? "," : "");
        json_string(json, text + at);
    }
}

static void describe_command(struct json *json, const struct request *request)
{
    char number[24], directory[PROBE_PATH_MAX] = "/";
    text_append_number(number, number + sizeof number, (uint64_t)request->root);
    const char *folder = joined("/proc/", number, NULL);
    long length = request->root ? kernel_link_text(joined(folder, "/cwd", NULL), directory, sizeof directory - 1)
                                : kernel_directory(directory, sizeof directory) - 1;
    if (length > 0)
        directory[length] = 0;
    json_raw(json, ",\"command\":[");
    if (!*request->command && request->root)
        describe_arguments(json, folder);
    for (char **argument = request->command; *argument; argument++) {
        json_raw(json, argument == request->command ? "" : ",");
        json_string(json, *argument);
    }
    json_raw(json, "],\"directory\":");
    json_string(json, directory);
}

/* Where paths begin: in a container or chroot they name other files than outside. */
static void describe_root(struct json *json)
{
    struct stat root;
    if (kernel_stat_at(PROBE_AT_FDCWD, "/", &root, 0) != 0)
        return;
    json_raw(json, ",\"root\":{\"device\":");
    json_number(json, (int64_t)root.st_dev);
    json_raw(json, ",\"inode\":");
    json_number(json, (int64_t)root.st_ino);
    json_raw(json, "}");
}

static const char *last_part(const char *path)
{
    const char *last = path;
    for (; path && *path; path++)
        if (*path == '/')
            last = path + 1;
    return last;
}

static void describe_host(struct json *json, const struct request *request)
{
    struct utsname names;
    char boot[64];
    unsigned user = (unsigned)KERNEL(getuid, 0, 0, 0, 0);
    long length = read_small_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    if (length > 0 && boot[length - 1] == '\n')
        boot[length - 1] = 0;
    json_raw(json, ",\"host\":");
    json_string(json, KERNEL(uname, &names, 0, 0, 0) < 0 ? "" : names.nodename);
    json_raw(json, ",\"boot\":");
    json_string(json, length > 0 ? boot : "");
    json_raw(json, ",\"user\":");
    json_string(json, user_name(request->environment, user));
    json_raw(json, ",\"uid\":");
    json_number(json, user);
}

static void describe_place_in_time(struct json *json, const struct request *request)
{
    int pid = request->root ? request->root : kernel_pid();
    const char *outer = variable(request->environment, "PROBE_RUN");
    json_raw(json, ",\"pid\":");
    json_number(json, pid);
    json_raw(json, ",\"pid_started\":");
    json_number(json, (int64_t)process_started(pid));
    json_raw(json, ",\"started\":");
    json_number(json, kernel_clock(CLOCK_REALTIME));
    json_raw(json, ",\"outer_run\":");
    json_string(json, outer && *outer ? last_part(outer) : NULL);
    json_raw(json, ",\"outer_step\":");
    json_string(json, variable(request->environment, "PROBE_STEP"));
}

static long put_in_place(const struct recording *recording, int file, struct json *json, const char *name)
{
    long failed = json_close(json);
    kernel_close(file);
    if (failed == 0)
        failed = KERNEL(renameat, PROBE_AT_FDCWD, joined(recording->folder, "/", name, ".new", NULL), PROBE_AT_FDCWD,
                        joined(recording->folder, "/", name, NULL));
    return failed;
}

static int open_aside(const struct recording *recording, const char *name)
{
    return kernel_open(PROBE_AT_FDCWD, joined(recording->folder, "/", name, ".new", NULL),
                       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

long describe_run(const struct recording *recording, const struct request *request)
{
    static struct json json;
    int file = open_aside(recording, "run.json");
    if (file < 0)
        return file;
    json_open(&json, file);
    json_raw(&json, "{\"version\":1,\"id\":");
    json_string(&json, recording->id);
    json_raw(&json, ",\"name\":");
    json_string(&json, request->name);
    json_raw(&json, ",\"engine\":");
    json_string(&json, request->engine);
    describe_command(&json, request);
    describe_root(&json);
    describe_host(&json, request);
    describe_place_in_time(&json, request);
    json_raw(&json, ",\"descriptors\":[");
    describe_descriptors(&json, request->root);
    json_raw(&json, "]}\n");
    return put_in_place(recording, file, &json, "run.json");
}

void write_result(const struct recording *recording, const struct outcome *outcome)
{
    static struct json json;
    int file = open_aside(recording, "result.json");
    if (file < 0)
        return;
    int signal = outcome->status & 0x7f;
    json_open(&json, file);
    json_raw(&json, "{\"status\":");
    json_number(&json, signal ? 128 + signal : outcome->status >> 8 & 0xff);
    json_raw(&json, ",\"ended\":");
    json_number(&json, kernel_clock(CLOCK_REALTIME));
    json_raw(&json, ",\"user\":");
    json_number(&json, outcome->user);
    json_raw(&json, ",\"system\":");
    json_number(&json, outcome->system);
    json_raw(&json, ",\"memory\":");
    json_number(&json, outcome->memory);
    json_raw(&json, ",\"pid\":");
    json_number(&json, outcome->pid);
    json_raw(&json, "}\n");
    put_in_place(recording, file, &json, "result.json");
}
