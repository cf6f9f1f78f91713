/*
 * What the launcher finds around it, and the environment it gives on.
 * Memory comes from the kernel in whole pages and is never given back: the launcher
 * asks for it a handful of times and then only waits.
 */
#include "launch.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

const char *variable(char **environment, const char *name)
{
    size_t length = text_length(name);
    for (; *environment; environment++)
        if (text_begins(*environment, name) && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

void *grab(size_t size)
{
    static char *free_from, *free_to;
    size = (size + 15) & ~(size_t)15;
    if ((size_t)(free_to - free_from) < size) {
        size_t whole = (size + 65535) & ~(size_t)65535;
        free_from = kernel_map(whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        if (!free_from) {
            say("no memory", NULL);
            leave(126);
        }
        free_to = free_from + whole;
    }
    free_from += size;
    return free_from - size;
}

char *joined(const char *first, ...)
{
    size_t length = 1;
    va_list more;
    va_start(more, first);
    for (const char *text = first; text; text = va_arg(more, const char *))
        length += text_length(text);
    va_end(more);
    char *result = grab(length), *at = result;
    va_start(more, first);
    for (const char *text = first; text; text = va_arg(more, const char *))
        at = text_append(at, result + length, text);
    va_end(more);
    return result;
}

long read_small_file(const char *path, char *to, size_t size)
{
    int file = kernel_open(PROBE_AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return file;
    size_t used = 0;
    long got;
    while (used + 1 < size && (got = kernel_read(file, to + used, size - 1 - used)) > 0)
        used += (size_t)got;
    kernel_close(file);
    to[used] = 0;
    return (long)used;
}

uint64_t process_started(int pid) { return process_named(pid, NULL, 0); }

/* Field 22 of /proc/PID/stat. The second, the name, may hold spaces and brackets: count from its end. */
uint64_t process_named(int pid, char *name, size_t size)
{
    char path[64], text[1024], *at = text_append(path, path + sizeof path, "/proc/");
    text_append(text_append_number(at, path + sizeof path, (uint64_t)pid), path + sizeof path, "/stat");
    if (read_small_file(path, text, sizeof text) <= 0)
        return 0;
    const char *field = text, *begin = text;
    while (*begin && *begin != '(')
        begin++;
    for (const char *c = begin; *c; c++)
        if (*c == ')')
            field = c + 1;
    for (const char *c = begin + 1; size > 1 && c + 1 < field; c++, size--)
        *name++ = *c;
    if (name)
        *name = 0;
    for (int spaces = 0; *field && spaces < 20; field++)
        spaces += *field == ' ';
    uint64_t number = 0;
    for (; *field >= '0' && *field <= '9'; field++)
        number = number * 10 + (uint64_t)(*field - '0');
    return number;
}

/* The last part of one entry of LD_PRELOAD begins as ours do. */
static int is_libprobe(const char *entry, size_t length)
{
    size_t name = length;
    while (name && entry[name - 1] != '/')
        name--;
    return length - name > 9 && bytes_equal(entry + name, "libprobe-", 9);
}

/* Foreign preloads keep their order and stay in front: a sanitizer's run-time insists on being first. */
static char *preload(const char *before, const char *library)
{
    size_t length = text_length(before);
    char *result = grab(length + text_length(library) + 2), *end = result + length + text_length(library) + 2;
    char *at = result;
    while (*before) {
        size_t entry = 0;
        while (before[entry] && before[entry] != ':' && before[entry] != ' ')
            entry++;
        if (entry && !is_libprobe(before, entry)) {
            bytes_copy(at, before, entry);
            at += entry;
            *at++ = ':';
        }
        before += entry + (before[entry] != 0);
    }
    text_append(at, end, library);
    return result;
}

char *preloaded_library(char **environment)
{
    const char *entry = variable(environment, "LD_PRELOAD");
    while (entry && *entry) {
        size_t length = 0;
        while (entry[length] && entry[length] != ':' && entry[length] != ' ')
            length++;
        if (*entry == '/' && is_libprobe(entry, length)) {
            char *found = grab(length + 1);
            bytes_copy(found, entry, length);
            return found;
        }
        entry += length + (entry[length] != 0);
    }
    return NULL;
}

static int is_ours(const char *entry)
{
    return text_begins(entry, "LD_PRELOAD=") || text_begins(entry, "PROBE_RUN=") || text_begins(entry, "PROBE_STEP=") ||
           text_begins(entry, "PROBE_CONTAINER=");
}

char **recorded_environment(const struct request *request, const struct recording *recording, const char *step)
{
    size_t count = 0, used = 0;
    while (request->environment[count])
        count++;
    char **result = grab((count + 4) * sizeof *result);
    for (size_t i = 0; i < count; i++)
        if (!is_ours(request->environment[i]))
            result[used++] = request->environment[i];
    const char *before = variable(request->environment, "LD_PRELOAD");
    result[used++] = joined("LD_PRELOAD=", preload(before ? before : "", recording->library), NULL);
    result[used++] = joined("PROBE_RUN=", recording->folder, NULL);
    if (step)
        result[used++] = joined("PROBE_STEP=", step, NULL);
    return result;
}
