/*
 * Frames by time: a merge of the runs that the blocks are already. The order depends on
 * what the frames say and not on where they lie, so that blocks in any order give the same.
 */
#include "reader-inside.h"

#include <stdlib.h>

static int later_tied(const struct reader *reader, const struct frame *a, const struct frame *b)
{
    const struct block *in_a = block_at(reader, a->block), *in_b = block_at(reader, b->block);
    uint64_t exec_a = exec_at(reader, in_a->exec)->id, exec_b = exec_at(reader, in_b->exec)->id;
    if (exec_a != exec_b)
        return exec_a > exec_b;
    if (a->begins != b->begins)
        return b->begins;
    if (in_a->tid != in_b->tid)
        return in_a->tid > in_b->tid;
    if (in_a->base != in_b->base)
        return in_a->base > in_b->base;
    if (a->block != b->block)
        return in_a->segment != in_b->segment ? in_a->segment > in_b->segment : in_a->offset > in_b->offset;
    return a->offset > b->offset;
}

static inline int later(const struct reader *reader, const struct frame *a, const struct frame *b)
{
    return a->time != b->time ? a->time > b->time : later_tied(reader, a, b);
}

static size_t run_end(const struct reader *reader, const struct frame *frames, size_t at, size_t count)
{
    while (++at < count && !later(reader, &frames[at - 1], &frames[at]))
        ;
    return at;
}

static void merge(const struct reader *reader, const struct frame *from, size_t middle, size_t count, struct frame *to)
{
    size_t left = 0, right = middle;
    while (left < middle && right < count)
        *to++ = later(reader, &from[left], &from[right]) ? from[right++] : from[left++];
    memcpy(to, from + left, (middle - left) * sizeof *to);
    memcpy(to + (middle - left), from + right, (count - right) * sizeof *to);
}

/* One pass: neighbouring runs become one. `runs` holds where each begins, and the end. */
static size_t merge_runs(const struct reader *reader, const struct frame *from, struct frame *to, size_t *runs,
                         size_t count)
{
    size_t made = 0, total = runs[count];
    for (size_t i = 0; i < count; i += 2) {
        size_t begin = runs[i], middle = runs[i + 1], end = i + 2 <= count ? runs[i + 2] : middle;
        merge(reader, from + begin, middle - begin, end - begin, to + begin);
        runs[made++] = begin;
    }
    runs[made] = total;
    return made;
}

int frames_sort(struct reader *reader)
{
    struct frame *frames = reader->frames.at;
    size_t total = reader->frames.used, count = 0;
    struct list starts = {0};
    for (size_t at = 0; at < total; at = run_end(reader, frames, at, total)) {
        size_t *start = list_add(&starts, sizeof *start);
        if (!start)
            return list_free(&starts), -1;
        *start = at;
        count++;
    }
    if (count < 2)
        return list_free(&starts), 0;
    size_t *end = list_add(&starts, sizeof *end);
    struct frame *other = malloc(total * sizeof *other);
    if (!end || !other)
        return free(other), list_free(&starts), -1;
    *end = total;
    while (count > 1) {
        count = merge_runs(reader, frames, other, starts.at, count);
        struct frame *sorted = other;
        other = frames;
        frames = sorted;
    }
    reader->frames.at = frames;
    reader->frames.room = total;
    free(other);
    list_free(&starts);
    return 0;
}
