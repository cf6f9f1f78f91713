/*
 * Finding and executing the command, as execvp(3) and the shells do: PATH is searched, a
 * file without a magic number goes to /bin/sh, and what cannot be executed ends with one
 * sentence and 127 (it is not there) or 126 (it is, but may not be executed).
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>

#include "container.h"
#include "environ.h"
#include "image.h"
#include "repair.h"
#include "watch/watch.h"

/*
 * A program linked with a sanitizer refuses to start behind a library that is not its own. Only
 * then, as a further variable would be seen, ASAN_OPTIONS tells it not to mind.
 */
static char **for_sanitizer(char **environment)
{
    size_t count = 0, used = 0;
    while (environment[count])
        count++;
    char **result = grab((count + 2) * sizeof *result), *said = NULL;
    for (size_t i = 0; i < count; i++)
        if (text_begins(environment[i], "ASAN_OPTIONS="))
            said = environment[i];
        else
            result[used++] = environment[i];
    result[used] = joined(said ? said : "ASAN_OPTIONS=", said ? ":" : "", "verify_asan_link_order=0", NULL);
    return result;
}

/* Of another word size: its loader could only complain of our library. */
static char **without_library(char **environment)
{
    size_t count = 0, used = 0;
    process.preload = ""; /* by its name alone */
    while (environment[count])
        count++;
    char **result = grab((count + 1) * sizeof *result);
    for (size_t i = 0; i < count; i++) {
        if (!text_begins(environment[i], "LD_PRELOAD=")) {
            result[used++] = environment[i];
            continue;
        }
        size_t size = text_length(environment[i]) + 1;
        char *text = grab(size), *at = text_append(text, text + size, "LD_PRELOAD=");
        if (preload_without_us(environment[i] + 11, at, text + size))
            result[used++] = text;
    }
    return result;
}

static int is_watched(const char *folder, const char *path, const struct image *image)
{
    int connection = image->reason == PROBE_STATIC || image->narrow ? watch_ask(folder, path) : WATCH_NO;
    return connection == WATCH_ALREADY || (connection >= 0 && watch_install(connection, folder));
}

/* What a program file is decides how it is recorded. */
static char **as_recorded(const char *path, char **arguments, char **environment)
{
    const char *folder = variable(environment, "PROBE_RUN");
    struct image image;
    image_look(AT_FDCWD, path, &image);
    if (folder && image.reason && !image.error && KERNEL(faccessat, AT_FDCWD, path, 1 /* X_OK */, 0) == 0 &&
        !is_watched(folder, path, &image))
        note_unseen(folder, path, arguments, image.reason);
    if (image.preload & PRELOAD_NOT)
        return without_library(environment);
    return image.preload & PRELOAD_ASAN ? for_sanitizer(environment) : environment;
}

static long execute_recorded(const char *path, char **arguments, char **environment)
{
    environment = as_recorded(path, arguments, environment);
    size_t room = container_room(path, arguments, environment);
    if (room)
        container_enter(grab(room), path, &arguments, &environment);
    return KERNEL(execve, path, arguments, environment, 0);
}

/* A list of arguments that only just fitted must still fit: then it runs without ours, unrecorded. */
static long try(const char *path, char **arguments, char **environment, char **unrecorded)
{
    if (environment == unrecorded)
        return KERNEL(execve, path, arguments, unrecorded, 0);
    long failed = execute_recorded(path, arguments, environment);
    return failed == -E2BIG ? KERNEL(execve, path, arguments, unrecorded, 0) : failed;
}

static long try_as_script(const char *path, char **arguments, char **environment, char **unrecorded)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    char **with_shell = grab((count + 2) * sizeof *with_shell);
    with_shell[0] = "/bin/sh";
    with_shell[1] = (char *)path;
    for (size_t i = 1; i < count; i++)
        with_shell[i + 1] = arguments[i];
    return try("/bin/sh", with_shell, environment, unrecorded);
}

static long try_either(const char *path, char **arguments, char **environment, char **unrecorded)
{
    long failed = try(path, arguments, environment, unrecorded);
    return failed == -ENOEXEC ? try_as_script(path, arguments, environment, unrecorded) : failed;
}

static int goes_on(long failed)
{
    return failed == -EACCES || failed == -ENOENT || failed == -ENOTDIR || failed == -ESTALE || failed == -ENODEV ||
           failed == -ETIMEDOUT;
}

static long search(char **arguments, char **environment, char **unrecorded)
{
    const char *places = variable(unrecorded, "PATH"), *name = *arguments;
    char path[PROBE_PATH_MAX], *end = path + sizeof path;
    long result = -ENOENT;
    if (!places)
        places = "/bin:/usr/bin";
    for (;;) {
        char *at = path;
        while (*places && *places != ':' && at + 2 < end)
            *at++ = *places++;
        if (at > path)
            *at++ = '/';
        at = text_append(at, end, name);
        long failed = at + 1 < end ? try_either(path, arguments, environment, unrecorded) : -ENAMETOOLONG;
        if (failed == -EACCES)
            result = failed;
        else if (!goes_on(failed) && failed != -ENAMETOOLONG)
            return failed;
        while (*places && *places != ':')
            places++;
        if (!*places++)
            return result;
    }
}

void execute(char **command, char **environment, char **unrecorded)
{
    const char *name = *command, *slash = name;
    struct stat found;
    while (*slash && *slash != '/')
        slash++;
    long failed = !*name   ? -ENOENT
                  : *slash ? try_either(name, command, environment, unrecorded)
                           : search(command, environment, unrecorded);
    if (failed != -ENOENT && failed != -ENOTDIR) {
        if (failed == -EACCES && *slash && kernel_stat_at(PROBE_AT_FDCWD, name, &found, 0) == 0 &&
            S_ISDIR(found.st_mode))
            say(name, ": Is a directory", NULL);
        else
            say(name, ": ", error_text(failed), NULL);
        leave(126);
    }
    if (*slash && kernel_stat_at(PROBE_AT_FDCWD, name, &found, 0) == 0)
        say(name, ": the interpreter it asks for does not exist", NULL);
    else
        say(name, *slash ? ": No such file or directory" : ": command not found", NULL);
    leave(127);
}
