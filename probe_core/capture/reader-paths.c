/*
 * Paths: joined to their directory, tidied (no "." and no doubled slashes; ".." stays, only
 * the file system can tell what that means behind a link) and interned.
 */
#include "reader-inside.h"

#include <stdlib.h>

static uint64_t hash_path(const char *bytes, size_t length)
{
    uint64_t hash = length, word;
    for (; length >= 8; length -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, bytes, length);
    return mix(mix(hash, word), 1);
}

static int slots_grow(struct path_table *table)
{
    size_t count = table->slot_count ? table->slot_count * 2 : READER_FIRST;
    uint32_t *slots = calloc(count, sizeof *slots), *hashes = table->hashes.at;
    if (!slots)
        return -1;
    for (uint32_t i = 0; i < table->hashes.used; i++) {
        size_t slot = hashes[i] & (count - 1);
        while (slots[slot])
            slot = (slot + 1) & (count - 1);
        slots[slot] = i + 1;
    }
    free(table->slots);
    table->slots = slots;
    table->slot_count = count;
    return 0;
}

static int is_path(const struct path_table *table, uint32_t number, const char *bytes, size_t length)
{
    const uint64_t *starts = table->starts.at;
    uint64_t end = number + 1 < table->starts.used ? starts[number + 1] : table->bytes.used;
    return end - starts[number] - 1 == length &&
           memcmp((const char *)table->bytes.at + starts[number], bytes, length) == 0;
}

static uint32_t add_path(struct path_table *table, const char *bytes, size_t length, uint32_t hash)
{
    uint64_t *start;
    uint32_t *its_hash;
    if (table->starts.used >= NONE - 1 || list_reserve(&table->bytes, 1, length + 1) ||
        list_reserve(&table->starts, sizeof *start, 1) || list_reserve(&table->hashes, sizeof hash, 1))
        return NONE;
    start = list_add(&table->starts, sizeof *start);
    its_hash = list_add(&table->hashes, sizeof hash);
    *start = table->bytes.used;
    *its_hash = hash;
    char *to = (char *)table->bytes.at + table->bytes.used;
    memcpy(to, bytes, length);
    to[length] = 0;
    table->bytes.used += length + 1;
    return (uint32_t)table->starts.used - 1;
}

uint32_t path_intern(struct path_table *table, const char *bytes, size_t length)
{
    if (length == 0 || (table->starts.used * 2 >= table->slot_count && slots_grow(table)))
        return NONE;
    uint32_t hash = (uint32_t)hash_path(bytes, length), *hashes = table->hashes.at;
    size_t mask = table->slot_count - 1, slot = hash & mask;
    for (; table->slots[slot]; slot = (slot + 1) & mask) {
        uint32_t number = table->slots[slot] - 1;
        if (hashes[number] == hash && is_path(table, number, bytes, length))
            return number;
    }
    uint32_t number = add_path(table, bytes, length, hash);
    if (number != NONE)
        table->slots[slot] = number + 1;
    return number;
}

static char *put_parts(char *to, struct text path)
{
    const char *at = path.at, *end = path.at + path.length;
    while (at < end) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t length = (size_t)((slash ? slash : end) - at);
        if (length > 1 || (length == 1 && *at != '.')) {
            *to++ = '/';
            memcpy(to, at, length);
            to += length;
        }
        at += length + 1;
    }
    return to;
}

uint32_t path_resolve(struct path_table *table, struct text directory, struct text folder, struct text path)
{
    struct text begin = folder.length ? folder : path;
    int relative = begin.length == 0 || begin.at[0] != '/';
    if (relative && (!directory.at || directory.length == 0 || directory.at[0] != '/'))
        return NONE;
    table->scratch.used = 0;
    if (list_reserve(&table->scratch, 1, directory.length + folder.length + path.length + 6))
        return NONE;
    char *from = table->scratch.at, *to = relative ? put_parts(from, directory) : from;
    if (folder.length)
        to = put_parts(to, folder);
    to = put_parts(to, path);
    if (to == from)
        *to++ = '/';
    return path_intern(table, from, (size_t)(to - from));
}

static size_t directory_slot(const struct reader *reader, uint32_t exec, uint64_t key)
{
    size_t mask = reader->directory_slots - 1, slot = mix(mix(0, exec), key) & mask;
    while (reader->directories[slot].exec &&
           (reader->directories[slot].exec != exec + 1 || reader->directories[slot].key != key))
        slot = (slot + 1) & mask;
    return slot;
}

static int directories_grow(struct reader *reader)
{
    struct directory *old = reader->directories;
    size_t count = reader->directory_slots;
    reader->directory_slots = count ? count * 2 : READER_FIRST / 64;
    reader->directories = calloc(reader->directory_slots, sizeof *old);
    if (!reader->directories) {
        reader->directories = old;
        reader->directory_slots = count;
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (old[i].exec)
            reader->directories[directory_slot(reader, old[i].exec - 1, old[i].key)] = old[i];
    free(old);
    return 0;
}

int directory_set(struct reader *reader, uint32_t exec, uint64_t key, struct text path, int only_first)
{
    if (reader->directory_count * 2 >= reader->directory_slots && directories_grow(reader))
        return -1;
    struct directory *directory = &reader->directories[directory_slot(reader, exec, key)];
    if (directory->exec && only_first)
        return 0;
    reader->directory_count += !directory->exec;
    *directory = (struct directory){key, exec + 1, path};
    return 0;
}

struct text directory_get(const struct reader *reader, uint32_t exec, uint64_t key)
{
    if (!reader->directory_slots)
        return (struct text){NULL, 0};
    return reader->directories[directory_slot(reader, exec, key)].path;
}
