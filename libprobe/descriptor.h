/*
 * What is known of descriptors: those open at start, those open for writing, pipes.
 */
#ifndef PROBE_DESCRIPTOR_H
#define PROBE_DESCRIPTOR_H

#include "log.h"

/* Notes the descriptors first .. last that are open (char devices left out: nothing flows through them). */
void descriptors_note(int first, int last);

/* One descriptor that came to be without a call of ours, when it is open and no char device. */
void descriptor_note_open(int descriptor);

/* In a fork child: the descriptors 0..2, once, before its first access. */
void descriptors_describe(void);

/* One descriptor as it is now. `kind` DESCRIPTOR or PIPE; `status` of it. */
void descriptor_note(uint8_t kind, int descriptor, const struct stat *status, int flags);

struct probe_identity;
void identity_fill(struct probe_identity *identity, int descriptor, const struct stat *status, int flags);

/* Whether our memory is that of another process: a vfork child, or a fork child that noted nothing yet. */
PROBE_INLINE int strayed(void) { return own->pid != (uint32_t)kernel_pid(); }

PROBE_INLINE int is_writing(int descriptor)
{
    return descriptor >= 0 && descriptor < 1024 &&
           __atomic_load_n(&process.writing[descriptor / 64], __ATOMIC_RELAXED) >> descriptor % 64 & 1;
}

PROBE_INLINE void set_writing(int descriptor, int writing)
{
    if (descriptor < 0 || descriptor >= 1024)
        return;
    uint64_t bit = 1ull << descriptor % 64;
    if (writing)
        __atomic_fetch_or(&process.writing[descriptor / 64], bit, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&process.writing[descriptor / 64], ~bit, __ATOMIC_RELAXED);
}

#endif
