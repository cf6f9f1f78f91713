/*
 * Descriptors that another process passes along a socket (SCM_RIGHTS): noted as inherited ones are,
 * with their file. The layout of messages is the kernel's, which both libcs hand on as it is.
 */
#include <sys/socket.h>

#include "wrap.h"

struct control {
    size_t size; /* this head included */
    int level;
    int type;
};

struct received {
    void *name;
    size_t name_size;
    void *vectors;
    size_t vector_count;
    const char *control;
    size_t control_size;
    long flags;
};

_Static_assert(sizeof(struct received) == 56 && sizeof(struct control) == 16, "as the kernel has them");

static void note_rights(const char *at, size_t size)
{
    int descriptor;
    for (; size >= sizeof descriptor; at += sizeof descriptor, size -= sizeof descriptor) {
        bytes_copy(&descriptor, at, sizeof descriptor);
        descriptor_note_open(descriptor);
    }
}

void note_received(const void *message)
{
    const struct received *received = message;
    size_t left = received->control ? received->control_size : 0;
    struct control head;
    for (const char *at = received->control; left >= sizeof head && !strayed();) {
        bytes_copy(&head, at, sizeof head);
        if (head.size < sizeof head || head.size > left)
            return;
        if (head.level == SOL_SOCKET && head.type == SCM_RIGHTS)
            note_rights(at + sizeof head, head.size - sizeof head);
        size_t next = (head.size + 7) & ~(size_t)7;
        if (next >= left)
            return;
        at += next;
        left -= next;
    }
}

void note_received_many(const void *messages, int count)
{
    for (int i = 0; i < count; i++)
        note_received((const char *)messages + (size_t)i * (sizeof(struct received) + 8));
}
