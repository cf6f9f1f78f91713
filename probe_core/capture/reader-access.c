/*
 * Foldable accesses. Their path stands in the frame, or in part or whole in an earlier frame of
 * the same exec (PROBE_SHARED): one that is not there, or not the like of it, makes the frame a fault.
 */
#include "reader-inside.h"

/* Where an access's path stands: what of it is below which directory. */
struct parts {
    struct text folder, name; /* the folder with its slash */
    uint64_t directory;
    int at;
};

#define REFERRED_MOST 2 /* a path that stands for another, whose folder stands in a third */

/* Replaces what is behind the last slash. */
static void take_name(struct reading *reading, struct parts *parts)
{
    if (!parts->folder.length) {
        size_t length = parts->name.length;
        while (length && parts->name.at[length - 1] != '/')
            length--;
        parts->folder = (struct text){parts->name.at, length};
        reading->bad |= !length;
    }
    parts->name = take_text(reading);
}

static void take_parts(struct reading *reading, struct parts *parts, int depth);

static void take_referred(struct reading *reading, struct parts *parts, int depth)
{
    uint32_t from;
    struct reading there = *reading;
    const struct block *block = reading->block;
    if (depth == REFERRED_MOST || reading->bad || reading->end - reading->at < (ptrdiff_t)sizeof from) {
        reading->bad = 1;
        return;
    }
    memcpy(&from, reading->at, sizeof from);
    reading->at += sizeof from;
    there.from = frame_marked(reading->reader, block->segment, (uint64_t)from * 8, block->exec);
    if (!there.from) {
        reading->bad = 1;
        return;
    }
    memcpy(&there.head, there.from, sizeof there.head);
    there.end = there.from + (there.head.size < 0 ? -(int64_t)there.head.size : 0);
    take_parts(&there, parts, depth + 1);
    reading->bad |= there.bad;
    if (!reading->bad && reading->at < reading->end)
        take_name(reading, parts);
}

static void take_parts(struct reading *reading, struct parts *parts, int depth)
{
    struct {
        struct probe_access access;
        uint32_t padding;
        uint64_t directory;
    } frame;
    int shared = reading->head.detail & PROBE_SHARED, at = !shared && reading->head.detail & PROBE_AT;
    take(reading, &frame, at ? sizeof frame : sizeof frame.access);
    if (shared) {
        take_referred(reading, parts, depth);
        return;
    }
    *parts = (struct parts){{NULL, 0}, take_text(reading), at ? frame.directory : 0, at};
}

void read_access(struct reading *reading, struct row *row)
{
    struct parts parts = {0};
    struct probe_access access;
    take(reading, &access, sizeof access);
    take_parts(reading, &parts, 0);
    row->count = access.count ? access.count : 1;
    if (reading->bad || (!parts.at && parts.folder.length + parts.name.length == 0))
        return;
    if (reading->head.kind == PROBE_LOAD && !parts.folder.length && !memchr(parts.name.at, '/', parts.name.length)) {
        row->path = intern(reading, parts.name);
        return;
    }
    struct text directory = parts.at ? directory_get(reading->reader, reading->exec_number, parts.directory)
                                     : reading->exec->place;
    row->path = resolve_below(reading, directory, parts.folder, parts.name);
}
