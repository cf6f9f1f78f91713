/* The hash of texts: of paths that repeat, of environments, of lists of libraries. */
#include "log.h"

uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size) { return hash_here(hash, bytes, size); }
