/*
 * The compiled reader under libFuzzer: its entry points in the order in which reader.py calls them,
 * and after each look everything it gave is held against the bytes (truth.c):
 *   - no row without a committed frame that says the same, none twice, none in the wrong image;
 *   - no committed frame without its row, unless it is no row by its kind or a fault names its place;
 *   - all offsets, numbers and texts lie within what they point to;
 *   - faults have a reason and a place in their segment;
 *   - what two looks showed together is what one look shows;
 *   - where memory runs out a call says so, and what was had is given back.
 */
#include "truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../probe_core/capture/reader.h"

#define HOLDS(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* Bytes that end where their memory ends, so that a step beyond is noticed. */
struct segment {
    char *memory;
    char *at;
    size_t size;
};

struct bench {
    struct pieces pieces;
    struct segment segments[SEGMENTS_MOST];
    int64_t clocks[SEGMENTS_MOST];
    struct truth truth;
};

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

static int is_row(uint8_t kind)
{
    return kind != PROBE_STEP && kind != PROBE_ENVIRON && kind != PROBE_LIBRARIES && kind != PROBE_DIRECTORY;
}

static uint64_t id_of(const struct known_frame *frame)
{
    return (uint64_t)frame->segment << 32 | frame->offset / 8;
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void check_text(const struct bench *bench, const struct reader_text *text, int exact)
{
    if (!text->count && !text->size)
        return;
    HOLDS(text->segment < bench->pieces.count);
    const struct segment *segment = &bench->segments[text->segment];
    HOLDS(text->offset <= segment->size && text->size <= segment->size - text->offset);
    uint64_t nuls = 0;
    for (uint64_t i = 0; i < text->size; i++)
        nuls += !segment->at[text->offset + i];
    HOLDS(!exact || (nuls == text->count && (!text->size || !segment->at[text->offset + text->size - 1])));
}

static void check_images(const struct bench *bench, const struct reader_view *view)
{
    for (uint64_t i = 0; i < view->images; i++) {
        const struct reader_image *image = &view->image_at[i];
        HOLDS(image->program == READER_NONE || image->program < view->paths);
        HOLDS(image->directory == READER_NONE || image->directory < view->paths);
        HOLDS(image->segment < bench->pieces.count);
        HOLDS(image->begun == 0 || image->begun == PROBE_START || image->begun == PROBE_FORKED);
        check_text(bench, &image->arguments, 1);
        check_text(bench, &image->step, 1);
        HOLDS(image->step.count <= 1);
    }
}

static void check_parts(const struct bench *bench, const struct reader_view *view)
{
    uint64_t ends = 0;
    for (uint64_t i = 0; i < view->path_bytes; i++)
        if (!view->path_at[i]) {
            HOLDS(i && view->path_at[i - 1]); /* none is empty */
            ends++;
        }
    HOLDS(ends == view->paths && (!view->path_bytes || !view->path_at[view->path_bytes - 1]));
    for (uint64_t i = 0; i < view->sets; i++)
        check_text(bench, &view->set_at[i].text, 0);
    for (uint64_t i = 0; i < view->arguments; i++) {
        HOLDS(view->arguments_at[i].row < view->rows);
        check_text(bench, &view->arguments_at[i].text, 1);
    }
    for (uint64_t i = 0; i < view->usages; i++)
        HOLDS(view->usage_at[i].row >= 0 && (uint64_t)view->usage_at[i].row < view->rows);
    for (uint64_t i = 0; i < view->faults; i++) {
        const struct reader_fault *fault = &view->fault_at[i];
        HOLDS(fault->reason >= READER_TORN && fault->reason <= READER_UNKNOWN_DIRECTORY);
        HOLDS(fault->segment < bench->pieces.count);
        HOLDS(fault->offset >= bench->pieces.header && fault->offset < bench->segments[fault->segment].size);
        HOLDS(fault->image == READER_NONE || fault->image < view->images);
    }
}

static int is_faulty(const struct reader_view *view, const struct known_frame *frame)
{
    for (uint64_t i = 0; i < view->faults; i++)
        if (view->fault_at[i].segment == frame->segment && view->fault_at[i].offset == frame->offset)
            return 1;
    return 0;
}

static const struct known_frame *frame_of(const struct truth *truth, uint64_t id)
{
    size_t low = 0, high = truth->count; /* the walk goes upwards */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (id_of(&truth->frames[middle]) < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < truth->count && id_of(&truth->frames[low]) == id ? &truth->frames[low] : NULL;
}

static void check_row(const struct bench *bench, const struct reader_view *view, uint64_t row)
{
    const struct known_frame *frame = frame_of(&bench->truth, view->id[row]);
    HOLDS(frame && frame->committed && is_row(frame->kind));
    HOLDS(view->kind[row] == frame->kind && view->error[row] == frame->error);
    HOLDS(view->detail[row] == frame->detail);
    HOLDS(view->image[row] < view->images && view->image_at[view->image[row]].id == frame->exec);
    HOLDS(view->path[row] == READER_NONE || view->path[row] < view->paths);
    HOLDS(view->second[row] == READER_NONE || view->second[row] < view->paths);
    HOLDS(view->identity[row] == READER_NONE || view->identity[row] < view->identities);
    HOLDS(view->count[row] >= 1);
}

/* `all`: nothing was shown before, so every frame must be among the rows or the faults. */
static void check(const struct bench *bench, const struct reader_view *view, int all)
{
    check_images(bench, view);
    check_parts(bench, view);
    if (bench->truth.full)
        return;
    uint64_t *ids = malloc((view->rows + 1) * sizeof *ids);
    HOLDS(ids);
    for (uint64_t row = 0; row < view->rows; row++) {
        check_row(bench, view, row);
        ids[row] = view->id[row];
    }
    qsort(ids, view->rows, sizeof *ids, by_id);
    for (uint64_t row = 1; row < view->rows; row++)
        HOLDS(ids[row - 1] < ids[row]);
    for (size_t i = 0; all && i < bench->truth.count; i++) {
        const struct known_frame *frame = &bench->truth.frames[i];
        uint64_t id = id_of(frame);
        if (frame->committed && is_row(frame->kind) && !bsearch(&id, ids, view->rows, sizeof *ids, by_id))
            HOLDS(is_faulty(view, frame));
    }
    free(ids);
}

/* What a row says, without the numbers that depend on the order of the looks. */
struct said {
    uint64_t id, image;
    int64_t when, last;
    uint32_t count, pid, identity;
    int32_t value;
    uint64_t path, second; /* hashes of the texts */
};

static uint64_t hash_of(const struct reader_view *view, const uint64_t *starts, uint32_t path)
{
    uint64_t hash = 1469598103934665603u;
    if (path == READER_NONE)
        return 0;
    for (const char *at = view->path_at + starts[path]; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return hash;
}

static struct said *rows_said(const struct reader_view *view)
{
    struct said *said = calloc(view->rows + 1, sizeof *said);
    uint64_t *starts = calloc(view->paths + 1, sizeof *starts), path = 0;
    HOLDS(said && starts);
    for (uint64_t i = 0; i < view->path_bytes; i++)
        if (!view->path_at[i])
            starts[++path] = i + 1;
    for (uint64_t row = 0; row < view->rows; row++) {
        struct said one = {.id = view->id[row], .image = view->image_at[view->image[row]].id,
                           .when = view->when[row], .last = view->last[row], .count = view->count[row],
                           .pid = view->pid[row], .identity = view->identity[row] == READER_NONE,
                           .value = view->value[row], .path = hash_of(view, starts, view->path[row]),
                           .second = hash_of(view, starts, view->second[row])};
        memcpy(&said[row], &one, sizeof one);
    }
    free(starts);
    qsort(said, view->rows, sizeof *said, by_id);
    return said;
}

/* The rows of `first` that `second` did not show again, and those of `second`, are the rows of `whole`. */
static void check_sum(const struct said *first, size_t firsts, const struct said *second, size_t seconds,
                      const struct said *whole, size_t wholes)
{
    size_t a = 0, b = 0;
    for (size_t i = 0; i < wholes; i++) {
        while (a < firsts && first[a].id < whole[i].id)
            a++;
        if (b < seconds && second[b].id == whole[i].id) {
            HOLDS(memcmp(&second[b++], &whole[i], sizeof *whole) == 0);
        } else {
            HOLDS(a < firsts && first[a].id == whole[i].id);
            HOLDS(memcmp(&first[a], &whole[i], sizeof *whole) == 0);
        }
    }
    HOLDS(b == seconds);
}

static struct said *look_once(struct bench *bench, int ended, size_t *rows)
{
    struct reader *reader = reader_new(0);
    HOLDS(reader);
    const struct reader_view *view = look(bench, reader, ended);
    check(bench, view, 1);
    *rows = view->rows;
    struct said *said = rows_said(view);
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
    check(earlier, view, 0);
    size_t firsts = view->rows, seconds;
    struct said *first = rows_said(view);
    reader_release_rows(reader);
    view = look(bench, reader, ended);
    check(bench, view, 0);
    seconds = view->rows;
    struct said *second = rows_said(view);
    if (!bench->truth.full)
        check_sum(first, firsts, second, seconds, whole, wholes);
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
