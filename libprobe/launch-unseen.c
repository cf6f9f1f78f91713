/*
 * A command that no preload can enter (static, set-uid, of another machine) writes nothing
 * itself, and nobody above it is recorded. So that a run of such a command is not silence, the
 * launcher writes what it knows in its name, just before it is executed: that it began, and a gap.
 */
#include "launch.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "create.h"

#define ROOM (16u << 10) /* of the block: arguments that do not fit are left out */

static struct probe_segment *map_segment(const char *folder, uint64_t *size)
{
    char name[PROBE_PATH_MAX];
    struct stat found;
    struct probe_segment *at = NULL;
    if (probe_segment_name(name, sizeof name, folder, 0) < 0)
        return NULL;
    int file = kernel_open(PROBE_AT_FDCWD, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
    if (file < 0)
        return NULL;
    if (kernel_stat_of(file, &found) == 0 && found.st_size > PROBE_HEADER_SIZE + (long)ROOM)
        at = kernel_map((size_t)found.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    kernel_close(file);
    *size = (uint64_t)found.st_size;
    return at;
}

/* Takes `size` bytes of the block, as a frame of that kind; the caller commits it. */
static void *new_frame(struct probe_block *block, size_t size, int kind)
{
    size = (size + 7) & ~(size_t)7;
    struct probe_frame *frame = (struct probe_frame *)(void *)((char *)block + block->used);
    frame->kind = (uint8_t)kind;
    frame->size = (int32_t)size;
    block->used += (uint32_t)size;
    return frame;
}

static void commit(struct probe_frame *frame)
{
    __atomic_store_n(&frame->size, -frame->size, __ATOMIC_RELEASE);
}

static void note_start(struct probe_block *block, const char *path, char **arguments)
{
    char directory[PROBE_PATH_MAX] = "";
    kernel_directory(directory, sizeof directory);
    size_t size = sizeof(struct probe_start) + text_length(path) + 1 + text_length(directory) + 1;
    uint32_t count = 0;
    for (; arguments[count] && size + text_length(arguments[count]) + 1 < ROOM - 2 * PROBE_PATH_MAX; count++)
        size += text_length(arguments[count]) + 1;
    struct probe_start *start = new_frame(block, size, PROBE_START);
    char *at = (char *)(start + 1), *end = (char *)start + size + 1;
    start->pid = block->pid;
    start->parent = (uint32_t)kernel_parent();
    start->arguments = count;
    start->uid = (uint32_t)KERNEL(geteuid, 0, 0, 0, 0);
    if (arguments[count])
        start->frame.detail = PROBE_CUT;
    at = text_append(at, end, path) + 1;
    at = text_append(at, end, directory) + 1;
    for (uint32_t i = 0; i < count; i++)
        at = text_append(at, end, arguments[i]) + 1;
    commit(&start->frame);
}

void note_unseen(const char *folder, const char *path, char **arguments, uint32_t reason)
{
    uint64_t size;
    struct probe_segment *segment = map_segment(folder, &size);
    if (!segment)
        return;
    uint64_t at = __atomic_fetch_add(&segment->next, ROOM, __ATOMIC_RELAXED);
    if (at + ROOM > size - PROBE_BLOCK_UNIT) {
        __atomic_fetch_add(&segment->lost, 2, __ATOMIC_RELAXED);
        return;
    }
    struct probe_block *block = (struct probe_block *)(void *)((char *)segment + at);
    block->size = ROOM;
    block->used = sizeof *block;
    block->pid = block->tid = (uint32_t)kernel_pid();
    block->exec = (uint64_t)segment->number << 32 | at / PROBE_BLOCK_UNIT;
    block->base = kernel_clock(CLOCK_MONOTONIC);
    __atomic_store_n(&block->magic, PROBE_BLOCK_MAGIC, __ATOMIC_RELEASE);
    note_start(block, path, arguments);
    struct probe_gap *gap = new_frame(block, sizeof *gap + text_length(path) + 1, PROBE_GAP);
    gap->reason = reason;
    gap->pid = block->pid;
    text_append((char *)(gap + 1), (char *)(gap + 1) + text_length(path) + 1, path);
    commit(&gap->frame);
}
