/*
 * What a fuzz input is, and what record.h says its segments hold: a second, small reading of
 * the format, by which the reader is judged. It shares no code with the reader.
 *
 *   byte 0    FLAG_… bits; lowest two: one to three segments
 *   byte 1    the segments' header size, in units of 8 bytes (a real one's 16 KiB would only be waste)
 *   byte 2    where the bytes begin within 8, so that nothing relies on alignment
 *   byte 3    seed of the earlier state, or when memory runs out
 *   bytes 4…  the segments, parted in equal pieces of whole units
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <stddef.h>
#include <stdint.h>

#include "segment.h"

#define INPUT_HEAD 4
#define FLAG_SEGMENTS 3
#define FLAG_POLLED 4  /* an earlier state is looked at first, by the same reader */
#define FLAG_CLOCKS 8  /* each segment has a clock of its own */
#define FLAG_OPEN 16   /* the last look is of a run that goes on */
#define FLAG_SCARCE 32 /* memory runs out: byte 3 says at which allocation */

#define SEGMENTS_MOST 3
#define FRAMES_MOST 4096

/* A frame that stands where record.h says one may stand. */
struct known_frame {
    uint32_t segment;
    uint32_t size;
    uint64_t offset;    /* in the segment */
    uint64_t exec;
    uint8_t kind, error;
    uint16_t detail;
    int committed;
};

struct truth {
    size_t count;
    int full;           /* there were more than FRAMES_MOST */
    struct known_frame frames[FRAMES_MOST];
};

struct pieces {
    uint32_t count;
    uint64_t header;
    const uint8_t *at[SEGMENTS_MOST];
    size_t size[SEGMENTS_MOST];
};

void pieces_of(const uint8_t *input, size_t size, struct pieces *pieces);
void truth_add(struct truth *truth, uint32_t segment, const uint8_t *bytes, size_t size, uint64_t header,
               int ended);

#endif
