/*
 * Finding the next definition of a function after ours, in the loader's own tables.
 * Not dlsym: that takes the loader's lock, which another thread may hold for seconds.
 */
#ifndef PROBE_LOOKUP_H
#define PROBE_LOOKUP_H

#include <link.h>

/* Remembers the objects that the program started with. Idempotent; called by the first look-up. */
void lookup_open(void);

/* The default version of `name` in the objects behind ours, or NULL. */
void *lookup_next(const char *name);

/* `name` in one object that the kernel mapped (the vDSO), or NULL. */
void *lookup_in_vdso(uintptr_t header, const char *name);

/* The loader's list (its first object is the program), our own entry in it, and the last at start. */
struct link_map *lookup_objects(void);
struct link_map *lookup_ours(void);

/* Whether this object was there when the program started. */
int lookup_started_with(const char *path);

#endif
