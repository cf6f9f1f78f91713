/* One look at the segments of one host; see reader.h for how it goes. */
#include "reader-inside.h"

#include <stdlib.h>

int list_reserve(struct list *list, size_t element, size_t count)
{
    if (list->room - list->used >= count)
        return 0;
    size_t room = list->room + list->room / 2 + 64;
    if (room - list->used < count)
        room = list->used + count;
    void *at = realloc(list->at, room * element);
    if (!at)
        return -1;
    list->at = at;
    list->room = room;
    return 0;
}

void *list_add(struct list *list, size_t element)
{
    if (list->used == list->room && list_reserve(list, element, 1))
        return NULL;
    void *added = (char *)list->at + list->used++ * element;
    memset(added, 0, element);
    return added;
}

void list_free(struct list *list)
{
    free(list->at);
    *list = (struct list){0};
}

struct reader *reader_new(int repeated)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader)
        reader->repeated = repeated;
    return reader;
}

void reader_free(struct reader *reader)
{
    struct list *const lists[] = {&reader->segment_list, &reader->execs, &reader->blocks, &reader->frames,
                                  &reader->images, &reader->identities, &reader->sets, &reader->usages,
                                  &reader->arguments, &reader->faults, &reader->paths.bytes, &reader->paths.starts,
                                  &reader->paths.hashes, &reader->paths.scratch, &reader->marks, &reader->marks_of};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        list_free(lists[i]);
    free(reader->exec_slots);
    free(reader->paths.slots);
    free(reader->directories);
    free(reader->shown);
    free(reader->columns);
    free(reader);
}

struct reader_view *reader_view(struct reader *reader) { return &reader->view; }

void reader_begin(struct reader *reader)
{
    struct list *const lists[] = {&reader->segment_list, &reader->blocks, &reader->frames, &reader->identities,
                                  &reader->sets, &reader->usages, &reader->arguments, &reader->faults,
                                  &reader->marks, &reader->marks_of};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        lists[i]->used = 0;
    reader->segments = 0;
    reader->ended = 0;
    if (reader->directory_slots)
        memset(reader->directories, 0, reader->directory_slots * sizeof *reader->directories);
    reader->directory_count = 0;
    for (uint32_t i = 0; i < reader->execs.used; i++) {
        struct exec *exec = exec_at(reader, i);
        exec->signature = 0;
        exec->first = INT64_MAX;
        exec->changed = exec->met = 0;
        exec->place = (struct text){NULL, 0};
    }
    reader_release_rows(reader);
}

void reader_release_rows(struct reader *reader)
{
    free(reader->columns);
    reader->columns = NULL;
    reader->view.rows = 0;
}

int reader_add(struct reader *reader, const char *bytes, uint64_t size, uint64_t header, int64_t clock, int ended)
{
    reader->ended = ended;
    return walk_segment(reader, bytes, size, header, clock);
}

int image_number(struct reader *reader, uint32_t number)
{
    struct exec *exec = exec_at(reader, number);
    if (exec->number != NONE)
        return 0;
    struct reader_image *image = list_add(&reader->images, sizeof *image);
    if (!image)
        return -1;
    exec->number = (uint32_t)reader->images.used - 1;
    return 0; /* image_reset fills it */
}

static void image_reset(struct reader *reader, const struct exec *exec)
{
    if (exec->number == NONE)
        return;
    struct reader_image *image = (struct reader_image *)reader->images.at + exec->number;
    *image = (struct reader_image){.id = exec->id, .program = NONE, .directory = NONE, .pid = exec->pid,
                                   .segment = exec->segment, .offset = exec->offset, .changed = 1};
    image->started = add(exec->first == INT64_MAX ? exec->base : exec->first, exec->clock);
}

/* Only the frames of execs that changed since the last look are worth decoding; images are independent. */
static void select_frames(struct reader *reader)
{
    struct frame *frames = reader->frames.at;
    size_t kept = 0;
    for (uint32_t i = 0; i < reader->execs.used; i++) {
        struct exec *exec = exec_at(reader, i);
        exec->changed = exec->met && (exec->signature != exec->shown || exec->number == NONE);
        exec->shown = exec->signature;
    }
    for (size_t i = 0; i < reader->frames.used; i++) {
        const struct exec *exec = exec_at(reader, block_at(reader, frames[i].block)->exec);
        if (!exec->changed)
            continue;
        if (frames[i].begins)
            frames[i].time = exec->first;
        frames[kept++] = frames[i];
    }
    reader->frames.used = kept;
}

static int number_images(struct reader *reader, int ended)
{
    const struct frame *frames = reader->frames.at;
    for (size_t i = 0; i < reader->frames.used; i++)
        if (image_number(reader, block_at(reader, frames[i].block)->exec))
            return -1;
    /* Of those whose every frame is torn the block's head is left: that there was a process. */
    for (size_t i = 0; ended && i < reader->blocks.used; i++)
        if (image_number(reader, block_at(reader, (uint32_t)i)->exec))
            return -1;
    for (uint32_t i = 0; i < reader->execs.used; i++)
        if (exec_at(reader, i)->changed)
            image_reset(reader, exec_at(reader, i));
        else if (exec_at(reader, i)->number != NONE)
            ((struct reader_image *)reader->images.at + exec_at(reader, i)->number)->changed = 0;
    return 0;
}

static void publish(struct reader *reader)
{
    struct reader_view *view = &reader->view;
    struct reader_fault *faults = reader->faults.at;
    for (size_t i = 0; i < reader->faults.used; i++)
        if (faults[i].image != NONE)
            faults[i].image = exec_at(reader, faults[i].image)->number;
    view->images = reader->images.used, view->image_at = reader->images.at;
    view->identities = reader->identities.used, view->identity_at = reader->identities.at;
    view->sets = reader->sets.used, view->set_at = reader->sets.at;
    view->usages = reader->usages.used, view->usage_at = reader->usages.at;
    view->arguments = reader->arguments.used, view->arguments_at = reader->arguments.at;
    view->faults = reader->faults.used, view->fault_at = faults;
    view->paths = reader->paths.starts.used;
    view->path_bytes = reader->paths.bytes.used, view->path_at = reader->paths.bytes.at;
}

int reader_build(struct reader *reader, int ended)
{
    select_frames(reader);
    if (frames_sort(reader) || number_images(reader, ended) || columns_reserve(reader, reader->frames.used))
        return -1;
    const struct frame *frames = reader->frames.at;
    size_t count = reader->frames.used;
    for (size_t i = 0; i < count; i++)
        if (frame_head(reader, &frames[i]).kind == PROBE_DIRECTORY && rows_name_directory(reader, &frames[i]))
            return -1;
    for (size_t i = 0; i < count; i++)
        if (rows_add(reader, &frames[i]))
            return -1;
    if (!reader->repeated)
        list_free(&reader->frames);
    publish(reader);
    return 0;
}
