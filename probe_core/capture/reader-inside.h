/*
 * The compiled reader, in parts: walk (segments to frames), sort (frames by time), paths
 * (joining, tidying, interning), rows (what a frame says), columns and reader (one look). No part
 * keeps state outside struct reader; a failed allocation ends the look with -1.
 */
#ifndef PROBE_READER_INSIDE_H
#define PROBE_READER_INSIDE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "segment.h"

#include "reader.h"

#define NONE READER_NONE

/* How large a table is at first, in slots. The fuzz target has them small, so that they grow. */
#ifndef READER_FIRST
#define READER_FIRST 4096
#endif

/* A growing array: `used` elements of `room`. */
struct list {
    void *at;
    size_t used, room;
};

/* A text in a segment, `length` bytes without its NUL. */
struct text {
    const char *at;
    size_t length;
};

/* What is known of an exec; `number` is its place among the images, once a frame of it was met. */
struct exec {
    uint64_t id;
    uint64_t signature, shown;   /* of all its frames: at this look, at the last one */
    int64_t first;               /* monotonic ns of its first frame; INT64_MAX: none */
    int64_t base, clock;         /* of its first block */
    uint64_t offset;
    uint32_t segment, pid, number;
    int changed, met;            /* at this look */
    struct text place;           /* current directory; at NULL: not known */
};

struct block {
    const char *at;
    uint64_t offset;             /* in the segment */
    int64_t base, clock;
    uint32_t segment, exec, size, tid;
};

struct frame {
    int64_t time;                /* monotonic ns; of START and FORKED: when the exec's first frame was */
    uint32_t block;
    uint32_t offset : 31;        /* in the block, in units of 8 bytes */
    uint32_t begins : 1;         /* START or FORKED */
};

struct path_table {
    struct list bytes;           /* all paths, each with its NUL */
    struct list starts;          /* uint64_t: where each begins */
    struct list hashes;          /* uint32_t of each */
    uint32_t *slots;             /* number + 1; 0 = free */
    size_t slot_count;
    struct list scratch;
};

/* (exec, key) -> directory, open addressing; exec is +1, 0 = free. */
struct directory {
    uint64_t key;
    uint32_t exec;
    struct text path;
};

struct shown_row {
    uint64_t id, digest;
};

struct reader {
    struct reader_view view;
    int repeated, ended;
    uint32_t segments;
    struct list segment_list, execs, blocks, frames, images;
    struct list marks, marks_of; /* uint64_t: a bit for each 8 bytes where a foldable frame begins; size_t: by segment */
    struct list identities, sets, usages, arguments, faults;
    uint32_t *exec_slots;        /* number + 1; 0 = free */
    size_t exec_slot_count;
    struct path_table paths;
    struct directory *directories;
    size_t directory_count, directory_slots;
    struct shown_row *shown;     /* open addressing by id + 1; only when repeated */
    size_t shown_count, shown_slots;
    void *columns;
};

/* A frame being read: what is left of its bytes is at..end. */
struct reading {
    struct reader *reader;
    const struct block *block;
    const char *from, *at, *end;
    struct probe_frame head;
    struct exec *exec;
    uint32_t exec_number;
    int bad, failed;
};

/* What a row holds beside the frame's head. */
struct row {
    uint32_t path, second, identity, count, pid;
    int32_t value;
};

/* A fresh, zeroed element; NULL: no memory. */
void *list_add(struct list *list, size_t element);
int list_reserve(struct list *list, size_t element, size_t count);
void list_free(struct list *list);

int walk_segment(struct reader *reader, const char *bytes, uint64_t size, uint64_t header, int64_t clock);
int fault_add(struct reader *reader, uint32_t segment, uint64_t offset, enum reader_reason reason, uint32_t image,
              int decoded);
/* Where the foldable frame of this exec begins that stands at this place in a segment; NULL: there is none. */
const char *frame_marked(const struct reader *reader, uint32_t segment, uint64_t offset, uint32_t exec);
int frames_sort(struct reader *reader);

uint32_t path_intern(struct path_table *table, const char *bytes, size_t length); /* NONE: empty or no memory */
/* Joins and tidies; NONE when the path is relative and the directory not known. `folder`, when it is not
 * empty, stands before the path. */
uint32_t path_resolve(struct path_table *table, struct text directory, struct text folder, struct text path);
int directory_set(struct reader *reader, uint32_t exec, uint64_t key, struct text path, int only_first);
struct text directory_get(const struct reader *reader, uint32_t exec, uint64_t key);

/* Of a frame: the first `size` bytes, head included, as a struct; the next text. Sets `bad` where they are not. */
void take(struct reading *reading, void *to, size_t size);
struct text take_text(struct reading *reading);
uint32_t intern(struct reading *reading, struct text text);
uint32_t resolve_below(struct reading *reading, struct text directory, struct text folder, struct text path);
void read_access(struct reading *reading, struct row *row);

int columns_reserve(struct reader *reader, size_t rows);
/* Puts it behind the last row. 1: it was shown before, just as it is; 0: it is new or changed; -1: no memory. */
int columns_put(const struct reading *reading, const struct row *row);
int rows_name_directory(struct reader *reader, const struct frame *frame); /* a DIRECTORY's path, before its time */
int rows_add(struct reader *reader, const struct frame *frame);
int image_number(struct reader *reader, uint32_t exec);                    /* gives it one; -1: no memory */

static inline struct exec *exec_at(const struct reader *reader, uint32_t number)
{
    return (struct exec *)reader->execs.at + number;
}

static inline struct block *block_at(const struct reader *reader, uint32_t number)
{
    return (struct block *)reader->blocks.at + number;
}

/* The head of the frame; the bytes may lie at any address. */
static inline struct probe_frame frame_head(const struct reader *reader, const struct frame *frame)
{
    struct probe_frame head;
    memcpy(&head, block_at(reader, frame->block)->at + (size_t)frame->offset * 8, sizeof head);
    return head;
}

/* Wraps instead of overflowing: what a damaged clock says is as good as anything. */
static inline int64_t add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

static inline int64_t ticks(const struct block *block, uint32_t when)
{
    return add(block->base, (int64_t)when << PROBE_TICK_SHIFT);
}

static inline uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

#endif
