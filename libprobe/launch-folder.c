/*
 * A run's folder in the spool: <spool>/runs/<id>, private, with segment 0 and run.json,
 * which is written last: a folder that has it is complete.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>

#include "create.h"

long make_folder(const char *path, unsigned mode)
{
    long failed = KERNEL(mkdirat, PROBE_AT_FDCWD, path, mode, 0);
    return failed == -EEXIST ? 0 : failed;
}

static long make_folders(const char *path)
{
    char part[PROBE_PATH_MAX];
    struct stat found;
    if (kernel_stat_at(PROBE_AT_FDCWD, path, &found, 0) == 0)
        return S_ISDIR(found.st_mode) ? 0 : -ENOTDIR;
    for (size_t i = 1; path[i - 1] && i < sizeof part; i++) {
        if (path[i] && path[i] != '/')
            continue;
        bytes_copy(part, path, i);
        part[i] = 0;
        long failed = make_folder(part, path[i] ? 0700 : 0711);
        if (failed < 0 && (kernel_stat_at(PROBE_AT_FDCWD, part, &found, 0) < 0 || !S_ISDIR(found.st_mode)))
            return failed;
    }
    return 0;
}

/* /tmp is everybody's: only a folder that is ours, and that nobody else can write, will do. */
long own_place_below_tmp(char to[PROBE_PATH_MAX])
{
    struct stat found;
    unsigned user = (unsigned)KERNEL(geteuid, 0, 0, 0, 0);
    text_append_number(text_append(to, to + PROBE_PATH_MAX, "/tmp/probe-"), to + PROBE_PATH_MAX, user);
    long failed = make_folder(to, 0711);
    if (failed == 0)
        failed = kernel_stat_at(PROBE_AT_FDCWD, to, &found, AT_SYMLINK_NOFOLLOW);
    if (failed == 0 && (!S_ISDIR(found.st_mode) || found.st_uid != user || found.st_mode & 022))
        failed = -EPERM;
    return failed;
}

/* 16 random bytes that key the digests of environment values, made once for all runs here. */
static long make_key(const char *spool)
{
    char key[16], *path = joined(spool, "/key", NULL), number[24];
    struct stat found;
    if (kernel_stat_at(PROBE_AT_FDCWD, path, &found, 0) == 0) {
        if (found.st_size == sizeof key)
            return 0;
        KERNEL(unlinkat, PROBE_AT_FDCWD, path, 0, 0); /* a full disk once cut it short */
    }
    text_append_number(number, number + sizeof number, (uint64_t)kernel_pid());
    char *aside = joined(path, ".", number, NULL);
    if (KERNEL(getrandom, key, sizeof key, 0, 0) != sizeof key)
        return -EIO;
    int file = kernel_open(PROBE_AT_FDCWD, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return file;
    long result = KERNEL(write, file, key, sizeof key, 0);
    kernel_close(file);
    if (result == sizeof key) /* whoever is first wins: a key that exists is never replaced */
        result = kernel_call(SYS_renameat2, PROBE_AT_FDCWD, (long)aside, PROBE_AT_FDCWD, (long)path, 1, 0);
    else if (result >= 0)
        result = -ENOSPC;
    if (result == -EINVAL) /* the file system knows no exclusive rename */
        result = KERNEL(renameat, PROBE_AT_FDCWD, aside, PROBE_AT_FDCWD, path);
    if (result < 0)
        KERNEL(unlinkat, PROBE_AT_FDCWD, aside, 0, 0);
    return result == -EEXIST ? 0 : result;
}

static void random_id(char to[40])
{
    uint8_t bytes[16];
    KERNEL(getrandom, bytes, sizeof bytes, 0, 0);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = "0123456789abcdef"[bytes[i] >> 4];
        *to++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *to = 0;
}

static long failure(struct recording *recording, const char *what, const char *where, long error)
{
    recording->failed_at = joined(what, " ", where, NULL);
    return error;
}

/* Takes back what an attempt left, so that no half-made run lies about. */
static void remove_folder(const struct recording *recording)
{
    char name[PROBE_PATH_MAX];
    if (probe_segment_name(name, sizeof name, recording->folder, 0) == 0)
        KERNEL(unlinkat, PROBE_AT_FDCWD, name, 0, 0);
    KERNEL(unlinkat, PROBE_AT_FDCWD, joined(recording->folder, "/run.json.new", NULL), 0, 0);
    KERNEL(unlinkat, PROBE_AT_FDCWD, joined(recording->folder, "/declarations", NULL), AT_REMOVEDIR, 0);
    KERNEL(unlinkat, PROBE_AT_FDCWD, recording->folder, AT_REMOVEDIR, 0);
}

static long fill_folder(struct recording *recording, const struct request *request)
{
    struct stat found;
    if (kernel_stat_at(PROBE_AT_FDCWD, joined(recording->folder, "/run.json", NULL), &found, 0) == 0) {
        if (request->prepare) /* a second preparation of one run joins it */
            return 0;
        return failure(recording, "there is already a run in", recording->folder, -EEXIST);
    }
    long failed = make_folder(joined(recording->folder, "/declarations", NULL), 0700);
    if (failed == 0)
        failed = probe_segment_create(recording->folder, 0);
    if (failed == 0 || failed == -EEXIST)
        failed = describe_run(recording, request);
    if (failed < 0) {
        remove_folder(recording);
        return failure(recording, "cannot write", recording->folder, failed);
    }
    return 0;
}

static long attempt(struct recording *recording, const struct request *request)
{
    char *end = recording->folder + sizeof recording->folder;
    long failed = make_folders(recording->spool);
    if (failed == 0)
        failed = make_key(recording->spool);
    if (failed == 0)
        failed = make_folder(joined(recording->spool, "/runs", NULL), 0700);
    if (failed < 0)
        return failure(recording, "cannot write", recording->spool, failed);
    failed = library_unpack(recording);
    if (failed < 0)
        return failure(recording, "cannot unpack", recording->library, failed);
    char *at = text_append(recording->folder, end, recording->spool);
    at = text_append(at, end, "/runs/");
    at = text_append(at, end, recording->id);
    if (at + 300 > end) /* room for the names of the segments */
        return failure(recording, "cannot use", recording->spool, -ENAMETOOLONG);
    failed = request->exclusive ? KERNEL(mkdirat, PROBE_AT_FDCWD, recording->folder, 0700, 0)
                                : make_folder(recording->folder, 0700);
    if (failed < 0)
        return failure(recording, "cannot make", recording->folder, failed);
    return fill_folder(recording, request);
}

/* 1: the user said where; 0: it is the default place, and another will do. */
int recording_place(struct recording *recording, const struct request *request)
{
    char *to = recording->spool, *end = to + sizeof recording->spool;
    const char *said = request->spool ? request->spool : variable(request->environment, "PROBE_SPOOL");
    const char *state = variable(request->environment, "XDG_STATE_HOME");
    const char *home = variable(request->environment, "HOME");
    if (said && *said) {
        if (*said != '/' && kernel_directory(to, sizeof recording->spool) > 0) {
            to += text_length(to);
            to = text_append(to, end, "/");
        }
        text_append(to, end, said);
        return 1;
    }
    if (state && *state == '/')
        text_append(text_append(to, end, state), end, "/probe");
    else if (home && *home == '/')
        text_append(text_append(to, end, home), end, "/.local/state/probe");
    else
        *to = 0;
    return 0;
}

long recording_open(struct recording *recording, const struct request *request)
{
    long mask = KERNEL(umask, 0, 0, 0, 0); /* the modes here are meant as they stand */
    if (request->id)
        text_append(recording->id, recording->id + sizeof recording->id, request->id);
    else
        random_id(recording->id);
    int said = recording_place(recording, request);
    long failed = recording->spool[0] ? attempt(recording, request) : -ENOENT;
    if (failed < 0 && failed != -EEXIST && !said) {
        const char *first = recording->failed_at;
        long below = own_place_below_tmp(recording->spool);
        if (below == 0)
            failed = attempt(recording, request);
        else if (first)
            recording->failed_at = first;
        else
            failed = failure(recording, "cannot use", recording->spool, below);
    }
    KERNEL(umask, mask, 0, 0, 0);
    return failed;
}
