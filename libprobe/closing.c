/*
 * The end of writing: a descriptor that was open for writing is closed, or another is
 * moved over it. What fstat says is asked before the call; the note is taken after it.
 */
#include <fcntl.h>

#include "note.h"

void closing_look(struct closing *closing, int descriptor)
{
    if (strayed()) /* the parent's descriptor stays open */
        return;
    if (kernel_stat_of(descriptor, &closing->status))
        return;
    closing->descriptor = descriptor;
    closing->flags = (int)KERNEL(fcntl, descriptor, F_GETFL, 0, 0);
    closing->noted = 1;
    set_writing(descriptor, 0);
}

void closing_note(const struct closing *closing)
{
    struct probe_identity *note = log_claim(PROBE_CLOSE, sizeof *note + 1, NULL);
    if (!note)
        return;
    identity_fill(note, closing->descriptor, &closing->status, closing->flags);
    log_commit(note);
}

void note_moved(int from, int to)
{
    struct stat status;
    if (to < 0 || from == to || strayed())
        return;
    set_writing(to, is_writing(from));
    if (to > 2 || kernel_stat_of(to, &status) || S_ISCHR(status.st_mode))
        return;
    descriptor_note(PROBE_DESCRIPTOR, to, &status, (int)KERNEL(fcntl, to, F_GETFL, 0, 0));
}

void note_range_closed(unsigned first, unsigned last)
{
    struct closing closing;
    for (unsigned i = first; i <= last && i < 1024; i++) {
        if (i % 64 == 0 && !process.writing[i / 64]) {
            i += 63;
            continue;
        }
        closing_begin(&closing, (int)i);
        closing_end(&closing, 0);
    }
}
