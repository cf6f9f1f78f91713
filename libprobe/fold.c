/*
 * Accesses that repeat: the first one's frame is counted up instead of writing another. A path
 * that is known but not for this kind of access, and a folder that is known, are referred to.
 * Small tables, racy by design: a slot whose two words do not belong together matches nothing.
 * They lie in the pages that are wiped in fork children; a write to the same path empties its
 * set, a change of directory ends the folds of relative paths.
 */
#include "log.h"

#define WAYS 4
#define SETS (PROBE_FOLD_SLOTS / WAYS)
#define ADDRESS_BITS 44
#define VARIANT_BITS 14 /* of a hash: what is asked about the path; above them the path */

#define DETAILS (PROBE_AT | PROBE_NO_FOLLOW | PROBE_IS_DIRECTORY | PROBE_CUT) /* that accesses have */

/* A path's hashes: its folder's (through the last slash) and its own. */
struct hashes {
    size_t folder_length;
    uint64_t folder, path;
};

PROBE_INLINE struct hashes hash_path(uint64_t directory, const char *path, size_t length)
{
    uint64_t seed = path[0] == '/' ? 1 : hash_word(process.place + 2, directory);
    struct hashes hashes = {path_folder(path, length), 0, 0};
    hashes.folder = hash_here(seed, path, hashes.folder_length);
    hashes.path = hash_here(hashes.folder, path + hashes.folder_length, length - hashes.folder_length);
    return hashes;
}

static uint64_t variant(uint8_t kind, uint16_t detail, uint8_t error)
{
    unsigned bits = (detail & PROBE_AT) | (detail & (PROBE_NO_FOLLOW | PROBE_IS_DIRECTORY)) >> 7 |
                    (detail & PROBE_CUT) >> 9;
    _Static_assert(DETAILS == 0x1301 && PROBE_LOAD - PROBE_READ == 3, "four bits, two bits");
    return (uint64_t)bits | (uint64_t)(kind - PROBE_READ) << 4 | (uint64_t)error << 6;
}

static struct fold *set_of(uint64_t path_hash) { return &own_pages.folds[path_hash % SETS * WAYS]; }

static struct probe_access *frame_of(uint64_t packed)
{
    return (struct probe_access *)(uintptr_t)((packed & ((1ull << ADDRESS_BITS) - 1)) << 3);
}

/* Counts a repetition; 0 when the frame is too old for its clock. */
static int repeat(uint64_t packed)
{
    struct probe_access *access = frame_of(packed);
    const struct probe_block *block =
        (const struct probe_block *)((uintptr_t)access - (uintptr_t)(packed >> ADDRESS_BITS << 3));
    int64_t ticks = (log_now() - block->base) >> PROBE_TICK_SHIFT;
    if (ticks >> 32)
        return 0;
    __atomic_fetch_add(&access->count, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&access->frame.last, (uint32_t)ticks, __ATOMIC_RELAXED);
    return 1;
}

/* The same access when there is one, else any of the same path; 0 for none. `free` becomes a slot to be filled. */
PROBE_INLINE uint64_t find(struct fold *set, uint64_t hash, int *same, struct fold **free)
{
    uint64_t found = 0;
    *same = 0;
    *free = &set[hash >> 62]; /* which one to give up: as good as any */
    for (int way = 0; way < WAYS; way++) {
        uint64_t packed = __atomic_load_n(&set[way].packed, __ATOMIC_ACQUIRE);
        if (!packed) {
            *free = &set[way];
            continue;
        }
        uint64_t difference = __atomic_load_n(&set[way].check, __ATOMIC_RELAXED) ^ packed ^ hash;
        if (difference >> VARIANT_BITS)
            continue;
        found = packed;
        *same = difference == 0;
        if (*same)
            break;
    }
    return found;
}

static void remember(struct fold *slot, uint64_t hash, const void *frame, const struct probe_block *block)
{
    uint64_t offset = (uint64_t)((uintptr_t)frame - (uintptr_t)block) >> 3;
    if (offset >> (64 - ADDRESS_BITS))
        return;
    uint64_t packed = (uint64_t)(uintptr_t)frame >> 3 | offset << ADDRESS_BITS;
    __atomic_store_n(&slot->check, hash ^ packed, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->packed, packed, __ATOMIC_RELEASE);
}

static struct folder *folder_of(uint64_t hash) { return &own_pages.folders[hash % PROBE_FOLDER_SLOTS]; }

static const void *known_folder(uint64_t hash)
{
    struct folder *folder = folder_of(hash);
    uint64_t frame = __atomic_load_n(&folder->frame, __ATOMIC_ACQUIRE);
    return frame && (__atomic_load_n(&folder->check, __ATOMIC_RELAXED) ^ frame) == hash ? (void *)(uintptr_t)frame : NULL;
}

static void remember_folder(uint64_t hash, const void *frame)
{
    struct folder *folder = folder_of(hash);
    __atomic_store_n(&folder->check, hash ^ (uint64_t)(uintptr_t)frame, __ATOMIC_RELAXED);
    __atomic_store_n(&folder->frame, (uint64_t)(uintptr_t)frame, __ATOMIC_RELEASE);
}

#define SHARED_SIZE (sizeof(struct probe_access) + sizeof(uint32_t))

/* A frame that refers to `known`, with `text` behind it or, NULL, nothing. */
static struct probe_access *claim_shared(uint8_t kind, const struct probe_access *known, const char *text, size_t length,
                                         struct probe_block **block)
{
    uint32_t from;
    struct probe_access *access =
        log_claim_near(kind, SHARED_SIZE + (text ? length + 1 : 0), known, &from, block);
    if (!access)
        return NULL;
    if (!text && known->frame.detail & PROBE_SHARED && known->frame.size == -(int32_t)SHARED_SIZE)
        bytes_copy(&from, known + 1, sizeof from); /* which stands for another: that one then */
    bytes_copy(access + 1, &from, sizeof from);
    if (text)
        put_text((char *)access + SHARED_SIZE, text, length);
    return access;
}

static struct probe_access *claim_whole(uint8_t kind, int at, uint64_t directory, const char *path, size_t length,
                                        struct probe_block **block)
{
    size_t before = sizeof(struct probe_access) + (at ? 12 : 0);
    struct probe_access *access = log_claim(kind, before + length + 1, block);
    if (!access)
        return NULL;
    if (at)
        bytes_copy((char *)access + sizeof *access + 4, &directory, 8);
    put_text((char *)access + before, path, length);
    return access;
}

void fold_access(uint8_t kind, uint16_t detail, uint8_t error, uint64_t directory, const char *path)
{
    log_arm();
    size_t length = path_length(path);
    if (unlikely(length >= PROBE_PATH_MAX)) {
        length = PROBE_PATH_MAX - 1;
        detail |= PROBE_CUT;
    }
    struct hashes hashes = hash_path(directory, path, length);
    uint64_t hash = hashes.path >> VARIANT_BITS << VARIANT_BITS | variant(kind, detail, error);
    struct fold *slot;
    int same;
    uint64_t known = find(set_of(hashes.path), hash, &same, &slot);
    if (same && repeat(known))
        return;
    struct probe_block *block;
    struct probe_access *access = NULL;
    if (known)
        access = claim_shared(kind, frame_of(known), NULL, 0, &block);
    const void *folder = !access && hashes.folder_length > 4 ? known_folder(hashes.folder) : NULL;
    if (folder)
        access = claim_shared(kind, folder, path + hashes.folder_length, length - hashes.folder_length, &block);
    if (access) {
        detail |= PROBE_SHARED;
    } else {
        access = claim_whole(kind, detail & PROBE_AT, directory, path, length, &block);
        if (!access)
            return;
    }
    access->frame.error = error;
    access->frame.detail = detail;
    access->count = 1;
    log_commit(access);
    remember(slot, hash, access, block);
    if (!(detail & PROBE_SHARED) && hashes.folder_length > 4)
        remember_folder(hashes.folder, access);
}

void fold_forget(uint64_t directory, const char *path)
{
    if (!process.armed)
        return; /* nothing is remembered yet */
    struct fold *set = set_of(hash_path(directory, path, path_length(path)).path);
    for (int way = 0; way < WAYS; way++)
        if (set[way].packed)
            __atomic_store_n(&set[way].packed, 0, __ATOMIC_RELAXED);
}
