/* The format as record.h words it, read a second time. */
#include "truth.h"

#include <string.h>

void pieces_of(const uint8_t *input, size_t size, struct pieces *pieces)
{
    memset(pieces, 0, sizeof *pieces);
    if (size < INPUT_HEAD)
        return;
    size_t left = size - INPUT_HEAD;
    pieces->count = (input[0] & FLAG_SEGMENTS) % SEGMENTS_MOST + 1;
    pieces->header = (uint64_t)input[1] * 8;
    size_t each = left / pieces->count / PROBE_BLOCK_UNIT * PROBE_BLOCK_UNIT;
    const uint8_t *at = input + INPUT_HEAD;
    for (uint32_t i = 0; i < pieces->count; i++) {
        pieces->at[i] = at;
        pieces->size[i] = i + 1 < pieces->count ? each : left;
        at += pieces->size[i];
        left -= pieces->size[i];
    }
}

static int32_t size_at(const uint8_t *at)
{
    int32_t size;
    memcpy(&size, at, sizeof size);
    return size;
}

static void keep(struct truth *truth, uint32_t segment, uint64_t offset, const uint8_t *at, uint64_t exec, int32_t size)
{
    if (truth->count == FRAMES_MOST) {
        truth->full = 1;
        return;
    }
    struct known_frame *frame = &truth->frames[truth->count++];
    memset(frame, 0, sizeof *frame);
    frame->segment = segment;
    frame->offset = offset;
    frame->exec = exec;
    frame->committed = size < 0;
    frame->size = (uint32_t)(size < 0 ? -size : size);
    frame->kind = at[4];
    frame->error = at[5];
    memcpy(&frame->detail, at + 6, sizeof frame->detail);
}

static int is_zero(const uint8_t *at)
{
    static const uint8_t zeros[8];
    return memcmp(at, zeros, sizeof zeros) == 0;
}

/* Frames follow each other; END or a wrong size ends the block. One that was only claimed is zero throughout. */
static void add_block(struct truth *truth, uint32_t segment, const uint8_t *block, uint64_t offset, uint64_t limit,
                      uint64_t exec, int ended)
{
    uint64_t at = sizeof(struct probe_block);
    while (at + 8 <= limit) {
        if (ended && is_zero(block + at)) {
            at += 8;
            continue;
        }
        int32_t size = size_at(block + at);
        int64_t length = size < 0 ? -(int64_t)size : size;
        if (length < 8 || length % 8 || at + (uint64_t)length > limit || block[at + 4] == PROBE_END)
            return;
        if (length < (int64_t)sizeof(struct probe_frame))
            return;
        keep(truth, segment, offset + at, block + at, exec, size);
        at += (uint64_t)length;
    }
}

void truth_add(struct truth *truth, uint32_t segment, const uint8_t *bytes, size_t size, uint64_t header,
               int ended)
{
    uint64_t at = header;
    while (at < size && size - at >= sizeof(struct probe_block)) {
        struct probe_block head;
        memcpy(&head, bytes + at, sizeof head);
        int sound = head.magic == PROBE_BLOCK_MAGIC && head.size && head.size % PROBE_BLOCK_UNIT == 0 &&
                    head.size <= INT32_MAX;
        if (!sound) {
            at += PROBE_BLOCK_UNIT;
            continue;
        }
        uint64_t room = size - at < head.size ? size - at : head.size;
        add_block(truth, segment, bytes + at, at, head.used < room ? head.used : room, head.exec, ended);
        at += head.size;
    }
}
