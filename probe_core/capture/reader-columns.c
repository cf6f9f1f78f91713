/* The rows as columns, and which of them were shown at an earlier look. */
#include "reader-inside.h"

#include <stdlib.h>

int columns_reserve(struct reader *reader, size_t rows)
{
    static const unsigned char widths[] = {8, 8, 8, 4, 4, 4, 4, 4, 4, 4, 2, 1, 1};
    struct reader_view *view = &reader->view;
    size_t room = rows + 8, width = 0;
    for (size_t i = 0; i < sizeof widths; i++)
        width += widths[i];
    char *at = reader->columns = malloc((room + 7) / 8 * 8 * width);
    if (!at)
        return -1;
    void *column[sizeof widths];
    for (size_t i = 0; i < sizeof widths; i++) {
        column[i] = at;
        at += (room + 7) / 8 * 8 * widths[i];
    }
    view->id = column[0], view->when = column[1], view->last = column[2], view->count = column[3];
    view->image = column[4], view->path = column[5], view->second = column[6], view->identity = column[7];
    view->value = column[8], view->pid = column[9], view->detail = column[10], view->kind = column[11];
    view->error = column[12];
    return 0;
}

static uint64_t digest_of(const struct reader_view *view, uint64_t row)
{
    uint64_t hash = mix(1, (uint64_t)view->kind[row] << 56 | (uint64_t)view->error[row] << 48 | view->detail[row]);
    hash = mix(mix(hash, (uint64_t)view->when[row]), (uint64_t)view->last[row]);
    hash = mix(hash, (uint64_t)view->count[row] << 32 | view->image[row]);
    hash = mix(hash, (uint64_t)view->path[row] << 32 | view->second[row]);
    return mix(hash, (uint64_t)(uint32_t)view->value[row] << 32 | view->pid[row]);
}

static size_t shown_slot(const struct shown_row *shown, size_t slots, uint64_t id)
{
    size_t slot = mix(0, id) & (slots - 1);
    while (shown[slot].id && shown[slot].id != id)
        slot = (slot + 1) & (slots - 1);
    return slot;
}

/* 1: the row was shown before, just as it is; 0: it is new or changed; -1: no memory. */
static int was_shown(struct reader *reader, uint64_t row)
{
    if (reader->shown_count * 2 >= reader->shown_slots) {
        size_t slots = reader->shown_slots ? reader->shown_slots * 2 : READER_FIRST;
        struct shown_row *shown = calloc(slots, sizeof *shown);
        if (!shown)
            return -1;
        for (size_t i = 0; i < reader->shown_slots; i++)
            if (reader->shown[i].id)
                shown[shown_slot(shown, slots, reader->shown[i].id)] = reader->shown[i];
        free(reader->shown);
        reader->shown = shown;
        reader->shown_slots = slots;
    }
    uint64_t id = reader->view.id[row] + 1, digest = digest_of(&reader->view, row);
    struct shown_row *shown = &reader->shown[shown_slot(reader->shown, reader->shown_slots, id)];
    if (shown->id && shown->digest == digest)
        return 1;
    reader->shown_count += !shown->id;
    *shown = (struct shown_row){id, digest};
    return 0;
}

static void fill_row(const struct reading *reading, const struct row *row, uint64_t number)
{
    struct reader_view *view = &reading->reader->view;
    const struct probe_frame *head = &reading->head;
    int begins = head->kind == PROBE_START || head->kind == PROBE_FORKED;
    int64_t when = begins ? reading->exec->first : ticks(reading->block, head->when), last = when;
    if (head->kind >= PROBE_READ && head->kind <= PROBE_LOAD && head->last > head->when)
        last = ticks(reading->block, head->last);
    uint64_t offset = reading->block->offset + (uint64_t)(reading->from - reading->block->at);
    view->id[number] = (uint64_t)reading->block->segment << 32 | offset / 8;
    view->kind[number] = head->kind;
    view->error[number] = head->error;
    view->detail[number] = head->detail;
    view->when[number] = add(when, reading->block->clock);
    view->last[number] = add(last, reading->block->clock);
    view->count[number] = row->count;
    view->image[number] = reading->exec->number;
    view->path[number] = row->path;
    view->second[number] = row->second;
    view->identity[number] = row->identity;
    view->value[number] = row->value;
    view->pid[number] = row->pid;
}

int columns_put(const struct reading *reading, const struct row *row)
{
    struct reader *reader = reading->reader;
    fill_row(reading, row, reader->view.rows);
    return reader->repeated ? was_shown(reader, reader->view.rows) : 0;
}
