/*
 * The environment: noted once per distinct one, and repaired in every exec so that
 * the next program is recorded too.
 */
#ifndef PROBE_ENVIRON_H
#define PROBE_ENVIRON_H

#include "log.h"

/* Id of the whole, without our own variables and `_`. Never 0. */
uint64_t environ_hash(char *const *environment);

/* Writes the ENVIRON set unless it stands in the current segment already. */
void environ_note(uint64_t id, char *const *environment);

/* SipHash-2-4. */
uint64_t keyed_digest(const uint8_t key[16], const char *text, size_t size);

/* What an environment lacks. */
struct repair {
    char *const *old;
    size_t count;
    long preload;  /* index of LD_PRELOAD, -1 = none, as below */
    long asan;     /* of ASAN_OPTIONS */
    int add_preload;
    int add_run;
    int add_step;
    int add_container;
    int add_asan;
    int unloadable; /* only LD_PRELOAD goes: who watches the program still needs to know its run */
    int leave;     /* our files are out of reach: the next program's loader would only complain */
    size_t size;   /* bytes that repair_build needs, 0 = nothing to repair */
    void *mapped;  /* where they are when they are too many for the stack */
};

#define REPAIR_ON_STACK 16384

enum preload {
    PRELOAD_ASAN = 1, /* the target is linked with AddressSanitizer, which refuses to start behind another preload */
    PRELOAD_NOT = 2   /* its loader could not load our library, and would say so */
};

/* `preload`: bits of enum preload. */
size_t repair_plan(struct repair *repair, char *const *environment, int preload);
char **repair_build(struct repair *repair, void *at);
void repair_end(struct repair *repair);

/* The environment to give to the target; its memory lasts as long as the caller's frame. */
#define REPAIRED(repair, environment, preload)                                                     \
    (repair_plan((repair), (environment), (preload)) == 0 ? (char **)(uintptr_t)(environment)         \
     : (repair)->size <= REPAIR_ON_STACK ? repair_build((repair), __builtin_alloca((repair)->size)) \
                                         : repair_build((repair), NULL))

#endif
