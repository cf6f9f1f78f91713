/* What the fuzz target looks at, and the judge of what the reader gave. */
#ifndef PROBE_FUZZ_JUDGE_H
#define PROBE_FUZZ_JUDGE_H

#include "truth.h"

#include <stdio.h>
#include <stdlib.h>

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

/* What a row says, without the numbers that depend on the order of the looks. */
struct said {
    uint64_t id, image;
    int64_t when, last;
    uint32_t count, pid, identity;
    int32_t value;
    uint64_t path, second; /* hashes of the texts */
};

/* `all`: nothing was shown before, so every frame must be among the rows or the faults. */
void judge_look(const struct bench *bench, const struct reader_view *view, int all);

struct said *said_by(const struct reader_view *view); /* by id; to be freed */

/* The rows of `first` that `second` did not show again, and those of `second`, are the rows of `whole`. */
void judge_sum(const struct said *first, size_t firsts, const struct said *second, size_t seconds,
               const struct said *whole, size_t wholes);

#endif
