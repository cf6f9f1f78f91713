/*
 * One frame, one row; or what a frame says of its image. A frame that is too small for its
 * kind, or whose texts have no end, is left out and told as a fault.
 */
#include "reader-inside.h"

/* The first `size` bytes, head included, as a struct. */
void take(struct reading *reading, void *to, size_t size)
{
    if ((size_t)(reading->end - reading->from) < size) {
        memset(to, 0, size);
        reading->bad = 1;
        return;
    }
    memcpy(to, reading->from, size);
    reading->at = reading->from + size;
}

struct text take_text(struct reading *reading)
{
    const char *at = reading->at;
    const char *nul = reading->bad ? NULL : memchr(at, 0, (size_t)(reading->end - at));
    if (!nul) {
        reading->bad = 1;
        return (struct text){"", 0};
    }
    reading->at = nul + 1;
    return (struct text){at, (size_t)(nul - at)};
}

/* `count` texts as they stand. */
static struct reader_text take_texts(struct reading *reading, uint32_t count)
{
    const char *begin = reading->at;
    if (count > (size_t)(reading->end - begin))
        reading->bad = 1;
    for (uint32_t i = 0; i < count && !reading->bad; i++)
        take_text(reading);
    return (struct reader_text){reading->block->segment, count,
                                reading->block->offset + (uint64_t)(begin - reading->block->at),
                                (uint64_t)(reading->at - begin)};
}

static int tell(const struct reading *reading, enum reader_reason reason)
{
    uint64_t offset = reading->block->offset + (uint64_t)(reading->from - reading->block->at);
    return fault_add(reading->reader, reading->block->segment, offset, reason, reading->exec_number, 1);
}

uint32_t intern(struct reading *reading, struct text text)
{
    uint32_t number = path_intern(&reading->reader->paths, text.at, text.length);
    reading->failed |= number == NONE && text.length;
    return number;
}

uint32_t resolve_below(struct reading *reading, struct text directory, struct text folder, struct text path)
{
    uint32_t number = path_resolve(&reading->reader->paths, directory, folder, path);
    const struct text *begin = folder.length ? &folder : &path;
    int known = begin->length && begin->at[0] == '/';
    known |= directory.at && directory.length && directory.at[0] == '/';
    if (number == NONE && !reading->bad)
        reading->failed |= known || tell(reading, READER_UNKNOWN_DIRECTORY);
    return number;
}

static uint32_t resolve_in(struct reading *reading, struct text directory, struct text path)
{
    return resolve_below(reading, directory, (struct text){NULL, 0}, path);
}

/* A path of the program's: below the directory with this key when `at`, else below the current one. */
static uint32_t resolve(struct reading *reading, struct text path, int at, uint64_t key)
{
    if (reading->bad || (!at && path.length == 0))
        return NONE;
    struct text directory = at ? directory_get(reading->reader, reading->exec_number, key) : reading->exec->place;
    return resolve_in(reading, directory, path);
}

/* A text that is a path only when it begins with a slash. */
static uint32_t resolve_raw(struct reading *reading, struct text text)
{
    if (reading->bad)
        return NONE;
    return text.length && text.at[0] == '/' ? resolve_in(reading, text, text) : intern(reading, text);
}

static uint32_t keep_identity(struct reading *reading, const struct reader_identity *identity)
{
    struct reader_identity *kept = reading->bad ? NULL : list_add(&reading->reader->identities, sizeof *kept);
    if (!kept) {
        reading->failed |= !reading->bad;
        return NONE;
    }
    *kept = *identity;
    return (uint32_t)reading->reader->identities.used - 1;
}

static void read_identity(struct reading *reading, struct row *row)
{
    struct probe_identity frame;
    take(reading, &frame, sizeof frame);
    struct text path = take_text(reading);
    struct reader_identity identity = {frame.descriptor, frame.mode, frame.flags, frame.links, frame.device,
                                       frame.inode, frame.size, frame.modified, frame.changed, frame.position};
    row->identity = keep_identity(reading, &identity);
    if (reading->head.kind == PROBE_DESCRIPTOR || reading->head.kind == PROBE_PIPE)
        row->path = resolve_raw(reading, path);
    else
        row->path = resolve(reading, path, reading->head.detail & PROBE_AT, frame.directory);
}

static void read_names(struct reading *reading, struct row *row)
{
    struct probe_names frame;
    uint8_t kind = reading->head.kind;
    int at = reading->head.detail & PROBE_AT, at_second = reading->head.detail & PROBE_AT_SECOND;
    take(reading, &frame, sizeof frame);
    struct text path = take_text(reading), second = {NULL, 0};
    if (kind == PROBE_RENAME || kind == PROBE_LINK || kind == PROBE_SYMLINK)
        second = take_text(reading);
    if (kind == PROBE_SYMLINK)
        row->path = reading->bad ? NONE : intern(reading, path);
    else
        row->path = resolve(reading, path, at, frame.directory);
    if (second.at)
        row->second = resolve(reading, second, at_second, frame.directory_second);
    struct reader_identity identity = {.descriptor = -1, .device = frame.device, .inode = frame.inode,
                                       .size = -1, .modified = -1, .changed = -1};
    if (frame.device)
        row->identity = keep_identity(reading, &identity);
}

static void read_exec(struct reading *reading, struct row *row, uint64_t number)
{
    struct probe_exec frame;
    take(reading, &frame, sizeof frame);
    struct text path = take_text(reading), interpreter = take_text(reading);
    struct reader_text texts = take_texts(reading, frame.arguments);
    row->path = resolve(reading, path, reading->head.detail & PROBE_AT, frame.directory);
    row->second = reading->bad ? NONE : intern(reading, interpreter);
    row->value = (int32_t)frame.arguments;
    row->pid = frame.pid;
    if (frame.arguments && !reading->bad) {
        struct reader_arguments *kept = list_add(&reading->reader->arguments, sizeof *kept);
        if (kept)
            *kept = (struct reader_arguments){number, texts};
        reading->failed |= !kept;
    }
}

static void read_exit(struct reading *reading, struct row *row, uint64_t number)
{
    struct probe_exit frame;
    take(reading, &frame, sizeof frame);
    row->value = frame.status;
    row->pid = frame.pid;
    if (reading->bad)
        return;
    struct reader_usage *kept = list_add(&reading->reader->usages, sizeof *kept);
    if (kept)
        *kept = (struct reader_usage){(int64_t)number, frame.user, frame.system, frame.memory};
    reading->failed |= !kept;
}

static void read_start(struct reading *reading, struct row *row)
{
    struct probe_start frame;
    take(reading, &frame, sizeof frame);
    struct text program = take_text(reading), place = take_text(reading);
    struct reader_text texts = take_texts(reading, frame.arguments);
    struct reader_image *image = (struct reader_image *)reading->reader->images.at + reading->exec->number;
    if (reading->bad || image->begun)
        return;
    reading->exec->place = place;
    if (program.length && (program.at[0] == '/' || (place.length && place.at[0] == '/')))
        row->path = image->program = resolve_in(reading, place, program);
    if (place.length && place.at[0] == '/')
        image->directory = resolve_in(reading, place, place);
    image->begun = reading->head.kind;
    image->cut = (reading->head.detail & PROBE_CUT) != 0;
    image->pid = frame.pid;
    image->parent = frame.parent;
    image->parent_id = frame.parent_exec;
    image->environ = frame.environ;
    image->libraries = frame.libraries;
    image->uid = frame.uid;
    image->arguments = texts;
}

/* What belongs to the image and is no row. */
static void read_attribute(struct reading *reading)
{
    struct reader_image *image = (struct reader_image *)reading->reader->images.at + reading->exec->number;
    if (reading->head.kind == PROBE_STEP) {
        reading->at = reading->from + sizeof reading->head;
        struct reader_text text = take_texts(reading, 1);
        if (!reading->bad)
            image->step = text;
        return;
    }
    if (reading->head.kind == PROBE_DIRECTORY) {
        struct probe_directory frame;
        take(reading, &frame, sizeof frame);
        struct text path = take_text(reading);
        if (!reading->bad)
            reading->failed |= directory_set(reading->reader, reading->exec_number, frame.key, path, 0) != 0;
        return;
    }
    struct probe_set frame;
    take(reading, &frame, sizeof frame);
    struct reader_set *set = reading->bad ? NULL : list_add(&reading->reader->sets, sizeof *set);
    if (set)
        *set = (struct reader_set){frame.id, reading->head.kind, 0,
                                   {reading->block->segment, frame.count,
                                    reading->block->offset + (uint64_t)(reading->at - reading->block->at),
                                    (uint64_t)(reading->end - reading->at)}};
    reading->failed |= !reading->bad && !set;
}

/* 1: the frame is a row; 0: it is not. */
static int read_frame(struct reading *reading, struct row *row, uint64_t number)
{
    union {
        struct probe_child child;
        struct probe_gap gap;
    } frame;
    switch (reading->head.kind) {
    case PROBE_START: case PROBE_FORKED:
        return read_start(reading, row), 1;
    case PROBE_STEP: case PROBE_ENVIRON: case PROBE_LIBRARIES: case PROBE_DIRECTORY:
        return read_attribute(reading), 0;
    case PROBE_READ: case PROBE_LOOKUP: case PROBE_LIST: case PROBE_LOAD:
        return read_access(reading, row), 1;
    case PROBE_DESCRIPTOR: case PROBE_WRITE: case PROBE_CLOSE: case PROBE_CHANGE: case PROBE_PIPE:
        return read_identity(reading, row), 1;
    case PROBE_REMOVE: case PROBE_RENAME: case PROBE_LINK: case PROBE_SYMLINK: case PROBE_MAKE: case PROBE_METADATA:
        return read_names(reading, row), 1;
    case PROBE_EXEC: case PROBE_EXEC_FAILED:
        return read_exec(reading, row, number), 1;
    case PROBE_EXIT: case PROBE_WAIT:
        return read_exit(reading, row, number), 1;
    case PROBE_PLACE:
        reading->at = reading->from + sizeof reading->head;
        struct text place = take_text(reading);
        row->path = reading->bad ? NONE : resolve_in(reading, (struct text){NULL, 0}, place);
        if (!reading->bad)
            reading->exec->place = place;
        return 1;
    case PROBE_FORK:
        take(reading, &frame.child, sizeof frame.child);
        row->value = (int32_t)frame.child.flags;
        row->pid = frame.child.pid;
        return 1;
    case PROBE_REMOTE: case PROBE_INSIDE: case PROBE_MOUNTS:
        reading->at = reading->from + sizeof reading->head;
        row->path = resolve_raw(reading, take_text(reading));
        return 1;
    case PROBE_GAP:
        take(reading, &frame.gap, sizeof frame.gap);
        row->path = resolve_raw(reading, take_text(reading));
        row->value = (int32_t)frame.gap.reason;
        row->pid = frame.gap.pid;
        return 1;
    default:
        reading->failed |= tell(reading, READER_UNKNOWN_KIND);
        return 0;
    }
}

static void start_reading(struct reading *reading, struct reader *reader, const struct frame *frame)
{
    const struct block *block = block_at(reader, frame->block);
    memset(reading, 0, sizeof *reading);
    reading->reader = reader;
    reading->block = block;
    reading->from = block->at + (size_t)frame->offset * 8;
    reading->head = frame_head(reader, frame);
    reading->at = reading->from + sizeof reading->head;
    reading->end = reading->from + -(int64_t)reading->head.size;
    reading->exec_number = block->exec;
    reading->exec = exec_at(reader, block->exec);
}

int rows_name_directory(struct reader *reader, const struct frame *frame)
{
    struct reading reading;
    struct probe_directory directory;
    start_reading(&reading, reader, frame);
    take(&reading, &directory, sizeof directory);
    struct text path = take_text(&reading);
    return reading.bad ? 0 : directory_set(reader, reading.exec_number, directory.key, path, 1);
}

int rows_add(struct reader *reader, const struct frame *frame)
{
    struct reading reading;
    struct row row = {NONE, NONE, NONE, 1, 0, 0};
    uint64_t number = reader->view.rows;
    start_reading(&reading, reader, frame);
    if (image_number(reader, reading.exec_number))
        return -1;
    size_t identities = reader->identities.used, usages = reader->usages.used, arguments = reader->arguments.used;
    int is_row = read_frame(&reading, &row, number), kept = 0;
    if (reading.bad)
        reading.failed |= tell(&reading, READER_BAD_TEXT);
    if (reading.failed)
        return -1;
    if (is_row && !reading.bad) {
        int shown = columns_put(&reading, &row);
        if (shown < 0)
            return -1;
        kept = !shown;
    }
    if (!kept) {
        reader->identities.used = identities;
        reader->usages.used = usages;
        reader->arguments.used = arguments;
    }
    reader->view.rows += (uint64_t)kept;
    return 0;
}
