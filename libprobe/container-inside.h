/* What the parts of container.h share. */
#ifndef PROBE_CONTAINER_INSIDE_H
#define PROBE_CONTAINER_INSIDE_H

#include "container.h"

#define HIDDEN_PART __attribute__((visibility("hidden")))

HIDDEN_PART const char *container_variable(const struct container *container, const char *name);
HIDDEN_PART void container_build(const struct container *container, void *memory, char ***arguments, char ***environment);
/* container-bwrap.c: where bubblewrap's options end, and where our files can lie inside. 0: nowhere for certain. */
HIDDEN_PART int plan_bwrap(struct container *container);

#endif
