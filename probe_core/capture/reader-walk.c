/*
 * From a segment's bytes to its committed frames. A block or frame whose size leads
 * astray ends the walk through what holds it, and is told as a fault.
 */
#include "reader-inside.h"

#include <stdlib.h>

int fault_add(struct reader *reader, uint32_t segment, uint64_t offset, enum reader_reason reason, uint32_t image,
              int decoded)
{
    struct reader_fault *fault = list_add(&reader->faults, sizeof *fault);
    if (!fault)
        return -1;
    *fault = (struct reader_fault){segment, (uint32_t)reason, image, (uint32_t)decoded, offset};
    return 0;
}

static void exec_place(struct reader *reader, uint32_t number)
{
    size_t mask = reader->exec_slot_count - 1, slot = mix(0, exec_at(reader, number)->id) & mask;
    while (reader->exec_slots[slot])
        slot = (slot + 1) & mask;
    reader->exec_slots[slot] = number + 1;
}

static int execs_grow(struct reader *reader)
{
    size_t count = reader->exec_slot_count ? reader->exec_slot_count * 2 : READER_FIRST / 4;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots)
        return -1;
    free(reader->exec_slots);
    reader->exec_slots = slots;
    reader->exec_slot_count = count;
    for (uint32_t i = 0; i < reader->execs.used; i++)
        exec_place(reader, i);
    return 0;
}

/* The exec with this id, a new one when there is none; NONE: no memory. */
static uint32_t exec_of(struct reader *reader, uint64_t id)
{
    if (reader->execs.used * 2 >= reader->exec_slot_count && execs_grow(reader))
        return NONE;
    size_t mask = reader->exec_slot_count - 1, slot = mix(0, id) & mask;
    for (; reader->exec_slots[slot]; slot = (slot + 1) & mask)
        if (exec_at(reader, reader->exec_slots[slot] - 1)->id == id)
            return reader->exec_slots[slot] - 1;
    struct exec *exec = list_add(&reader->execs, sizeof *exec);
    if (!exec)
        return NONE;
    exec->id = id;
    exec->number = NONE;
    exec->first = INT64_MAX;
    reader->exec_slots[slot] = (uint32_t)reader->execs.used;
    return (uint32_t)reader->execs.used - 1;
}

/* The earliest block speaks for the exec where its START is torn. */
static uint32_t block_exec(struct reader *reader, const struct probe_block *head, const struct block *block)
{
    uint32_t number = exec_of(reader, head->exec);
    if (number == NONE)
        return NONE;
    struct exec *exec = exec_at(reader, number);
    if (exec->met && (exec->base < block->base || (exec->base == block->base && exec->pid <= head->pid)))
        return number;
    exec->met = 1;
    exec->base = block->base;
    exec->clock = block->clock;
    exec->segment = block->segment;
    exec->offset = block->offset;
    exec->pid = head->pid;
    return number;
}

static int marks_open(struct reader *reader, uint64_t size)
{
    size_t words = (size_t)(size / 512 + 1), *first = list_add(&reader->marks_of, sizeof *first);
    if (!first || list_reserve(&reader->marks, sizeof(uint64_t), words))
        return -1;
    *first = reader->marks.used;
    memset((uint64_t *)reader->marks.at + reader->marks.used, 0, words * sizeof(uint64_t));
    reader->marks.used += words;
    return 0;
}

static uint64_t *mark_word(const struct reader *reader, uint32_t segment, uint64_t offset)
{
    return (uint64_t *)reader->marks.at + ((size_t *)reader->marks_of.at)[segment] + offset / 512;
}

static const struct block *block_around(const struct reader *reader, uint32_t segment, uint64_t offset)
{
    size_t low = 0, high = reader->blocks.used;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct block *block = block_at(reader, (uint32_t)middle);
        if (block->segment < segment || (block->segment == segment && block->offset <= offset))
            low = middle + 1;
        else
            high = middle;
    }
    return low ? block_at(reader, (uint32_t)low - 1) : NULL;
}

const char *frame_marked(const struct reader *reader, uint32_t segment, uint64_t offset, uint32_t exec)
{
    size_t first = ((size_t *)reader->marks_of.at)[segment];
    size_t end = segment + 1 < reader->marks_of.used ? ((size_t *)reader->marks_of.at)[segment + 1] : reader->marks.used;
    if (offset / 512 >= end - first || !(*mark_word(reader, segment, offset) >> offset / 8 % 64 & 1))
        return NULL;
    const struct block *block = block_around(reader, segment, offset);
    return block && block->segment == segment && block->exec == exec ? block->at + (offset - block->offset) : NULL;
}

static int keep_frame(struct reader *reader, const struct block *block, uint32_t offset, const struct probe_frame *head)
{
    struct exec *exec = exec_at(reader, block->exec);
    struct frame *frame = list_add(&reader->frames, sizeof *frame);
    if (!frame)
        return -1;
    uint32_t count = 0;
    frame->time = ticks(block, head->when);
    frame->block = (uint32_t)reader->blocks.used - 1;
    frame->offset = offset / 8;
    frame->begins = head->kind == PROBE_START || head->kind == PROBE_FORKED;
    if (frame->time < exec->first)
        exec->first = frame->time;
    if (head->kind >= PROBE_READ && head->kind <= PROBE_LOAD && -(int64_t)head->size >= (int64_t)sizeof(struct probe_access)) {
        memcpy(&count, block->at + offset + sizeof *head, sizeof count);
        uint64_t at = block->offset + offset;
        *mark_word(reader, block->segment, at) |= 1ull << at / 8 % 64;
    }
    /* The sum of all does not depend on their order; a fold changes it. */
    uint64_t place = (uint64_t)block->segment << 48 ^ (block->offset + offset);
    exec->signature += mix(mix(place, head->last), count);
    return 0;
}

/*
 * The bytes of a frame that was claimed and no more: all zero, and the next one begins with a size. Only
 * when nobody writes any more, as a snapshot of one being written may have its later words alone.
 */
static int64_t claimed_size(const char *at, uint32_t room)
{
    uint64_t word = 0;
    uint32_t size = 0;
    for (; size + 8 <= room && !word; size += 8)
        memcpy(&word, at + size, 8);
    return word ? size - 8 : 0;
}

/* How many bytes the walk goes on by; 0: the block's end, -1: no memory. */
static int64_t walk_frame(struct reader *reader, const struct block *block, uint32_t at, uint32_t limit)
{
    struct probe_frame head = {0};
    memcpy(&head, block->at + at, limit - at < sizeof head ? limit - at : sizeof head);
    int64_t size = head.size < 0 ? -(int64_t)head.size : head.size;
    int sound = size >= 8 && size % 8 == 0 && size <= (int64_t)(limit - at);
    if (head.size < 0 && sound && head.kind == PROBE_END)
        return 0;
    int whole = sound && size >= (int64_t)sizeof head;
    if (head.size < 0 && whole)
        return keep_frame(reader, block, at, &head) ? -1 : size;
    enum reader_reason reason = head.size < 0 ? READER_BAD_FRAME : READER_TORN;
    int writing = head.size >= 0 && !reader->ended; /* its writer may be about to commit it */
    if (!writing && fault_add(reader, block->segment, block->offset + at, reason, block->exec, 0))
        return -1;
    if (head.size == 0 && !writing)
        return claimed_size(block->at + at, limit - at);
    return head.size > 0 && whole && head.kind != PROBE_END ? size : 0;
}

static int walk_block(struct reader *reader, const struct probe_block *head, const struct block *found)
{
    struct block *block = list_add(&reader->blocks, sizeof *block);
    if (!block)
        return -1;
    *block = *found;
    block->exec = block_exec(reader, head, found);
    if (block->exec == NONE)
        return -1;
    uint32_t limit = head->used < block->size ? head->used : block->size, at = sizeof *head;
    while (at < limit && limit - at >= 8) {
        int64_t size = walk_frame(reader, block, at, limit);
        if (size < 0)
            return -1;
        if (size == 0)
            break;
        at += (uint32_t)size;
    }
    return 0;
}

int walk_segment(struct reader *reader, const char *bytes, uint64_t size, uint64_t header, int64_t clock)
{
    const char **place = list_add(&reader->segment_list, sizeof *place);
    if (!place)
        return -1;
    *place = bytes;
    if (marks_open(reader, size))
        return -1;
    uint32_t segment = reader->segments++;
    for (uint64_t at = header; at < size && size - at >= sizeof(struct probe_block);) {
        struct probe_block head;
        memcpy(&head, bytes + at, sizeof head);
        uint64_t room = size - at;
        at += PROBE_BLOCK_UNIT;
        if (head.magic == 0)
            continue; /* claimed by a process that died before it wrote the head, or is about to write it */
        struct block block = {bytes + at - PROBE_BLOCK_UNIT, at - PROBE_BLOCK_UNIT, head.base, clock, segment, 0,
                              head.size, head.tid};
        if (head.magic != PROBE_BLOCK_MAGIC || head.size < PROBE_BLOCK_UNIT || head.size % PROBE_BLOCK_UNIT ||
            head.size >= 1u << 31) {
            if (fault_add(reader, segment, block.offset, READER_BAD_BLOCK, NONE, 0))
                return -1;
            continue;
        }
        if (head.size > room) { /* the file was cut: what is there counts */
            if (fault_add(reader, segment, block.offset, READER_BAD_BLOCK, NONE, 0))
                return -1;
            block.size = (uint32_t)room;
        }
        if (walk_block(reader, &head, &block))
            return -1;
        at = block.offset + head.size;
    }
    return 0;
}
