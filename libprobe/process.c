#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "watch/watch.h"

#define TEXTS_MOST (64u << 10) /* of the arguments of a program that the preload cannot enter */

static const char *path_variable(void)
{
    extern char **environ __attribute__((weak));
    for (char **at = &environ ? environ : NULL; at && *at; at++)
        if (text_begins(*at, "PATH="))
            return *at + 5;
    return "/bin:/usr/bin";
}

static int is_program(const char *path)
{
    struct stat status;
    return kernel_stat_at(AT_FDCWD, path, &status, 0) == 0 && S_ISREG(status.st_mode) &&
           KERNEL(faccessat, AT_FDCWD, path, 1 /* X_OK */, 0) == 0;
}

/* The file that libc's search will take, for the note only: libc searches itself. */
static const char *search_path(const char *name, char found[PROBE_PATH_MAX])
{
    for (const char *at = name; *at; at++)
        if (*at == '/')
            return name;
    for (const char *at = path_variable();; at++) {
        char *to = found, *end = found + PROBE_PATH_MAX;
        for (; *at && *at != ':' && to + 1 < end; at++)
            *to++ = *at;
        if (to > found)
            to = text_append(to, end, "/");
        text_append(to, end, name);
        if (*name && is_program(found))
            return found;
        if (!*at)
            return name;
    }
}

/* A vfork child may have changed its directory, which our notes do not know: its path is made absolute. */
static const char *from_here(const char *path, char buffer[2 * PROBE_PATH_MAX])
{
    long size = kernel_directory(buffer, PROBE_PATH_MAX);
    if (size <= 1 || path_length(path) >= PROBE_PATH_MAX)
        return path;
    char *at = text_append(buffer + size - 1, buffer + 2 * PROBE_PATH_MAX, "/");
    text_append(at, buffer + 2 * PROBE_PATH_MAX, path);
    return buffer;
}

static size_t arguments_size(char *const *arguments, uint32_t *count, uint16_t *detail)
{
    size_t size = 0;
    for (*count = 0; arguments && arguments[*count]; ++*count) {
        size_t length = path_length(arguments[*count]) + 1;
        if (size + length > TEXTS_MOST) {
            *detail |= PROBE_CUT;
            break;
        }
        size += length;
    }
    return size;
}

static struct probe_exec *write_exec(const char *path, char *const *arguments, uint16_t detail,
                                     const struct image *image)
{
    uint32_t count = 0;
    if (image->enters)
        detail |= PROBE_NEXT_IMAGE;
    size_t texts = image->enters ? 0 : arguments_size(arguments, &count, &detail);
    size_t length = path_length(path), script = path_length(image->script);
    struct probe_exec *note = log_claim(PROBE_EXEC, sizeof *note + length + 1 + script + 1 + texts, NULL);
    if (!note)
        return NULL;
    note->frame.detail = detail;
    note->pid = detail & PROBE_SPAWNED ? 0 : (uint32_t)kernel_pid();
    note->arguments = count;
    char *to = put_text(put_text((char *)(note + 1), path, length), image->script, script);
    for (uint32_t i = 0; i < count; i++)
        to = put_text(to, arguments[i], path_length(arguments[i]));
    log_commit(note);
    return note;
}

/* What a descriptor, or a name below one, is called. */
static const char *path_at(int at, const char *path, char buffer[2 * PROBE_PATH_MAX])
{
    char name[48];
    char *end = text_append(name, name + sizeof name, "/proc/self/fd/");
    text_append_number(end, name + sizeof name, (uint64_t)at);
    long length = kernel_link_text(name, buffer, PROBE_PATH_MAX - 1);
    if (length <= 0)
        return path;
    buffer[length] = 0;
    if (path[0]) {
        end = text_append(buffer + length, buffer + 2 * PROBE_PATH_MAX, "/");
        text_append(end, buffer + 2 * PROBE_PATH_MAX, path);
    }
    return buffer;
}

static int ask_for_helper(const char *path)
{
    if (!process.helper)
        process.helper = kernel_map(PROBE_PATH_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    return process.helper ? watch_ask_helper(process.folder, path, process.helper) : WATCH_NO;
}

/* A program without a loader can still be watched from outside, where the run allows it. */
static void ask_to_watch(const char *path, uint16_t detail, struct image *image)
{
    image->watch = detail & PROBE_SPAWNED ? ask_for_helper(path) : watch_ask(process.folder, path);
    if (image->watch == WATCH_NO)
        return;
    image->enters = 1;
    image->reason = 0;
}

static struct probe_exec *begin_named(const char *path, char *const *arguments, uint16_t detail,
                                      struct image *image)
{
    if (image->error == ENOENT || image->error == ENOTDIR) { /* a search in PATH: a look-up, no exec */
        note_access(PROBE_LOOKUP, 0, AT_FDCWD, path, image->error);
        return NULL;
    }
    if ((image->reason == PROBE_STATIC || image->narrow) && !image->error)
        ask_to_watch(path, detail, image);
    struct probe_exec *note = write_exec(path, arguments, detail, image);
    if (image->reason)
        note_gap(image->reason, path);
    return note;
}

/* Apart, like begin_found: threads with a small stack start programs too. */
static __attribute__((noinline)) struct probe_exec *begin_below(int at, const char *path, char *const *arguments,
                                                                uint16_t detail, struct image *image)
{
    char buffer[2 * PROBE_PATH_MAX];
    path = at == AT_FDCWD ? from_here(path, buffer) : path_at(at, path, buffer);
    return begin_named(path, arguments, detail, image);
}

/* A program of which some process of this run found that it is entered, without a doubt; 0 = one of others. */
static uint64_t plain_program(int at, const char *path)
{
    struct stat status;
    if (!path[0] || kernel_stat_at(at, path, &status, 0) || !S_ISREG(status.st_mode) ||
        status.st_mode & (S_ISUID | S_ISGID))
        return 0;
    uint64_t id = hash_word(hash_word(PROBE_EXEC, status.st_dev), status.st_ino);
    id = hash_word(hash_word(id, (uint64_t)status.st_ctim.tv_sec), (uint64_t)status.st_ctim.tv_nsec);
    return hash_word(id, (uint64_t)KERNEL(geteuid, 0, 0, 0, 0)) | 1; /* for whom capabilities may matter */
}

/* Looking into a program is ten system calls; that it is as before, two. */
static void look_at(int at, const char *path, struct image *image)
{
    uint64_t id = plain_program(at, path);
    if (id && log_seen(id)) {
        image_clear(image);
        image->enters = 1;
        return;
    }
    image_look(at, path, image);
    if (id && image->enters && !image->preload && !image->script[0])
        log_mark(id);
}

static struct probe_exec *begin_at(int at, const char *path, char *const *arguments, uint16_t detail,
                                   struct image *image)
{
    look_at(at, path, image);
    if (path[0] != '/' && (at != AT_FDCWD || (own->exec && strayed())))
        return begin_below(at, path, arguments, detail, image);
    return begin_named(path, arguments, detail, image);
}

static __attribute__((noinline)) struct probe_exec *begin_found(const char *name, char *const *arguments,
                                                                uint16_t detail, struct image *image)
{
    char found[PROBE_PATH_MAX];
    return begin_at(AT_FDCWD, search_path(name, found), arguments, detail, image);
}

struct probe_exec *exec_begin(int at, const char *path, char *const *arguments, uint16_t detail, int search,
                              struct image *image)
{
    if (!path || path_length(path) >= PROBE_PATH_MAX) {
        bytes_clear(image, sizeof *image);
        image->watch = WATCH_NO;
        return NULL;
    }
    return search ? begin_found(path, arguments, detail, image) : begin_at(at, path, arguments, detail, image);
}

void exec_watch(const struct image *image, const struct probe_exec *begun)
{
    if (image->watch >= 0 && !watch_install(image->watch, process.folder))
        note_gap(PROBE_STATIC, begun ? (const char *)(begun + 1) : "");
}

void exec_failed(const struct probe_exec *begun, int error)
{
    if (!begun)
        return;
    const char *path = (const char *)(begun + 1);
    size_t length = path_length(path);
    struct probe_exec *note = log_claim(PROBE_EXEC_FAILED, sizeof *note + length + 2, NULL);
    if (!note)
        return;
    note->frame.error = error > 0 && error < 256 ? (uint8_t)error : 255;
    note->frame.detail = begun->frame.detail;
    note->pid = begun->pid;
    put_text(put_text((char *)(note + 1), path, length), "", 0);
    log_commit(note);
}

void note_fork(long child)
{
    if (child <= 0)
        return;
    ends_prepare();
    struct probe_child *note = log_claim(PROBE_FORK, sizeof *note, NULL);
    if (!note)
        return;
    note->pid = (uint32_t)child;
    note->flags = 0;
    log_commit(note);
}

static int64_t microseconds(struct timeval time) { return (int64_t)time.tv_sec * 1000000 + time.tv_usec; }

static void write_exit(uint8_t kind, uint32_t pid, int status, const struct rusage *usage)
{
    struct probe_exit *note = log_claim(kind, sizeof *note, NULL);
    if (!note)
        return;
    note->pid = pid;
    note->status = status;
    note->user = usage ? microseconds(usage->ru_utime) : -1;
    note->system = usage ? microseconds(usage->ru_stime) : -1;
    note->memory = usage ? usage->ru_maxrss : -1;
    log_commit(note);
}

void note_wait(long child, int status, const struct rusage *usage)
{
    if (child > 0 && (WIFEXITED(status) || WIFSIGNALED(status)))
        write_exit(PROBE_WAIT, (uint32_t)child, status, usage);
}

/* A vfork child's exit is not ours; a fork child that noted nothing tells at least that it ended. */
void note_exit(int code)
{
    struct rusage usage;
    __atomic_fetch_add(&own->ended, 0, __ATOMIC_RELAXED); /* written first: one fault in a fork child, and not two */
    if (own->exec && strayed())
        return;
    descriptors_describe(); /* a subshell that only wrote to its pipe */
    if (__atomic_exchange_n(&own->ended, 1, __ATOMIC_RELAXED))
        return;
    int known = KERNEL(getrusage, 0 /* RUSAGE_SELF */, &usage, 0, 0) == 0;
    write_exit(PROBE_EXIT, own->pid, code < 0 ? -1 : (code & 0xff) << 8, known ? &usage : NULL);
}
