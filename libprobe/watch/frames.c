/*
 * The worker's log: as libprobe's, but for many processes, one writer each, and nobody
 * else writes to their blocks. log_claim and its like have libprobe's own interface, so that
 * environ.c serves both.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "../create.h"
#include "worker.h"

#define BLOCK_MOST (64u << 10)

struct process process;
static struct probe_segment *first, *current;
static struct writer *writer;
static int64_t tick; /* of the call that is being read */
static char run_folder[PROBE_PATH_MAX];

static int map_segment(uint32_t number, struct probe_segment **to)
{
    char name[PROBE_PATH_MAX];
    struct stat status;
    int failed = probe_segment_name(name, sizeof name, run_folder, number);
    int file = failed ? failed : kernel_open(PROBE_AT_FDCWD, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
    if (file < 0)
        return file;
    struct probe_segment *at = NULL;
    if (kernel_stat_of(file, &status) == 0 && status.st_size > PROBE_HEADER_SIZE)
        at = kernel_map((size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    kernel_close(file);
    if (!at || at->version != PROBE_VERSION || at->size != (uint64_t)status.st_size)
        return -EINVAL;
    *to = at;
    return 0;
}

int frames_open(const char *folder)
{
    text_append(run_folder, run_folder + sizeof run_folder, folder);
    process.folder = run_folder;
    process.preload = "";
    int failed = map_segment(0, &first);
    if (failed)
        return failed;
    uint32_t newest = __atomic_load_n(&first->newest, __ATOMIC_ACQUIRE);
    if (newest == 0 || map_segment(newest, &current) != 0)
        current = first;
    process.first = first;
    process.current = current;
    return 0;
}

const char *frames_folder(void) { return run_folder; }
void frames_for(struct writer *to) { writer = to; }

static int next_segment(void)
{
    uint32_t number = current->number + 1, newest = __atomic_load_n(&first->newest, __ATOMIC_ACQUIRE);
    int failed = 0;
    if (newest >= number)
        number = newest;
    else
        failed = probe_segment_create(run_folder, number);
    struct probe_segment *made;
    if ((failed && failed != -EEXIST) || map_segment(number, &made) != 0)
        return 0;
    while (newest < number && !__atomic_compare_exchange_n(&first->newest, &newest, number, 0, __ATOMIC_RELEASE,
                                                           __ATOMIC_RELAXED))
        ;
    process.current = current = made;
    return 1;
}

int64_t log_now(void) { return kernel_clock(CLOCK_MONOTONIC); }

int64_t frames_tick(void)
{
    tick = log_now();
    return tick;
}

/* The last unit is kept, see record.h. */
static int fits(uint64_t at, uint32_t size)
{
    uint64_t end = current->size - PROBE_BLOCK_UNIT;
    return at <= end && size <= end - at;
}

static int new_block(size_t frame)
{
    size_t least = (sizeof(struct probe_block) + frame + 8 + PROBE_BLOCK_UNIT - 1) / PROBE_BLOCK_UNIT * PROBE_BLOCK_UNIT;
    uint32_t size = writer->size > least ? writer->size : (uint32_t)least;
    uint64_t at;
    do {
        at = __atomic_fetch_add(&current->next, size, __ATOMIC_RELAXED);
        if (fits(at, size))
            break;
    } while (next_segment());
    if (!fits(at, size))
        return 0;
    struct probe_block *block = (struct probe_block *)(void *)((char *)current + at);
    if (!writer->exec)
        writer->exec = (uint64_t)current->number << 32 | at / PROBE_BLOCK_UNIT;
    block->size = size;
    block->used = sizeof *block;
    block->pid = block->tid = writer->pid;
    block->exec = writer->exec;
    block->base = tick ? tick : frames_tick();
    __atomic_store_n(&block->magic, PROBE_BLOCK_MAGIC, __ATOMIC_RELEASE);
    writer->block = block;
    writer->size = size * 2 < BLOCK_MOST ? size * 2 : BLOCK_MOST;
    return 1;
}

static void end_block(struct probe_block *block)
{
    if (block->used + 8 > block->size)
        return;
    struct probe_frame *end = (struct probe_frame *)(void *)((char *)block + block->used);
    end->kind = PROBE_END;
    __atomic_store_n(&end->size, -8, __ATOMIC_RELEASE);
}

void *log_claim(uint8_t kind, size_t size, struct probe_block **in)
{
    size = (size + 7) & ~(size_t)7;
    int64_t now = tick;
    struct probe_block *block = writer->block;
    if (!block || (now - block->base) >> (32 + PROBE_TICK_SHIFT) || block->used + size > block->size) {
        if (block)
            end_block(block);
        if (!new_block(size)) {
            __atomic_fetch_add(&current->lost, 1, __ATOMIC_RELAXED);
            writer->block = NULL;
            return NULL;
        }
        block = writer->block;
        now = block->base;
    }
    struct probe_frame *frame = (struct probe_frame *)(void *)((char *)block + block->used);
    __atomic_store_n(&frame->size, (int32_t)size, __ATOMIC_RELAXED);
    __atomic_fetch_add(&block->used, (uint32_t)size, __ATOMIC_RELEASE);
    frame->kind = kind;
    frame->when = (uint32_t)((now - block->base) >> PROBE_TICK_SHIFT);
    if (in)
        *in = block;
    return frame;
}

void log_commit(void *at)
{
    struct probe_frame *frame = at;
    __atomic_store_n(&frame->size, -frame->size, __ATOMIC_RELEASE);
}

int log_seen(uint64_t id)
{
    for (unsigned i = 0; i < SEEN_PROBES; i++)
        if (__atomic_load_n(&current->seen[seen_slot(id, i)], __ATOMIC_RELAXED) == id)
            return 1;
    return 0;
}

void log_mark(uint64_t id)
{
    for (unsigned i = 0; i < SEEN_PROBES; i++) {
        uint64_t none = 0;
        uint64_t *slot = &current->seen[seen_slot(id, i)];
        if (__atomic_compare_exchange_n(slot, &none, id, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED) || none == id)
            return;
    }
}

void frames_begin(struct writer *to, int pid)
{
    *to = (struct writer){.pid = (uint32_t)pid, .size = PROBE_BLOCK_UNIT};
    writer = to;
}

void frame_gap(uint32_t reason, int pid, const char *text)
{
    size_t length = path_length(text);
    struct probe_gap *note = log_claim(PROBE_GAP, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    note->reason = reason;
    note->pid = (uint32_t)pid;
    put_text((char *)(note + 1), text, length);
    log_commit(note);
}

void frame_text(uint8_t kind, const char *text)
{
    size_t length = path_length(text);
    struct probe_frame *note = log_claim(kind, sizeof *note + length + 1, NULL);
    if (!note)
        return;
    put_text((char *)(note + 1), text, length);
    log_commit(note);
}
