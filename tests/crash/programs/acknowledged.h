/*
 * What a program had done when it was killed: a page shared with who looks afterwards. `begun` is
 * raised before a call and `done` after it has returned; a store into the page outlives SIGKILL.
 */
#ifndef ACKNOWLEDGED_H
#define ACKNOWLEDGED_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 65536

struct slot {
    uint64_t begun, done;
};

struct acknowledged {
    uint64_t next;  /* a slot that nobody has */
    uint64_t padding;
    struct slot slots[SLOTS];
};

static inline struct acknowledged *acknowledged_map(const char *path)
{
    int file = open(path, O_RDWR | O_CLOEXEC);
    void *at = mmap(NULL, sizeof(struct acknowledged), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || at == MAP_FAILED)
        _exit(99);
    close(file);
    return at;
}

static inline unsigned acknowledged_slot(struct acknowledged *page)
{
    uint64_t slot = __atomic_fetch_add(&page->next, 1, __ATOMIC_RELAXED);
    if (slot >= SLOTS)
        _exit(98);
    return (unsigned)slot;
}

/* `call` between its two marks. */
#define MARKED(slot, call) \
    do { \
        __atomic_fetch_add(&(slot)->begun, 1, __ATOMIC_SEQ_CST); \
        (void)!(call); \
        __atomic_fetch_add(&(slot)->done, 1, __ATOMIC_SEQ_CST); \
    } while (0)

#endif
