/*
 * What the reader gave, held against the bytes (truth.c):
 *   - no row without a committed frame that says the same, none twice, none in the wrong image;
 *   - no committed frame without its row, unless it is no row by its kind or a fault names its place;
 *   - all offsets, numbers and texts lie within what they point to;
 *   - faults have a reason and a place in their segment;
 *   - what two looks showed together is what one look shows.
 */
#include "judge.h"

#include <string.h>

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

void judge_look(const struct bench *bench, const struct reader_view *view, int all)
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

static uint64_t hash_of(const struct reader_view *view, const uint64_t *starts, uint32_t path)
{
    uint64_t hash = 1469598103934665603u;
    if (path == READER_NONE)
        return 0;
    for (const char *at = view->path_at + starts[path]; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return hash;
}

struct said *said_by(const struct reader_view *view)
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

void judge_sum(const struct said *first, size_t firsts, const struct said *second, size_t seconds,
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
