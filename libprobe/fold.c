/*
 * Accesses that repeat: the first one's frame is counted up instead of writing another.
 * A small table, four ways, racy by design: a slot whose two words do not belong
 * together matches nothing. It lies in the page that is wiped in fork children, a write
 * to the same path empties its set, a change of directory ends the folds of relative paths.
 */
#include "log.h"

#define WAYS 4
#define SETS (PROBE_FOLD_SLOTS / WAYS)
#define ADDRESS_BITS 44

static uint64_t hash_path(uint64_t directory, const char *path, size_t length)
{
    uint64_t seed = path[0] == '/' ? 1 : hash_word(process.place + 2, directory);
    return hash_bytes(seed, path, length);
}

static struct fold *set_of(uint64_t path_hash) { return &own->folds[path_hash % SETS * WAYS]; }

/* Counts a repetition; 0 when the frame is not here, or too old for its clock. */
static int repeat(struct fold *set, uint64_t hash)
{
    for (int way = 0; way < WAYS; way++) {
        uint64_t packed = __atomic_load_n(&set[way].packed, __ATOMIC_RELAXED);
        if (!packed || (__atomic_load_n(&set[way].check, __ATOMIC_RELAXED) ^ packed) != hash)
            continue;
        uint64_t frame_at = (packed & ((1ull << ADDRESS_BITS) - 1)) << 3;
        struct probe_access *access = (struct probe_access *)(uintptr_t)frame_at;
        const struct probe_block *block =
            (const struct probe_block *)(uintptr_t)(frame_at - (packed >> ADDRESS_BITS << 3));
        int64_t ticks = (log_now() - block->base) >> PROBE_TICK_SHIFT;
        if (ticks >> 32)
            return 0;
        __atomic_fetch_add(&access->count, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&access->frame.last, (uint32_t)ticks, __ATOMIC_RELAXED);
        return 1;
    }
    return 0;
}

static void remember(struct fold *set, uint64_t hash, const void *frame, const struct probe_block *block)
{
    uint64_t offset = (uint64_t)((uintptr_t)frame - (uintptr_t)block) >> 3;
    if (offset >> (64 - ADDRESS_BITS))
        return;
    uint64_t packed = (uint64_t)(uintptr_t)frame >> 3 | offset << ADDRESS_BITS;
    struct fold *slot = &set[hash >> 62]; /* which one to give up: as good as any */
    for (int way = 0; way < WAYS; way++)
        if (!set[way].packed)
            slot = &set[way];
    __atomic_store_n(&slot->check, hash ^ packed, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->packed, packed, __ATOMIC_RELAXED);
}

void fold_access(uint8_t kind, uint16_t detail, uint8_t error, uint64_t directory, const char *path)
{
    size_t length = path_length(path);
    if (length >= PROBE_PATH_MAX) {
        length = PROBE_PATH_MAX - 1;
        detail |= PROBE_CUT;
    }
    uint64_t path_hash = hash_path(directory, path, length);
    uint64_t hash = hash_word(path_hash, (uint64_t)kind << 32 | (uint64_t)detail << 8 | error);
    struct fold *set = set_of(path_hash);
    if (repeat(set, hash))
        return;
    struct probe_block *block;
    size_t at = sizeof(struct probe_access) + (detail & PROBE_AT ? 12 : 0);
    struct probe_access *access = log_claim(kind, at + length + 1, &block);
    if (!access)
        return;
    access->frame.error = error;
    access->frame.detail = detail;
    access->count = 1;
    if (detail & PROBE_AT)
        bytes_copy((char *)access + sizeof *access + 4, &directory, 8);
    put_text((char *)access + at, path, length);
    log_commit(access);
    remember(set, hash, access, block);
}

void fold_forget(uint64_t directory, const char *path)
{
    struct fold *set = set_of(hash_path(directory, path, path_length(path)));
    for (int way = 0; way < WAYS; way++)
        if (set[way].packed)
            __atomic_store_n(&set[way].packed, 0, __ATOMIC_RELAXED);
}
