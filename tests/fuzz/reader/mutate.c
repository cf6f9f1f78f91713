/*
 * Mutations that know the format, beside libFuzzer's own: random bytes seldom make a block, and
 * never a frame of the right size. What they make may be sound or not; the judge is judge.c.
 */
#include "truth.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed);

static uint32_t state;

static uint32_t pick(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return below ? (state >> 8) % below : 0;
}

static struct truth known;

/* Some frame, with the place of its segment in the input; NULL: there is none. */
static const struct known_frame *some_frame(const uint8_t *data, size_t size, size_t *base)
{
    struct pieces pieces;
    pieces_of(data, size, &pieces);
    known.count = 0;
    for (uint32_t i = 0; i < pieces.count; i++)
        truth_add(&known, i, pieces.at[i], pieces.size[i], pieces.header, 1);
    if (!known.count)
        return NULL;
    const struct known_frame *frame = &known.frames[pick((uint32_t)known.count)];
    *base = (size_t)(pieces.at[frame->segment] - data);
    return frame;
}

static uint64_t odd_number(void)
{
    static const uint64_t numbers[] = {0, 1, 7, 8, 255, 4095, 4096, 65536, 0x7fffffff, 0x80000000, 0xfffffff8,
                                       0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
    uint32_t which = pick(sizeof numbers / sizeof *numbers + 3);
    return which < sizeof numbers / sizeof *numbers ? numbers[which] : pick(300);
}

static void change_size(uint8_t *at, uint32_t length)
{
    int32_t size = (int32_t)length, sizes[] = {size, -size - 8, -size + 8, 0, -8, -16, 8, INT32_MIN, INT32_MAX, -size - 1};
    memcpy(at, &sizes[pick(sizeof sizes / sizeof *sizes)], 4);
}

static void change_kind(uint8_t *at)
{
    static const uint8_t kinds[] = {2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                                    32, 33, 34, 35, 40, 41, 42, 48, 49, 0, 255};
    at[4] = kinds[pick(sizeof kinds)];
}

static void change_word(uint8_t *at, uint32_t length)
{
    uint64_t number = odd_number();
    uint32_t width = pick(2) ? 4 : 8;
    if (length >= 16 + width)
        memcpy(at + 16 + pick((length - 16 - width) / 4 + 1) * 4, &number, width);
}

/* Texts: a NUL goes or comes, a slash, a dot, or bytes that are no text. */
static void change_text(uint8_t *at, uint32_t length)
{
    static const uint8_t bytes[] = {0, '/', '.', 'x', 0xff, 0, '/'};
    for (uint32_t i = pick(4) + 1; i && length > 16; i--)
        at[16 + pick(length - 16)] = bytes[pick(sizeof bytes)];
}

static void change_frame(uint8_t *at, uint32_t length)
{
    uint32_t word = (uint32_t)odd_number();
    uint16_t bit = (uint16_t)(1u << pick(16));
    switch (pick(8)) {
    case 0: change_size(at, length); break;
    case 1: case 2: change_kind(at); break;
    case 3: at[6] ^= (uint8_t)bit, at[7] ^= (uint8_t)(bit >> 8); break;
    case 4: memcpy(at + 8 + 4 * pick(2), &word, 4); break;
    case 5: case 6: change_word(at, length); break;
    default: change_text(at, length); break;
    }
}

/* A field of a block's head: size, used, pid, tid, exec, base. */
static void change_block(uint8_t *data, size_t size)
{
    struct pieces pieces;
    pieces_of(data, size, &pieces);
    uint32_t segment = pick(pieces.count), units = (uint32_t)(pieces.size[segment] / PROBE_BLOCK_UNIT);
    size_t at = (size_t)(pieces.at[segment] - data) + pieces.header + (size_t)pick(units) * PROBE_BLOCK_UNIT;
    if (at + sizeof(struct probe_block) > size)
        return;
    static const uint8_t fields[] = {4, 4, 8, 8, 12, 16, 24, 24, 32};
    uint64_t number = pick(3) ? odd_number() : (uint64_t)PROBE_BLOCK_UNIT * (pick(4) + 1);
    uint32_t field = fields[pick(sizeof fields)];
    memcpy(data + at + field, &number, field < 24 ? 4 : 8);
    if (!pick(4))
        memcpy(data + at, &(uint32_t){PROBE_BLOCK_MAGIC}, 4);
}

/* A block of one frame more, behind all others. */
static size_t add_block(uint8_t *data, size_t size, size_t most, const uint8_t *frame, uint32_t length)
{
    size_t at = INPUT_HEAD + (size - INPUT_HEAD + PROBE_BLOCK_UNIT - 1) / PROBE_BLOCK_UNIT * PROBE_BLOCK_UNIT;
    struct probe_block head = {.magic = PROBE_BLOCK_MAGIC, .size = PROBE_BLOCK_UNIT, .pid = 1, .tid = 1,
                               .exec = pick(3) + 1, .base = (int64_t)pick(1000) * 1000};
    if (at + PROBE_BLOCK_UNIT > most || length > PROBE_BLOCK_UNIT - sizeof head)
        return size;
    head.used = (uint32_t)(sizeof head + length);
    uint8_t copy[PROBE_BLOCK_UNIT] = {0};
    memcpy(copy, &head, sizeof head);
    memcpy(copy + sizeof head, frame, length);
    memset(data + size, 0, at - size);
    memcpy(data + at, copy, sizeof copy);
    return at + PROBE_BLOCK_UNIT;
}

/* The frame over another one, of whatever size that has. */
static void overwrite(uint8_t *at, uint32_t length, const uint8_t *with, uint32_t its)
{
    int32_t size = -(int32_t)length;
    memmove(at, with, its < length ? its : length);
    if (pick(4))
        memcpy(at, &size, 4);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    size_t base;
    state = seed;
    if (size < INPUT_HEAD || pick(4) == 0)
        return LLVMFuzzerMutate(data, size, most);
    if (!pick(8)) {
        data[0] ^= (uint8_t)(1u << pick(6));
        data[3] = (uint8_t)pick(256);
    }
    for (uint32_t i = pick(3) + 1; i; i--) {
        const struct known_frame *frame = some_frame(data, size, &base);
        if (!frame || !pick(6)) {
            change_block(data, size);
            continue;
        }
        uint8_t *at = data + base + frame->offset;
        if (!pick(8))
            size = add_block(data, size, most, at, frame->size);
        else
            change_frame(at, frame->size);
    }
    return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed)
{
    size_t base, its_base, size = one_size < most ? one_size : most;
    state = seed;
    memcpy(out, one, size);
    if (size < INPUT_HEAD || other_size < INPUT_HEAD)
        return size;
    const struct known_frame *found = some_frame(other, other_size, &its_base);
    if (!found)
        return size;
    struct known_frame its = *found;
    const struct known_frame *frame = some_frame(out, size, &base);
    if (!frame || pick(2))
        return add_block(out, size, most, other + its_base + its.offset, its.size);
    overwrite(out + base + frame->offset, frame->size, other + its_base + its.offset, its.size);
    return size;
}
