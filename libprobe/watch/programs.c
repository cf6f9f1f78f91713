/*
 * A watched program's end and the next one's beginning: execve and exit_group. Whether an execve happened is
 * told by the first call that follows it (image.c).
 */
#include <errno.h>
#include <fcntl.h>

#include "../image.h"
#include "worker.h"

#define TEXTS_MOST (64u << 10)
#define ARGUMENTS_MOST 512

/* The arguments of a program that will not tell them itself. */
static uint32_t read_arguments(const struct notice *notice, uint64_t at, char *to, size_t *size)
{
    static uint64_t places[ARGUMENTS_MOST];
    static char text[PROBE_PATH_MAX];
    uint32_t count = 0;
    size_t width = notice->narrow ? 4 : 8;
    bytes_clear(places, sizeof places);
    for (size_t i = 0; i < ARGUMENTS_MOST; i++) /* one by one: what follows the list may not be there */
        if (memory_read(notice->thread, at + i * width, &places[i], width) != (long)width || !places[i])
            break;
    *size = 0;
    for (; count < ARGUMENTS_MOST && places[count] && memory_text(notice->thread, places[count], text); count++) {
        size_t length = text_length(text) + 1;
        if (*size + length > TEXTS_MOST)
            break;
        bytes_copy(to + *size, text, length);
        *size += length;
    }
    return count;
}

static const struct probe_exec *note_exec(const struct notice *notice, const char *path, const struct image *image,
                                          uint64_t arguments)
{
    static char texts[TEXTS_MOST];
    size_t size = 0, length = path_length(path), script = path_length(image->script);
    int answers = image->enters || image->narrow || image->reason == PROBE_STATIC || image->reason == PROBE_PRIVILEGED;
    uint32_t count = answers ? 0 : read_arguments(notice, arguments, texts, &size);
    struct probe_exec *note = log_claim(PROBE_EXEC, sizeof *note + length + script + 2 + size, NULL);
    if (!note)
        return NULL;
    note->frame.detail = (uint16_t)(PROBE_ATTEMPTED | (answers ? PROBE_NEXT_IMAGE : 0));
    note->pid = (uint32_t)notice->target->pid;
    note->arguments = count;
    bytes_copy(put_text(put_text((char *)(note + 1), path, length), image->script, script), texts, size);
    log_commit(note);
    return note;
}

/* A child that only executes writes in its parent's name, as vfork children do. */
static void write_as(struct target *target)
{
    struct target *parent = target->writer.exec ? NULL : target_known(target->parent_pid);
    if (parent && parent->writer.exec && parent->writer.exec == target->parent_exec)
        frames_for(&parent->writer);
    else
        target_announce(target);
}

static int lost_its_right(int pid)
{
    char text[4096];
    if (proc_read(pid, "/status", text, sizeof text) <= 0)
        return 0;
    for (const char *at = text; *at; at++)
        if (text_begins(at, "\nNoNewPrivs:\t1"))
            return 1;
    return 0;
}

static void look_at(const char *name, struct image *image)
{
    bytes_clear(image, sizeof *image);
    if (files_served())
        image->enters = 1; /* or not: see there */
    else
        image_look(AT_FDCWD, name, image);
}

void program_executed(const struct notice *notice, int at, uint64_t path, uint64_t arguments, int flags)
{
    struct target *target = notice->target;
    struct image image;
    char name[PROBE_PATH_MAX];
    target->exec_pending = notice->thread;
    target->exec = NULL;
    if (target->state != TARGET_RECORDED)
        return;
    if (!path_of(notice, at, path, name) && !(flags & AT_EMPTY_PATH && path_of_descriptor(notice, at, name)))
        return;
    look_at(name, &image);
    if (image.error == ENOENT || image.error == ENOTDIR) {
        file_access(notice, PROBE_LOOKUP, 0, image.error, name);
        return;
    }
    write_as(target);
    target->exec = note_exec(notice, name, &image, arguments);
    if (image.reason == PROBE_PRIVILEGED && lost_its_right(target->pid))
        frame_gap(PROBE_DISARMED, target->pid, name);
    else if (image.reason && !image.narrow && image.reason != PROBE_STATIC && image.reason != PROBE_PRIVILEGED)
        frame_gap(image.reason, target->pid, name);
}

void program_ended(const struct notice *notice, int status)
{
    struct target *target = notice->target;
    target_adopt_children(target);
    if (target->state == TARGET_RECORDED && target->writer.exec) {
        frames_for(&target->writer);
        file_close_all(target);
        struct probe_exit *note = log_claim(PROBE_EXIT, sizeof *note, NULL);
        if (note) {
            note->pid = (uint32_t)target->pid;
            note->status = (status & 0xff) << 8;
            note->user = note->system = note->memory = -1;
            log_commit(note);
        }
    }
    target_end(target, notice->now);
}
