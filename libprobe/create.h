/*
 * Making a segment's file. Used by libprobe (the next segment, a further host) and
 * by the launcher (number 0 of its own host). Depends on kernel.h only.
 */
#ifndef PROBE_CREATE_H
#define PROBE_CREATE_H

#include "segment.h"

#define PROBE_SEGMENT_FIRST (4u << 20) /* bytes of number 0; each further one doubles, up to */
#define PROBE_SEGMENT_MOST (64u << 20)

/*
 * Writes <folder>/segment-<host>-<number> into `to` (`size` bytes); 0, or -ENAMETOOLONG.
 */
__attribute__((visibility("hidden")))
int probe_segment_name(char *to, size_t size, const char *folder, uint32_t number);

/*
 * Makes that file: allocated in full (a store never meets a full disk), its header
 * filled, then linked into place. `folder` is the run's: .../runs/<uuid>, whose name is
 * the run's id; the key for environment digests is read from <folder>/../../key (zeros
 * when it cannot be). 0; -EEXIST when another process was faster (use that one);
 * else minus the error number (ENOSPC, EROFS, EDQUOT ...).
 * segment.newest of number 0 is the caller's to raise.
 */
__attribute__((visibility("hidden")))
int probe_segment_create(const char *folder, uint32_t number);

#endif
