/*
 * The compiled reader under libFuzzer: its entry points in the order in which reader.py calls them, over
 * segments that end where their memory ends; after each look judge.c holds everything it gave against
 * the bytes. Where memory runs out a call says so, and what was had is given back.
 */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

/* What the reader calls in place of malloc and its like (-Dmalloc=scarce_malloc …). */
static int left = -1; /* allocations, and one; -1: enough */

static int is_there(void)
{
    left -= left > 0;
    return left != 0;
}

void *scarce_malloc(size_t size);
void *scarce_calloc(size_t count, size_t size);
void *scarce_realloc(void *at, size_t size);
void *scarce_malloc(size_t size) { return is_there() ? malloc(size) : NULL; }
void *scarce_calloc(size_t count, size_t size) { return is_there() ? calloc(count, size) : NULL; }
void *scarce_realloc(void *at, size_t size) { return is_there() ? realloc(at, size) : NULL; }

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill(struct bench *bench, const uint8_t *input)
{
    uint8_t shift = input[2] & 7;
    for (uint32_t i = 0; i < bench->pieces.count; i++) {
        struct segment *segment = &bench->segments[i];
        segment->size = bench->pieces.size[i];
        segment->memory = malloc(segment->size + shift + (segment->size + shift == 0));
        HOLDS(segment->memory);
        segment->at = segment->memory + shift;
        memcpy(segment->at, bench->pieces.at[i], segment->size);
        bench->clocks[i] = input[0] & FLAG_CLOCKS ? (int64_t)(i + 1) * 0x123456789abcdef : 0;
    }
}

static void know(struct bench *bench, int ended)
{
    bench->truth.count = 0;
    bench->truth.full = 0;
    for (uint32_t i = 0; i < bench->pieces.count; i++)
        truth_add(&bench->truth, i, (const uint8_t *)bench->segments[i].at, bench->segments[i].size,
                  bench->pieces.header, ended);
}

static void empty(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->pieces.count; i++)
        free(bench->segments[i].memory);
}

/* An earlier moment: of the committed frames some are half written, some only claimed. */
static void take_back(struct bench *bench, uint32_t seed)
{
    know(bench, 0);
    for (size_t i = 0; i < bench->truth.count; i++) {
        const struct known_frame *frame = &bench->truth.frames[i];
        char *at = bench->segments[frame->segment].at + frame->offset;
        int32_t size = (int32_t)frame->size;
        uint32_t fate = next_random(&seed) % 16;
        if (!frame->committed || fate > 3)
            continue;
        if (fate == 0)
            memset(at, 0, frame->size);
        else
            memcpy(at, &size, sizeof size);
    }
}

static const struct reader_view *look(const struct bench *bench, struct reader *reader, int ended)
{
    reader_begin(reader);
    for (uint32_t i = 0; i < bench->pieces.count; i++)
        HOLDS(reader_add(reader, bench->segments[i].at, bench->segments[i].size, bench->pieces.header,
                         bench->clocks[i], ended) == 0);
    HOLDS(reader_build(reader, ended) == 0);
    return reader_view(reader);
}

static struct said *look_once(struct bench *bench, int ended, size_t *rows)
{
    struct reader *reader = reader_new(0);
    HOLDS(reader);
    const struct reader_view *view = look(bench, reader, ended);
    judge_look(bench, view, 1);
    *rows = view->rows;
    struct said *said = said_by(view);
    reader_release_rows(reader);
    reader_free(reader);
    return said;
}

static void look_twice(struct bench *bench, struct bench *earlier, const struct said *whole, size_t wholes, int ended)
{
    struct reader *reader = reader_new(1);
    HOLDS(reader);
    know(earlier, 0);
    const struct reader_view *view = look(earlier, reader, 0);
    judge_look(earlier, view, 0);
    size_t firsts = view->rows, seconds;
    struct said *first = said_by(view);
    reader_release_rows(reader);
    view = look(bench, reader, ended);
    judge_look(bench, view, 0);
    seconds = view->rows;
    struct said *second = said_by(view);
    if (!bench->truth.full)
        judge_sum(first, firsts, second, seconds, whole, wholes);
    reader_free(reader);
    free(first);
    free(second);
}

/* Two looks, the second where the first ended well, until memory runs out. */
static void look_scarce(const struct bench *bench, int allocations, int ended)
{
    left = allocations + 1;
    struct reader *reader = reader_new(1);
    for (int round = 0, failed = !reader; round < 2 && !failed; round++) {
        reader_begin(reader);
        for (uint32_t i = 0; i < bench->pieces.count && !failed; i++)
            failed = reader_add(reader, bench->segments[i].at, bench->segments[i].size, bench->pieces.header,
                                bench->clocks[i], ended);
        failed = failed || reader_build(reader, ended);
        HOLDS(!failed || left == 0);
    }
    if (reader)
        reader_free(reader);
    left = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct bench bench, earlier;
    size_t wholes;
    if (size < INPUT_HEAD)
        return 0;
    pieces_of(input, size, &bench.pieces);
    int ended = !(input[0] & FLAG_OPEN);
    fill(&bench, input);
    know(&bench, ended);
    if (input[0] & FLAG_SCARCE) {
        look_scarce(&bench, input[3], ended);
        empty(&bench);
        return 0;
    }
    struct said *whole = look_once(&bench, ended, &wholes);
    if (input[0] & FLAG_POLLED) {
        earlier.pieces = bench.pieces;
        fill(&earlier, input);
        take_back(&earlier, input[3]);
        look_twice(&bench, &earlier, whole, wholes, ended);
        empty(&earlier);
    }
    free(whole);
    empty(&bench);
    return 0;
}
