/*
 * Frames into blocks, blocks into segments. No locks: a frame is claimed by an atomic
 * add on its block, a block by an atomic add on its segment, and a frame counts once
 * its size has been stored negative. So threads, signal handlers and vfork children
 * may all write at any time, and a killed process loses at most its torn frame.
 * A fork child is found by a page that the kernel wipes at fork: its first note makes
 * it an exec of its own (FORKED). Nothing is done for a child that notes nothing. The wish
 * for wiped pages and the first store into them cost a start some microseconds, so they
 * wait for the first access or fork (log_arm); many a program has neither.
 */
#ifndef PROBE_LOG_H
#define PROBE_LOG_H

#include "kernel.h"
#include "segment.h"

#define PROBE_INLINE static inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PROBE_PAGE 4096
#define PROBE_FOLD_SLOTS 512
#define PROBE_DIRECTORY_SLOTS 64
#define PROBE_FOLDER_SLOTS 128

/* A frame that may be repeated. packed = frame address / 8 | its offset in the block / 8 << 44;
 * check = hash ^ packed, so that two words torn by a race never match. */
struct fold {
    uint64_t packed;
    uint64_t check;
};

/* The frame with a folder's whole text; check = hash ^ frame, as above. */
struct folder {
    uint64_t frame;
    uint64_t check;
};

struct this_exec {
    uint64_t exec;      /* block.exec of our frames; 0 = a fork child that noted nothing yet */
    uint32_t pid;       /* of the process that has this exec */
    uint32_t described; /* the descriptors 0..2 of a fork child have been noted */
    uint32_t said;      /* what is noted once per exec: GAPs (raw.c), libc's own files (databases.c) */
    uint32_t ended;     /* EXIT has been written */
};

/* Wiped in fork children by the kernel, shared with vfork children. Whole pages. */
struct wiped {
    struct this_exec this;
    uint64_t directories[PROBE_DIRECTORY_SLOTS]; /* keys already named; lowest bit: not to be noted */
    struct folder folders[PROBE_FOLDER_SLOTS];
    struct fold folds[PROBE_FOLD_SLOTS] __attribute__((aligned(64))); /* four in a line of the cache */
} __attribute__((aligned(PROBE_PAGE)));

enum state { STATE_NEW, STATE_STARTING, STATE_ON, STATE_OFF };

struct process {
    int state;                    /* enum state */
    int armed;                    /* own_pages are wiped in fork children, and `own` stands there */
    struct this_exec *this_exec;  /* process.unarmed, or own_pages.this */
    struct this_exec unarmed;     /* until log_arm */
    int full;                     /* frames still to lose before another segment is asked for */
    int ask_pid;                  /* an old kernel or an emulator: no wiped page, ask for the pid at every frame */
    uint32_t place;               /* counts changes of directory, so that folds of relative paths end */
    struct probe_segment *first;  /* number 0, for segment.newest; NULL until it is needed */
    struct probe_segment *current;
    uint64_t exec;                /* newest exec of this process or of an ancestor that forked it */
    uint64_t environ_id;
    uint64_t libraries_id;
    uintptr_t vdso;               /* where the kernel mapped it, 0 = nowhere */
    int (*clock)(int clock, struct timespec *to); /* the vDSO's, once it is worth it, or NULL */
    uint32_t asked;               /* how often the kernel was asked for the time */
    int64_t held;                 /* the time, while a start is noted; 0 = ask */
    char *const *environment;     /* as the program got it, at start */
    int elsewhere;                /* the root or the mounts were changed: our files may be out of reach */
    int loaded;                   /* dlopen was asked for */
    int code;                     /* what exit() was given, -1 = not known */
    uint64_t writing[16];         /* descriptors 0..1023 that are regular files open for writing */
    const char *preload;          /* our own file as LD_PRELOAD names it */
    const char *folder;           /* PROBE_RUN */
    const char *step;             /* PROBE_STEP, empty when it was not set */
    const char *container;        /* PROBE_CONTAINER, likewise: a token (container.h) */
    char *helper;                 /* a page: what posix_spawn starts in place of a static program, to be watched */
};

extern struct process process __attribute__((visibility("hidden")));
extern struct wiped own_pages __attribute__((visibility("hidden")));
#define own (process.this_exec)

int start(void);

/* Whether notes are to be taken; starts the recorder when nobody has. */
PROBE_INLINE int recording(void)
{
    int state = __atomic_load_n(&process.state, __ATOMIC_ACQUIRE);
    if (likely(state == STATE_ON))
        return 1;
    return state == STATE_NEW && start();
}

/* Maps the newest segment of this host in process.folder, makes it when there is none. 0 or -errno. */
int log_open(void);
int64_t log_now(void);

/* Before own_pages' tables are used, and before the process forks. */
void log_arm_now(void);
PROBE_INLINE void log_arm(void)
{
    if (unlikely(!__atomic_load_n(&process.armed, __ATOMIC_ACQUIRE)))
        log_arm_now();
}

/* Makes a fork child that noted nothing yet an exec. */
void log_announce(void);

/* Room for a frame of `size` bytes, head filled but size positive; NULL when there is none.
 * `block`, when not NULL, becomes the block it stands in. */
void *log_claim(uint8_t kind, size_t size, struct probe_block **block);
/* The same, but only in this thread's present block, and only when `near`, an earlier frame, stands in the
 * same segment: `from` becomes its place there, in units of 8 bytes. Else NULL, which is no loss. */
void *log_claim_near(uint8_t kind, size_t size, const void *near, uint32_t *from, struct probe_block **block);
void log_commit(void *frame);

/* Whether a set with this id stands in the current segment already; log_mark says it does. */
int log_seen(uint64_t id);
void log_mark(uint64_t id);

/* Foldable access frames (fold.c). */
void fold_access(uint8_t kind, uint16_t detail, uint8_t error, uint64_t directory, const char *path);
void fold_forget(uint64_t directory, const char *path);

PROBE_INLINE uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

PROBE_INLINE uint64_t word_of(const char *bytes)
{
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    return word;
}

PROBE_INLINE uint64_t half_of(const char *bytes)
{
    uint32_t word;
    __builtin_memcpy(&word, bytes, 4);
    return word;
}

/* The last word overlaps the one before: a branch for each size of the rest is dearer, it cannot be foreseen. */
PROBE_INLINE uint64_t hash_here(uint64_t hash, const char *bytes, size_t size)
{
    uint64_t word = 0;
    if (size >= 8) {
        const char *last = bytes + size - 8;
        for (; bytes < last; bytes += 8)
            hash = hash_word(hash, word_of(bytes));
        word = word_of(last);
    } else if (size >= 4) {
        word = half_of(bytes) << 32 | half_of(bytes + size - 4);
    } else if (size) {
        word = (uint64_t)(unsigned char)bytes[0] << 16 | (uint64_t)(unsigned char)bytes[size / 2] << 8 |
               (unsigned char)bytes[size - 1];
    }
    return hash_word(hash_word(hash, word), size); /* twice: the last byte is to reach the lowest bits */
}

uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size);

#define EACH_BYTE 0x0101010101010101u
#define LITTLE_ENDIAN_ONLY _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a text's first byte is the lowest")

/* strlen, eight bytes a step; reads no word that holds no byte of the text. */
PROBE_INLINE size_t path_length(const char *text)
{
    LITTLE_ENDIAN_ONLY;
    const uint64_t *at = (const uint64_t *)((uintptr_t)text & ~(uintptr_t)7);
    uint64_t word = *at | ((1ull << ((uintptr_t)text & 7) * 8) - 1), zero; /* what is before it is no end */
    while (!(zero = (word - EACH_BYTE) & ~word & EACH_BYTE << 7))
        word = *++at;
    return (size_t)((const char *)at - text) + (size_t)(__builtin_ctzll(zero) >> 3);
}

/* How much of a path is its folder: through the last slash. From the end, eight bytes a step. */
PROBE_INLINE size_t path_folder(const char *path, size_t size)
{
    for (; size >= 8; size -= 8) {
        uint64_t word;
        __builtin_memcpy(&word, path + size - 8, 8);
        word ^= EACH_BYTE * '/';
        word = ~(((word & EACH_BYTE * 0x7f) + EACH_BYTE * 0x7f) | word) & EACH_BYTE << 7;
        if (word)
            return size - (size_t)(__builtin_clzll(word) >> 3);
    }
    while (size && path[size - 1] != '/')
        size--;
    return size;
}

/* Copies `size` bytes and a NUL; the end. */
PROBE_INLINE char *put_text(char *to, const char *text, size_t size)
{
    bytes_copy(to, text, size);
    to[size] = 0;
    return to + size + 1;
}

#endif
