#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "create.h"
#include "lookup.h"
#include "start.h"

#define BLOCK_FIRST PROBE_BLOCK_UNIT
#define BLOCK_MOST (64u << 10)
#define RETRY_AFTER 1000      /* frames lost, when no segment can be made (full disk, no descriptor left) */
#define POPULATED (16u << 10) /* from this size on a block's pages are had in one go */
#define ASKED_MOST 16         /* the vDSO's first use costs two page faults, asking the kernel a tenth of one */
#define POPULATE_WRITE 23     /* MADV_POPULATE_WRITE, Linux 5.14 */

struct process process PROBE_AT_START;

/* exec is stored last: a signal handler that sees the old one claims a block of its own. */
static __thread struct {
    struct probe_block *block;
    uint64_t exec;
    uint32_t size; /* of the block to claim next */
    uint32_t tid;  /* in this exec */
} thread;

#define WIPE_ON_FORK 18 /* MADV_WIPEONFORK, Linux 4.14 */

static int usable(const struct probe_segment *segment, uint64_t size)
{
    return bytes_equal(segment->magic, "PROBESEG", 8) && segment->version == PROBE_VERSION &&
           segment->header_size == PROBE_HEADER_SIZE && segment->size == size;
}

static int open_segment(uint32_t number)
{
    char name[PROBE_PATH_MAX];
    int failed = probe_segment_name(name, sizeof name, process.folder, number);
    return failed ? failed : kernel_open(PROBE_AT_FDCWD, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
}

/* Closes `file`: what stays is the mapping. NULL when it is no segment of ours. */
static struct probe_segment *map_segment(int file)
{
    struct stat status;
    struct probe_segment *at = NULL;
    if (file < 0)
        return NULL;
    if (kernel_stat_of(file, &status) == 0 && status.st_size > PROBE_HEADER_SIZE)
        at = kernel_map((size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    kernel_close(file);
    if (!at)
        return NULL;
    /* Without it the first store of a run reads the whole segment ahead: 0.8 ms, 10 ms when memory is short. */
    KERNEL(madvise, at, status.st_size, 1 /* MADV_RANDOM */, 0);
    /* Written first and not read: one fault instead of two. */
    __atomic_fetch_add(&at->next, 0, __ATOMIC_RELAXED);
    if (usable(at, (uint64_t)status.st_size))
        return at;
    kernel_unmap(at, (size_t)status.st_size);
    return NULL;
}

int log_open(void)
{
    uint32_t newest = 0;
    int file = open_segment(0);
    if (file == -ENOENT) { /* a further host of this run */
        file = probe_segment_create(process.folder, 0);
        if (file == 0 || file == -EEXIST)
            file = open_segment(0);
    }
    if (file < 0)
        return file;
    /* Read and not mapped: in a long run number 0 has long been full, and one mapping is enough. */
    if (kernel_read_at(file, &newest, sizeof newest, offsetof(struct probe_segment, newest)) == sizeof newest && newest)
        process.current = map_segment(open_segment(newest));
    if (process.current)
        kernel_close(file);
    else
        process.first = process.current = map_segment(file);
    return process.current ? 0 : -EINVAL;
}

/* Number 0, where the newest one's number stands; a short program never needs it. */
static struct probe_segment *first_segment(void)
{
    struct probe_segment *none = NULL, *first = __atomic_load_n(&process.first, __ATOMIC_ACQUIRE);
    if (first)
        return first;
    first = map_segment(open_segment(0));
    if (first && !__atomic_compare_exchange_n(&process.first, &none, first, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        kernel_unmap(first, first->size);
        first = none;
    }
    return first;
}

static void raise_newest(struct probe_segment *first, uint32_t number)
{
    uint32_t old = __atomic_load_n(&first->newest, __ATOMIC_RELAXED);
    while (old < number &&
           !__atomic_compare_exchange_n(&first->newest, &old, number, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* The segment after one that is full: the newest that others made, or a new one. */
static struct probe_segment *next_segment(struct probe_segment *full)
{
    struct probe_segment *current = __atomic_load_n(&process.current, __ATOMIC_ACQUIRE);
    int error = 0;
    if (current != full)
        return current;
    struct probe_segment *first = first_segment();
    if (!first)
        return NULL;
    uint32_t number = full->number + 1, newest = __atomic_load_n(&first->newest, __ATOMIC_ACQUIRE);
    if (newest >= number)
        number = newest;
    else
        error = probe_segment_create(process.folder, number);
    struct probe_segment *made = error == 0 || error == -EEXIST ? map_segment(open_segment(number)) : NULL;
    if (!made)
        return NULL;
    raise_newest(first, number);
    if (!__atomic_compare_exchange_n(&process.current, &current, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        kernel_unmap(made, made->size); /* another thread was quicker */
        return current;
    }
    return made;
}

/* The block is this exec's, and holds one frame. */
static void fill_last_unit(struct probe_segment *segment)
{
    char *at = (char *)segment + segment->size - PROBE_BLOCK_UNIT;
    struct probe_block *block = (struct probe_block *)(void *)at;
    struct probe_gap *gap = (struct probe_gap *)(block + 1);
    block->size = PROBE_BLOCK_UNIT;
    block->pid = own->pid;
    block->tid = (uint32_t)kernel_thread();
    block->exec = own->exec;
    block->base = log_now();
    gap->frame.kind = PROBE_GAP;
    gap->reason = PROBE_NO_ROOM;
    gap->pid = own->pid;
    size_t size = (sizeof *gap + 1 + 7) & ~(size_t)7;
    block->used = (uint32_t)(sizeof *block + size);
    __atomic_store_n(&gap->frame.size, -(int32_t)size, __ATOMIC_RELEASE);
    __atomic_store_n(&block->magic, PROBE_BLOCK_MAGIC, __ATOMIC_RELEASE);
}

/* No room, and no further segment: the reserved unit tells it, and which program was the first to meet it. */
static void tell_full(struct probe_segment *segment)
{
    if (own->exec && !__atomic_exchange_n(&segment->told_full, 1, __ATOMIC_RELAXED))
        fill_last_unit(segment);
}

static struct probe_block *claim_units(uint32_t bytes, uint64_t *id)
{
    struct probe_segment *segment = __atomic_load_n(&process.current, __ATOMIC_ACQUIRE);
    if (process.full > 0) {
        process.full--;
        return NULL;
    }
    while (segment) {
        uint64_t at = __atomic_fetch_add(&segment->next, bytes, __ATOMIC_RELAXED);
        uint64_t end = segment->size - PROBE_BLOCK_UNIT;
        if (at <= end && bytes <= end - at) {
            *id = (uint64_t)segment->number << 32 | at / PROBE_BLOCK_UNIT;
            char *block = (char *)segment + at;
            if (bytes >= POPULATED)
                KERNEL(madvise, (uintptr_t)block & -(uintptr_t)PROBE_PAGE, bytes, POPULATE_WRITE, 0);
            return (struct probe_block *)(void *)block;
        }
        struct probe_segment *next = next_segment(segment);
        if (!next)
            tell_full(segment);
        segment = next;
    }
    process.full = RETRY_AFTER;
    return NULL;
}

static int64_t ask_for_time(void)
{
    if (process.held)
        return process.held;
    if (process.vdso && (++process.asked > ASKED_MOST || kernel_closed)) {
        process.clock = (int (*)(int, struct timespec *))lookup_in_vdso(process.vdso, VDSO_CLOCK);
        process.vdso = 0;
    }
    return kernel_clock(CLOCK_MONOTONIC);
}

int64_t log_now(void)
{
    struct timespec time;
    if (unlikely(!process.clock || process.clock(CLOCK_MONOTONIC, &time)))
        return ask_for_time();
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static uint32_t block_size(size_t frame, uint32_t wanted)
{
    size_t least = sizeof(struct probe_block) + frame + 8; /* 8: the frame that says END */
    least = (least + PROBE_BLOCK_UNIT - 1) / PROBE_BLOCK_UNIT * PROBE_BLOCK_UNIT;
    return least > wanted ? (uint32_t)least : wanted;
}

/* A new block for this thread. The first one of an exec names it, and says how it began. */
static int new_block(size_t frame)
{
    uint64_t id, none = 0;
    int first = __atomic_load_n(&own->exec, __ATOMIC_ACQUIRE) == 0;
    uint32_t size = block_size(frame, first || !thread.size ? BLOCK_FIRST : thread.size);
    struct probe_block *block = claim_units(size, &id);
    if (!block)
        return 0;
    if (first) {
        own->pid = (uint32_t)kernel_pid();
        first = __atomic_compare_exchange_n(&own->exec, &none, id, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    }
    block->size = size;
    block->used = sizeof *block;
    block->pid = own->pid;
    block->exec = own->exec;
    if (thread.exec != block->exec)
        thread.tid = first && !process.exec ? own->pid : (uint32_t)kernel_thread();
    block->tid = thread.tid;
    block->base = log_now();
    __atomic_store_n(&block->magic, PROBE_BLOCK_MAGIC, __ATOMIC_RELEASE);
    thread.size = size * 2 < BLOCK_MOST ? size * 2 : BLOCK_MOST;
    thread.block = block;
    __atomic_store_n(&thread.exec, block->exec, __ATOMIC_RELEASE);
    if (first) {
        uint64_t parent = process.exec;
        process.exec = id;
        process.held = block->base; /* what is noted of a start has one time */
        start_announce(parent);
        process.held = 0;
    }
    return 1;
}

/*
 * May be met by several threads and signal handlers at once, and by vfork children: all store the same.
 * An emulator (qemu-user 7.2) takes the wish for a mere hint and says yes; it gives no vDSO either (start.c).
 * Once the kernel is closed to us a child is not told from its parent.
 */
void log_arm_now(void)
{
    if (kernel_closed)
        return;
    if (KERNEL(madvise, &own_pages, sizeof own_pages, WIPE_ON_FORK, 0) != 0)
        process.ask_pid = 1;
    if (own != &own_pages.this)
        own_pages.this = process.unarmed;
    __atomic_store_n(&process.this_exec, &own_pages.this, __ATOMIC_RELEASE);
    __atomic_store_n(&process.armed, 1, __ATOMIC_RELEASE);
}

PROBE_INLINE struct probe_block *current_block(void)
{
    if (unlikely(process.ask_pid) && own->pid && own->pid != (uint32_t)kernel_pid())
        bytes_clear(&own_pages, sizeof own_pages);
    uint64_t exec = __atomic_load_n(&own->exec, __ATOMIC_RELAXED);
    return exec && thread.exec == exec ? thread.block : NULL;
}

void log_announce(void)
{
    if (!current_block())
        new_block(0);
}

static void end_block(struct probe_block *block, uint32_t at)
{
    if (at + 8 > block->size)
        return;
    struct probe_frame *end = (struct probe_frame *)(void *)((char *)block + at);
    end->kind = PROBE_END;
    __atomic_store_n(&end->size, -8, __ATOMIC_RELEASE);
}

/* Room in this block; NULL when it is full, which is told in it. */
PROBE_INLINE struct probe_frame *claim_in(struct probe_block *block, uint8_t kind, size_t size, int64_t now)
{
    uint32_t at = __atomic_fetch_add(&block->used, (uint32_t)size, __ATOMIC_RELAXED);
    if (unlikely(at + size > block->size)) {
        end_block(block, at);
        return NULL;
    }
    struct probe_frame *frame = (struct probe_frame *)(void *)((char *)block + at);
    __atomic_store_n(&frame->size, (int32_t)size, __ATOMIC_RELAXED);
    frame->kind = kind;
    frame->when = (uint32_t)((now - block->base) >> PROBE_TICK_SHIFT);
    return frame;
}

PROBE_INLINE int is_old(const struct probe_block *block, int64_t now)
{
    return (now - block->base) >> (32 + PROBE_TICK_SHIFT) != 0;
}

void *log_claim(uint8_t kind, size_t size, struct probe_block **in)
{
    size = (size + 7) & ~(size_t)7;
    struct probe_block *block = current_block();
    int64_t now = log_now();
    for (;;) {
        if (unlikely(!block || is_old(block, now))) {
            if (!new_block(size)) {
                __atomic_fetch_add(&process.current->lost, 1, __ATOMIC_RELAXED);
                return NULL;
            }
            block = thread.block;
            now = log_now();
        }
        struct probe_frame *frame = claim_in(block, kind, size, now);
        if (in)
            *in = block;
        if (likely(frame))
            return frame;
        block = NULL;
    }
}

void *log_claim_near(uint8_t kind, size_t size, const void *near, uint32_t *from, struct probe_block **in)
{
    uintptr_t segment = (uintptr_t)__atomic_load_n(&process.current, __ATOMIC_ACQUIRE), at = (uintptr_t)near;
    uint64_t room = ((struct probe_segment *)segment)->size;
    struct probe_block *block = current_block();
    if (!block || (uintptr_t)block - segment >= room || at - segment >= room)
        return NULL;
    int64_t now = log_now();
    *from = (uint32_t)((at - segment) / 8);
    *in = block;
    return is_old(block, now) ? NULL : claim_in(block, kind, (size + 7) & ~(size_t)7, now);
}

void log_commit(void *at)
{
    struct probe_frame *frame = at;
    __atomic_store_n(&frame->size, -frame->size, __ATOMIC_RELEASE);
}

int log_seen(uint64_t id)
{
    struct probe_segment *segment = process.current;
    for (unsigned i = 0; i < SEEN_PROBES; i++)
        if (__atomic_load_n(&segment->seen[seen_slot(id, i)], __ATOMIC_RELAXED) == id)
            return 1;
    return 0;
}

void log_mark(uint64_t id)
{
    struct probe_segment *segment = process.current;
    for (unsigned i = 0; i < SEEN_PROBES; i++) {
        uint64_t none = 0;
        uint64_t *slot = &segment->seen[seen_slot(id, i)];
        if (__atomic_compare_exchange_n(slot, &none, id, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED) || none == id)
            return;
    }
}
