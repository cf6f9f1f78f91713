/*
 * The accesses of a target. With "go on" the result of a call is not known: what stands in a
 * note is what a look-up just before it let expect, and the note says so (PROBE_ATTEMPTED).
 * A file that is about to be made has no identity yet; it is filled in with the next call.
 */
#include <errno.h>
#include <fcntl.h>

#include "../mode.h"
#include "worker.h"

#define SETTLED 10000000 /* ns after a change of directory, until when other threads may still be before it */

static int serves;

int files_served(void) { return serves; }

/*
 * Who opens /dev/fuse serves a file system. A look-up of ours in it would wait for that program,
 * and that program, in a call of its own, for us. So from then on no file is looked at.
 */
void files_serve(const char *opened) { serves |= text_equal(opened, "/dev/fuse"); }

int path_is_kernels(const char *path)
{
    if (path[1] != 'p' && path[1] != 's' && path[1] != 'd')
        return 0;
    size_t length = text_begins(path, "/proc") ? 5 : text_begins(path, "/sys") || text_begins(path, "/dev") ? 4 : 0;
    return length && (!path[length] || path[length] == '/') && !text_begins(path, "/dev/shm/");
}

static const char *current_directory(const struct notice *notice)
{
    struct target *target = notice->target;
    if (target->directory[0] && notice->now - target->moved > SETTLED)
        return target->directory;
    return proc_link(notice->thread, "/cwd", target->directory) > 0 ? target->directory : "";
}

int path_of_descriptor(const struct notice *notice, int descriptor, char to[PROBE_PATH_MAX])
{
    char rest[32];
    text_append_number(text_append(rest, rest + sizeof rest, "/fd/"), rest + sizeof rest, (uint64_t)(unsigned)descriptor);
    return descriptor >= 0 && proc_link(notice->thread, rest, to) > 0 && to[0] == '/';
}

static int unreadable(const struct notice *notice)
{
    struct target *target = notice->target;
    target_announce(target);
    if (!(target->said & 1))
        frame_gap(PROBE_UNREADABLE, target->pid, "");
    target->said |= 1;
    return 0;
}

/* The absolute path that the target means; 0 when it cannot be told, or is nothing of the user's. */
int path_of(const struct notice *notice, int at, uint64_t address, char to[PROBE_PATH_MAX])
{
    char text[PROBE_PATH_MAX], *end = to + PROBE_PATH_MAX;
    if (!address)
        return 0;
    if (!memory_text(notice->thread, address, text))
        return unreadable(notice);
    if (!text[0])
        return 0;
    *to = 0;
    if (text[0] != '/') {
        if (at == AT_FDCWD)
            text_append(to, end, current_directory(notice));
        else if (!path_of_descriptor(notice, at, to))
            return 0;
        if (to[0] != '/')
            return 0;
        to += text_length(to);
        to = to[-1] == '/' ? to : text_append(to, end, "/");
    }
    text_append(to, end, text_begins(text, "./") && text[2] ? text + 2 : text);
    return 1;
}

/* Accesses that repeat are counted. A table without chains: who collides is written again. */
static uint64_t hash_of(uint8_t kind, uint16_t detail, int error, uint64_t path_hash)
{
    return hash_word(path_hash, (uint64_t)kind << 32 | (uint64_t)detail << 8 | (uint64_t)error) | 1;
}

static void forget(struct target *target, const char *path)
{
    uint64_t of_path = hash_bytes(1, path, path_length(path));
    for (unsigned i = 0; i < 4; i++)
        target->folds[(of_path + i) % WATCH_FOLDS].hash = 0;
}

void file_access(const struct notice *notice, uint8_t kind, uint16_t detail, int error, const char *path)
{
    struct target *target = notice->target;
    struct probe_block *block;
    if (path_is_kernels(path))
        return;
    target_announce(target);
    size_t length = path_length(path);
    uint64_t of_path = hash_bytes(1, path, length), hash = hash_of(kind, detail, error, of_path);
    unsigned place = (unsigned)((of_path + kind % 4) % WATCH_FOLDS);
    if (target->folds[place].hash == hash) {
        int64_t ticks = (notice->now - target->folds[place].block->base) >> PROBE_TICK_SHIFT;
        if (ticks >> 32 == 0) {
            __atomic_fetch_add(&target->folds[place].frame->count, 1, __ATOMIC_RELAXED);
            __atomic_store_n(&target->folds[place].frame->frame.last, (uint32_t)ticks, __ATOMIC_RELAXED);
            return;
        }
    }
    struct probe_access *note = log_claim(kind, sizeof *note + length + 1, &block);
    if (!note)
        return;
    note->frame.error = (uint8_t)error;
    note->frame.detail = detail | PROBE_ATTEMPTED;
    note->count = 1;
    put_text((char *)note + sizeof *note, path, length);
    log_commit(note);
    target->folds[place].hash = hash;
    target->folds[place].frame = note;
    target->folds[place].block = block;
}

static int64_t nanoseconds(struct timespec time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec; }

void file_fill(struct probe_identity *note, const struct stat *status)
{
    note->mode = status->st_mode;
    note->links = (uint32_t)status->st_nlink;
    note->device = status->st_dev;
    note->size = status->st_size;
    note->modified = nanoseconds(status->st_mtim);
    note->changed = nanoseconds(status->st_ctim);
    __atomic_store_n(&note->inode, status->st_ino, __ATOMIC_RELEASE);
}

static struct probe_identity *write_identity(uint8_t kind, uint16_t detail, int error, const char *path, int flags,
                                             const struct stat *status)
{
    size_t length = path_length(path);
    struct probe_identity *note = log_claim(kind, sizeof *note + length + 1, NULL);
    if (!note)
        return NULL;
    note->frame.error = (uint8_t)error;
    note->frame.detail = detail | PROBE_ATTEMPTED;
    note->descriptor = -1;
    note->flags = (uint32_t)flags;
    note->size = note->modified = note->changed = -1;
    if (status)
        file_fill(note, status);
    put_text((char *)(note + 1), path, length);
    log_commit(note);
    return note;
}

void file_identity(uint8_t kind, uint16_t detail, int error, const char *path, int flags, const struct stat *status,
                   struct target *target)
{
    target_announce(target);
    forget(target, path);
    struct probe_identity *note = write_identity(kind, detail, error, path, flags, status);
    if (!note || error || kind != PROBE_WRITE || detail & PROBE_NO_NAME)
        return;
    if (!status)
        target->unsettled = note;
    if (target->written_count < WATCH_WRITTEN)
        target->written[target->written_count++] = note;
}

/* With the call that follows: the file that was about to be made. */
void file_settle(struct target *target)
{
    struct stat status;
    struct probe_identity *note = target->unsettled;
    if (!note)
        return;
    target->unsettled = NULL;
    if (serves)
        return;
    if (kernel_stat_at(PROBE_AT_FDCWD, (const char *)(note + 1), &status, 0) == 0)
        file_fill(note, &status);
}

/* At the end of a program all that it wrote is closed, whenever it closed it. */
void file_close_all(struct target *target)
{
    struct stat status;
    for (int i = 0; i < target->written_count && !serves; i++) {
        const struct probe_identity *note = target->written[i];
        const char *path = (const char *)(note + 1);
        if (kernel_stat_at(PROBE_AT_FDCWD, path, &status, 0) == 0 && status.st_ino == note->inode &&
            status.st_dev == note->device)
            write_identity(PROBE_CLOSE, 0, 0, "", (int)note->flags, &status);
    }
    target->written_count = 0;
}

static int folder_exists(const char *path)
{
    char folder[PROBE_PATH_MAX];
    struct stat status;
    size_t size = path_length(path);
    while (size > 1 && path[size - 1] != '/')
        size--;
    put_text(folder, path, size);
    return kernel_stat_at(PROBE_AT_FDCWD, folder, &status, 0) == 0;
}

static void opened_for_writing(const struct notice *notice, const char *path, int flags, const struct stat *found,
                               int error)
{
    if (!error && flags & O_CREAT && flags & O_EXCL && (flags & O_TMPFILE) != O_TMPFILE)
        error = EEXIST;
    else if (error == ENOENT && flags & O_CREAT && folder_exists(path))
        error = 0;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        found = NULL; /* that is the directory */
    file_identity(PROBE_WRITE, mode_detail(PROBE_WRITE, flags), error, path, flags, found, notice->target);
}

void file_opened(const struct notice *notice, const char *path, int flags)
{
    struct stat status, *found = NULL;
    if (path_is_kernels(path)) {
        files_serve(path);
        return;
    }
    int error = -kernel_stat_at(PROBE_AT_FDCWD, path, &status, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0);
    if (!error)
        found = &status;
    uint8_t kind = mode_kind(flags, flags & O_CREAT && !found);
    if (kind == PROBE_WRITE)
        opened_for_writing(notice, path, flags, found, error);
    else
        file_access(notice, kind, mode_detail(kind, flags), error, path);
}

void file_named(uint8_t kind, uint16_t detail, int error, const char *path, const char *second,
                const struct stat *status, struct target *target)
{
    target_announce(target);
    size_t length = path_length(path), length_second = second ? path_length(second) : 0;
    struct probe_names *note = log_claim(kind, sizeof *note + length + 1 + (second ? length_second + 1 : 0), NULL);
    if (!note)
        return;
    note->frame.error = (uint8_t)error;
    note->frame.detail = detail | PROBE_ATTEMPTED;
    note->device = status && !error ? status->st_dev : 0;
    note->inode = status && !error ? status->st_ino : 0;
    char *to = put_text((char *)(note + 1), path, length);
    if (second) {
        put_text(to, second, length_second);
        forget(target, second);
    }
    log_commit(note);
    forget(target, path);
}
