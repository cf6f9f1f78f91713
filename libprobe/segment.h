/*
 * The C side of record.h: guards and what must hold of the layout, so that the
 * reader (which has the same text through cffi) and the recorder cannot drift apart.
 */
#ifndef PROBE_SEGMENT_H
#define PROBE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

_Static_assert(sizeof(struct probe_segment) <= PROBE_HEADER_SIZE, "the header has its place");
_Static_assert(offsetof(struct probe_segment, number) == 160, "segment: number");
_Static_assert(offsetof(struct probe_segment, next) == 168, "segment: next is aligned");
_Static_assert(offsetof(struct probe_segment, seen) == 184, "segment: seen");
_Static_assert(sizeof(struct probe_block) == 40, "block: header");
_Static_assert(sizeof(struct probe_frame) == 16, "frame: head");
_Static_assert(sizeof(struct probe_access) == 20, "access: path at 20, or where it stands");
_Static_assert(sizeof(struct probe_start) == 56, "start: texts at 56");
_Static_assert(sizeof(struct probe_set) == 32, "set: texts at 32");
_Static_assert(sizeof(struct probe_identity) == 88, "identity: path at 88");
_Static_assert(sizeof(struct probe_names) == 48, "names: texts at 48");
_Static_assert(sizeof(struct probe_directory) == 24, "directory: path at 24");
_Static_assert(sizeof(struct probe_exec) == 32, "exec: texts at 32");
_Static_assert(sizeof(struct probe_child) == 24, "child");
_Static_assert(sizeof(struct probe_exit) == 48, "exit");
_Static_assert(sizeof(struct probe_gap) == 24, "gap: text at 24");

#define SEEN_PROBES 8
#define SEEN_NEAR 480 /* slots in the header's first page, which every program touches anyway */

/* Where probe_segment.seen may have an id: first in the first page, then anywhere. */
static inline unsigned seen_slot(uint64_t id, unsigned probe)
{
    return (unsigned)((id + probe) % (probe < SEEN_PROBES / 2 ? SEEN_NEAR : PROBE_SEEN_SLOTS));
}

#endif
