#include "note.h"

#include <errno.h>
#include <fcntl.h>

#include "mode.h"

int failure_number(int error)
{
    switch (error) {
    case EINTR: case EFAULT: case EBADF: case ENAMETOOLONG: case EMFILE: case ENFILE: case ENOMEM: case EAGAIN:
    case EINVAL: case ENOSYS: case EIO:
        return NOTHING;
    default:
        return error > 0 && error < 256 ? error : NOTHING;
    }
}

/* What the kernel itself shows there is no data of the user's. */
static int is_kernels(const char *path)
{
    if (path[0] != '/' || (path[1] != 'p' && path[1] != 's' && path[1] != 'd'))
        return 0;
    size_t length = text_begins(path, "/proc") ? 5 : text_begins(path, "/sys") || text_begins(path, "/dev") ? 4 : 0;
    return length && (!path[length] || path[length] == '/') && !text_begins(path, "/dev/shm/");
}

static size_t cut(const char *path, uint16_t *detail)
{
    size_t length = path_length(path);
    if (length < PROBE_PATH_MAX)
        return length;
    *detail |= PROBE_CUT;
    return PROBE_PATH_MAX - 1;
}

static void note_directory(uint64_t key, const char *path, size_t length)
{
    struct probe_directory *note = log_claim(PROBE_DIRECTORY, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    note->key = key;
    put_text((char *)(note + 1), path, length);
    log_commit(note);
}

/* Key of the directory behind a descriptor; its path is noted once per exec. 0: nothing to be noted below it. */
static __attribute__((noinline)) uint64_t directory_key(int at) /* apart: needs a page of stack */
{
    struct stat status;
    char name[48], path[PROBE_PATH_MAX];
    if (kernel_stat_of(at, &status))
        return 0;
    uint64_t key = hash_word(hash_word(PROBE_DIRECTORY, status.st_dev), status.st_ino) | 3;
    if (!own->exec)
        log_announce(); /* the table is this exec's */
    log_arm();
    uint64_t *slot = &own_pages.directories[key >> 8 & (PROBE_DIRECTORY_SLOTS - 1)];
    if ((*slot | 1) == key)
        return *slot & 1 ? 0 : key;
    char *end = text_append(name, name + sizeof name, "/proc/self/fd/");
    text_append_number(end, name + sizeof name, (uint64_t)at);
    long length = kernel_link_text(name, path, sizeof path - 1);
    if (length <= 0) { /* no /proc here: what is below it is noted all the same, and the reader tells that */
        *slot = key & ~1ull;
        return key;
    }
    path[length] = 0;
    int left_out = is_kernels(path);
    if (!left_out)
        note_directory(key, path, (size_t)length);
    *slot = left_out ? key : key & ~1ull;
    return left_out ? 0 : key;
}

/* Whether a note about this path is to be taken, and below which directory. */
static int place_of(int at, const char *path, uint16_t bit, uint16_t *detail, uint64_t *directory)
{
    *directory = 0;
    if (!path || !path[0] || is_kernels(path))
        return 0;
    if (unlikely(!own->described))
        descriptors_describe();
    if (path[0] == '/' || at == AT_FDCWD)
        return 1;
    *directory = directory_key(at);
    *detail |= bit;
    return *directory != 0;
}

void note_text(uint8_t kind, const char *text)
{
    size_t length = path_length(text);
    struct probe_frame *note = log_claim(kind, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    put_text((char *)(note + 1), text, length);
    log_commit(note);
}

void note_gap(uint32_t reason, const char *text)
{
    uint16_t detail = 0;
    size_t length = cut(text, &detail);
    struct probe_gap *note = log_claim(PROBE_GAP, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    note->frame.detail = detail;
    note->reason = reason;
    note->pid = (uint32_t)kernel_pid();
    put_text((char *)(note + 1), text, length);
    log_commit(note);
}

void note_root_changed(const char *text)
{
    process.elsewhere = 1;
    note_gap(PROBE_ROOT_CHANGED, text);
}

void note_gap_once(enum said bit, uint32_t reason, const char *text)
{
    log_announce();
    if (!(__atomic_fetch_or(&own->said, 1u << bit, __ATOMIC_RELAXED) >> bit & 1))
        note_gap(reason, text);
}

void note_access(uint8_t kind, uint16_t detail, int at, const char *path, int failed)
{
    uint64_t directory;
    if (failed != NOTHING && place_of(at, path, PROBE_AT, &detail, &directory))
        fold_access(kind, detail, (uint8_t)failed, directory, path);
}

static void note_identity(uint8_t kind, uint16_t detail, uint64_t directory, const char *path, int descriptor,
                          int flags, const struct stat *status, int failed)
{
    size_t length = cut(path, &detail);
    struct probe_identity *note = log_claim(kind, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    note->frame.error = (uint8_t)failed;
    note->frame.detail = detail;
    identity_fill(note, descriptor, status, flags);
    note->directory = directory;
    put_text((char *)(note + 1), path, length);
    log_commit(note);
}

static void note_write(int at, const char *path, int flags, int descriptor, int failed)
{
    struct stat status, *known = descriptor >= 0 && kernel_stat_of(descriptor, &status) == 0 ? &status : NULL;
    uint16_t detail = mode_detail(PROBE_WRITE, flags);
    uint64_t directory = 0;
    if (known && !strayed())
        set_writing(descriptor, S_ISREG(status.st_mode) && (flags & O_ACCMODE) != O_RDONLY);
    if (path[0] && !place_of(at, path, PROBE_AT, &detail, &directory))
        return;
    fold_forget(directory, path);
    note_identity(PROBE_WRITE, detail, directory, path, descriptor, flags, known, failed);
}

/* What an engine declares is written into the run's own folder, by make for each recipe: none of the user's files. */
static int is_in_run(const char *path)
{
    const char *folder = process.folder;
    while (*folder && *folder == *path)
        folder++, path++;
    return !*folder && *path == '/';
}

/* It wrote when what it opened is empty. */
static int may_have_made(int flags, int descriptor)
{
    struct stat status;
    return flags & O_CREAT && descriptor >= 0 && kernel_stat_of(descriptor, &status) == 0 && status.st_size == 0;
}

void note_open(int at, const char *path, int flags, int descriptor, int failed)
{
    if (failed == NOTHING)
        return;
    uint8_t kind = mode_kind(flags, 0);
    if (kind == PROBE_WRITE || (kind == PROBE_READ && unlikely(may_have_made(flags, descriptor)))) {
        if (!is_in_run(path))
            note_write(at, path, flags, descriptor, failed);
        else if (descriptor >= 0 && is_writing(descriptor) && !strayed())
            set_writing(descriptor, 0); /* closed where we do not see it */
        return;
    }
    if (kind == PROBE_READ && descriptor >= 0 && is_writing(descriptor) && !strayed())
        set_writing(descriptor, 0); /* closed where we do not see it */
    note_access(kind, mode_detail(kind, flags), at, path, failed);
}

void note_temporary(const char *path, int flags, int descriptor)
{
    if (descriptor >= 0)
        note_write(AT_FDCWD, path, flags, descriptor, 0);
}

static void note_named(uint8_t kind, uint16_t detail, const uint64_t directory[2], const char *path,
                       const char *second, const struct stat *status, int failed)
{
    size_t length = cut(path, &detail), length_second = second ? cut(second, &detail) : 0;
    struct probe_names *note = log_claim(kind, sizeof *note + length + 1 + (second ? length_second + 1 : 0), NULL);
    if (!note)
        return;
    note->frame.error = (uint8_t)failed;
    note->frame.detail = detail;
    note->directory = directory[0];
    note->directory_second = directory[1];
    note->device = status ? status->st_dev : 0;
    note->inode = status ? status->st_ino : 0;
    char *to = put_text((char *)(note + 1), path, length);
    if (second)
        put_text(to, second, length_second);
    log_commit(note);
}

void note_names(uint8_t kind, uint16_t detail, int at, const char *path, int failed)
{
    uint64_t directory[2] = {0, 0};
    struct stat status, *known = NULL;
    if (failed == NOTHING || !place_of(at, path, PROBE_AT, &detail, &directory[0]))
        return;
    if (kind == PROBE_MAKE && !failed && kernel_stat_at(at, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
        known = &status;
    if (kind != PROBE_METADATA)
        fold_forget(directory[0], path);
    note_named(kind, detail, directory, path, NULL, known, failed);
}

void note_two_names(uint8_t kind, uint16_t detail, int at, const char *path, int at_second, const char *second,
                    int failed)
{
    uint64_t directory[2] = {0, 0};
    struct stat status, *known = NULL;
    if (failed == NOTHING || !path || !place_of(at_second, second, PROBE_AT_SECOND, &detail, &directory[1]))
        return;
    if (kind != PROBE_SYMLINK) /* whose first text is content, not a path; /proc/self/fd/N of linkat is kept */
        if (!place_of(at, path, PROBE_AT, &detail, &directory[0]) && !is_kernels(path))
            return;
    if (!failed && kernel_stat_at(at_second, second, &status, AT_SYMLINK_NOFOLLOW) == 0)
        known = &status;
    if (kind == PROBE_RENAME)
        fold_forget(directory[0], path);
    fold_forget(directory[1], second);
    note_named(kind, detail, directory, path, second, known, failed);
}

void note_change(int at, const char *path, int descriptor, int failed)
{
    struct stat status, *known = NULL;
    uint16_t detail = 0;
    uint64_t directory = 0;
    if (failed == NOTHING || (path[0] && !place_of(at, path, PROBE_AT, &detail, &directory)))
        return;
    if (!failed && (path[0] ? kernel_stat_at(at, path, &status, 0) : kernel_stat_of(descriptor, &status)) == 0)
        known = &status;
    if (path[0])
        fold_forget(directory, path);
    note_identity(PROBE_CHANGE, detail, directory, path, descriptor, 0, known, failed);
}

void note_metadata_of(int descriptor, int failed)
{
    static const uint64_t none[2];
    struct stat status;
    if (!failed && kernel_stat_of(descriptor, &status) == 0)
        note_named(PROBE_METADATA, 0, none, "", NULL, &status, 0);
}

void note_place(int failed)
{
    char path[PROBE_PATH_MAX];
    if (failed || strayed()) /* a vfork child's directory is not ours; a fork child's stands in its FORKED */
        return;
    __atomic_fetch_add(&process.place, 1, __ATOMIC_RELAXED);
    if (kernel_directory(path, sizeof path) > 0)
        note_text(PROBE_PLACE, path);
}

void note_pipe(const int ends[2], int failed)
{
    struct stat status;
    for (int i = 0; i < 2 && !failed; i++)
        if (kernel_stat_of(ends[i], &status) == 0)
            descriptor_note(PROBE_PIPE, ends[i], &status, (int)KERNEL(fcntl, ends[i], F_GETFL, 0, 0));
}
