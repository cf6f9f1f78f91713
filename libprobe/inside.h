/* A program below a starter of containers says in which surroundings it runs (container.h). */
#ifndef PROBE_INSIDE_H
#define PROBE_INSIDE_H

#define INSIDE_TOKEN_MOST 64

void inside_note(void);

#endif
